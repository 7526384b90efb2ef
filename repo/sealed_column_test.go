package repo_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/commands"
	"crm/commands/operator"
	"crm/repo"
	"crm/repo/embedded/pgtest"
	"crm/security"
)

// A taxedCustomer is a Customer with one more sealed column, as a newcomer would add it.
type taxedCustomer struct {
	ID          int64     `db:"id"`
	CompanyName string    `db:"company_name" sealed:"customer.company_name"`
	FullName    string    `db:"full_name" sealed:"customer.full_name"`
	VATNumber   string    `db:"vat_number" sealed:"customer.vat_number"`
	UpdatedAt   time.Time `db:"updated_at"`
}

// A cateredEvent is an Event with a sealed column of its own: the table has had none.
type cateredEvent struct {
	ID        int64     `db:"id"`
	Chef      string    `db:"chef" sealed:"event.chef"`
	UpdatedAt time.Time `db:"updated_at"`
}

// withSealedColumns returns schema.sql with both columns: in the tables, the indexes, the views and the grants.
func withSealedColumns(t *testing.T) string {
	t.Helper()
	sql := schemaSQL()
	for _, change := range [][2]string{
		{
			"	address      sealed,\n",
			"	address      sealed,\n	vat_number   sealed,\n	vat_number_tokens integer[] not null " +
				"default '{}',\n",
		},
		{" || address_tokens", " || address_tokens || vat_number_tokens"},
		// search_tokens(), which the views call
		{" || c.address_tokens", " || c.address_tokens || c.vat_number_tokens"},
		{"address_tokens, sales_id", "address_tokens, vat_number, vat_number_tokens, sales_id"},
		{
			"select c.id, c.company_name, c.full_name, c.email, c.phone,",
			"select c.id, c.company_name, c.full_name, c.email, c.phone, c.vat_number,",
		},
		{
			"	attendees   integer,\n",
			"	attendees   integer,\n	chef        sealed,\n	chef_tokens integer[] not null default '{}',\n",
		},
		{"|| comments_tokens", "|| comments_tokens || chef_tokens"},
		{"|| e.comments_tokens", "|| e.comments_tokens || e.chef_tokens"},
		{"location_tokens, comments_tokens", "location_tokens, comments_tokens, chef, chef_tokens"},
		{"e.attendees, e.comments,", "e.attendees, e.comments, e.chef,"},
	} {
		if !strings.Contains(sql, change[0]) {
			t.Fatalf("schema.sql has no %q", change[0])
		}
		sql = strings.ReplaceAll(sql, change[0], change[1])
	}
	return sql
}

// Every sealed column and its search tokens are in the index, the views, the grants and the struct.
func TestSealedColumns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	checkSealedColumns(t, w, repo.SealedColumns())
}

// checkSealedColumns compares the sealed columns of the database with the declared ones, and whether these are
// searched.
func checkSealedColumns(t *testing.T, w *world, declared map[string]bool) {
	t.Helper()
	columns := read[[]string](w, `select array_agg(c.relname || '.' || s order by s)
		from pg_class c, unnest(crm.sealed_columns(c.oid)) s
		where c.relnamespace = 'crm'::regnamespace and c.relkind = 'r'`)
	if len(columns) < 4 {
		t.Fatalf("there are only %v", columns)
	}
	for _, column := range columns {
		table, name, _ := strings.Cut(column, ".")
		if !read[bool](w, "select $2 = any (crm.sealed_in(crm.trail_noun($1::text::regclass)))", "crm."+table, name) {
			t.Errorf("no trigger z_trail writes changes of %s", column)
		}
		searched, isDeclared := declared[column]
		if !isDeclared {
			t.Errorf("no struct declares %s", column)
		}
		written := []string{name}
		if searched {
			written = append(written, name+"_tokens")
		}
		for _, written := range written {
			if !read[bool](w,
				"select has_column_privilege('crm_app', $1, $2, 'insert') and has_column_privilege('crm_app', $1, $2, "+
					"'update')", "crm."+table, written) {
				t.Errorf("the app role may not write %s.%s", table, written)
			}
		}
		if !searched {
			continue
		}
		if index := read[string](w, "select pg_get_indexdef($1::text::regclass)",
			"crm."+table+"_search"); !strings.Contains(index, name+"_tokens") {
			t.Errorf("the index of %s leaves %s out", table, name)
		}
		if body := read[string](w,
			"select pg_get_functiondef(format('crm.search_tokens(crm.%I)', $1::text)::regprocedure)",
			table); !strings.Contains(body, name+"_tokens") {
			t.Errorf("search_tokens(%s) leaves %s out", table, name)
		}
	}
}

