package repo_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/repo"
)

// hs256 is the header of every token that is accepted.
const hs256 = `{"alg":"HS256","typ":"JWT"}`

// jwt signs any header and claims.
func jwt(header, claims string, key []byte) string {
	b64 := base64.RawURLEncoding.EncodeToString
	signed := b64([]byte(header)) + "." + b64([]byte(claims))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	return signed + "." + b64(mac.Sum(nil))
}

// claims of a session, valid between two times.
func claims(o repo.Opening, from, until time.Duration) string {
	now := time.Now()
	return fmt.Sprintf(`{"exp":%d,"iat":%d,"sid":%d,"sub":"%d"}`, now.Add(until).Unix(), now.Add(from).Unix(),
		o.SessionID, o.UserID)
}

// good is a token of that session.
func good(o repo.Opening) string { return jwt(hs256, claims(o, 0, 10*time.Minute), o.Key) }

// sqlstate returns PostgreSQL's code of an error, "" for none.
func sqlstate(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// constraint returns the constraint that an error names.
func constraint(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.ConstraintName
	}
	return ""
}

// A rawTry is an attempt by a client that implements the exchange itself.
type rawTry struct {
	email  string
	key    []byte
	code   string
	device []byte // key; nil: an unknown device
	what   []byte // the purpose before its digest; nil: to sign in

	nonce, clientNonce []byte // of the server, and of the client: made where they are nil
	script, auth       []byte
}

// A querier is a connection, a transaction or a pool.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func hmac256(key []byte, parts ...string) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		m.Write([]byte(p))
	}
	return m.Sum(nil)
}

// masked returns text, padded to 32 bytes, xor mask.
func masked(text, mask []byte) []byte {
	out := make([]byte, 32)
	copy(out, text)
	for i := range out {
		out[i] ^= mask[i]
	}
	return out
}

// arguments returns those of sign_in(); it asks the server for a nonce first.
func (r *rawTry) arguments(q querier) ([]any, error) {
	if r.nonce == nil {
		if err := q.QueryRow(context.Background(), "select nonce from sign_in_params($1)",
			r.email).Scan(&r.nonce); err != nil {
			return nil, err
		}
	}
	if r.clientNonce == nil {
		r.clientNonce = random(32)
	}
	name := sha256.Sum256([]byte(r.email))
	r.script = slices.Concat([]byte("crm sign-in"), r.nonce, r.clientNonce, name[:])
	r.auth = slices.Clone(r.script)
	if r.what != nil {
		purpose := sha256.Sum256(r.what)
		r.auth = append(r.auth, purpose[:]...)
	}
	key := masked(r.key, make([]byte, 32))
	hash := sha256.Sum256(r.key)
	var code, device, deviceProof []byte
	if r.code != "" {
		code = masked([]byte(r.code), hmac256(key, "code", string(r.script)))
	}
	if r.device != nil {
		id := sha256.Sum256(r.device)
		device, deviceProof = id[:], masked(r.device, hmac256(id[:], string(r.script)))
	}
	return []any{
		r.email, r.nonce, r.clientNonce, masked(r.key, hmac256(hash[:], string(r.auth))), code, device, deviceProof,
	}, nil
}

const sqlSignIn = "select sign_in($1, $2, $3, $4, $5, $6, $7)"

// sign records the attempt and returns its ticket.
func (r *rawTry) sign(q querier) (ticket []byte, err error) {
	arguments, err := r.arguments(q)
	if err != nil {
		return nil, err
	}
	return ticket, q.QueryRow(context.Background(), sqlSignIn, arguments...).Scan(&ticket)
}

// outcome returns the outcome of open_session() for a ticket, or the SQLSTATE of its error.
func outcome(q querier, ticket []byte) string {
	var said string
	if err := q.QueryRow(context.Background(), "select outcome from open_session($1, '1 hour')",
		ticket).Scan(&said); err != nil {
		return sqlstate(err)
	}
	return said
}

// opening returns the session that an attempt opens.
func (r *rawTry) opening(q querier, ticket []byte) (o repo.Opening, err error) {
	err = q.QueryRow(context.Background(),
		"select session_id, collaborator_id from open_session($1, '1 hour') where outcome = 'opened'", ticket).
		Scan(&o.SessionID, &o.UserID)
	o.Key = hmac256(r.key, "session", string(r.auth))
	return o, err
}

func random(length int) []byte {
	b := make([]byte, length)
	_, _ = rand.Read(b)
	return b
}

