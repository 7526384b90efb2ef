package repo_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"crm/repo"
)

// Lists are sorted by encrypted names: in dictionary order, in pages, in both directions, with filters and a search.
// Lists that are too long are refused with a hint.
func TestSortByName(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	admin := w.as("admin")
	names := []string{"Zèbre", "ábaco", "Abaco", "Émile SARL", "eclair", "Éclair", "zebra", "Øre", "Ostern", "ÖBB"}
	for i, n := range names {
		c := ok[repo.Customer](t)(
			admin.AddCustomer(ctx, repo.Change{
				"company_name": n, "full_name": "Lou", "sales_id": w.ids[fmt.Sprint("sales", 1+i%2)],
			}))
		w.contract(c.ID, 100, "signed")
	}
	want := []string{"Abaco", "ábaco", "eclair", "Éclair", "Émile SARL", "ÖBB", "Øre", "Ostern", "zebra", "Zèbre"}
	company := func(c repo.Customer) string { return c.CompanyName }
	for name, test := range map[string]struct {
		f    repo.CustomerFilter
		want []string
	}{
		"up":     {repo.CustomerFilter{}, want},
		"search": {repo.CustomerFilter{Page: repo.Page{Search: "z"}}, []string{"zebra", "Zèbre"}},
		"filter": {
			repo.CustomerFilter{SalesID: w.ids["sales2"]}, []string{"ábaco", "Éclair", "Émile SARL", "ÖBB", "Øre"},
		},
	} {
		for _, desc := range []bool{false, true} {
			test.f.Sort, test.f.Desc = "company_name", desc
			var got []string
			pages(t, test.f.Page, func(c repo.Customer) int64 { got = append(got, company(c)); return c.ID },
				func(p repo.Page) (repo.List[repo.Customer], error) {
					test.f.Page = p
					return admin.Customers(ctx, test.f)
				})
			if desc {
				slices.Reverse(got)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%s, desc %t:\n%q, want\n%q", name, desc, got, test.want)
			}
			test.f.After = 0
		}
	}
	f := repo.CustomerFilter{Page: repo.Page{Sort: "company_name", Limit: 100, Language: "sv"}}
	swedish := ok[repo.List[repo.Customer]](t)(admin.Customers(ctx, f)).Rows
	if got := company(swedish[len(swedish)-1]); got != "Øre" && got != "ÖBB" { // after z
		t.Errorf("the last one in Swedish is %q", got)
	}
	gone := ok[repo.Customer](t)(admin.AddCustomer(ctx, repo.Change{"company_name": "ebb", "full_name": "Lou"})).ID
	ok[repo.Customer](t)(admin.DeleteCustomer(ctx, gone))
	f = repo.CustomerFilter{Page: repo.Page{Sort: "company_name", Limit: 1, After: gone}}
	for desc, next := range map[bool]string{false: "eclair", true: "ábaco"} {
		f.Desc = desc
		if got := company(ok[repo.List[repo.Customer]](t)(admin.Customers(ctx, f)).Rows[0]); got != next {
			t.Errorf("behind a deleted customer, desc %t: %q, want %q", desc, got, next)
		}
	}
	found := ok[repo.List[repo.Contract]](t)(admin.Contracts(ctx, repo.ContractFilter{
		Page: repo.Page{Sort: "customer", Limit: 1, Count: true},
	}))
	if found.Total != int64(len(names)) || found.Rows[0].Customer != "Abaco" {
		t.Errorf("contracts by customer: %+v", found)
	}
	w.set(`set session_replication_role = replica;
		insert into customer (company_name, full_name) select company_name, full_name
		from customer, generate_series(1, 1001) where id <= 10; set session_replication_role = origin`)
	_, err := admin.Customers(ctx, repo.CustomerFilter{Page: repo.Page{Sort: "full_name", Limit: 1}})
	if !errors.Is(err, repo.ErrInvalid) || !strings.Contains(err.Error(), "narrow the list") {
		t.Errorf("too many: %v", err)
	}
}
