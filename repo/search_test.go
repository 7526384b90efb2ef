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
	"crm/security/finding"
)

func ids(found []repo.Customer) []int64 {
	list := []int64{}
	for _, c := range found {
		list = append(list, c.ID)
	}
	return list
}

func records[T any](found []repo.Found[T]) (all []T) {
	for _, f := range found {
		all = append(all, f.Record)
	}
	return all
}

// A property: searching random customers returns the same as a scan of all of them, whatever the order, the page or the
// other filters; after updates too.
func TestSearchIsAScan(t *testing.T) {
	t.Parallel()
	ctx, w, r := t.Context(), newWorld(t), rand.New(rand.NewPCG(3, 4))
	admin := w.as("admin")
	pieces := []string{
		"Lou", "bouzin", "Éric", "Straße", "strasse", "Øre", "Oere", "Müller", "mueller", "Århus", "aarh", "東京", "🎉",
		"A", "b", "Cœur", "startup", "Casey", strings.Repeat("long", 60),
	}
	number := func() *string { return text("+336%08d", r.IntN(100)*1000) }
	text := func() *string {
		return ptr(pieces[r.IntN(len(pieces))] + []string{" ", "-", "", "@"}[r.IntN(4)] + pieces[r.IntN(len(pieces))])
	}
	for i := range 60 {
		c := repo.Change{
			"company_name": text(), "full_name": text(), "email": text(), "phone": number(),
			"sales_id": ptr(w.ids[fmt.Sprint("sales", 1+i%2)]),
		}
		ok[repo.Customer](t)(admin.AddCustomer(ctx, c))
	}
	for i := range int64(20) { // one column alone: the others keep their tokens
		ok[repo.Customer](t)(
			admin.UpdateCustomer(ctx, 1+i,
				[]repo.Change{
					{"email": text()}, {"company_name": text()}, {"phone": ""}, {"sales_id": w.ids["sales1"]},
				}[i%4]))
	}
	for i := range int64(10) {
		ok[repo.Customer](t)(admin.DeleteCustomer(ctx, 5*i+1))
	}
	ok[any](t)(w.owner.Exec(ctx, "select setval('crm.customer_id_seq', 200000)")) // other runs of ids
	for range 20 {
		ok[repo.Customer](t)(admin.AddCustomer(ctx, repo.Change{"company_name": text(), "full_name": text()}))
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
		want := slices.DeleteFunc(ok[repo.List[repo.Customer]](t)(admin.Customers(ctx, f)).Rows,
			func(c repo.Customer) bool {
				return finding.Score(needle, c.CompanyName, c.FullName, c.Email, c.Phone) == 0
			})
		f.Search = needle
		got := pages(t, f.Page, func(c repo.Customer) int64 { return c.ID },
			func(p repo.Page) (repo.List[repo.Customer], error) {
				f.Page = p
				return admin.Customers(ctx, f)
			})
		if !slices.Equal(got, ids(want)) && len(got)+len(want) > 0 {
			t.Errorf("%q %+v:\n%v, want\n%v", needle, p, got, ids(want))
		}
		for _, c := range records(ok[[]repo.Found[repo.Customer]](t)(admin.FindCustomers(ctx, needle, 5))) {
			if finding.Score(needle, c.CompanyName, c.FullName, c.Email, c.Phone) == 0 && fmt.Sprint(c.ID) != needle {
				t.Errorf("%q found customer %d", needle, c.ID)
			}
		}
	}
}

// Every part of a note of 10,000 characters is found, also if nearly every character makes several tokens.
func TestFindsLongNotes(t *testing.T) {
	t.Parallel()
	ctx, w, r := t.Context(), newWorld(t), rand.New(rand.NewPCG(5, 6))
	admin := w.as("admin")
	event := w.event(w.contract(w.customer("sales1").ID, 100, "signed").ID, "")
	for script, letter := range map[string]func(i int) rune{
		"latin": func(i int) rune { return []rune("abcdefghijklmnopqrstuvwxyz ")[r.IntN(27)] },
		"words of two": func(i int) rune {
			if i%3 == 2 {
				return ' '
			}
			return 0x4e00 + rune(r.IntN(20_000))
		},
		"han":    func(int) rune { return 0x4e00 + rune(r.IntN(20_000)) },
		"hangul": func(int) rune { return 0xac00 + rune(r.IntN(11_172)) },
	} {
		note := make([]rune, 10_000)
		for i := range note {
			note[i] = letter(i)
		}
		note[0], note[len(note)-1] = 'x', 'x'
		ok[repo.Event](t)(admin.UpdateEvent(ctx, event.ID, repo.Change{"comments": string(note)}))
		for range 20 {
			at := r.IntN(len(note) - 12)
			needle := string(note[at : at+12])
			found := ok[repo.List[repo.Event]](t)(
				admin.Events(ctx, repo.EventFilter{Page: repo.Page{Search: needle, Limit: 5}}))
			if len(found.Rows) != 1 && finding.Score(needle, string(note)) != finding.NoMatch {
				t.Errorf("%s: %q is not found", script, needle)
			}
		}
	}
}