// S10: declaring further sealed columns, one of them in a table that had none, is enough: they are written, read,
// searched, sealed on the trail without their search tokens, exported, counted in a backup, re-encrypted by a rotation,
// and erased. They accept values under known keys only.
func TestNewSealedColumn(t *testing.T) {
	t.Parallel()
	ctx, schema := t.Context(), withSealedColumns(t)
	if err := prepare(); err != nil { // the roles
		t.Fatal(err)
	}
	database := pgtest.Database(t, "")
	if _, err := repo.NewAdmin(pgtest.URL("postgres"), names(database)).Setup(ctx, schema, ""); err != nil {
		t.Fatal(err)
	}
	w := worldOn(t, database)
	file := filepath.Join(t.TempDir(), "keyset.json")
	if err := security.WriteKeyset(file); err != nil {
		t.Fatal(err)
	}
	keyring := ok[*security.Keyring](t)(security.OpenKeyring(file))
	w.takeKey(keyring.KeyID())
	w.openWith(ok[repo.Vault](t)(commands.Unseal(nil, file)))
	declared := repo.SealedColumns()
	declared["customer.vat_number"], declared["event.chef"] = true, true
	checkSealedColumns(t, w, declared)

	id := w.customer("sales1").ID
	contract := w.contract(id, 100, "signed").ID
	event := w.event(contract, "support1").ID
	vat := newColumn(w, repo.SealedEntity[taxedCustomer]("customer", "customer", "customers"), "vat_number", id,
		"sales1",
		func(c taxedCustomer) string { return c.VATNumber })
	chef := newColumn(w, repo.SealedEntity[cateredEvent]("event", "event", "events"), "chef", event, "support1",
		func(e cateredEvent) string { return e.Chef })
	for _, c := range []newSealedColumn{vat, chef} {
		c.isWritten(keyring)
	}
	// A text that only looks like a sealed value is not one.
	plain := `\x01` + strings.Repeat("ab", 40)
	ok[repo.Event](t)(w.as("support1").UpdateEvent(ctx, event, repo.Change{"comments": plain}))
	data := ok[repo.PersonalData](t)(w.as("admin").ExportCustomer(ctx, id))
	if data.Customer["vat_number"] != vat.value || data.Records["event"][0]["chef"] != chef.value ||
		data.Records["event"][0]["comments"] != plain {
		t.Errorf("exported is %v, %v", data.Customer, data.Records["event"])
	}

	oldKey := fmt.Sprintf(`\\x01%08x`, keyring.KeyID()) // as a pattern
	r := operator.Rotation{Admin: w.admin, KeysetFile: file, Say: func(string) {}, Happened: func(commands.Event) {}}
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if err := r.Retire(ctx); err != nil {
		t.Fatal(err)
	}
	rotated := ok[*security.Keyring](t)(security.OpenKeyring(file))
	if n := read[int](w, "select count(*) from audit where concat(before, after) like '%' || $1 || '%'",
		oldKey); n != 0 {
		t.Errorf("%d entries of the trail hold values under the old key", n)
	}
	w.openWith(ok[repo.Vault](t)(commands.Unseal(nil, file)))
	for _, c := range []newSealedColumn{vat, chef} {
		c.isRotated(rotated)
	}
	ok[repo.Contract](t)(w.as("manage").PayContract(ctx, contract, 100, nil))
	ok[repo.Contract](t)(w.as("manage").UpdateContract(ctx, contract, repo.Change{"status": "finished"}))
	ok[int64](t)(w.as("admin").EraseCustomer(ctx, id))
	for _, c := range []newSealedColumn{vat, chef} {
		c.isErased()
	}
	if got := ok[repo.Event](t)(w.as("admin").Event(ctx, event)); *got.Comments != plain {
		t.Errorf("the notes after erasing: %s", *got.Comments)
	}
	w.verify()
}

// A newSealedColumn is a sealed column of a record that holds the value.
type newSealedColumn struct {
	w                    *world
	table, column, value string
	id                   int64
	finds                func(when, needle string, want int)
	sealed               []byte // as the record holds it
}

