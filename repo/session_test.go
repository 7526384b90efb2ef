package repo_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

// held is a raw connection of the app role that a thief keeps open.
type held struct {
	t *testing.T
	*pgx.Conn
}

func (w *world) hold(t *testing.T) held {
	conn := ok[*pgx.Conn](t)(pgx.Connect(t.Context(), appURL(w.database)))
	t.Cleanup(func() { conn.Close(context.Background()) })
	h := held{t, conn}
	h.do("set search_path = crm")
	return h
}

func (h held) do(sql string, args ...any) {
	h.t.Helper()
	if _, err := h.Exec(h.t.Context(), sql, args...); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
}

// want is the code of a statement's refusal, or the number of rows.
func (h held) want(code string, most int64, sql string) {
	h.t.Helper()
	tag, err := h.Exec(h.t.Context(), sql)
	if sqlstate(err) != code || tag.RowsAffected() > most {
		h.t.Errorf("%s: %d rows, %v; want %q and at most %d", sql, tag.RowsAffected(), err, code, most)
	}
}

// R5, R27: objects that were opened with a token are useless after the session has ended: a transaction, a prepared
// statement, a cursor, another isolation level, a savepoint.
func TestNothingOutlivesTheSession(t *testing.T) {
	t.Parallel()
	ends := map[string]func(w *world){
		"signed out": func(w *world) {
			if err := w.as("admin").SignOut(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
		"deleted": func(w *world) {
			w.add("admin2", "admin")
			ok[repo.User](t)(w.as("admin2").DeleteUser(t.Context(), w.ids["admin"], nil))
		},
		"expired": func(w *world) {
			w.set("update session set ends_at = now() where collaborator_id = $1", w.ids["admin"])
		},
		"role changed": func(w *world) {
			w.add("admin2", "admin")
			ok[repo.User](t)(w.as("admin2").UpdateUser(t.Context(), w.ids["admin"], repo.Change{"role": text("manage")},
				nil))
		},
	}
	for how, end := range ends {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			customer, _, _ := w.records()
			sees, update := "select * from customers", fmt.Sprintf("update customer set phone = null where id = %d",
				customer)
			h, level, second := w.hold(t), w.hold(t), w.hold(t)
			token := fmt.Sprintf("set crm.token = '%s'", w.token("admin"))
			for _, c := range []held{h, second} {
				c.do(token)
				c.do("prepare p as " + sees)
				c.do("prepare u as " + update)
				c.do("begin")
				c.want("", 1, "execute p")
				c.do("savepoint s")
			}
			h.do("declare c cursor for " + sees) // begins when it is fetched from
			level.do("begin isolation level repeatable read")
			level.do("select 1") // the snapshot is from before the end
			level.do(token)
			end(w)
			second.want("", 0, "execute u")
			second.want("28000", 0, "execute p")
			second.do("rollback to s")
			second.want("28000", 0, sees)
			second.do("rollback")
			second.want("28000", 0, "execute p")
			second.want("", 0, update)
			level.want("28000", 0, sees)
			level.do("rollback")
			for _, isolation := range []string{"repeatable read", "serializable", "read uncommitted"} {
				level.do("begin isolation level " + isolation)
				level.want("28000", 0, sees)
				level.do("rollback")
			}
			h.want("28000", 0, "do $$ begin perform * from customers; end $$")
			h.do("rollback to s")
			h.want("28000", 0, sees)
		})
	}
}

// R5: only read committed is permitted, so that no snapshot from before a revocation is read.
func TestIsolation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.hold(t)
	h.do(fmt.Sprintf("set crm.token = '%s'", w.token("admin")))
	for _, isolation := range []string{"repeatable read", "serializable"} {
		h.do("begin isolation level " + isolation)
		h.want("28000", 0, "select * from users")
		h.do("rollback")
	}
	for _, setting := range []string{
		"row_security = off", "search_path = pg_catalog, crm", "search_path = pg_temp, crm", "role = none",
		"session_authorization = crm_app", "crm.clock = '1999-01-01'",
	} {
		h.do("set " + setting)
		h.want("", int64(len(people)), "select * from crm.users")
		h.do("reset all; set search_path = crm")
		h.want("28000", 0, "select * from crm.users")
		h.do("set " + setting)
		if _, err := h.Exec(t.Context(), "select * from crm.users"); sqlstate(err) != "28000" {
			t.Errorf("with %s and no token: %v", setting, err)
		}
		h.do(fmt.Sprintf("reset all; set search_path = crm; set crm.token = '%s'", w.token("admin")))
	}
	h.do("set row_security = off")
	h.want("42501", 0, "select id from customer")
	h.want("42501", 0, "update customer set phone = null")
}

