package repo_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

// A setting of PostgreSQL that the app role can make for itself, and values to try.
type setting struct {
	name   string
	values []string
}

// settable are the settings that "alter role" takes from the app role itself, with their extremes.
func (w *world) settable() []setting {
	w.t.Helper()
	r, err := w.owner.Query(w.t.Context(), `select name, case
			when name = 'datestyle' then '{"German, DMY", "SQL, MDY"}'
			when name = 'timezone' then '{Pacific/Kiritimati,Pacific/Pago_Pago}'
			when name = 'search_path' then '{pg_catalog,"public, pg_temp"}'
			when name = 'client_encoding' then '{LATIN1,SQL_ASCII,SJIS}'
			when name in ('lc_monetary', 'lc_numeric', 'lc_time') then '{C}'
			when name = 'timezone_abbreviations' then '{India}'
			when name = 'default_text_search_config' then '{pg_catalog.simple}'
			when name = 'temp_tablespaces' then '{pg_default}'
			when vartype = 'bool' then '{on,off}' when vartype = 'enum' then enumvals
			when vartype in ('integer', 'real') then array[min_val, max_val] else '{"",x}' end
		from pg_settings where context = 'user' order by name`)
	if err != nil {
		w.t.Fatal(err)
	}
	return ok[[]setting](w.t)(
		pgx.CollectRows(r, func(row pgx.CollectableRow) (s setting, err error) {
			return s, row.Scan(&s.name, &s.values)
		}))
}

// refused are settings that end statements or connections, or refuse changes. The message names those that begin with
// "default_".
var refused = strings.Fields(
	"statement_timeout transaction_timeout idle_in_transaction_session_timeout local_preload_libraries " +
		"default_transaction_isolation default_transaction_read_only")

// R2: no setting that the holder of the config file makes for the app role changes an answer silently: the result of
// every read and the effects of changes are the same, or a refusal names the setting.
func TestSettingsDoNotChangeAnswers(t *testing.T) {
	t.Parallel()
	w, began := newWorld(t), time.Now().Truncate(time.Second)
	vault := w.vault
	w.populate()
	want := ok[string](t)(w.answers(vault, began))
	alter := func(how, name, value string) error {
		_, err := w.owner.Exec(t.Context(), "alter role crm_app in database "+w.database+" "+how+" "+name+value)
		return err
	}
	type change struct{ name, value string }
	try := func(group []change) (string, error) {
		for _, c := range group {
			if err := alter("set", c.name, " = '"+c.value+"'"); err != nil {
				t.Fatal(err)
			}
		}
		got, err := w.answers(vault, began)
		if err := alter("reset all", "", ""); err != nil {
			t.Fatal(err)
		}
		return got, err
	}
	var alone, together []change
	settings := w.settable()
	for _, s := range settings {
		for _, value := range s.values {
			switch {
			case alter("set", s.name, " = '"+value+"'") != nil: // no value of that setting
			case slices.Contains(refused, s.name):
				alone = append(alone, change{s.name, value})
			default:
				together = append(together, change{s.name, value})
			}
		}
		if err := alter("reset all", "", ""); err != nil { // PostgreSQL 17 cannot reset transaction_isolation alone
			t.Fatal(err)
		}
	}
	// A group contains no setting twice: its members are far apart in the list.
	const groups = 16
	for g := range groups {
		var group []change
		for i := g; i < len(together); i += groups {
			group = append(group, together[i])
		}
		if got, err := try(group); err == nil && got == want {
			continue
		}
		for _, c := range group {
			if got, err := try([]change{c}); err != nil || got != want {
				t.Errorf("%s = %s: %v, %.2000s", c.name, c.value, err, got)
			}
		}
	}
	for _, c := range alone {
		got, err := try([]change{c})
		if err == nil && got != want || err != nil && strings.HasPrefix(c.name, "default_") &&
			!strings.Contains(err.Error(), c.name) {
			t.Errorf("%s = %s: %v, %.2000s", c.name, c.value, err, got)
		}
	}
	t.Logf("%d values of %d settings", len(alone)+len(together), len(settings))
}

// populate fills the world with records that share words, so that searches offer several.
func (w *world) populate() {
	for i := range 8 {
		c := ok[repo.Customer](w.t)(w.as("sales1").AddCustomer(context.Background(), repo.Change{
			"company_name": text("Bouzin Événements %d", i), "full_name": text("Loïc Ñandú %d", i),
			"email": text("c%d@bouzin.example", i), "phone": text("+3361234567%d", i),
		}))
		w.event(w.contract(c.ID, repo.Money(10000+i), "signed").ID, "support1")
	}
}

// answers returns the results of all reads of the program on new connections, and the record and trail of a change.
// moments are current timestamps and counters.
func (w *world) answers(vault repo.Vault, began time.Time) (string, error) {
	w.t.Helper()
	ctx := context.Background()
	fresh, err := repo.Open(repo.Config{URL: appURL(w.database), Schema: "crm", Vault: vault})
	if err != nil {
		return "", err
	}
	defer fresh.Close()
	w.as("admin")
	db, _, rollback, err := fresh.As(w.signers["admin"].Token).Atomic(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = rollback(ctx) }()
	var all strings.Builder
	var failure error
	note := func(answer any, err error) {
		if failure == nil {
			failure = err
		}
		fmt.Fprintf(&all, "%s\n", ok[[]byte](w.t)(json.Marshal(answer)))
	}
	for _, search := range []string{"", "bouzin", "ñandú 3"} {
		for _, sort := range []string{"id", "updated_at"} {
			p := repo.Page{Search: search, Limit: 5, Sort: sort, Desc: sort != "id", Count: true}
			note(db.Customers(ctx, repo.CustomerFilter{Page: p}))
			note(db.Contracts(ctx, repo.ContractFilter{Page: p, Unpaid: true}))
			note(db.Events(ctx, repo.EventFilter{Page: p, SupportID: w.ids["support1"]}))
		}
		note(db.Users(ctx, repo.UserFilter{Page: repo.Page{Search: search, Limit: 5}}))
	}
	note(db.Find(ctx, "bouzin", 5))
	note(db.History(ctx, "event", 3))
	customer := int64(2)
	note(nil, failed(db.UpdateCustomer(ctx, customer, repo.Change{"full_name": text("Zoé Čapek"), "phone": text("")})))
	note(nil,
		failed(
			db.UpdateEvent(ctx, 2, repo.Change{
				"start_date": ptr(began.Add(time.Hour)), "comments": text(`\x27 'quoted' "«»"`),
			})))
	note(nil, failed(db.PayContract(ctx, 2, 1234, nil)))
	note(db.Event(ctx, 2))
	note(db.Contract(ctx, 2))
	note(db.History(ctx, "event", 2))
	note(db.History(ctx, "customer", customer))
	return moments.ReplaceAllString(all.String(), "…"), failure
}

// moments matches current timestamps and counters.
var moments = regexp.MustCompile(`"(CreatedAt|UpdatedAt|At|SignedAt|ID)":("[^"]*"|\d+)`)
