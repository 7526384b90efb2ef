package repo_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
	"crm/repo/embedded/pgtest"
	"crm/repo/place"
)

// issued is a certificate and its key in files, signed by a parent; nil makes an authority.
type issued struct {
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
	file, pem string
}

func issue(t *testing.T, name string, parent *issued) issued {
	t.Helper()
	key := ok[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	i := issued{key: key, file: filepath.Join(t.TempDir(), name+".crt"), pem: filepath.Join(t.TempDir(), name+".key")}
	signer, by := template, key
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	} else {
		signer, by = parent.cert, parent.key
	}
	der := ok[[]byte](t)(x509.CreateCertificate(rand.Reader, template, signer, &key.PublicKey, by))
	i.cert = ok[*x509.Certificate](t)(x509.ParseCertificate(der))
	for file, block := range map[string]*pem.Block{
		i.file: {Type: "CERTIFICATE", Bytes: der},
		i.pem:  {Type: "PRIVATE KEY", Bytes: ok[[]byte](t)(x509.MarshalPKCS8PrivateKey(key))},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return i
}

// tlsFront starts a TLS listener in front of the test server, which wants a client certificate of that authority. It
// returns its port.
func tlsFront(t *testing.T, ca, server issued) string {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	conf := &tls.Config{
		Certificates: []tls.Certificate{ok[tls.Certificate](t)(tls.LoadX509KeyPair(server.file, server.pem))},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}
	behind := ok[*pgx.ConnConfig](t)(pgx.ParseConfig(pgtest.URL("postgres")))
	l := ok[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				request := make([]byte, 8) // SSLRequest (PostgreSQL manual, 55.7)
				if _, err := io.ReadFull(conn, request); err != nil {
					return
				}
				_, _ = conn.Write([]byte("S"))
				front := tls.Server(conn, conf)
				if front.Handshake() != nil {
					return
				}
				network, address := "unix", filepath.Join(behind.Host, ".s.PGSQL."+strconv.Itoa(int(behind.Port)))
				back, err := net.Dial(network, address)
				if err != nil {
					return
				}
				defer back.Close()
				go func() { _, _ = io.Copy(back, front); _ = back.Close() }()
				_, _ = io.Copy(front, back)
			}()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// sslmode up to verify-full, the authority's certificate and one of the client's. A server or client that is not
// trusted gets an error that says so.
func TestTLS(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), context.Background()
	ca, stranger := issue(t, "authority", nil), issue(t, "stranger", nil)
	server, client, other := issue(t, "server", &ca), issue(t, "crm_app", &ca), issue(t, "crm_app", &stranger)
	port := tlsFront(t, ca, server)
	for name, c := range map[string]struct {
		mode, root, host string
		client           issued
		want             string
	}{
		"verify-full":           {"verify-full", ca.file, "127.0.0.1", client, ""},
		"verify-ca":             {"verify-ca", ca.file, "127.0.0.1", client, ""},
		"require":               {"require", "", "127.0.0.1", client, ""},
		"another name":          {"verify-full", ca.file, "localhost", client, "is not trusted"},
		"another authority":     {"verify-full", stranger.file, "127.0.0.1", client, "is not trusted"},
		"no client certificate": {"verify-full", ca.file, "127.0.0.1", issued{}, "cannot be reached"},
		"a stranger's":          {"verify-full", ca.file, "127.0.0.1", other, "cannot be reached"},
		"a certificate, no key": {"verify-full", ca.file, "127.0.0.1", issued{file: client.file}, "go together"},
		"somebody else's key": {
			"verify-full", ca.file, "127.0.0.1",
			issued{file: client.file, pem: other.pem},
			"no certificate and its key",
		},
		"an authority's key lost": {
			"verify-full", ca.file, "127.0.0.1",
			issued{file: client.file, pem: "/missing"},
			"database.sslkey cannot be read",
		},
	} {
		at, err := place.Find(ctx, place.Config{
			URL: "postgres://crm_app@" + c.host + ":" + port + "/" + w.database, SSLMode: c.mode, SSLRootCert: c.root,
			SSLCert: c.client.file, SSLKey: c.client.pem,
			Names: names(w.database), ConnectTimeout: 10 * time.Second,
		})
		if err == nil {
			db := ok[*repo.DB](t)(repo.Open(repo.Config{URL: at.URL, Schema: "crm"}))
			_, err = db.SignInParams(ctx, "sales1@epic.example")
			db.Close()
		}
		if (err == nil) != (c.want == "") ||
			err != nil &&
				(!strings.Contains(err.Error(), c.want) ||
					!errors.Is(err, repo.ErrUnavailable) && !errors.Is(err, place.ErrConfig)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
