package repo_test

import (
	"slices"
	"strings"
	"testing"

	"crm/repo"
	"crm/repo/embedded/pgtest"
)

// crm config check and a sign-in detect a pooler that does not reset connections; they accept one that does.
func TestPoolerKeepsSessions(t *testing.T) {
	throughPoolers(t, 3, func(t *testing.T, w *world, f front) {
		weak := ok[[]string](t)(repo.WeakPooler(t.Context(), f.url))
		if len(weak) != 1 || !strings.Contains(weak[0], "settings, prepared statements, locks") ||
			!strings.Contains(weak[0], "server_reset_query_always = 1") {
			t.Errorf("it is called weak for %q", weak)
		}
		db := w.through(t, f)
		for _, want := range []bool{true, false} { // told once
			w.as("sales1")
			ok[repo.User](t)(db.As(w.signers["sales1"].Token).User(t.Context(), 1))
			if keeps, err := db.KeepsSessions(t.Context()); err != nil || keeps != want {
				t.Errorf("at sign-in: %v, %v", keeps, err)
			}
		}
		thief := raw(t, f)
		for _, sql := range []string{
			"select count(*) from pg_prepared_statements",
			"select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database " +
				"where datname = current_database())",
		} {
			n, err := 1, error(nil)
			for range 1000 { // until transactions that are still ending have released theirs
				if err = thief.QueryRow(t.Context(), sql).Scan(&n); err != nil || n == 0 {
					break
				}
			}
			if err != nil || n != 0 {
				t.Errorf("%s: %d stay, %v", sql, n, err)
			}
		}
	})
	w := newWorld(t)
	if weak := ok[[]string](t)(repo.WeakPooler(t.Context(), appURL(w.database))); weak != nil {
		t.Errorf("a server of one's own is weak: %q", weak)
	}
	p := pgtest.StartPooler(t, appURL(w.database), 3)
	p.Reset.Store(true)
	if weak := ok[[]string](t)(repo.WeakPooler(t.Context(), p.URL)); weak != nil {
		t.Errorf("a pooler that resets is weak: %q", weak)
	}
}

// Settings with which the server logs parameters are named, each with its remedy.
func TestWeakLog(t *testing.T) {
	w := newWorld(t)
	n := names(w.database)
	look := func() []string { return ok[[]string](t)(repo.WeakRole(t.Context(), appURL(w.database), n)) }
	if weak := look(); weak != nil {
		t.Errorf("as it is set up it is weak: %q", weak)
	}
	database := "alter database " + w.database
	for set, want := range map[string]string{
		"log_statement = 'all'": "log_statement is all, which writes tokens into its log: set " +
			"log_parameter_max_length = 0",
		"log_min_duration_statement = 5000":      "log_min_duration_statement is 5000",
		"log_min_duration_sample = 0":            "log_min_duration_sample is 0",
		"log_transaction_sample_rate = 0.5":      "log_transaction_sample_rate is 0.5",
		"log_parameter_max_length_on_error = 99": "set log_parameter_max_length_on_error = 0",
		"debug_print_plan = on":                  "set debug_print_plan = off",
		"auto_explain.log_verbose = on":          "", // it is not loaded
		"log_duration = on":                      "", // no statement, no parameter
	} {
		name, _, _ := strings.Cut(set, " ")
		w.set(database + " set " + set)
		w.set(database + " set log_parameter_max_length = -1") // the default, which the private server has not
		if weak := look(); (want == "") != (weak == nil) ||
			want != "" && !slices.ContainsFunc(weak, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%s: %q, want %q", set, weak, want)
		}
		w.set(database + " set log_parameter_max_length = 0")
		if weak := look(); !strings.HasPrefix(want, "set ") && weak != nil {
			t.Errorf("%s without parameters: %q", set, weak)
		}
		w.set(database + " reset " + name)
		w.set(database + " reset log_parameter_max_length")
	}
	w.set("grant temporary, create on database " + w.database + " to public")
	if weak := look(); len(weak) != 2 ||
		!strings.Contains(weak[0]+weak[1], "run: revoke temporary on database "+w.database+" from public, crm_app") {
		t.Errorf("everybody may make things: %q", weak)
	}
}