// The best match is first: a number, a whole address or phone number, the beginning of a word, inside a word.
func TestFindCustomers(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	admin := w.as("admin")
	add := func(company, name, email, phone string) int64 {
		return ok[repo.Customer](t)(
			admin.AddCustomer(ctx, repo.Change{
				"company_name": &company, "full_name": &name, "email": &email, "phone": &phone,
			})).ID
	}
	inside := add("Labouzin", "Zoé", "zoe@labouzin.example", "+33700612345")
	start := add("Bouzin SARL", "Lou Bouzin", "lou@bouzin.example.org", "+33698765432")
	whole := add("Casey", "Kevin Casey", "lou@bouzin.example", "+33612345678")
	for needle, want := range map[string][]int64{
		"bouzin": {start, whole, inside}, "LOU@bouzin.example": {whole, start}, "0612345678": {whole},
		"06 12 34":        {whole, inside},
		fmt.Sprint(start): {start}, "nobody": {}, "loubouzin": {start, whole}, "bouzin casey": {whole}, "zo": {inside},
	} {
		if got := ids(
			records(ok[[]repo.Found[repo.Customer]](t)(admin.FindCustomers(ctx, needle, 10)))); !slices.Equal(got,
			want) {
			t.Errorf("%q: %v, want %v", needle, got, want)
		}
	}
	ok[repo.Customer](t)(admin.DeleteCustomer(ctx, start))
	if got := ids(
		records(ok[[]repo.Found[repo.Customer]](t)(admin.FindCustomers(ctx, "bouzin", 1)))); !slices.Equal(got, []int64{
		whole,
	}) {
		t.Errorf("the deleted one is still found: %v", got)
	}
	if _, err := w.db.FindCustomers(ctx, "bouzin", 1); !errors.Is(err, repo.ErrSignedOut) {
		t.Errorf("signed out: %v", err)
	}
}

// S10: no plain text of a sealed value is anywhere in the database, in any form; the trail does not keep tokens.
func TestDumpHoldsNothingPlain(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	plain := []string{"Bouzin Événements", "Lou Bouzin", "lou@bouzin.example", "+33612345678"}
	c := ok[repo.Customer](t)(w.as("sales1").AddCustomer(ctx, repo.Change{
		"company_name": &plain[0], "full_name": &plain[1], "email": &plain[2], "phone": &plain[3],
	}))
	ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c.ID, repo.Change{"full_name": ptr("Loubouzin")}))
	tables := read[[]string](w,
		"select array_agg(oid::regclass::text) from pg_class where relkind = 'r' and relnamespace = "+
			"'crm'::regnamespace")
	var dump strings.Builder
	for _, table := range tables {
		dump.WriteString(read[string](w, "select coalesce(string_agg(r::text, e'\\n'), '') from "+table+" r"))
	}
	all := strings.ToLower(dump.String())
	for _, text := range append(plain, "Bouzin", "612345678", "Loubouzin", "bouz") {
		for _, form := range []string{
			text, hex.EncodeToString([]byte(text)),
			strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(text)), "="),
		} {
			if strings.Contains(all, strings.ToLower(form)) {
				t.Errorf("the dump holds %q", form)
			}
		}
	}
	if n := read[int](w, "select count(*)::int from crm.audit where concat(before, after) like '%tokens%'"); n > 0 {
		t.Errorf("%d entries of the trail hold tokens", n)
	}
}

