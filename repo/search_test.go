package repo_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"crm/repo"
	"crm/security"
)

func ids(found []repo.Customer) []int64 {
	list := []int64{}
	for _, c := range found {
		list = append(list, c.ID)
	}
	return list
}

// A property: searching random customers answers what a scan of all of them answers, whatever the order, the page
// or the other filters; after updates too.
func TestSearchIsAScan(t *testing.T) {
	t.Parallel()
	ctx, w, r := t.Context(), newWorld(t), rand.New(rand.NewPCG(3, 4))
	admin := w.as("admin")
	pieces := []string{"Lou", "bouzin", "Éric", "Straße", "Øre", "東京", "🎉", "A", "b", "Cœur", "startup", "Casey", strings.Repeat("long", 60)}
	number := func() *string { return text("+336%08d", r.IntN(100)*1000) }
	text := func() *string {
		return ptr(pieces[r.IntN(len(pieces))] + []string{" ", "-", "", "@"}[r.IntN(4)] + pieces[r.IntN(len(pieces))])
	}
	for i := range 60 {
		c := repo.CustomerChange{CompanyName: text(), FullName: text(), Email: text(), Phone: number(), SalesID: ptr(w.ids[fmt.Sprint("sales", 1+i%2)])}
		ok[repo.Customer](t)(admin.AddCustomer(ctx, c))
	}
	for i := range int64(20) { // one column alone: the others keep their tokens
		ok[repo.Customer](t)(admin.UpdateCustomer(ctx, 1+i, []repo.CustomerChange{{Email: text()}, {CompanyName: text()}, {Phone: ptr("")}, {SalesID: ptr(w.ids["sales1"])}}[i%4]))
	}
	for i := range int64(10) {
		ok[repo.Customer](t)(admin.DeleteCustomer(ctx, 5*i+1))
	}
	ok[any](t)(w.owner.Exec(ctx, "select setval('crm.customer_id_seq', 200000)")) // other runs of ids
	for range 20 {
		ok[repo.Customer](t)(admin.AddCustomer(ctx, repo.CustomerChange{CompanyName: text(), FullName: text()}))
	}
	for i := range 300 {
		needle := *text()
		if runes := []rune(needle); i%2 == 0 {
			at := r.IntN(len(runes))
			needle = string(runes[at:min(len(runes), at+1+r.IntN(5))])
		}
		if i%10 == 0 {
			needle = (*number())[3+r.IntN(3):]
		}
		if strings.TrimSpace(needle) == "" {
			continue
		}
		p := repo.Page{Deleted: i%7 == 0, Desc: i%3 == 0, Sort: []string{"", "id", "sales_contact"}[i%5%3]}
		f := repo.CustomerFilter{Page: p, SalesID: []int64{0, 0, w.ids["sales1"]}[i%3]}
		f.Limit = 1000
		want := slices.DeleteFunc(ok[[]repo.Customer](t)(admin.Customers(ctx, f)), func(c repo.Customer) bool {
			return security.Score(needle, c.CompanyName, c.FullName, c.Email, c.Phone) == 0
		})
		f.Search = needle
		got := pages(t, f.Page, func(c repo.Customer) int64 { return c.ID }, func(p repo.Page) ([]repo.Customer, error) {
			f.Page = p
			return admin.Customers(ctx, f)
		})
		if !slices.Equal(got, ids(want)) && len(got)+len(want) > 0 {
			t.Errorf("%q %+v:\n%v, want\n%v", needle, p, got, ids(want))
		}
		for _, c := range ok[[]repo.Customer](t)(admin.FindCustomers(ctx, needle, 5)) {
			if security.Score(needle, c.CompanyName, c.FullName, c.Email, c.Phone) == 0 && fmt.Sprint(c.ID) != needle {
				t.Errorf("%q found customer %d", needle, c.ID)
			}
		}
	}
}

// The best goes first: a number, a whole address or phone number, the beginning of a word, inside a word.
func TestFindCustomers(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	admin := w.as("admin")
	add := func(company, name, email, phone string) int64 {
		return ok[repo.Customer](t)(admin.AddCustomer(ctx, repo.CustomerChange{CompanyName: &company, FullName: &name, Email: &email, Phone: &phone})).ID
	}
	inside := add("Labouzin", "Zoé", "zoe@labouzin.example", "+33700612345")
	start := add("Bouzin SARL", "Lou Bouzin", "lou@bouzin.example.org", "+33698765432")
	whole := add("Casey", "Kevin Casey", "lou@bouzin.example", "+33612345678")
	for needle, want := range map[string][]int64{
		"bouzin": {start, whole, inside}, "LOU@bouzin.example": {whole, start}, "0612345678": {whole}, "06 12 34": {whole, inside},
		fmt.Sprint(start): {start}, "nobody": {}, "loubouzin": {start, whole}, "bouzin casey": {whole}, "zo": {inside},
	} {
		if got := ids(ok[[]repo.Customer](t)(admin.FindCustomers(ctx, needle, 10))); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", needle, got, want)
		}
	}
	ok[repo.Customer](t)(admin.DeleteCustomer(ctx, start))
	if got := ids(ok[[]repo.Customer](t)(admin.FindCustomers(ctx, "bouzin", 1))); !slices.Equal(got, []int64{whole}) {
		t.Errorf("the deleted one is still found: %v", got)
	}
	if _, err := w.db.FindCustomers(ctx, "bouzin", 1); !errors.Is(err, repo.ErrSignedOut) {
		t.Errorf("signed out: %v", err)
	}
}

// S10: nothing of what is sealed is anywhere in the database, in any form; the trail does not keep tokens.
func TestDumpHoldsNothingPlain(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	plain := []string{"Bouzin Événements", "Lou Bouzin", "lou@bouzin.example", "+33612345678"}
	c := ok[repo.Customer](t)(w.as("sales1").AddCustomer(ctx, repo.CustomerChange{CompanyName: &plain[0], FullName: &plain[1], Email: &plain[2], Phone: &plain[3]}))
	ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c.ID, repo.CustomerChange{FullName: ptr("Loubouzin")}))
	tables := read[[]string](w, "select array_agg(oid::regclass::text) from pg_class where relkind = 'r' and relnamespace = 'crm'::regnamespace")
	var dump strings.Builder
	for _, table := range tables {
		dump.WriteString(read[string](w, "select coalesce(string_agg(r::text, e'\\n'), '') from "+table+" r"))
	}
	all := strings.ToLower(dump.String())
	for _, text := range append(plain, "Bouzin", "612345678", "Loubouzin", "bouz") {
		for _, form := range []string{text, hex.EncodeToString([]byte(text)), strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(text)), "=")} {
			if strings.Contains(all, strings.ToLower(form)) {
				t.Errorf("the dump holds %q", form)
			}
		}
	}
	if n := read[int](w, "select count(*)::int from crm.audit where before::text || after::text like '%tokens%'"); n > 0 {
		t.Errorf("%d entries of the trail hold tokens", n)
	}
}
