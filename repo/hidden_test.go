package repo_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"crm/repo"
	"crm/security"
)

// serverLog returns the path of the test server's log.
func (w *world) serverLog() string {
	w.t.Helper()
	return read[string](w, "select regexp_replace(current_setting('data_directory'), '/data$', '/log')")
}

// spellings returns the forms in which bytes may appear in a log or a dump.
func spellings(secret []byte) []string {
	return []string{
		string(secret), hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)),
		base64.StdEncoding.EncodeToString(secret),
	}
}

// R25: a server that logs all statements and parameters learns nothing that signs in: no password's key, code, recovery
// code, second factor's secret, session key or device key. Replaying the log does not sign in.
func TestServerLogHoldsNoCredential(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	w.set("alter role crm_app in database " + w.database + " set log_statement = 'all'")
	w.set("alter role crm_app in database " + w.database + " set log_parameter_max_length = -1")
	w.set("alter role crm_app in database " + w.database + " set log_error_verbosity = 'default'")
	device := random(32)
	mine := claim(email, key("sales1"), "")
	mine.Device = security.NewSecret(device)
	o := ok[repo.Opening](t)(w.db.SignIn(ctx, mine, time.Hour, nil))
	signer := security.NewSigner(
		security.Session{ID: o.SessionID, UserID: o.UserID, Key: bytes.Clone(o.Key), Ends: o.Ends}, 10*time.Minute,
		time.Now)
	db := w.db.As(signer.Token)
	hash := security.NewSecret(key("next")).Hash()
	next := repo.Password{MemoryKiB: 64, Iterations: 1, Parallelism: 1, Salt: make([]byte, 16), KeyHash: hash}
	if err := db.ChangePassword(ctx, mine, next); err != nil {
		t.Fatal(err)
	}
	mine.Key = derives(key("next"))
	codes, hashes := security.NewRecoveryCodes()
	secret := security.NewFactor()
	code := totpAt(t, secret, time.Now())
	if err := db.EnableFactor(ctx, mine, secret, code, hashes); err != nil {
		t.Fatal(err)
	}
	mine.Code = codes[0]
	ok[repo.Opening](t)(w.db.SignIn(ctx, mine, time.Hour, nil))

	log := string(ok[[]byte](t)(os.ReadFile(w.serverLog())))
	bare := strings.ReplaceAll(codes[0], "-", "")
	for name, hidden := range map[string][]byte{
		"the password's key": key("sales1"), "the next password's key": key("next"), "a session's key": o.Key,
		"the device key":             device,
		"the second factor's secret": secret, "a code for recovery": []byte(bare),
		"a code for recovery as it is shown": []byte(codes[0]),
	} {
		for _, s := range spellings(hidden) {
			if strings.Contains(log, s) {
				t.Errorf("the log holds %s", name)
			}
		}
	}
	if regexp.MustCompile(`\$\d+ = '` + code + `'`).MatchString(log) {
		t.Error("the log holds a code")
	}
	// A reader of the log replays its content.
	lines := regexp.MustCompile(
		`(?:Parameters|parameters): \$1 = '`+email+`', \$2 = '\\x(\w+)', \$3 = '\\x(\w+)', \$4 = '\\x(\w+)'`).
		FindAllStringSubmatch(log, -1)
	tickets := regexp.MustCompile(`(?:Parameters|parameters): \$1 = '\\x(\w{64})'`).FindAllStringSubmatch(log, -1)
	if len(lines) < 4 || len(tickets) < 4 {
		t.Fatalf("%d tries and %d tickets stand in the log", len(lines), len(tickets))
	}
	for _, l := range lines {
		var ticket []byte
		err := w.pool.QueryRow(ctx, "select sign_in($1, decode($2, 'hex'), decode($3, 'hex'), decode($4, 'hex'))",
			email, l[1], l[2], l[3]).Scan(&ticket)
		if sqlstate(err) != "23505" {
			t.Errorf("a try is recorded again: %v", err)
		}
	}
	for _, l := range tickets {
		if said := outcome(w.pool, ok[[]byte](t)(hex.DecodeString(l[1]))); said != "28P01" {
			t.Errorf("a ticket from the log: %s", said)
		}
	}
	t.Logf("%d tries and %d tickets of the log sent again, none opened anything", len(lines), len(tickets))
}