// ticketOf returns a ticket for that email and key.
func (w *world) ticketOf(email string, key []byte) []byte {
	w.t.Helper()
	return ok[[]byte](w.t)((&rawTry{email: email, key: key}).sign(w.pool))
}

// inTx calls do in a transaction as the app role, with that token, and rolls back unless do touched nothing.
func (w *world) inTx(token string, do func(pgx.Tx) (int64, error)) (int64, error) {
	w.t.Helper()
	ctx := context.Background()
	tx, err := w.pool.Begin(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, "select set_config('crm.token', $1, true)", token); err != nil {
		w.t.Fatal(err)
	}
	n, err := do(tx)
	if err == nil && n == 0 {
		err = tx.Commit(ctx)
	}
	return n, err
}

// try sends one statement in such a transaction and returns the rows that it read or wrote.
func (w *world) try(token, sql string, args ...any) (int64, error) {
	w.t.Helper()
	return w.inTx(token, func(tx pgx.Tx) (int64, error) {
		tag, err := tx.Exec(context.Background(), sql, args...)
		return tag.RowsAffected(), err
	})
}

// read returns one value, as the superuser.
func read[T any](w *world, sql string, args ...any) T {
	w.t.Helper()
	var v T
	if err := w.owner.QueryRow(context.Background(), sql, args...).Scan(&v); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// set changes data as the superuser.
func (w *world) set(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.owner.Exec(context.Background(), sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

// checksums returns a checksum of every table of the schema.
func (w *world) checksums() string {
	w.t.Helper()
	var parts []string
	for _, table := range strings.Fields(
		read[string](w,
			"select string_agg(relname, ' ' order by relname) from pg_class "+
				"where relnamespace = 'crm'::regnamespace and "+
				"relkind = 'r'")) {
		parts = append(parts,
			fmt.Sprintf("select '%[1]s ' || coalesce(md5(string_agg(x::text, e'\\n' order by x::text)), '') as sum "+
				"from %[1]s x", table))
	}
	return read[string](w, "select string_agg(sum, e'\\n') from ("+strings.Join(parts, " union all ")+") all_tables")
}

// ok ends the test on an error and returns the value otherwise.
func ok[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// customer adds one of that sales collaborator's.
func (w *world) customer(sales string) repo.Customer {
	w.t.Helper()
	return ok[repo.Customer](w.t)(w.as(sales).AddCustomer(context.Background(), repo.Change{
		"company_name": text("Company of %s", sales), "full_name": text("Lou of %s", sales),
		"email": text("lou@%s.example", sales), "phone": text("+33612345678"),
	}))
}

// contact adds a contact of a customer.
func (w *world) contact(customer int64) repo.Contact {
	w.t.Helper()
	return ok[repo.Contact](w.t)(w.as("admin").AddContact(context.Background(), repo.Change{
		"customer_id": customer, "full_name": "Jane Plume", "role": "buyer", "email": "jane@plume.example",
		"phone": "+33698765432",
	}))
}

// contract adds a contract of a customer, in that state.
func (w *world) contract(customer int64, total repo.Money, status string) repo.Contract {
	w.t.Helper()
	return ok[repo.Contract](w.t)(w.as("manage").AddContract(context.Background(), repo.Change{
		"customer_id": &customer, "total_amount": &total, "status": &status,
	}))
}

// newEvent returns the change that adds an event of that contract, an hour long.
func newEvent(contract *int64) repo.Change {
	start := time.Now().Add(24 * time.Hour).Truncate(time.Second)
	return repo.Change{
		"contract_id": contract, "name": text("Gala"), "start_date": start, "end_date": start.Add(time.Hour),
	}
}

// event adds an event of a contract in three days, with that support collaborator unless it is empty.
func (w *world) event(contract int64, support string) repo.Event {
	w.t.Helper()
	ctx, start := context.Background(), time.Now().Add(72*time.Hour).Truncate(time.Second)
	e := ok[repo.Event](w.t)(w.as("admin").AddEvent(ctx, repo.Change{
		"contract_id": &contract, "name": text("Party"), "start_date": &start,
		"end_date": ptr(start.Add(5 * time.Hour)),
		"location": text("Paris"), "attendees": ptr(int64(10)), "comments": text("none"),
	}))
	if support == "" {
		return e
	}
	return ok[repo.Event](w.t)(w.as("admin").UpdateEvent(ctx, e.ID, repo.Change{"support_id": ptr(w.ids[support])}))
}
