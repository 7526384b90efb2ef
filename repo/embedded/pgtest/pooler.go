package pgtest

import (
	"context"
	"encoding/binary"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// A Pooler shares a few server connections among clients, one transaction at a time, like PgBouncer in transaction
// mode: it announces its own process IDs, refuses most startup parameters, does not reset connections, and gives the
// most recently used connection to the next client. It serves one role in one database.
type Pooler struct {
	URL   string       // for clients
	Named atomic.Int64 // number of named statements that clients have prepared
	Reset atomic.Bool  // resets a connection before the next client gets it

	server  string
	free    chan struct{} // one token for each available connection
	mu      sync.Mutex
	idle    []*pgconn.HijackedConn
	clients atomic.Uint32
}

// poolerAccepts are the startup parameters that PgBouncer 1.18 accepts.
var poolerAccepts = []string{
	"user", "database", "client_encoding", "datestyle", "timezone", "standard_conforming_strings", "application_name",
}

// StartPooler starts a pooler of size connections to the server of url. It ends with the test.
func StartPooler(t testing.TB, url string, size int) *Pooler {
	t.Helper()
	conf, err := pgconn.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Pooler{server: url, free: make(chan struct{}, size)}
	for range size {
		p.free <- struct{}{}
	}
	p.URL = "postgres://" + conf.User + "@" + l.Addr().String() + "/" + conf.Database + "?sslmode=disable"
	var serving sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	serving.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[client] = true
			mu.Unlock()
			serving.Go(func() {
				p.serve(client)
				_ = client.Close()
				mu.Lock()
				delete(open, client)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for client := range open {
			_ = client.Close()
		}
		mu.Unlock()
		serving.Wait()
		for _, c := range p.idle {
			_ = c.Conn.Close()
		}
	})
	return p
}

// serve serves one client until it disconnects.
func (p *Pooler) serve(conn net.Conn) {
	client := pgproto3.NewBackend(conn, conn)
	if !p.admit(client) {
		return
	}
	for {
		message, err := client.Receive()
		if err != nil {
			return
		}
		if _, leaves := message.(*pgproto3.Terminate); leaves {
			return
		}
		if !p.transact(client, message) {
			return
		}
	}
}

// admit answers a client's startup message.
func (p *Pooler) admit(client *pgproto3.Backend) bool {
	message, err := client.ReceiveStartupMessage()
	startup, is := message.(*pgproto3.StartupMessage)
	if err != nil || !is {
		return false // cancel requests are ignored
	}
	for name := range startup.Parameters {
		if !slices.Contains(poolerAccepts, name) {
			client.Send(&pgproto3.ErrorResponse{
				Severity: "FATAL", Code: "08P01", Message: "unsupported startup parameter: " +
					name,
			})
			_ = client.Flush()
			return false
		}
	}
	client.Send(&pgproto3.AuthenticationOk{})
	for name, value := range map[string]string{
		"server_version": "15.0", "client_encoding": "UTF8",
		"standard_conforming_strings": "on",
	} {
		client.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	// No process of this machine has such a process ID.
	client.Send(&pgproto3.BackendKeyData{
		ProcessID: 1<<30 + p.clients.Add(1),
		SecretKey: binary.BigEndian.AppendUint32(nil, 7),
	})
	client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	return client.Flush() == nil
}

// transact connects the client to a server connection until its transaction ends, beginning with one message. It
// reports whether the client is still connected.
func (p *Pooler) transact(client *pgproto3.Backend, first pgproto3.FrontendMessage) bool {
	<-p.free
	defer func() { p.free <- struct{}{} }()
	server := p.take()
	if server == nil {
		return false
	}
	for message := first; ; {
		if parse, is := message.(*pgproto3.Parse); is && parse.Name != "" {
			p.Named.Add(1)
		}
		server.Frontend.Send(message)
		switch message.(type) {
		case *pgproto3.Sync, *pgproto3.Query:
			status, err := relay(server.Frontend, client)
			if err != nil {
				_ = server.Conn.Close()
				return false
			}
			if status == 'I' { // a client that has the end of the answer finds the connection free
				if p.Reset.Load() && discard(server.Frontend) != nil {
					_ = server.Conn.Close()
				} else {
					p.mu.Lock()
					p.idle = append(p.idle, server)
					p.mu.Unlock()
				}
				return client.Flush() == nil
			}
			if client.Flush() != nil {
				_ = server.Conn.Close()
				return false
			}
		}
		var err error
		if message, err = client.Receive(); err != nil {
			_ = server.Conn.Close() // during a transaction, which the server rolls back
			return false
		}
		if _, leaves := message.(*pgproto3.Terminate); leaves {
			_ = server.Conn.Close()
			return false
		}
	}
}

// take returns the most recently used server connection, or a new one; nil if the server is unreachable.
func (p *Pooler) take() *pgconn.HijackedConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		server := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return server
	}
	conn, err := pgconn.Connect(context.Background(), p.server)
	if err != nil {
		return nil
	}
	server, err := conn.Hijack()
	if err != nil {
		return nil
	}
	return server
}

// relay adds the server's answer to what the client is to be sent, and returns the transaction status after it.
func relay(server *pgproto3.Frontend, client *pgproto3.Backend) (status byte, err error) {
	if err := server.Flush(); err != nil {
		return 0, err
	}
	for {
		message, err := server.Receive()
		if err != nil {
			return 0, err
		}
		client.Send(message)
		if ready, is := message.(*pgproto3.ReadyForQuery); is {
			return ready.TxStatus, nil
		}
	}
}

// discard resets all state of a session.
func discard(server *pgproto3.Frontend) error {
	server.Send(&pgproto3.Query{String: "DISCARD ALL"})
	if err := server.Flush(); err != nil {
		return err
	}
	for {
		message, err := server.Receive()
		if _, is := message.(*pgproto3.ReadyForQuery); is || err != nil {
			return err
		}
	}
}
