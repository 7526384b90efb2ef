package repo_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A guess is two conditions on a column of one type: the first is true for many rows of skewed(), the second for none.
// %s is the column. Their estimates must be equal.
type guess struct{ many, none string }

// guesses has, for each type, one pair for each kind of selectivity function and index condition.
var guesses = map[string][]guess{
	"bigint":  numbers("bigint", "7", "123456789012"),
	"integer": numbers("integer", "7", "1234567"),
	"numeric": numbers("numeric", "7", "123456.78"),
	"text": append(numbers("text", "'signed'", "'zzzz'"), guess{"%s like 'sig%%'", "%s like 'zzz%%'"},
		guess{"%s ~ '^sig'", "%s ~ '^zzz'"}, guess{"%s ilike '%%gne%%'", "%s ilike '%%zzz%%'"},
		guess{"starts_with(%s, 'sig')", "starts_with(%s, 'zzz')"},
		guess{"%s similar to 'sig%%'", "%s similar to 'zzz%%'"}),
	"bytea": append(numbers("bytea", "decode(repeat('01', 40), 'hex')", "decode(repeat('ff', 40), 'hex')"),
		guess{`%s like '\\001%%'::bytea`, `%s like '\\377%%'::bytea`}),
	"timestamp with time zone":   numbers("timestamptz", "'2020-01-01 UTC'", "'2029-01-01 UTC'"),
	"date":                       numbers("date", "'2020-01-01'", "'2029-01-01'"),
	"interval":                   numbers("interval", "'5 hours'", "'77 days'"),
	"boolean":                    {{"%s::text = 'true'", "%s::text = 'false'"}},
	"bigint[]":                   lists("bigint", "7", "1234567"),
	"numeric[]":                  lists("numeric", "7", "123456.78"),
	"text[]":                     lists("text", "'signed'", "'zzzz'"),
	"timestamp with time zone[]": lists("timestamptz", "'2020-01-01 UTC'", "'2029-01-01 UTC'"),
	"date[]":                     lists("date", "'2020-01-01'", "'2029-01-01'"),
	"boolean[]":                  lists("boolean", "true", "false"),
	"bytea[]": {
		{"%s = array[decode(repeat('01', 40), 'hex')]", "%s = array[decode(repeat('ff', 40), 'hex')]"},
		{"decode(repeat('01', 40), 'hex') = any (%s)", "decode(repeat('ff', 40), 'hex') = any (%s)"},
		{"cardinality(%s) = 1", "cardinality(%s) = 77"},
	},
	"integer[]": {
		{"%s @> '{7}'", "%s @> '{1234567}'"},
		{"%s && '{7}'", "%s && '{1234567}'"},
		{"%s <@ '{7}'", "%s <@ '{1234567}'"},
		{"7 = any (%s)", "1234567 = any (%s)"},
		{"%s = '{7}'", "%s = '{1234567}'"},
		{"cardinality(%s) = 1", "cardinality(%s) = 77"},
	},
	"jsonb": {
		{"%s @> '{\"status\": \"signed\"}'", "%s @> '{\"status\": \"zzzz\"}'"},
		{"%s ? 'status'", "%s ? 'zzzz'"},
		{"%s ->> 'status' = 'signed'", "%s ->> 'status' = 'zzzz'"},
		{"%s = '{}'", "%s = '[]'"},
	},
}

// numbers are the guesses of a type with an order.
func numbers(typ, many, none string) (all []guess) {
	for _, form := range []string{
		"%%s = %s", "%%s <> %s", "%%s < %s", "%%s >= %s", "%%s > %s", "%%s in (%s, null)", "%%s = any (array[%s])",
		"%%s <> all (array[%s])", "%%s between %s and %[1]s",
		"%%s is not distinct from %s", "not (%%s = %s)", "coalesce(%%s, %s) = %[1]s", "(%%s, 1) >= (%s, 1)",
		"%%s = (select %s)", "%%s = (values (%s))",
	} {
		all = append(all, guess{fmt.Sprintf(form, many+"::"+typ), fmt.Sprintf(form, none+"::"+typ)})
	}
	return all
}

// lists are the guesses of an array.
func lists(typ, many, none string) (all []guess) {
	for _, form := range []string{
		"%%s = array[%s]", "%%s @> array[%s]", "%%s && array[%s]", "%%s <@ array[%s]", "%s = any (%%s)",
	} {
		all = append(all, guess{fmt.Sprintf(form, many+"::"+typ), fmt.Sprintf(form, none+"::"+typ)})
	}
	return all
}

