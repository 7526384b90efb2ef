package place

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

var usual = repo.Names{Database: "crm", Schema: "crm", Owner: "crm_owner", App: "crm_app"}

// environment sets one key of database in the environment and the URL in the file, and leaves the others to their
// defaults.
func environment(key string) func(string) Source {
	return func(k string) Source {
		switch k {
		case "database." + key:
			return Environment
		case "database.url":
			return File
		}
		return Default
	}
}

func TestFindGivenServer(t *testing.T) {
	for name, test := range map[string]struct {
		config                       Config
		user, password, host, dbname string
		tls                          bool
	}{
		"whole URL": {
			Config{URL: "postgres://me:pw@there:1/mine?sslmode=disable"},
			"me", "pw", "there", "mine",
			false,
		},
		"no user, database": {Config{URL: "postgres://there/?sslmode=disable"}, "crm_app", "", "there", "crm", false},
		"only a password": {
			Config{URL: "postgres://:p%20w@there?sslmode=disable"},
			"crm_app", "p w", "there", "crm",
			false,
		},
		"in the query": {
			Config{URL: "postgresql:///?host=/a%20b&user=me&dbname=mine"}, "me", "", "/a b", "mine", false,
		},
		"keywords": {
			Config{URL: `host=there sslmode=disable password='p\'w'`}, "crm_app", "p'w", "there", "crm", false,
		},
		"whole keywords": {
			Config{URL: "host=there user=me dbname=mine sslmode=disable"},
			"me", "", "there", "mine",
			false,
		},
		"with a timeout": {
			Config{URL: "postgres://there/?sslmode=disable&connect_timeout=7"},
			"crm_app", "", "there",
			"crm", false,
		},
		"TLS over the URL": {Config{
			URL: "postgres://there/?sslmode=disable", SSLMode: "require",
			From: environment("sslmode"),
		}, "crm_app", "", "there", "crm", true},
		"TLS over keywords": {
			Config{URL: "host=there sslmode=disable", SSLMode: "require", From: environment("sslmode")},
			"crm_app", "", "there", "crm", true,
		},
		"the URL over TLS": {Config{
			URL: "postgres://there/?sslmode=disable", SSLMode: "require",
			From: environment("url"),
		}, "crm_app", "", "there", "crm", false},
		"name over the URL": {
			Config{URL: "postgres://me:pw@there/mine?sslmode=disable", From: environment("name")},
			"me",
			"pw", "there", "crm", false,
		},
		"name over query": {Config{
			URL:  "postgres://me:pw@there/mine?dbname=other&sslmode=disable",
			From: environment("name"),
		}, "me", "pw", "there", "crm", false},
		"app over the URL": {
			Config{URL: "postgres://me:pw@there/mine?sslmode=disable", From: environment("app")},
			"crm_app", "pw", "there", "mine", false,
		},
		"app over keywords": {Config{
			URL:  "host=there user = me password=pw dbname=mine sslmode=disable",
			From: environment("app"),
		}, "crm_app", "pw", "there", "mine", false},
		"the URL over both": {
			Config{URL: "postgres://me:pw@there/mine?sslmode=disable", From: environment("url")},
			"me",
			"pw", "there", "mine", false,
		},
		"a directory": {
			Config{URL: "postgres://u:p%40@%2Fa%20dir%2fb:5433/mine"},
			"u", "p@", "/a dir/b", "mine",
			false,
		},
		"a directory alone": {Config{URL: "postgres://%2Fdir"}, "crm_app", "", "/dir", "crm", false},
		"several hosts": {
			Config{URL: "postgres://there:1,here:2/mine?sslmode=disable&target_session_attrs=read-write"},
			"crm_app", "", "there", "mine", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PGUSER", "somebody")
			t.Setenv("PGDATABASE", "something")
			test.config.Names, test.config.ConnectTimeout = usual, 2500*time.Millisecond
			at, err := Find(t.Context(), test.config)
			if err != nil {
				t.Fatal(err)
			}
			conf, err := pgx.ParseConfig(at.URL)
			if err != nil {
				t.Fatal(err)
			}
			if conf.ConnectTimeout != 3*time.Second && name != "with a timeout" || name == "with a timeout" &&
				conf.ConnectTimeout != 7*time.Second {
				t.Errorf("connect timeout %v", conf.ConnectTimeout)
			}
			if conf.User != test.user || conf.Password != test.password || conf.Host != test.host ||
				conf.Database != test.dbname || (conf.TLSConfig != nil) != test.tls {
				t.Errorf("%s: %s, %s, %s, %s, TLS %v", at.URL, conf.User, conf.Password, conf.Host, conf.Database,
					conf.TLSConfig != nil)
			}
			if at.Names.App != test.user || at.Names.Database != test.dbname || at.Password() != test.password {
				t.Errorf("names %+v, password %s", at.Names, at.Password())
			}
			at.Close()
		})
	}
}

