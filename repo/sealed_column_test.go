package repo_test

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"crm/commands"
	"crm/commands/operator"
	"crm/repo"
	"crm/repo/embedded/pgtest"
	"crm/security"
)

// withVATNumber is schema.sql with one more sealed column of customers, as a newcomer would add it.
func withVATNumber(t *testing.T) string {
	t.Helper()
	sql := strings.Replace(schemaSQL(), "	phone        sealed,\n", "	phone        sealed,\n	vat_number   sealed,\n	vat_number_tokens integer[] not null default '{}',\n", 1)
	if sql == schemaSQL() {
		t.Fatal("schema.sql declares the phone in another way")
	}
	return sql
}

// S10: a sealed column that no list names takes values under known keys only, is kept sealed on the trail, without its search
// tokens, and is exported, re-encrypted by a rotation and erased.
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
	id := w.customer("sales1").ID

	sealed, tokens, err := keyring.Seal("customer.vat_number", "FR12345678901")
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
	if err := w.asOwner(write, id, sealed, tokens); err != nil {
		t.Fatal(err)
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

	ok[int64](t)(w.as("admin").EraseCustomer(ctx, id))
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