// skewed fills every table with rows that are nearly all alike, as the superuser and without triggers, and analyzes.
func (w *world) skewed() {
	w.t.Helper()
	ctx := context.Background()
	conn := ok[*pgx.Conn](w.t)(pgx.ConnectConfig(ctx, w.owner.Config().ConnConfig))
	defer conn.Close(ctx)
	for _, sql := range []string{
		"set session_replication_role = replica",
		`insert into collaborator (employee_number, first_name, last_name, email, role,
			created_at) select 'E' || 1000 + i, 'signed', 'signed', 'signed' || i || '@x', 'sales', '2020-01-01 UTC'
				from generate_series(1, 500) i`,
		`insert into customer (company_name, full_name, email, phone, sales_id, created_at, updated_at,
			company_name_tokens, full_name_tokens, email_tokens, phone_tokens)
			select s, s, s, s, 7, '2020-01-01 UTC', '2020-01-01 UTC', '{7}', '{7}', '{7}', '{7}'
				from generate_series(1, 3000), decode(repeat('01', 40), 'hex') s`,
		`insert into contact (customer_id, full_name, role, email, phone, first_at, created_at, updated_at,
			full_name_tokens)
			select 7, s, s, s, s, '2020-01-01 UTC', '2020-01-01 UTC', '2020-01-01 UTC', '{7}'
				from generate_series(1, 3000), decode(repeat('01', 40), 'hex') s`,
		`insert into contract (customer_id, sales_id, total_amount, remaining_amount, status, signed_at, created_at,
			updated_at, deleted_at)
			select 7, 7, 7, 7, 'signed', '2020-01-01 UTC', '2020-01-01 UTC', '2020-01-01 UTC',
				case when i % 2 = 0 then '2020-01-01 UTC'::timestamptz end from generate_series(1, 3000) i`,
		`insert into payment (contract_id, amount, recorded_by, paid_on) select 7, 7, 7, '2020-01-01'
			from generate_series(1, 3000)`,
		`insert into event (name, contract_id, start_date, end_date, location, attendees, comments, support_id,
			name_tokens, location_tokens, comments_tokens, created_at, updated_at)
			select 'signed', 7, '2020-01-01 UTC', '2020-01-02 UTC', 'signed', 7, 'signed', 7, '{7}', '{7}', '{7}',
				'2020-01-01 UTC', '2020-01-01 UTC' from generate_series(1, 3000)`,
		`insert into note (customer_id, text, due, author_id, created_at, updated_at, text_tokens)
			select 7, decode(repeat('01', 40), 'hex'), '2020-01-01', 7, '2020-01-01 UTC', '2020-01-01 UTC', '{7}'
				from generate_series(1, 3000) i`,
		"insert into tag (name, customer_id, created_at, updated_at) select 'signed', i, '2020-01-01 UTC', " +
			"'2020-01-01 UTC' from generate_series(1, 3000) i",
		`insert into audit (at, collaborator_id, session_id, entity, entity_id, action, before,
			after) select '2020-01-01 UTC', 7, 7, 'signed', 7, 'signed', '{"status": "signed"}', '{"status": "signed"}'
				from generate_series(1, 3000)`,
		`insert into sign_in_attempt (address, name_hash, nonce, client_nonce, proof, device, device_proof, ticket,
			outcome)
			select sha256('7'), sha256('7'), sha256(i::text::bytea) || '12345678', sha256('7'), sha256('7'),
				sha256('7'), sha256('7'), sha256(i::text::bytea), 1
			from generate_series(1, 1000) i`,
		"insert into sign_in_count select sha256('7'), '2020-01-01 UTC', i from generate_series(1, 1000) i",
		"insert into sign_in_success select sha256('7'), '2020-01-01 UTC'::timestamptz + i * interval '1 second' " +
			"from generate_series(1, 1000) i",
		"vacuum analyze",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			w.t.Fatalf("%s: %v", sql, err)
		}
	}
}

// A column is one that the app role can name.
type column struct{ relation, name, kind string }

func (w *world) places() []column {
	w.t.Helper()
	r, err := w.owner.Query(w.t.Context(), `
		select 'crm.' || quote_ident(c.relname), quote_ident(a.attname),
			format_type(case when t.typtype = 'd' then t.typbasetype else t.oid end, null)
		from pg_class c join pg_attribute a on a.attrelid = c.oid join pg_type t on t.oid = a.atttypid
		where c.relnamespace = 'crm'::regnamespace and c.relkind in ('r', 'v') and a.attnum > 0 and not a.attisdropped
			and has_column_privilege('crm_app', c.oid, a.attnum, 'select') order by 1, a.attnum`)
	if err != nil {
		w.t.Fatal(err)
	}
	return ok[[]column](w.t)(
		pgx.CollectRows(r, func(row pgx.CollectableRow) (p column, err error) {
			return p, row.Scan(&p.relation, &p.name, &p.kind)
		}))
}

