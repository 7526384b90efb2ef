package repo_test

import (
	"bytes"
	"context"
	"path/filepath"
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

// withVATNumber is schema.sql with that column: in the table, the index, the views and the grants.
func withVATNumber(t *testing.T) string {
	t.Helper()
	sql := schemaSQL()
	for _, change := range [][2]string{
		{"	phone        sealed,\n", "	phone        sealed,\n	vat_number   sealed,\n	vat_number_tokens integer[] not null default '{}',\n"},
		{" || phone_tokens", " || phone_tokens || vat_number_tokens"},
		{" || c.phone_tokens", " || c.phone_tokens || c.vat_number_tokens"}, // search_tokens(), which the views call
		{"phone_tokens, sales_id", "phone_tokens, vat_number, vat_number_tokens, sales_id"},
		{"select c.id, c.company_name, c.full_name, c.email, c.phone,", "select c.id, c.company_name, c.full_name, c.email, c.phone, c.vat_number,"},
	} {
		if !strings.Contains(sql, change[0]) {
			t.Fatalf("schema.sql has no %q", change[0])
		}
		sql = strings.ReplaceAll(sql, change[0], change[1])
	}
	return sql
}

// Every sealed column, and the tokens beside it, are in the index, in the views, in the grants and in the struct.
func TestSealedColumns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	declared := map[string]bool{}
	for _, c := range repo.ColumnsOf[repo.Customer]() {
		declared[c.Sealed] = true
	}
	checkSealedColumns(t, w, declared)
}

func checkSealedColumns(t *testing.T, w *world, declared map[string]bool) {
	t.Helper()
	columns := read[[]string](w, `select array_agg(c.relname || '.' || s order by s) from pg_class c, unnest(crm.sealed_columns(c.oid)) s
		where c.relnamespace = 'crm'::regnamespace and c.relkind = 'r'`)
	if len(columns) < 4 {
		t.Fatalf("there are only %v", columns)
	}
	for _, column := range columns {
		table, name, _ := strings.Cut(column, ".")
		if table != "customer" {
			t.Errorf("the trail keeps %s in plain bytes: audit_digests() in schema.sql and rotation.go treat customers only", column)
		}
		if !declared[column] {
			t.Errorf("no struct declares %s", column)
		}
		if index := read[string](w, "select pg_get_indexdef($1::text::regclass)", "crm."+table+"_search"); !strings.Contains(index, name+"_tokens") {
			t.Errorf("the index of %s leaves %s out", table, name)
		}
		if body := read[string](w, "select pg_get_functiondef(format('crm.search_tokens(crm.%I)', $1::text)::regprocedure)", table); !strings.Contains(body, name+"_tokens") {
			t.Errorf("search_tokens(%s) leaves %s out", table, name)
		}
		for _, written := range []string{name, name + "_tokens"} {
			if !read[bool](w, "select has_column_privilege('crm_app', $1, $2, 'insert') and has_column_privilege('crm_app', $1, $2, 'update')", "crm."+table, written) {
				t.Errorf("the app role may not write %s.%s", table, written)
			}
		}
	}
}

// S10: a further sealed column is written, read, searched, kept sealed on the trail without its search tokens, and is
// exported, re-encrypted by a rotation and erased, by its declarations alone. It takes values under known keys only.
func TestNewSealedColumn(t *testing.T) {
	t.Parallel()
	ctx, schema := t.Context(), withVATNumber(t)
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
	customers, sales := repo.SealedEntity[taxedCustomer]("customer", "customer", "customers"), w.as("sales1")
	declared := map[string]bool{"customer.email": true, "customer.phone": true}
	for _, c := range repo.ColumnsOf[taxedCustomer]() {
		declared[c.Sealed] = true
	}
	checkSealedColumns(t, w, declared)
	first := ok[taxedCustomer](t)(customers.Add(ctx, sales, repo.Change{"company_name": "Bouzin SARL", "full_name": "Lou Bouzin"}))
	id := first.ID
	changed := ok[taxedCustomer](t)(customers.Update(ctx, sales, id, repo.Change{"vat_number": "FR12345678901"}))
	same := ok[taxedCustomer](t)(customers.Update(ctx, sales, id, repo.Change{"vat_number": "FR12345678901"}))
	if first.VATNumber != "" || changed.VATNumber != "FR12345678901" || same != changed {
		t.Errorf("added %+v, changed %+v, not changed %+v", first, changed, same)
	}
	finds := func(when, needle string, want int) {
		t.Helper()
		if found := ok[repo.List[taxedCustomer]](t)(customers.Search(ctx, sales, repo.Page{Search: needle, Limit: 5})); len(found.Rows) != want {
			t.Errorf("%s, %q finds %+v", when, needle, found.Rows)
		}
	}
	finds("added", "fr12345678901", 1)
	finds("added", "lou 345678", 1)
	finds("added", "FR99", 0)
	sealed := read[[]byte](w, "select vat_number from customer where id = $1", id)
	_, tokens, err := keyring.Seal("customer.vat_number", "FR12345678901")
	if err != nil {
		t.Fatal(err)
	}
	foreign, _, err := newKeyring(t).Seal("customer.vat_number", "FR12345678901")
	if err != nil {
		t.Fatal(err)
	}
	const write = "update customer set vat_number = $2, vat_number_tokens = $3 where id = $1"
	if err := w.asOwner(write, id, foreign, tokens); constraint(err) != "customer_sealing_key" {
		t.Errorf("a value under an unknown key: %v", err)
	}
	const entry = "select coalesce(after::text, '') from audit where entity = 'customer' order by id desc limit 1"
	if kept := read[string](w, entry); !strings.Contains(kept, `"vat_number": "\\x01`) || strings.Contains(kept, "tokens") {
		t.Errorf("the trail keeps %s", kept)
	}
	data := ok[repo.PersonalData](t)(w.as("admin").ExportCustomer(ctx, id))
	if data.Customer["vat_number"] != "FR12345678901" {
		t.Errorf("exported is %v", data.Customer)
	}

	r := operator.Rotation{Admin: w.admin, KeysetFile: file, Say: func(string) {}, Happened: func(commands.Event) {}}
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if err := r.Retire(ctx); err != nil {
		t.Fatal(err)
	}
	now := read[[]byte](w, "select vat_number from customer where id = $1", id)
	text, err := ok[*security.Keyring](t)(security.OpenKeyring(file)).Open("customer.vat_number", now)
	if bytes.Equal(now, sealed) || text != "FR12345678901" || err != nil {
		t.Errorf("after a rotation and the end of the old key: %q, %v", text, err)
	}

	w.openWith(ok[repo.Vault](t)(commands.Unseal(nil, file)))
	sales = w.as("sales1")
	finds("rotated", "FR12345678901", 1)
	ok[int64](t)(w.as("admin").EraseCustomer(ctx, id))
	finds("erased", "FR12345678901", 0)
	if !read[bool](w, "select vat_number is null and vat_number_tokens = '{}' and company_name is not null from customer where id = $1", id) {
		t.Error("erasing leaves the column as it was")
	}
	if n := read[int](w, `select count(*) from audit where entity = 'customer' and concat(before, after) like '%vat_number": "\\\\x%'`); n != 0 {
		t.Errorf("%d entries of the trail hold the value after erasing", n)
	}
}

// asOwner runs a statement as the owner's role.
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