// Searching contracts and events returns the same as a scan of all of them: every word in another field, numbers and
// amounts, deleted ones, any order, small pages, and filters beside the needle.
func TestSearchOfContractsAndEventsIsAScan(t *testing.T) {
	t.Parallel()
	ctx, w, r := t.Context(), newWorld(t), rand.New(rand.NewPCG(5, 6))
	admin := w.as("admin")
	names := []string{"Bouzin SARL", "Éric Straße", "Labouzin", "東京 Events", "Øre & Cœur", "A1"}
	places := []string{"Château de Blois", "Paris", "salle 12", "Straße 7", "🎉 hall", ""}
	for i := range 12 {
		c := w.customer(fmt.Sprint("sales", 1+i%2))
		ok[repo.Customer](t)(admin.UpdateCustomer(ctx, c.ID, repo.Change{
			"company_name": text("%s", names[i%len(names)]), "phone": text("+336%08d", i*1000),
		}))
		for j := range 3 {
			k := w.contract(c.ID, repo.Money(100*(1+i*j)), []string{"signed", "pending", "to_send"}[j])
			if j > 0 {
				continue
			}
			e := w.event(k.ID, []string{"", "support1", "support2"}[i%3])
			ok[repo.Event](t)(admin.UpdateEvent(ctx, e.ID, repo.Change{
				"name": &names[r.IntN(len(names))], "location": &places[i%len(places)],
				"comments": &places[(i+3)%len(places)],
			}))
			if i == 4 {
				ok[repo.Event](t)(admin.DeleteEvent(ctx, e.ID))
			}
		}
		if i == 5 { // another run of ids
			ok[any](t)(
				w.owner.Exec(ctx, "select setval('crm.event_id_seq', 100000), setval('crm.contract_id_seq', 200000)"))
		}
	}
	words := []string{
		"bouzin", "BOU", "sarl", "eric", "strasse", "東", "events", "ore", "coeur", "blois", "salle", "12", "7", "paris",
		"🎉", "support1", "test", "signed", "send", "pend", "sales2", "lou", "06 00 00", "0600003000", "700", "200005",
		"100002", "3", "1.00", "12.00", "nobody", "ch", "a1", "b",
	}
	for i := range 200 { // each pair of a filter, an order and a number of words comes at least once
		needle := words[r.IntN(len(words))]
		for range i % 3 {
			needle += " " + words[r.IntN(len(words))]
		}
		p := repo.Page{Deleted: i%11 == 0, Desc: i%3 == 0, Sort: []string{"", "id", "status"}[i%7%3]}
		checkScan(t, needle, p, repo.SortKeys[repo.Contract](), func(c repo.Contract) (int64, bool) {
			return c.ID, mentioned(needle, c.ID, c.TotalAmount, c.Status, *c.SalesContact, c.Customer,
				c.CustomerContact, c.CustomerEmail, c.CustomerPhone)
		}, func(p repo.Page) (repo.List[repo.Contract], error) {
			return admin.Contracts(ctx, repo.ContractFilter{
				Page: p, Unpaid: i%2 == 0, Unsigned: i%5 == 0, Mine: int64(i%4/3) * w.ids["sales2"],
			})
		})
		checkScan(t, needle, p, repo.SortKeys[repo.Event](), func(e repo.Event) (int64, bool) {
			return e.ID, mentioned(needle, e.ID, -1, orNothing(e.Name), orNothing(e.Location), orNothing(e.Comments),
				orNothing(e.SupportContact), e.Customer, e.CustomerContact, e.CustomerEmail, e.CustomerPhone)
		}, func(p repo.Page) (repo.List[repo.Event], error) {
			return admin.Events(ctx, repo.EventFilter{
				Page: p, SupportID: int64(i%4/3) * w.ids["support2"], NoSupport: i%9 == 4,
			})
		})
	}
}

// mentioned reports whether every word of a reading is in a text, or is the number or the amount.
func mentioned(needle string, id int64, amount repo.Money, texts ...string) bool {
	is := func(word string) bool {
		parsed, err := repo.ParseMoney(word)
		return word == fmt.Sprint(id) || err == nil && parsed == amount
	}
	all := func(words []string) bool {
		return !slices.ContainsFunc(words,
			func(word string) bool { return !is(word) && finding.Score(word, texts...) == 0 })
	}
	if is(needle) || finding.Score(needle, texts...) > 0 || slices.ContainsFunc(finding.Readings(needle), all) {
		return true
	}
	words := strings.Fields(needle)
	i := slices.IndexFunc(words, func(w string) bool {
		_, err := repo.ParseMoney(w)
		return err == nil && strings.Contains(w, ".")
	})
	return i >= 0 && is(words[i]) &&
		slices.ContainsFunc(finding.Readings(strings.Join(slices.Delete(words, i, i+1), " ")), all)
}

func orNothing(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// checkScan compares a search, page by page, with a list of everything. which returns a record's number and whether it
// matches.
func checkScan[T any](
	t *testing.T, needle string, p repo.Page, sorts map[string]string, which func(T) (int64, bool),
	list func(repo.Page) (repo.List[T], error),
) {
	t.Helper()
	if sorts[p.Sort] == "" && p.Sort != "" {
		p.Sort = ""
	}
	p.Limit = 1000
	want := []int64{}
	for _, r := range ok[repo.List[T]](t)(list(p)).Rows {
		if id, matches := which(r); matches {
			want = append(want, id)
		}
	}
	p.Search = needle
	got := pages(t, p, func(r T) int64 { id, _ := which(r); return id }, list)
	if !slices.Equal(got, want) && len(got)+len(want) > 0 {
		t.Errorf("%T %q %+v:\n%v, want\n%v", *new(T), needle, p, got, want)
	}
}