var estimate = regexp.MustCompile(`cost=\S+ rows=\d+ width=\d+`)

// estimates returns the planner's numbers for each query, node by node. It sends all queries together, because an
// exchange takes as long as a plan.
func estimates(t *testing.T, conn *pgx.Conn, queries []string) (all []string) {
	t.Helper()
	results := conn.PgConn().Exec(t.Context(), "explain "+strings.Join(queries, ";\nexplain "))
	for results.NextResult() {
		var lines strings.Builder
		for rows := results.ResultReader(); rows.NextRow(); {
			lines.Write(append(rows.Values()[0], '\n'))
		}
		all = append(all, strings.Join(estimate.FindAllString(lines.String(), -1), "\n"))
	}
	if err := results.Close(); err != nil || len(all) != len(queries) {
		t.Fatalf("%d of %d estimates, then %v: %s", len(all), len(queries), err, queries[min(len(all), len(queries)-1)])
	}
	return all
}

// R5: the planner's estimates reveal no stored data. A condition that is true for nearly all rows has the same estimate
// as one that is true for none, for every column that the app role can name, alone and in joins, for a stranger and for
// each role. A stranger asks all. The roles share the conditions: all connect as one database role, whose privileges and
// policies are those of the plan, and only what functions return differs; so each column is asked by each role, and each
// condition by one of them.
func TestEstimatesTellNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.skewed()
	places := w.places()
	roles := []string{"admin", "manage", "sales2", "support2"}
	for turn, who := range append([]string{""}, roles...) {
		k := w.walk(t, who, nil)
		k.wait()
		asked := 0
		generic := read[int](w, "select current_setting('server_version_num')::int") >= 160000
		for _, p := range places {
			if len(guesses[p.kind]) == 0 {
				t.Errorf("nothing to ask of %s.%s, %s", p.relation, p.name, p.kind)
			}
			forms := []string{"select 1 from %s x where %s"}
			if who == "" && slices.Contains(places, column{p.relation, "id", "bigint"}) {
				forms = append(forms, "select 1 from %[1]s x join crm.users u on u.id = x.id and %[2]s")
			}
			if generic && who == "" {
				forms = append(forms, "(generic_plan) select 1 from %s x where %s")
			}
			var queries []string // pairs, then two alone
			share := min(len(roles), len(guesses[p.kind]))
			for i, g := range guesses[p.kind] {
				if who != "" && i%share != turn%share {
					continue
				}
				for _, form := range forms {
					for _, condition := range []string{g.many, g.none} {
						queries = append(queries, fmt.Sprintf(form, p.relation, fmt.Sprintf(condition, "x."+p.name)))
					}
				}
			}
			pairs := len(queries) / 2
			queries = append(queries, fmt.Sprintf("select 1 from %s x group by x.%s", p.relation, p.name),
				fmt.Sprintf("select 1 from %s x join crm.contracts y on x.%s is null", p.relation, p.name))
			got := estimates(t, k.conn, queries)
			for i := range pairs {
				if many, none := got[2*i], got[2*i+1]; many != none || !strings.HasPrefix(many, "cost=") {
					t.Errorf("%q, %s: %s\n%s", who, queries[2*i], many, none)
				}
			}
			for i, alone := range got[2*pairs:] {
				if !strings.HasPrefix(alone, "cost=") {
					t.Errorf("%s: %s", queries[2*pairs+i], alone)
				}
			}
			asked += pairs
		}
		t.Logf("as %q: %d columns, %d pairs of conditions", who, len(places), asked)
	}
}

// No column and no indexed expression of the schema has statistics after ANALYZE, whatever was inserted.
func TestNoStatistics(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.skewed()
	if kept := read[string](w, `select coalesce(string_agg(starelid::regclass || '.' || staattnum, ' '), '')
		from pg_statistic
		where starelid in (select oid from pg_class where relnamespace = 'crm'::regnamespace)`); kept != "" {
		t.Errorf("statistics of %s", kept)
	}
	if n := read[int](w, "select count(*) from pg_statistic_ext where stxnamespace = 'crm'::regnamespace"); n != 0 {
		t.Errorf("%d extended statistics", n)
	}
	t.Logf("%d columns", read[int](w, `select count(*) from pg_attribute a join pg_class c on c.oid = a.attrelid
		where c.relnamespace = 'crm'::regnamespace and c.relkind in ('r', 'i') and a.attnum > 0
		and a.attstattarget = 0`))
}
