package repo_test

import (
	"slices"
	"strings"
	"testing"

	"crm/repo"
)

// S10: every sealed column of the schema is re-encrypted by a key rotation, checked when it is written, exported, erased,
// found, and kept out of the trail's plain text.
func TestSealedColumns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sealed := strings.Fields(read[string](w, `select string_agg(column_name::text, ' ' order by ordinal_position)
		from information_schema.columns c join information_schema.tables using (table_schema, table_name)
		where c.table_schema = 'crm' and table_type = 'BASE TABLE' and domain_name = 'sealed' and table_name = 'customer'`))
	if n := read[int](w, `select count(*) from information_schema.columns join information_schema.tables using (table_schema, table_name)
		where table_schema = 'crm' and table_type = 'BASE TABLE' and domain_name = 'sealed'`); n != len(sealed) {
		t.Errorf("%d sealed columns, %d of them of customer: nothing re-encrypts the others", n, len(sealed))
	}
	if !slices.Equal(sealed, repo.SealedColumns()) {
		t.Errorf("the schema seals %v, a key rotation re-encrypts %v", sealed, repo.SealedColumns())
	}
	texts := map[string]string{"staleCustomer": repo.StaleCustomer}
	for _, f := range []string{"customer_rules", "trail", "erase_customer"} {
		texts[f+"()"] = read[string](w, "select prosrc from pg_proc where pronamespace = 'crm'::regnamespace and proname = $1", f)
	}
	tokens := map[string]string{"customer_search": read[string](w, "select pg_get_indexdef('crm.customer_search'::regclass)")}
	for _, view := range []string{"customers", "contracts", "events"} {
		tokens[view] = read[string](w, "select pg_get_viewdef($1::text::regclass)", "crm."+view)
	}
	for _, f := range []string{"trail", "erase_customer", "export_customer"} {
		tokens[f+"()"] = read[string](w, "select prosrc from pg_proc where pronamespace = 'crm'::regnamespace and proname = $1", f)
	}
	for _, column := range sealed {
		for where, text := range texts {
			if !strings.Contains(text, column) {
				t.Errorf("%s does not name %s", where, column)
			}
		}
		for where, text := range tokens {
			if !strings.Contains(text, column+"_tokens") {
				t.Errorf("%s does not name %s_tokens", where, column)
			}
		}
	}
}