// newColumn writes a value into the column of a record, twice, the second time without a change.
func newColumn[T comparable](
	w *world, e repo.Entity[T], column string, id int64, person string, value func(T) string,
) newSealedColumn {
	w.t.Helper()
	ctx, table := w.t.Context(), strings.TrimSuffix(e.View(), "s")
	c := newSealedColumn{w: w, table: table, column: column, id: id, value: "FR12345678901 of " + table}
	changed := ok[T](w.t)(e.Update(ctx, w.as(person), id, repo.Change{column: c.value}))
	same := ok[T](w.t)(e.Update(ctx, w.as(person), id, repo.Change{column: c.value}))
	if value(changed) != c.value || same != changed {
		w.t.Errorf("changed %+v, not changed %+v", changed, same)
	}
	c.finds = func(when, needle string, want int) {
		w.t.Helper()
		if found := ok[repo.List[T]](w.t)(
			e.Search(ctx, w.as(person), repo.Page{Search: needle, Limit: 5})); len(found.Rows) != want {
			w.t.Errorf("%s, %q finds %+v", when, needle, found.Rows)
		}
	}
	return c
}

// read returns the sealed value.
func (c newSealedColumn) read() []byte {
	return read[[]byte](c.w, fmt.Sprintf("select %s from %s where id = $1", c.column, c.table), c.id)
}

func (c *newSealedColumn) isWritten(keyring *security.Keyring) {
	c.w.t.Helper()
	c.finds("added", "fr12345678901", 1)
	c.finds("added", "345678", 1)
	c.finds("added", "FR99", 0)
	c.sealed = c.read()
	associated := c.table + "." + c.column
	_, tokens, err := keyring.Seal(associated, c.value)
	if err != nil {
		c.w.t.Fatal(err)
	}
	foreign, _, err := newKeyring(c.w.t).Seal(associated, c.value)
	if err != nil {
		c.w.t.Fatal(err)
	}
	write := fmt.Sprintf("update %[1]s set %[2]s = $2, %[2]s_tokens = $3 where id = $1", c.table, c.column)
	if err := c.w.asOwner(write, c.id, foreign, tokens); constraint(err) != "customer_sealing_key" {
		c.w.t.Errorf("%s under an unknown key: %v", associated, err)
	}
	kept := read[string](c.w, "select coalesce(after::text, '') from audit where entity = $1 order by id desc limit 1",
		c.table)
	if !strings.Contains(kept, fmt.Sprintf(`"%s": "\\x01`, c.column)) || strings.Contains(kept, "tokens") {
		c.w.t.Errorf("the trail keeps %s", kept)
	}
}

func (c newSealedColumn) isRotated(keyring *security.Keyring) {
	c.w.t.Helper()
	now := c.read()
	if text, err := keyring.Open(c.table+"."+c.column,
		now); bytes.Equal(now, c.sealed) || text != c.value || err != nil {
		c.w.t.Errorf("%s after a rotation and the end of the old key: %q, %v", c.column, text, err)
	}
	c.finds("rotated", "FR12345678901", 1)
	entries := ok[[]repo.Entry](c.w.t)(c.w.as("admin").History(c.w.t.Context(), c.table, c.id))
	if !slices.ContainsFunc(entries, func(e repo.Entry) bool { return e.After[c.column] == c.value }) {
		c.w.t.Errorf("the history of %s %d after a rotation: %+v", c.table, c.id, entries)
	}
}

func (c newSealedColumn) isErased() {
	c.w.t.Helper()
	c.finds("erased", "FR12345678901", 0)
	if !read[bool](c.w,
		fmt.Sprintf("select %[2]s is null and %[2]s_tokens = '{}' from %[1]s where id = $1", c.table, c.column), c.id) {
		c.w.t.Errorf("erasing leaves %s as it was", c.column)
	}
	if n := read[int](c.w, "select count(*) from audit where concat(before, after) like '%' || $1 || '%'",
		c.column+`": "\\x`); n != 0 {
		c.w.t.Errorf("%d entries of the trail hold %s after erasing", n, c.column)
	}
}

// asOwner executes a statement as the owner role.
func (w *world) asOwner(sql string, args ...any) error {
	w.t.Helper()
	return pgx.BeginFunc(context.Background(), w.owner, func(tx pgx.Tx) error {
		if _, err := tx.Exec(context.Background(), "set local role crm_owner"); err != nil {
			return err
		}
		_, err := tx.Exec(context.Background(), sql, args...)
		return err
	})
}