// R25: a ticket that an attacker sees before it is used gives no access: the session key is not sent, and the ticket of
// a new password sets that password only.
func TestRacedTicket(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	victim := rawTry{email: email, key: key("sales1")}
	ticket := ok[[]byte](t)(victim.sign(w.pool))
	thief := rawTry{email: email, key: key("guess")}
	o := ok[repo.Opening](t)(thief.opening(w.pool, ticket))
	if _, err := w.try(good(o), "select * from users"); sqlstate(err) != "28000" {
		t.Errorf("a raced ticket gave a session that can be used: %v", err)
	}
	p, other := fresh(), fresh()
	other.KeyHash = bytes.Repeat([]byte{1}, 32)
	change := rawTry{email: email, key: key("sales1"), what: passwordPurpose(p)}
	ticket = ok[[]byte](t)(change.sign(w.pool))
	mine := w.token("sales1")
	for _, try := range []struct {
		sql  string
		args []any
	}{
		{
			"select 1 from change_password($1, 64, 1, 1, $2, $3) where outcome = 'opened'",
			[]any{ticket, other.Salt, other.KeyHash},
		},
		{"select 1 from disable_mfa($1) where outcome <> 'refused'", []any{ticket}},
		{"select 1 from open_session($1, '1 hour') where outcome = 'opened'", []any{ticket}},
	} {
		if n, err := w.try(mine, try.sql, try.args...); n != 0 || err != nil && sqlstate(err) != "28P01" {
			t.Errorf("%s: %d, %v", try.sql, n, err)
		}
	}
	_ = ctx
}

// R25: of two concurrent changes of a password one succeeds; a code that was used in one session is invalid in another.
func TestPasswordRace(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	mine := w.as("sales1")
	for i := range 5 {
		now, passwords := fmt.Sprint("password", i), []repo.Password{fresh(), fresh()}
		if i == 0 {
			now = "sales1"
		}
		w.set("update credential set key_hash = sha256($1) where collaborator_id = $2", key(now), w.ids["sales1"])
		change := func(p repo.Password) func() error {
			return func() error { return mine.ChangePassword(ctx, claim(email, key(now), ""), p) }
		}
		if n := succeeded(t, concurrently(change(passwords[0]), change(passwords[1])), repo.ErrCredentials); n != 1 {
			t.Errorf("%d changed it", n)
		}
	}
}

// R25: a client refuses a server that does not know the password's key, before it asks for a code or sends anything
// with a session.
func TestFalseServer(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	for _, said := range []string{"opened", "code_due"} {
		w.set(fmt.Sprintf(`create or replace function open_session(ticket bytea, lifetime interval,
			memory_kib integer default null, iterations integer default null,
			parallelism integer default null, salt bytea default null, key_hash bytea default null,
			out outcome text, out signature bytea, out session_id bigint, out collaborator_id bigint,
				out ends timestamptz, out server_time timestamptz)
			language sql as $$ select '%s', sha256('guess'), 1::bigint, 1::bigint, now() + interval '1 hour',
				now() $$`, said))
		if _, err := w.db.SignIn(ctx, claim(email, key("sales1"), "123456"), time.Hour,
			nil); !errors.Is(err, repo.ErrServer) {
			t.Errorf("%s: %v", said, err)
		}
	}
}

// R25: nothing that the database stores about sign-ins signs in: neither a verifier sent as a key, nor a ticket's hash
// as a ticket.
func TestDumpDoesNotSignIn(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	w.enrol("sales2")
	ok[repo.Opening](t)(w.db.SignIn(ctx, claim(email, key("sales1"), ""), time.Hour, nil))
	w.ticketOf(email, key("sales1"))
	kept := strings.Fields(read[string](w, `select concat_ws(' ',
		(select string_agg(concat_ws(' ', encode(key_hash, 'hex'), encode(salt, 'hex')), ' ') from credential),
		(select string_agg(concat_ws(' ', encode(substr(inner_key, 1, 32), 'hex'),
			encode(substr(outer_key, 1, 32), 'hex')), ' ') from session),
		(select string_agg(concat_ws(' ', encode(proof, 'hex'), encode(ticket, 'hex'), encode(device, 'hex')), ' ')
			from sign_in_attempt),
		(select string_agg(encode(code_hash, 'hex'), ' ') from recovery_code),
			(select string_agg(encode(secret, 'hex'), ' ') from second_factor))`))
	for _, text := range kept {
		value := ok[[]byte](t)(hex.DecodeString(text))
		w.set("delete from sign_in_count where at < 'infinity'")
		if failed(w.db.SignIn(context.Background(), claim(email, value, ""), time.Hour, nil)) == nil {
			t.Errorf("%s signs in as a key", text)
		}
		if said := outcome(w.pool, value); said != "28P01" {
			t.Errorf("%s as a ticket: %s", text, said)
		}
	}
	t.Logf("%d values of a dump tried as keys and as tickets", len(kept))
}
