package repo_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"crm/repo"
)

// refusing is a server that answers the start-up of a connection, or the first statement after it, with an error.
func refusing(t *testing.T, code, message string, atStart bool) string {
	t.Helper()
	listener := ok[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go refuse(conn,
				&pgproto3.ErrorResponse{
					Severity: map[bool]string{true: "FATAL", false: "ERROR"}[atStart], Code: code, Message: message,
				}, atStart)
		}
	}()
	return fmt.Sprintf("postgres://crm_app:x@%s/crm?sslmode=disable", listener.Addr())
}

func refuse(conn net.Conn, answer *pgproto3.ErrorResponse, atStart bool) {
	defer conn.Close()
	server := pgproto3.NewBackend(conn, conn)
	if _, err := server.ReceiveStartupMessage(); err != nil {
		return
	}
	if atStart {
		server.Send(answer)
		_ = server.Flush()
		return
	}
	server.Send(&pgproto3.AuthenticationOk{})
	server.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}})
	server.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	_ = server.Flush()
	for {
		message, err := server.Receive()
		if err != nil {
			return
		}
		if _, ok := message.(*pgproto3.Sync); ok {
			server.Send(answer)
			server.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			_ = server.Flush()
		}
	}
}

// Each cause has a message of its own that says what to do. None mentions a change that may have been made: the server
// has refused the connection.
func TestCauses(t *testing.T) {
	t.Parallel()
	for _, try := range []struct {
		code, message string
		atStart       bool
		want          string
	}{
		{"53100", "could not extend file", false, "disk of the database's server is full"},
		{"53200", "out of memory", false, "out of memory"},
		{"53300", "too many clients", true, "no more connections"},
		{"53400", "limit", false, "limit of its settings"},
		{"25006", "read-only", false, "replica"},
		{"57P01", "terminating", true, "shutting down"},
		{"57P02", "crash", true, "crashed"},
		{"57P03", "starting up", true, "starting"},
		{"58030", "i/o", false, "cannot read or write its files"},
		{"XX001", "damaged", false, "damaged data"},
		{"28P01", "password", true, "wrong password of the database's account crm_app"},
		{"28000", "role", true, "refuses the account crm_app"},
		{"3D000", "database", true, "there is no database crm"},
		{"42501", "connect", true, "may not connect to the database crm"},
		{"08P01", "unsupported startup parameter: search_path", true, "search_path"},
		{"22023", "invalid value for parameter \"x\"", true, "parameter"},
		{"08P01", "hello?", true, "is it PostgreSQL"},
	} {
		url := refusing(t, try.code, try.message, try.atStart)
		db := ok[*repo.DB](t)(
			repo.Open(repo.Config{
				URL: url, Schema: "crm", ConnectTimeout: 5 * time.Second, Vault: vault{newKeyring(t)},
			}))
		_, err := db.As(func() (string, error) { return "x", nil }).AddCustomer(t.Context(), repo.Change{
			"company_name": text("A"), "full_name": text("B"),
		})
		db.Close()
		if !errors.Is(err, repo.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), try.want) {
			t.Errorf("%s at the start %v: %v", try.code, try.atStart, err)
		}
	}
}

// If a server cannot be reached, the message says why.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	listener := ok[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	free := listener.Addr().String()
	_ = listener.Close()
	silent := ok[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { _ = silent.Close() })
	for url, want := range map[string]string{
		"postgres://crm_app@" + free + "/crm?sslmode=disable":                   "no database listens at 127.0.0.1",
		"postgres://crm_app@" + silent.Addr().String() + "/crm?sslmode=disable": "did not answer in time",
		"postgres://crm_app@crm-database.invalid/crm?sslmode=disable":           "is unknown to the name service",
		"postgres:///crm?user=crm_app&sslmode=disable&host=" + t.TempDir():      "no database listens at the socket",
	} {
		db := ok[*repo.DB](t)(
			repo.Open(repo.Config{URL: url, Schema: "crm", ConnectTimeout: time.Second, Vault: vault{newKeyring(t)}}))
		_, err := db.User(t.Context(), 1)
		db.Close()
		if !errors.Is(err, repo.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// Real servers: a role that is a replica's in all but name, and a server with a wrong role or database.
func TestRealCauses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.token("sales1")
	w.set("alter database " + w.database + " set default_transaction_read_only = on")
	fresh := ok[*repo.DB](t)(
		repo.Open(repo.Config{URL: appURL(w.database), Schema: "crm", Vault: vault{newKeyring(t)}}))
	t.Cleanup(fresh.Close)
	_, err := fresh.As(func() (string, error) { return token, nil }).AddCustomer(t.Context(), repo.Change{
		"company_name": text("A"), "full_name": text("B"),
	})
	if !errors.Is(err, repo.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), "replica") {
		t.Errorf("read-only: %v", err)
	}
	for url, want := range map[string]string{
		appURL("no_such_database"): "there is no database no_such_database",
		strings.Replace(appURL(w.database), "//crm_app@", "//no_such_role@", 1): "refuses the account no_such_role",
	} {
		db := ok[*repo.DB](t)(repo.Open(repo.Config{URL: url, Schema: "crm", Vault: vault{newKeyring(t)}}))
		_, err := db.User(t.Context(), 1)
		db.Close()
		if !errors.Is(err, repo.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v", url, err)
		}
	}
}
