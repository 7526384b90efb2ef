package repo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/repo"
)

// verify returns the head of an intact chain.
func (w *world) verify() repo.ChainHead {
	w.t.Helper()
	head, waiting, err := w.admin.VerifyChain(w.t.Context(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if n := read[int64](w, "select count(*) from audit"); head.Position+waiting.Entries != n {
		w.t.Errorf("%d entries are linked and %d wait, of %d", head.Position, waiting.Entries, n)
	}
	return head
}

// asSuperuser executes a statement as the superuser, without triggers.
func (w *world) asSuperuser(sql string) {
	w.t.Helper()
	w.set("set session_replication_role = replica; " + sql + "; set session_replication_role = origin")
}

// The chain is intact after every kind of change: in separate transactions, together in one, and rolled back. Each
// change moves the head.
func TestChain(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	first := w.verify()
	c := w.customer("sales1").ID
	w.event(w.contract(c, 1000, "signed").ID, "support1")
	ok[repo.Customer](t)(w.as("admin").UpdateCustomer(ctx, c, repo.Change{"email": text("")}))
	db, _, rollback, err := w.as("admin").Atomic(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ok[repo.Customer](t)(db.DeleteCustomer(ctx, w.customer("sales2").ID))
	if err := rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if second := w.verify(); second.Position <= first.Position || second.Hash == first.Hash {
		t.Errorf("the head was %v and is %v", first, second)
	}
	w.set("set timezone = 'Asia/Kolkata'; insert into crm.audit (entity, entity_id, action, after) " +
		"values ('customer', 1, 'update', '{}'), ('keyset', 0, 'rotate', '{\"é\": [1.50, null]}')")
	w.verify()
}

// Imports of more entries than are linked at once, beside each other and beside single changes, produce one chain.
func TestChainOfImports(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	all := []func() error{}
	for i, person := range []string{"sales1", "sales2", "admin"} {
		db := w.as(person)
		records := make([]repo.Change, 1300)
		for j := range records {
			records[j] = company(2000*i + j)
		}
		all = append(all, func() error { return importCustomers(ctx, db, records) })
		for range 20 {
			all = append(all, func() error {
				return failed(db.AddCustomer(ctx, repo.Change{"company_name": text("A"), "full_name": text("B")}))
			})
		}
	}
	if n := succeeded(t, concurrently(all...)); n != len(all) {
		t.Errorf("%d of %d were made", n, len(all))
	}
	w.verify()
	for range 4 { // each links 1,000 of those that are queued
		w.customer("sales1")
	}
	if n := read[int](w, "select count(*) from audit_unlinked"); n != 0 {
		t.Errorf("%d entries wait after changes that were alone", n)
	}
	head := w.verify()
	if n := read[int64](w, "select count(*) from audit where entity = 'customer'"); n != 3*1301+60+4 ||
		head.Position < n {
		t.Errorf("%d entries of customers, %d linked", n, head.Position)
	}
}

// Concurrent writers do not wait for each other, and produce one chain.
func TestChainTogether(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	people := []string{"sales1", "sales2", "admin", "manage"}
	customers := map[string]int64{}
	for _, p := range people {
		sales := map[string]string{"admin": "sales1", "manage": "sales2"}[p]
		if sales == "" {
			sales = p
		}
		customers[p] = w.customer(sales).ID
		w.as(p)
	}
	var all []func() error
	for i := range 120 {
		p := people[i%4]
		db := w.as(p)
		all = append(all, func() error {
			if p == "manage" {
				return failed(db.AddContract(ctx, repo.Change{"customer_id": ptr(customers[p])}))
			}
			return failed(db.UpdateCustomer(ctx, customers[p], repo.Change{"phone": text("+336%08d", i)}))
		})
	}
	if n := succeeded(t, concurrently(all...)); n != len(all) {
		t.Errorf("%d of %d changes were made", n, len(all))
	}
	w.verify()
	w.customer("sales1")
	if n := read[int](w, "select count(*) from audit_unlinked"); n != 0 {
		t.Errorf("%d entries wait after a change that was alone", n)
	}
	w.verify()
}

// Changes that bypass the triggers, as a superuser can make them, are detected: the error names the first bad entry and
// its position.
func TestChainTampered(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	w.event(w.contract(c, 1000, "signed").ID, "support1")
	w.customer("sales2")
	head := w.verify()
	w.set("create table kept as table audit; create table kept_link as table audit_link")
	entry := read[int64](w, "select id from audit where entity = 'customer' and entity_id = $1 and action = 'add'", c)
	at := read[int64](w, "select position from audit_link where audit_id = $1", entry)
	last := read[int64](w, "select audit_id from audit_link order by position desc limit 1")
	swap := `update audit_link set position = -position where position in (%[2]d, %[2]d + 1);
		update audit_link set position = case when position = -%[2]d then %[2]d + 1 else %[2]d end where position < 0`
	for name, try := range map[string]struct{ sql, want string }{
		"value": {`update audit set after = jsonb_set(after, '{full_name}',
			'"\\x01` + strings.Repeat("ab", 40) + `"') where id = %[1]d`, "position %[2]d: entry %[1]d is not what"},
		"plain value": {`update audit set after = after || '{"sales_id": 1}'
			where id = %[1]d`, "position %[2]d: entry %[1]d is not what"},
		"time": {
			"update audit set at = at - interval '1 microsecond' where id = %[1]d",
			"position %[2]d: entry %[1]d is not what",
		},
		"who": {"update audit set collaborator_id = 1 where id = %[1]d", "position %[2]d: entry %[1]d is not what"},
		"from where": {
			"update audit set client = '192.0.2.1' where id = %[1]d", "position %[2]d: entry %[1]d is not what",
		},
		"no object":  {"update audit set after = '[1]' where id = %[1]d", "position %[2]d: entry %[1]d is not what"},
		"entry gone": {"delete from audit where id = %[1]d", "position %[2]d: entry %[1]d was taken out"},
		"link gone":  {"delete from audit_link where audit_id = %[1]d", "position %[2]d: its link was taken out"},
		"both gone": {
			"delete from audit where id = %[1]d; delete from audit_link where audit_id = %[1]d",
			"position %[2]d: its link was taken out",
		},
		"closed up": {
			"delete from audit where id = %[1]d; delete from audit_link " +
				"where audit_id = %[1]d; update audit_link set position = -position " +
				"where position > %[2]d; update audit_link set position = -position - 1 where position < 0",
			"position %[2]d: entry ",
		},
		"put in": {
			"insert into audit (id, entity, entity_id, action) overriding system value " +
				"values (999999, 'user', 1, 'sign-in')", "entry 999999 is not in the chain",
		},
		"put in, links": {
			"insert into audit (id, entity, entity_id, action) overriding system value " +
				"values (999999, 'user', 1, 'sign-in'); insert into audit_link select max(position) + 1, 999999, " +
				"sha256('') from audit_link", "entry 999999 is not what",
		},
		"links swapped": {swap, "position %[2]d: entry "},
		"swapped": {
			"update audit a set after = b.after from kept b " +
				"where a.id in (%[1]d, %[3]d) and b.id in (%[1]d, %[3]d) and b.id <> a.id",
			"position %[2]d: entry %[1]d is not what",
		},
		"hash": {
			"update audit_link set hash = sha256('') where audit_id = %[1]d", "position %[2]d: entry %[1]d is not what",
		},
		"waits, gone":   {"insert into audit_unlinked values (999999)", "entry 999999 is not in the chain"},
		"waits, linked": {"insert into audit_unlinked values (%[1]d)", "entry %[1]d is not in the chain"},
		"blacked out": {
			"update audit set after = audit_digests(entity, after) where id = %[1]d",
			"position %[2]d: personal values of entry %[1]d were erased",
		},
		"the last cut": {
			"delete from audit where id = %[3]d; delete from audit_link where audit_id = %[3]d",
			"ends at position %[4]d, but once went on to %[5]d",
		},
		"rewritten": {`delete from audit where id = %[3]d; truncate audit_link; do $$ declare a audit;
			begin for a in select * from audit order by id loop perform link_entries(array[a.id]); end loop; end $$;
			insert into audit (id, entity, entity_id, action) overriding system value
				values (%[3]d, 'user', 1, 'sign-in');
				select link_entries(array[%[3]d::bigint])`, "is not the one of %[5]d:"},
		"a view": {
			"alter table audit rename to audit_real; create view audit as select * from audit_real", "must be tables",
		},
	} {
		args := []any{entry, at, last, head.Position - 1, head.Position}
		w.asSuperuser(formatted(try.sql, args))
		_, _, err := w.admin.VerifyChain(ctx, &head)
		if want := formatted(try.want, args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		is(t, err, repo.ErrConflict, "%s", name)
		if name == "a view" {
			w.set("drop view audit; alter table audit_real rename to audit")
		}
		w.asSuperuser(
			"truncate audit, audit_link, audit_unlinked; insert into audit overriding system value select * " +
				"from kept; insert into audit_link select * from kept_link")
	}
	if again, _, err := w.admin.VerifyChain(ctx, &head); err != nil || again != head {
		t.Errorf("the chain as it was: %v, %v", again, err)
	}
}

// formatted is Sprintf that ignores arguments that the format does not use.
func formatted(format string, args []any) string {
	for i, a := range args {
		format = strings.ReplaceAll(format, fmt.Sprintf("%%[%d]d", i+1), fmt.Sprint(a))
	}
	return format
}

// Replaced functions of the database do not hide a change of the trail.
func TestChainDoesNotTrustFunctions(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	w.set(
		`create or replace function sealed_digest(value text) returns text
			language sql immutable strict return 'sha256:x';
		create or replace function audit_digests(of_entity text, kept jsonb) returns jsonb
			language sql immutable return kept;
		create function jsonb_build_array(variadic a "any") returns jsonb
			language internal immutable as 'jsonb_build_array_noargs';
		create function sha256(b bytea) returns bytea language sql immutable return '\x00'::bytea`)
	w.verify()
	w.asSuperuser(fmt.Sprintf("update audit set entity_id = 0 where entity = 'customer' and entity_id = %d", c))
	if _, _, err := w.admin.VerifyChain(ctx, nil); err == nil {
		t.Error("nothing was found")
	}
}

// A printed head is parsed again; anything else is refused.
func TestChainHead(t *testing.T) {
	t.Parallel()
	head := repo.ChainHead{Position: 12, Hash: [32]byte{1, 2, 3}}
	if again, err := repo.ParseChainHead(head.String()); err != nil || again != head {
		t.Errorf("%v, %v", again, err)
	}
	for _, bad := range []string{
		"", "12", "12:", ":00", "x:" + strings.Repeat("00", 32), "0:" + strings.Repeat("00", 32),
		"1:" + strings.Repeat("00", 31), "1:" + strings.Repeat("0g", 32),
	} {
		is(t, failed(repo.ParseChainHead(bad)), repo.ErrInvalid, "%q", bad)
	}
}

// A connection that has linked the short trail of a small, vacuumed database looks up each entry of a long one too.
func TestLinkingLooksUp(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	for _, sql := range []string{"vacuum crm.audit", "vacuum crm.audit_link"} {
		if _, err := w.owner.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	conn := ok[*pgxpool.Conn](t)(w.owner.Acquire(ctx))
	defer conn.Release()
	scans := func() (n int64) {
		if err := conn.QueryRow(ctx, "select sum(pg_stat_get_xact_numscans(c)) from unnest(array['crm.audit', "+
			"'crm.audit_link']::regclass[]) c").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for range 8 { // the first ones make the plans that are kept
		tx := ok[pgx.Tx](t)(conn.Begin(ctx))
		for _, sql := range []string{
			"insert into crm.audit (entity, entity_id, action) select 'keyset', 1, 'rotate' from generate_series(1, 3)",
			"set constraints all immediate",
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				t.Fatal(err)
			}
		}
		if n := scans(); n != 0 {
			t.Errorf("the trail is read %d times", n)
		}
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
	}
}
