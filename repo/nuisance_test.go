package repo_test

import (
	"fmt"
	"strings"
	"testing"
)

// R5: COPY returns the same as SELECT: the same refusal to a stranger, the same rows to each role.
func TestCopyAgreesWithSelect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.records()
	compared := 0
	for _, who := range append([]string{""}, people...) {
		k := w.walk(t, who, nil)
		k.wait()
		for _, view := range append(readable, "own_customers", "own_contracts", "own_events", "event_spans", "audits") {
			copied, copyErr := k.conn.PgConn().Exec(t.Context(), "select count(*) from crm."+view).ReadAll()
			var out strings.Builder
			tag, err := k.conn.PgConn().CopyTo(t.Context(), &out, "copy (select * from crm."+view+") to stdout")
			if sqlstate(err) != sqlstate(copyErr) || err != nil && out.Len() > 0 {
				t.Errorf("%q, %s: copy %v, select %v, %q", who, view, err, copyErr, out.String())
			} else if err == nil && fmt.Sprint(tag.RowsAffected()) != string(copied[0].Rows[0][0]) {
				t.Errorf("%q, %s: copies %d rows, selects %s", who, view, tag.RowsAffected(), copied[0].Rows[0][0])
			}
			compared++
		}
	}
	t.Logf("%d relations compared", compared)
}

// A cursor WITH HOLD copies its rows when its transaction commits, so it can be read after the session has ended, as
// the docs say. A new statement is refused.
func TestHeldCursors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.records()
	k := w.walk(t, "support2", nil)
	k.wait()
	if err := k.send("declare held cursor with hold for select id from crm.customers"); err != nil {
		t.Fatal(err)
	}
	w.set("insert into session_end (session_id) select id from session where collaborator_id = $1", w.ids["support2"])
	if err := k.send("fetch all from held"); err != nil {
		t.Errorf("the cursor: %v", err)
	}
	for _, sql := range []string{
		"select id from crm.customers", "declare another cursor with hold for select id from crm.customers",
	} {
		if err := k.send(sql); sqlstate(err) != "28000" {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// A notification reaches only clients that listen; neither program nor schema does.
func TestNothingListens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.records()
	if n := read[int](w,
		"select count(*) from pg_proc where pronamespace = 'crm'::regnamespace and prosrc ~* 'listen|notify'"); n != 0 {
		t.Errorf("%d functions use notifications", n)
	}
	if n := read[int](w,
		"select count(*) from pg_stat_activity where datname = current_database() and query ~* '^\\s*listen'"); n != 0 {
		t.Errorf("%d connections listen", n)
	}
}
