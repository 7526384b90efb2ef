package repo_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"crm/repo"
	"crm/repo/embedded/pgtest"
	"crm/security"
)

// The databases that tests clone: template has no collaborators, populated has the people.
const (
	template  = "crm_template"
	populated = "crm_populated"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(around{m})) }

func names(database string) repo.Names {
	return repo.Names{Database: database, Schema: "crm", Owner: "crm_owner", App: "crm_app"}
}

// schemaSQL is schema.sql; without it no test runs.
var schemaSQL = sync.OnceValue(func() string {
	sql, err := os.ReadFile("../schema.sql")
	if err != nil {
		panic(err)
	}
	return string(sql)
})

// prepare makes the template.
var prepare = sync.OnceValue(func() error {
	_, err := repo.NewAdmin(pgtest.URL("postgres"), names(template)).Setup(context.Background(), schemaSQL(), "")
	return err
})

// populate makes a database with the people, and returns their IDs. It is never dropped.
var populate = sync.OnceValues(func() (ids map[string]int64, err error) {
	if err := prepare(); err != nil {
		return nil, err
	}
	if err := pgtest.Clone(populated, template); err != nil {
		return nil, err
	}
	admin := repo.NewAdmin(pgtest.URL("postgres"), names(populated))
	ids = map[string]int64{}
	for _, p := range people {
		if ids[p], err = addUser(admin, p, roleOf(p)); err != nil {
			return nil, err
		}
	}
	return ids, nil
})

// A world is one test's database with a collaborator of each role, and two of the roles that own records.
type world struct {
	t        testing.TB
	database string
	admin    *repo.Admin
	db       *repo.DB      // signed out
	vault    repo.Vault    // db's
	pool     *pgxpool.Pool // the app role, raw
	owner    *pgxpool.Pool // the superuser, raw
	ids      map[string]int64
	signers  map[string]*security.Signer
	prefix   []byte // of values that are sealed with the present key
}

var people = []string{"admin", "manage", "sales1", "sales2", "support1", "support2"}

func roleOf(person string) string {
	for _, r := range []string{"admin", "manage", "sales", "support"} {
		if len(person) >= len(r) && person[:len(r)] == r {
			return r
		}
	}
	return ""
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ids, err := populate()
	if err != nil {
		t.Fatal(err)
	}
	w := emptyWorld(t, pgtest.Database(t, populated))
	maps.Copy(w.ids, ids)
	return w
}

// worldOn returns a world in a database without collaborators.
func worldOn(t testing.TB, database string) *world {
	t.Helper()
	w := emptyWorld(t, database)
	for _, p := range people {
		w.add(p, roleOf(p))
	}
	return w
}

// emptyWorld returns a world in a database, without its people.
func emptyWorld(t testing.TB, database string) *world {
	t.Helper()
	w := &world{t: t, database: database, ids: map[string]int64{}, signers: map[string]*security.Signer{}}
	w.admin = repo.NewAdmin(pgtest.URL("postgres"), names(w.database))
	w.pool = rawPool(t, appURL(w.database))
	w.owner = rawPool(t, pgtest.URL(w.database))
	keyring := newKeyring(t)
	w.takeKey(keyring.KeyID())
	w.openWith(vault{keyring})
	return w
}

func newKeyring(t testing.TB) *security.Keyring {
	t.Helper()
	return ok[*security.Keyring](t)(security.NewKeyring(ok[[]byte](t)(security.NewKeyset())))
}

// takeKey makes the database accept values that are sealed with the key, and no others.
func (w *world) takeKey(key uint32) {
	w.t.Helper()
	w.prefix = binary.BigEndian.AppendUint32([]byte{1}, key)
	w.set("delete from crm.sealing_key")
	w.set("insert into crm.sealing_key (id, state) values ($1, 'present')", key)
}

// forged returns a value in the form of one that is sealed with the present key, which cannot be decrypted in any
// column.
func (w *world) forged(content string) []byte {
	return append(slices.Clone(w.prefix), fmt.Sprintf("%-40s", content)...)
}

// forgedSQL returns a forged value as an SQL expression.
func (w *world) forgedSQL() string { return fmt.Sprintf(`'\x%x'::bytea`, w.forged("x")) }

// A vault decrypts values with its keyring and shows all others as unreadable.
type vault struct{ *security.Keyring }

func (v vault) Open(column string, sealed []byte) string {
	text, err := v.Keyring.Open(column, sealed)
	if err != nil {
		return repo.Unreadable
	}
	return text
}

// openWith makes the world's database accept values that a vault has sealed.
func (w *world) openWith(vault repo.Vault) {
	w.t.Helper()
	w.vault = vault
	w.db = ok[*repo.DB](w.t)(repo.Open(repo.Config{URL: frontURL(w.database), Schema: "crm", Vault: vault}))
	w.t.Cleanup(w.db.Close)
}

func rawPool(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	conf, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	conf.ConnConfig.RuntimeParams["search_path"] = "crm"
	pool, err := pgxpool.NewWithConfig(context.Background(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// key returns the derived key of a password in these tests; argon2id has its own tests.
func key(person string) []byte {
	k := sha256.Sum256([]byte(person))
	return k[:]
}

// claim returns the claim of a user with that key.
func claim(email string, key []byte, code string) repo.Claim {
	return repo.Claim{Email: email, Key: derives(key), Code: code}
}

// derives returns that key at every cost and salt.
func derives(key []byte) func(repo.Derivation) (repo.Secret, error) {
	return func(repo.Derivation) (repo.Secret, error) { return security.NewSecret(key), nil }
}

func (w *world) add(person, role string) {
	w.t.Helper()
	w.ids[person] = ok[int64](w.t)(addUser(w.admin, person, role))
}

func addUser(admin *repo.Admin, person, role string) (id int64, err error) {
	hash := sha256.Sum256(key(person))
	return admin.AddUser(context.Background(),
		repo.User{FirstName: person, LastName: "Test", Email: person + "@epic.example", Role: role},
		&repo.Password{MemoryKiB: 64, Iterations: 1, Parallelism: 1, Salt: make([]byte, 16), KeyHash: hash[:]}, false)
}

// as returns the database for a signed-in person.
func (w *world) as(person string) *repo.DB {
	w.t.Helper()
	if w.signers[person] == nil {
		w.signers[person] = w.signIn(person)
	}
	return w.db.As(w.signers[person].Token)
}

func (w *world) signIn(person string) *security.Signer {
	w.t.Helper()
	o := w.open(person)
	return security.NewSigner(security.Session{ID: o.SessionID, UserID: o.UserID, Key: o.Key, Ends: o.Ends},
		10*time.Minute, time.Now)
}

// open returns a new session of a person, with its key.
func (w *world) open(person string) repo.Opening {
	w.t.Helper()
	o, err := w.db.SignIn(context.Background(), claim(person+"@epic.example", key(person), ""), time.Hour, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

func (w *world) token(person string) string {
	w.t.Helper()
	w.as(person)
	token, err := w.signers[person].Token()
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

func text(format string, args ...any) *string {
	s := fmt.Sprintf(format, args...)
	return &s
}

func ptr[T any](v T) *T { return &v }

// appURL returns the connection string of the same server for the app role.
func appURL(database string) string {
	return strings.Replace(pgtest.URL(database), "//postgres@", "//crm_app@", 1)
}