func TestFindRefuses(t *testing.T) {
	for text, c := range map[string]Config{
		"database.url cannot be read":       {URL: "postgres://me:secret@[/x"},
		"database.admin_url cannot be read": {AdminURL: "secret"},
		"database.sslrootcert cannot be read": {
			URL:     "postgres://there/x",
			SSLMode: "verify-full", SSLRootCert: "missing.pem",
		},
		"there is no database yet: crm init": {Dir: filepath.Join(t.TempDir(),
			"none")},
		"database.url cannot be read: want post": {
			URL:     "postgres://me:secret@there/x",
			SSLMode: "nonsense",
		},
		"database.url: unknown parameter schema: set " +
			"database.schema": {URL: "postgres://there/x?schema=mine&password=secret"},
		"database.url: unknown parameter statement_timeout: a setting of the server": {URL: "host=there " +
			"statement_timeout=5 password='secret'"},
		"database.url: unknown parameter default_query_exec_mode: take it " +
			"out": {URL: "postgres://there/x?default_query_exec_mode=exec"},
		"database.admin_url: unknown parameter pool_max_conns": {AdminURL: "postgres://there/x?pool_max_conns=secret"},
		"database.url and database.name say different things in the same " +
			"place": {URL: "postgres://there/x?password=secret", From: func(string) Source { return File }},
		"database.url and database.sslmode say different things in the same": {
			URL: "postgres://there/crm?sslmode=disable", SSLMode: "require",
			From: func(string) Source { return Environment },
		},
		"database.url cannot be read: want postgres://USER": {URL: "host='secret"},
	} {
		c.Names = usual
		_, err := Find(t.Context(), c)
		if err == nil || !strings.HasPrefix(err.Error(), text) || strings.Contains(err.Error(), "secret") ||
			!errors.Is(err, ErrConfig) && !errors.Is(err, repo.ErrUnavailable) {
			t.Errorf("%v, want %s", err, text)
		}
	}
}

// TestInvent checks that the app role's connection string contains nothing of the administrator's.
func TestInvent(t *testing.T) {
	at := Place{
		AdminURL: "postgres://boss:topsecret@there:5/postgres?user=boss&password=topsecret" +
			"&sslmode=require&sslkey=topsecret&passfile=topsecret",
		Names: usual,
	}
	if err := at.Invent(); err != nil {
		t.Fatal(err)
	}
	conf, err := pgx.ParseConfig(at.URL)
	if err != nil {
		t.Fatal(err)
	}
	if conf.User != "crm_app" || len(conf.Password) < 26 || conf.Host != "there" || conf.Port != 5 ||
		conf.Database != "crm" || conf.TLSConfig == nil ||
		strings.Contains(at.URL, "topsecret") || strings.Contains(at.URL, "boss") {
		t.Errorf("invented %s", at.URL)
	}
	at.AdminURL = "host=there user=boss password=topsecret"
	if err := at.Invent(); !errors.Is(err, ErrConfig) || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("from keywords: %v", err)
	}
}

// A remote server that may be used without TLS gives a warning, one whose certificate is not verified is a weakness,
// and a local one is neither.
func TestWeakTLS(t *testing.T) {
	for text, want := range map[string]struct {
		weak        string
		unencrypted bool
	}{
		"postgres://there/x?sslmode=disable": {"the way to the database at there may be unencrypted", true},
		// prefer
		"postgres://there/x":                          {"the way to the database at there may be unencrypted", true},
		"postgres://there/x?sslmode=allow":            {"the way to the database at there may be unencrypted", true},
		"postgres://there/x?sslmode=require":          {"the database at there does not prove who it is", false},
		"postgres://there/x?sslmode=verify-ca":        {},
		"postgres://there/x?sslmode=verify-full":      {},
		"postgres://localhost/x?sslmode=disable":      {},
		"postgres://127.0.0.2/x":                      {},
		"postgres://[::1]/x":                          {},
		"host=/run/postgresql dbname=x":               {},
		"postgres://localhost,there/x?sslmode=prefer": {"the way to the database at there may be unencrypted", true},
	} {
		weak, unencrypted := WeakTLS(text)
		if !strings.HasPrefix(weak, want.weak) || (weak == "") != (want.weak == "") || unencrypted != want.unencrypted {
			t.Errorf("%s: %q %v, want %q %v", text, weak, unencrypted, want.weak, want.unencrypted)
		}
	}
}

// A private server that died while it was in use is started again by the next statement.
func TestRevive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at, err := Find(t.Context(), Config{Dir: dir, Create: true, Demo: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(at.Close)
	db, err := repo.Open(repo.Config{
		URL: at.AdminURL, Schema: "crm", ConnectTimeout: 10 * time.Second, Revive: at.Revive,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	ask := func() string {
		_, err := db.SignInParams(t.Context(), "a@b.example")
		return fmt.Sprint(err)
	}
	before := ask() // the schema does not exist, so the server has answered
	data := filepath.Join(dir, "data")
	if elsewhere, err := os.ReadFile(filepath.Join(dir, "location")); err == nil { // of root's server
		data = filepath.Join(strings.TrimSpace(string(elsewhere)), "data")
	}
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.Fields(string(text))[0])
	if err != nil {
		t.Fatal(err)
	}
	server, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if after := ask(); after != before || !strings.Contains(before, "schema") {
		t.Errorf("before: %s; after: %s", before, after)
	}
}