// S12, R5: a setting made in the middle of their own statement does not let users remove their name from the trail,
// forge a stamp or mark a record as fictional.
func TestSettingsInTheMiddle(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	customer, _, event := w.records()
	before := w.checksums()
	for _, sql := range []string{
		"update customer set phone = case when set_config('crm.token', '', true) = '' then null::bytea end " +
			"where id = ID",
		"update customer set deleted_at = now() where id = ID returning set_config('crm.token', 'x', true)",
	} {
		_, err := w.try(w.token("sales1"), strings.ReplaceAll(sql, "ID", fmt.Sprint(customer)))
		if state := sqlstate(err); state != "28000" && state != "42501" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if after := w.checksums(); after != before {
		t.Errorf("something stayed:\n%s\n%s", before, after)
	}
	h := w.hold(t)
	h.do(fmt.Sprintf("set crm.token = '%s'; set crm.clock = '1999-01-01'", w.token("support1")))
	h.want("", 1, fmt.Sprintf("update event set comments = 'x' where id = %d", event))
	if e := ok[repo.Event](t)(w.as("support1").Event(ctx, event)); time.Since(e.UpdatedAt) > time.Hour {
		t.Errorf("the clock of a session that does not seed was believed: %v", e.UpdatedAt)
	}
	if n := read[int](w, "select count(*) from customer where fictional"); n != 0 {
		t.Errorf("%d fictional customers", n)
	}
}

// R3: others' rows cannot even be locked.
func TestLocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	customer, contract, event := w.records()
	for person, most := range map[string]int64{
		"admin": 3, "manage": 2, "sales1": 2, "sales2": 0, "support1": 1, "support2": 0,
	} {
		var locked int64
		for table, id := range map[string]int64{"customer": customer, "contract": contract, "event": event} {
			n, err := w.try(w.token(person), "select id from "+table+" where id = $1 for update", id)
			if err != nil {
				t.Error(err)
			}
			locked += n
		}
		if locked != most {
			t.Errorf("%s locks %d rows, want %d", person, locked, most)
		}
	}
}

// R5: NULL, empty and huge arguments of every function that is granted give an error or nothing, never a session.
func TestArguments(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	sessions := read[int](w, "select count(*) from session")
	huge := strings.Repeat("x", 1<<20)
	for call, args := range map[string][]any{
		"sign_in_params(null)": nil, "sign_in_params('')": nil, "sign_in_params($1)": {huge},
		"sign_in(null, null, null, null)": nil, "sign_in('', '', '', '')": nil,
		"sign_in('admin@epic.example', null, null, null)": nil,
		"sign_in($1, $2, $2, $2, $2, $2, $2)":             {huge, []byte(huge)},
		"open_session(null, null)":                        nil, "open_session('', '1 hour')": nil,
		"open_session($1, '-1 hour')": {[]byte(huge)}, "open_session($1, null, 1, 1, 1, $1, $1)": {[]byte(huge)},
		"sign_out()": nil, "me()": nil, "me_id()": nil, "my_permissions()": nil, "reach()": nil,
		"reach(variadic null)": nil, "reach(null, null)": nil, "reached(null)": nil,
		"history(null, null)": nil, "history($1, 1)": {huge}, "hand_over(null, null)": nil,
		"gone(null, null)": nil, "gone($1, 1)": {huge}, "gone('payment', 1)": nil, "gone('role', 1)": nil,
		"contact_of_customer(null)": nil, "contact_of_contract(null)": nil, "payable(null)": nil,
		"my_changes(null)": nil, "led_changes(null)": nil, "take_back(null, null)": nil, "take_back(1, '[]')": nil,
		"own_addition(null, null)":                               nil,
		"change_password(null, null, null, null, null, null)":    nil,
		"set_first_password(null, null, null, null, null, null)": nil,
	} {
		for _, token := range []string{"", w.token("manage")} {
			_, err := w.try(token, "select * from "+call, args...)
			if errors.Is(err, context.DeadlineExceeded) || strings.HasPrefix(sqlstate(err), "XX") {
				t.Errorf("%.60s: %v", call, err)
			}
		}
	}
	// An attempt with a huge key is recorded like any other, and its ticket is useless.
	for _, ticket := range [][]byte{nil, {}, []byte(huge)} {
		if _, err := w.pool.Exec(ctx, "select open_session($1, 'infinity')", ticket); sqlstate(err) == "" {
			t.Errorf("a ticket of %d bytes opened a session", len(ticket))
		}
	}
	if now := read[int](w,
		"select count(*) from session where not exists (select from session_end "+
			"where session_id = id) or collaborator_id <> $1", w.ids["manage"]); now > sessions+1 {
		t.Errorf("%d sessions, there were %d", now, sessions)
	}
}

// R24, S3: no statement's text contains a token, a key or a customer's name: all collaborators share one database
// account, and can see the statements of the others' connections.
func TestNothingInStatements(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.records()
	seen := read[string](w,
		"select string_agg(query, ' ') from pg_stat_activity where usename = 'crm_app' and datname = "+
			"current_database()")
	for _, secret := range []string{"eyJ", "@", "Lou", fmt.Sprintf("%x", key("sales1"))} {
		if strings.Contains(seen, secret) {
			t.Errorf("%q stands in %q", secret, seen)
		}
	}
	if !strings.Contains(seen, "$1") {
		t.Errorf("no statement was seen in %q", seen)
	}
}
