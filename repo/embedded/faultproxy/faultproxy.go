// Package faultproxy is a proxy between a client and a server for tests. It delays data, cuts a connection at a byte,
// discards data, closes one direction or refuses connections.
package faultproxy

import (
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Direction is one of the two directions of a connection.
type Direction int

const (
	Up   Direction = iota // from the client to the server
	Down                  // from the server to the client
)

// A Fault is an action at a byte of a connection.
type Fault int

const (
	None      Fault = iota
	Cut             // both directions are closed
	Swallow         // data after the byte is discarded, and the connection stays open
	HalfClose       // the direction is closed, the other one stays open
)

// A Proxy is one listener. Its methods may be called from any goroutine.
type Proxy struct {
	dial     func() (net.Conn, error)
	listener net.Listener
	passed   [2]atomic.Int64 // bytes
	refuses  atomic.Bool
	delay    atomic.Int64 // of every piece, in nanoseconds

	mu     sync.Mutex // guards the fields below
	fault  Fault
	where  Direction
	after  int // bytes until the fault
	silent map[net.Conn]bool
	open   map[net.Conn]bool
}

// Listen starts a proxy on a port of this machine, for a server that dial connects to. It ends with the test.
func Listen(t testing.TB, dial func() (net.Conn, error)) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{dial: dial, listener: listener, silent: map[net.Conn]bool{}, open: map[net.Conn]bool{}}
	t.Cleanup(p.close)
	go p.accept()
	return p
}

// Port returns the proxy's port on 127.0.0.1.
func (p *Proxy) Port() string {
	return strconv.Itoa(p.listener.Addr().(*net.TCPAddr).Port)
}

// Arm schedules a fault, once, after a number of further bytes in a direction.
func (p *Proxy) Arm(f Fault, d Direction, after int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.where, p.after = f, d, after
}

// Armed reports whether the fault is still to happen.
func (p *Proxy) Armed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault != None
}

// Refuse sets whether new connections are closed at once.
func (p *Proxy) Refuse(yes bool) { p.refuses.Store(yes) }

// Delay delays every piece of data.
func (p *Proxy) Delay(d time.Duration) { p.delay.Store(int64(d)) }

// Passed returns the number of bytes that have passed in a direction since the start.
func (p *Proxy) Passed(d Direction) int { return int(p.passed[d].Load()) }

// CutAll closes all connections.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close()
	}
}

func (p *Proxy) close() {
	_ = p.listener.Close()
	p.CutAll()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.refuses.Load() {
			_ = client.Close()
			continue
		}
		server, err := p.dial()
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.open[client], p.open[server] = true, true
		p.mu.Unlock()
		go p.pass(Up, client, server)
		go p.pass(Down, server, client)
	}
}

// pass copies one direction of a connection until it ends.
func (p *Proxy) pass(d Direction, from, to net.Conn) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			time.Sleep(time.Duration(p.delay.Load()))
			if !p.piece(d, buffer[:n], to) {
				break
			}
		}
		if err != nil {
			break
		}
	}
	p.end(d, from, to)
}

// piece forwards some bytes until a fault, and reports whether the direction continues.
func (p *Proxy) piece(d Direction, data []byte, to net.Conn) bool {
	p.mu.Lock()
	if p.silent[to] {
		p.mu.Unlock()
		return true
	}
	fault := None
	if p.fault != None && p.where == d {
		if p.after <= len(data) {
			fault, data = p.fault, data[:p.after]
			p.fault = None
			p.silent[to] = fault == Swallow
		} else {
			p.after -= len(data)
		}
	}
	p.mu.Unlock()
	_, err := to.Write(data)
	p.passed[d].Add(int64(len(data)))
	if fault == HalfClose {
		if half, ok := to.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		p.mu.Lock()
		p.silent[to] = true
		p.mu.Unlock()
		return true
	}
	return err == nil && fault != Cut
}

// end closes both sides of a connection.
func (p *Proxy) end(_ Direction, sides ...io.Closer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range sides {
		_ = c.Close()
		if conn, ok := c.(net.Conn); ok {
			delete(p.open, conn)
			delete(p.silent, conn)
		}
	}
}
