package seed_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/commands"
	"crm/repo"
	"crm/repo/embedded/pgtest"
	"crm/security"
	"crm/seed"
)

const template = "seed_template"

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// world is one test's database, with the schema and no data.
type world struct {
	t     testing.TB
	admin *repo.Admin
	db    *repo.DB  // signed out
	owner *pgx.Conn // the superuser, raw
}

func names(database string) repo.Names {
	return repo.Names{Database: database, Schema: "crm", Owner: "crm_owner", App: "crm_app"}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx := context.Background()
	sql, err := os.ReadFile("../schema.sql")
	must(t, err)
	_, err = repo.NewAdmin(pgtest.URL("postgres"), names(template)).Setup(ctx, string(sql), "")
	must(t, err)
	database := pgtest.Database(t, template)
	keys, err := security.NewKeyset()
	must(t, err)
	keyring, err := security.NewKeyring(keys)
	must(t, err)
	vault, err := commands.Unseal(keys, "")
	must(t, err)
	w := &world{t: t, admin: repo.NewAdmin(pgtest.URL("postgres"), names(database))}
	_, err = w.admin.RegisterKey(ctx, keyring.KeyID())
	must(t, err)
	w.db, err = repo.Open(repo.Config{
		URL: strings.Replace(pgtest.URL(database), "//postgres@", "//crm_app@", 1), Schema: "crm",
		Vault: vault,
	})
	must(t, err)
	t.Cleanup(w.db.Close)
	w.owner, err = pgx.Connect(ctx, pgtest.URL(database))
	must(t, err)
	t.Cleanup(func() { _ = w.owner.Close(context.Background()) })
	_, err = w.owner.Exec(ctx, "set search_path = crm")
	must(t, err)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// demo returns the demo's config, with passwords of the least cost.
func demo() seed.Config {
	return seed.Config{
		Customers: seed.DefaultCustomers, Contracts: seed.DefaultContracts, Events: seed.DefaultEvents,
		Demo: true, Params: cheap(), Now: time.Date(2026, 3, 18, 11, 30, 0, 0, time.UTC), Zone: paris(), Seed: 7,
	}
}

func cheap() security.Params { return security.Params{Memory: 7 << 10, Iterations: 5, Parallelism: 1} }

func paris() *time.Location {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic(err)
	}
	return zone
}

func (w *world) fill(c seed.Config) seed.Made {
	w.t.Helper()
	made, err := seed.Fill(context.Background(), w.admin, w.db, c, nil)
	must(w.t, err)
	return made
}

// as returns the database for the user with that email and password.
func (w *world) as(email, password string) *repo.DB {
	w.t.Helper()
	db, err := w.signIn(email, password)
	must(w.t, err)
	return db
}

func (w *world) signIn(email, password string) (*repo.DB, error) {
	ctx := context.Background()
	d, err := w.db.SignInParams(ctx, email)
	if err != nil {
		return nil, err
	}
	key, err := security.DeriveKey(password, security.Params{
		Memory: d.MemoryKiB, Iterations: d.Iterations,
		Parallelism: d.Parallelism,
	}, d.Salt)
	if err != nil {
		return nil, err
	}
	o, err := w.db.SignIn(ctx, repo.Claim{Email: email, Key: func(repo.Derivation) (repo.Secret,
		error,
	) {
		return security.NewSecret(key), nil
	}}, time.Hour, nil)
	if err != nil {
		return nil, err
	}
	signer := security.NewSigner(security.Session{ID: o.SessionID, UserID: o.UserID, Key: o.Key, Ends: o.Ends},
		10*time.Minute, time.Now)
	return w.db.As(signer.Token), nil
}

// addUser adds a real collaborator, whose password is [seed.DemoPassword] too.
func (w *world) addUser(email, role string) int64 {
	w.t.Helper()
	v, err := security.NewVerifier(seed.DemoPassword, cheap())
	must(w.t, err)
	id, err := w.admin.AddUser(context.Background(), repo.User{
		FirstName: "Real", LastName: "Person", Email: email,
		Role: role,
	},
		&repo.Password{
			MemoryKiB: v.Memory, Iterations: v.Iterations, Parallelism: v.Parallelism, Salt: v.Salt,
			KeyHash: v.KeyHash,
		}, false)
	must(w.t, err)
	return id
}

// count returns the number that a query selects.
func (w *world) count(sql string, args ...any) (n int) {
	w.t.Helper()
	must(w.t, w.owner.QueryRow(context.Background(), sql, args...).Scan(&n))
	return n
}

func ptr[T any](v T) *T { return &v }

// everything returns all records, as a reader of the lists sees them.
type everything struct {
	customers []repo.Customer
	contracts []repo.Contract
	events    []repo.Event
}

func (w *world) everything() (all everything) {
	w.t.Helper()
	ctx, db, page := context.Background(), w.as("manage@epic.example", seed.DemoPassword), repo.Page{Limit: 100_000}
	customers, err := db.Customers(ctx, repo.CustomerFilter{Page: page})
	must(w.t, err)
	all.customers = customers.Rows
	contracts, err := db.Contracts(ctx, repo.ContractFilter{Page: page})
	must(w.t, err)
	all.contracts = contracts.Rows
	events, err := db.Events(ctx, repo.EventFilter{Page: page})
	must(w.t, err)
	all.events = events.Rows
	return all
}
