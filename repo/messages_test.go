package repo_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A talkative connection is the app role's, with all messages that a caller can have the server send.
type talkative struct {
	*pgx.Conn
	inside []string // messages from inside functions since the last look
}

func (w *world) talkative(token string) *talkative {
	w.t.Helper()
	ctx := context.Background()
	conf := ok[*pgx.ConnConfig](w.t)(pgx.ParseConfig(appURL(w.database)))
	conf.DefaultQueryExecMode, conf.RuntimeParams["search_path"] = pgx.QueryExecModeSimpleProtocol, "crm"
	c := &talkative{}
	conf.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if strings.Contains(n.Where, " function ") {
			c.inside = append(c.inside, n.Severity+": "+n.Message+": "+n.Where)
		}
	}
	c.Conn = ok[*pgx.Conn](w.t)(pgx.ConnectConfig(ctx, conf))
	w.t.Cleanup(func() { _ = c.Close(ctx) })
	_ = ok[pgconn.CommandTag](w.t)(c.Exec(ctx, `set client_min_messages = debug5; set trace_sort = on;
		set debug_print_parse = on; set debug_print_rewritten = on; set debug_print_plan = on`))
	_ = ok[pgconn.CommandTag](w.t)(c.Exec(ctx, "select set_config('crm.token', $1, false)", token))
	return c
}

// R5, R25: no function with the owner's privileges sends messages about its work to the caller. Plans contain the
// values of variables: find_account() would reveal which addresses exist, and redeem() the difference between a wrong
// key and a lockout.
func TestFunctionsKeepQuiet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	owners := strings.Fields(
		read[string](w,
			"select string_agg(distinct 'crm.' || proname, ' ') from pg_proc where pronamespace = 'crm'::regnamespace "+
				"and prosecdef"))
	calls := 0
	for _, who := range []string{"", "sales1", "manage", "admin"} {
		token := ""
		if who != "" {
			token = w.token(who)
		}
		c := w.talkative(token)
		for _, f := range w.routines(t, "crm") {
			if !slices.Contains(owners, f.name) {
				continue // it knows what the caller knows
			}
			for _, call := range f.calls() {
				calls++
				c.inside = nil
				_, _ = c.Exec(ctx, "begin")
				_, _ = c.Exec(ctx, call)
				_, _ = c.Exec(ctx, "rollback")
				if c.inside != nil {
					t.Errorf("%s, %s: %d messages, such as %.300s", who, call, len(c.inside), c.inside[0])
				}
			}
		}
	}
	c := w.talkative("")
	for _, email := range []string{email, "nobody@epic.example"} {
		ticket := ok[[]byte](t)((&rawTry{email: email, key: key("wrong"), code: "000000"}).sign(c))
		if said := outcome(c, ticket); said != "refused" || c.inside != nil {
			t.Errorf("%s: %s, %.300q", email, said, c.inside)
		}
	}
	t.Logf("%d calls of functions", calls)
}

// R5: the result or refusal of a function for a stranger does not depend on existing records, sessions and requests.
func TestStrangersLearnNoNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	customer := w.customer("sales1")
	w.event(w.contract(customer.ID, 100, "signed").ID, "support1")
	known := read[string](w, "select r.key::text from request r order by r.at limit 1")
	const absent = "9000000000000000000"
	stranger := func(sql string) string {
		tx := ok[pgx.Tx](t)(w.pool.Begin(t.Context()))
		defer func() { _ = tx.Rollback(context.Background()) }()
		var answer *string
		err := tx.QueryRow(t.Context(), sql).Scan(&answer)
		if errors.Is(err, pgx.ErrNoRows) {
			return "no row"
		} else if err != nil {
			return sqlstate(err)
		} else if answer == nil {
			return "null"
		}
		return *answer
	}
	// of arguments, and a nonce
	echoes := strings.Fields("crm.run_key crm.search_keys crm.sign_in_params")
	compared := 0
	for _, f := range w.routines(t, "crm") {
		call := func(id, request string) string {
			var arguments []string
			for _, kind := range f.types {
				switch kind {
				case "int8":
					arguments = append(arguments, id)
				case "uuid":
					arguments = append(arguments, "'"+request+"'")
				case "text":
					arguments = append(arguments, "'customer'")
				default:
					arguments = append(arguments, "null")
				}
			}
			return "select x::text from (select set_config('crm.request', '" + request + "', true)) r, " + f.name +
				"(" + strings.Join(arguments, ", ") + ") x"
		}
		if slices.Contains(echoes, f.name) {
			continue
		}
		with, without := stranger(call("1", known)), stranger(call(absent, "00000000-0000-4000-8000-000000000000"))
		if with != without {
			t.Errorf("%s answers %s of what exists, %s of what does not", f.name, with, without)
		}
		compared++
	}
	t.Logf("%d functions", compared)
}
