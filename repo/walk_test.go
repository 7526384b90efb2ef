package repo_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

// A walker sends statements as the app role and searches all answers for canaries.
type walker struct {
	t                      *testing.T
	w                      *world
	conn                   *pgx.Conn
	who                    string   // of the token; empty: signed out
	canaries               []string // texts that must not be returned
	inside                 bool     // a transaction goes on, with a setting that may end the connection
	tried, refused, passed int
}

// walk returns a walker for a user; "" means signed out.
func (w *world) walk(t *testing.T, who string, canaries []string) *walker {
	k := &walker{t: t, w: w, who: who, canaries: canaries}
	k.connect()
	return k
}

// connect opens a new connection, whose statements end soon.
func (k *walker) connect() {
	k.t.Helper()
	k.conn = ok[*pgx.Conn](k.t)(pgx.Connect(k.t.Context(), appURL(k.w.database)))
	k.t.Cleanup(func() { k.conn.Close(context.Background()) })
	token := ""
	if k.who != "" {
		token = k.w.token(k.who)
	}
	if _, err := k.conn.Exec(k.t.Context(),
		"set statement_timeout = '300ms'; set crm.token = '"+token+"'"); err != nil {
		k.t.Fatal(err)
	}
}

// wait lets the statements of this connection take as long as they take.
func (k *walker) wait() {
	k.t.Helper()
	if err := k.send("set statement_timeout = 0"); err != nil {
		k.t.Fatal(err)
	}
}

// send runs statements in one message. Their results must contain no canary. It returns the first error.
func (k *walker) send(sql string) error {
	k.t.Helper()
	k.tried++
	results, err := k.conn.PgConn().Exec(k.t.Context(), sql).ReadAll()
	for _, r := range results {
		for _, row := range r.Rows {
			for _, value := range row {
				k.look(sql, string(value))
			}
		}
	}
	if err != nil {
		k.refused++
		k.look(sql, errorFields(err))
		if state := sqlstate(err); strings.HasPrefix(state, "XX") && !strings.HasPrefix(sql, "select pg_catalog.") ||
			strings.HasPrefix(state, "57P") && !k.inside {
			k.t.Errorf("%.200s: %v", sql, err)
		}
	} else {
		k.passed++
	}
	if k.conn.PgConn().TxStatus() != 'I' && !k.inside {
		_, _ = k.conn.Exec(k.t.Context(), "rollback")
	}
	if k.conn.IsClosed() {
		if !k.inside {
			k.t.Errorf("%.200s ended the connection: %v", sql, err)
		}
		k.connect()
	}
	return err
}

// look fails when text contains a canary, in plain or in hex digits of bytes.
func (k *walker) look(sql, text string) {
	k.t.Helper()
	for _, c := range k.canaries {
		if strings.Contains(text, c) {
			k.t.Errorf("%q is told %.200s: …%s…", k.who, sql, c)
		}
	}
}

// must sends statements that have to be refused.
func (k *walker) must(sql string) {
	k.t.Helper()
	if k.send(sql) == nil {
		k.t.Errorf("%s, as %q: done", sql, k.who)
	}
}

// hidden returns values of rows that no app role may read, regardless of the user.
func (w *world) hidden() []string {
	return strings.Fields(read[string](w, `
		select concat_ws(' ', (select string_agg(encode(key_hash, 'hex'), ' ') from credential),
			(select string_agg(encode(inner_key, 'hex') || ' ' || encode(outer_key, 'hex'), ' ') from session),
			(select string_agg(encode(value, 'hex'), ' ') from secret),
				(select string_agg(encode(ticket, 'hex'), ' ') from sign_in_attempt))`))
}

// values are those of the records, which a stranger must not see.
func (w *world) values() []string {
	return strings.Fields(read[string](w, `
		select concat_ws(' ',
			(select string_agg(encode(company_name, 'hex') || ' ' || encode(full_name, 'hex') || ' ' || encode(email,
				'hex') || ' ' || encode(phone, 'hex'), ' ') from customer),
			(select string_agg(name || ' ' || location || ' ' || comments, ' ') from event),
				(select string_agg(email, ' ') from collaborator),
			(select string_agg(total_amount::text, ' ') from contract))`))
}

// canaryWorld returns a database as crm init makes it, with the people and records of a company whose values are
// nowhere else.
func canaryWorld(t *testing.T) *world {
	t.Helper()
	realDatabase(t)
	w := worldOn(t, "real_"+strings.ToLower(t.Name()))
	contract := w.contract(w.customer("sales1").ID, 765432198, "signed").ID
	event := w.event(contract, "support1").ID
	ok[repo.Event](t)(w.as("support1").UpdateEvent(t.Context(), event, repo.Change{
		"name": text("Canaryname"), "location": text("Canaryplace"), "comments": text("Canarynote"),
	}))
	for _, p := range people {
		w.as(p)
	}
	return w
}

// kept returns the checksum of every table but those that record attempts and uses, and the entries of the trail that
// are not attempts.
func (w *world) kept() string {
	var kept []string
	for line := range strings.Lines(w.checksums()) {
		if table, _, _ := strings.Cut(line,
			" "); !strings.Contains(
			" sign_in_attempt sign_in_count sign_in_success session_use audit audit_link audit_unlinked ",
			" "+table+" ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "") + read[string](w,
		"select string_agg(a::text, e'\\n' order by id) from audit a where action not in ('sign-in-failed', 'refuse', "+
			"'export')") +
		read[string](w,
			"select string_agg(oid || relname || coalesce(relacl::text, ''), ' ' order by oid) from pg_class "+
				"where relnamespace = 'crm'::regnamespace") +
		read[string](w,
			"select md5(string_agg(oid || proname || coalesce(proacl::text, '') || prosrc, '' order by oid)) "+
				"from pg_proc where pronamespace = 'crm'::regnamespace") +
		read[string](w,
			"select string_agg(nspname || coalesce(nspacl::text, ''), ' ' order by oid) from pg_namespace "+
				"where nspname !~ '^pg_(toast_)?temp'")
}

// extremes are the values of a type with which functions are called, beside null; in turn, so that a call has one of
// each row.
var extremes = map[string][3]string{
	"int2": {"'1'", "'-1'", "'32767'"}, "int4": {"'1'", "'-1'", "'2147483647'"},
	"int8":     {"'1'", "'-1'", "'9223372036854775807'"},
	"text":     {"'customer'", "'select * from crm.customers'", "'/etc/passwd'"},
	"name":     {"'credential'", "'crm_owner'", "'postgres'"},
	"bytea":    {`'\x'`, `'\x00ff'`, "convert_to(repeat('x', 100000), 'UTF8')"},
	"oid":      {"'crm.credential'::regclass", "'crm_owner'::regrole", "'4294967295'"},
	"regclass": {"'crm.credential'", "'pg_authid'", "'crm.customer'"}, "bool": {"'true'", "'false'", "'true'"},
	"interval": {"'1 year'", "'-1 year'", "'1 second'"}, "jsonb": {"'{}'", "'null'", "'[1]'"},
	"_text": {"'{user.view,customer.view}'", "'{}'", "'{null}'"}, "_int4": {"'{1}'", "'{}'", "'{-1}'"},
	"sealed": {"convert_to(repeat('x', 40), 'UTF8')", "'\\x'", "convert_to(repeat('x', 40), 'UTF8')"},
}

// standIn are types that stand for the many that a polymorphic function accepts.
var standIn = map[string]string{
	"any": "int4", "anyelement": "int4", "anynonarray": "int4", "anycompatible": "int4",
	"anycompatiblenonarray": "int4", "anyarray": "_int4",
	"anycompatiblearray": "_int4", "anyrange": "int4range", "anycompatiblerange": "int4range",
	"anymultirange": "int4multirange", "anycompatiblemultirange": "int4multirange",
}

// A routine is a function of the server.
type routine struct {
	name     string // with schema
	kind     string // f, p or w: pg_proc.prokind
	types    []string
	schemas  []string // of the types
	variadic bool
}

// calls returns the statements that call it: with nulls, and with each row of extremes.
func (r routine) calls() (all []string) {
	for row := range 4 {
		var args []string
		for i, typ := range r.types {
			schema := r.schemas[i]
			if other, is := standIn[typ]; is {
				typ, schema = other, "pg_catalog"
			}
			value := "null"
			if values, known := extremes[typ]; known && row > 0 {
				value = values[row-1]
			}
			arg := value + "::" + pgx.Identifier{schema, typ}.Sanitize()
			if r.variadic && i == len(r.types)-1 {
				arg = "variadic " + arg
			}
			args = append(args, arg)
		}
		verb, end := "select ", " limit 3"
		switch r.kind {
		case "p":
			verb, end = "call ", ""
		case "w":
			end = " over () limit 3"
		}
		all = append(all, verb+r.name+"("+strings.Join(args, ", ")+")"+end)
		if len(r.types) == 0 {
			break
		}
	}
	return all
}

// routines returns all functions except those that cannot be called in SQL, that only wait, and of other schemas.
func (w *world) routines(t *testing.T, schema string) []routine {
	t.Helper()
	r, err := w.owner.Query(t.Context(), `
		select format('%I.%I', p.pronamespace::regnamespace, p.proname), p.prokind::text, p.provariadic <> 0,
			coalesce((select array_agg(t.typname::text order by o) from unnest(p.proargtypes) with ordinality a (id, o)
				join pg_type t on t.oid = a.id), '{}'),
			coalesce((select array_agg(t.typnamespace::regnamespace::text order by o)
				from unnest(p.proargtypes) with ordinality a (id, o) join pg_type t on t.oid = a.id), '{}')
		from pg_proc p
		where p.pronamespace = $1::regnamespace and p.proname !~ '^(pg_sleep|pg_terminate_backend$)'
		and p.prokind <> 'a'
			and not 'internal'::regtype = any (p.proargtypes)
			and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)
		order by 1`, schema)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []routine
	for r.Next() {
		var f routine
		if err := r.Scan(&f.name, &f.kind, &f.variadic, &f.types, &f.schemas); err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	if r.Err() != nil || len(all) == 0 {
		t.Fatal(len(all), r.Err())
	}
	return all
}

// report logs the number of statements, and releases locks.
func (k *walker) report() {
	k.t.Helper()
	k.conn.Close(context.Background())
	k.t.Logf("as %q: %d statements tried, %d refused, %d harmless", k.who, k.tried, k.refused, k.passed)
}
