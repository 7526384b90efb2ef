package repo_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"crm/repo"
)

// The pairs among thousands of customers are those that a comparison of each with all before it finds,
// also where names are frequent, short, not Latin, missing, or differ by a typo, a legal form or their order.
func TestCustomerPairs(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	db := w.as("sales1")
	before := ok[*repo.CustomerIndex](t)(db.CustomerIndex(ctx))
	records := someCustomers(rand.New(rand.NewPCG(1, 2)), 3000)
	if err := importCustomers(ctx, db, records); err != nil {
		t.Fatal(err)
	}
	w.set("update customer set deleted_at = now(), changed_in = null where id % 50 = 0")
	w.set("update customer set phone = $1 where id % 40 = 1", w.forged("unreadable"))
	var want []repo.Pair
	kinds := map[string]int{}
	for _, c := range ok[repo.List[repo.Customer]](t)(db.Customers(ctx, repo.CustomerFilter{
		Page: repo.Page{Limit: 5000},
	})).Rows {
		alike := before.Like(c)
		for _, l := range alike[:min(len(alike), 5)] {
			first := l.Customer
			l.Customer = c
			want = append(want, repo.Pair{First: first, Likeness: l})
		}
		before.Add(c)
	}
	name := func(p repo.Pair) string {
		return fmt.Sprint(p.First.ID, p.Customer.ID, p.Email, p.Phone, p.Names, p.Typo)
	}
	got := ok[[]repo.Pair](t)(db.CustomerPairs(ctx))
	for _, p := range got {
		kinds[fmt.Sprint(p.Email, p.Phone, p.Names, p.Typo)]++
	}
	byName := func(a, b repo.Pair) int { return cmp.Compare(name(a), name(b)) }
	slices.SortFunc(want, byName)
	slices.SortFunc(got, byName)
	if slices.CompareFunc(got, want, byName) != 0 {
		t.Errorf("%d pairs, want %d", len(got), len(want))
	}
	if len(kinds) < 6 || len(got) < 300 {
		t.Errorf("too few pairs to compare: %d, %v", len(got), kinds)
	}
}

// someCustomers returns customers of whom many are alike.
func someCustomers(r *rand.Rand, n int) []repo.Change {
	pick := func(texts ...string) string { return texts[r.IntN(len(texts))] }
	letters := []rune("abcdeéoßuz東京ж")
	word := func(least int) string {
		text := make([]rune, least+r.IntN(4))
		for i := range text {
			text[i] = letters[r.IntN(len(letters))]
		}
		return string(text)
	}
	mistyped := func(text string) string {
		c := []rune(text)
		at := r.IntN(len(c))
		switch r.IntN(4) {
		case 0:
			c[at] = letters[r.IntN(len(letters))]
		case 1:
			c = slices.Insert(c, at, letters[r.IntN(len(letters))])
		case 2:
			if len(c) > 2 {
				c = slices.Delete(c, at, at+1)
			}
		default:
			at = r.IntN(max(1, len(c)-1))
			if at+1 < len(c) {
				c[at], c[at+1] = c[at+1], c[at]
			}
		}
		if text = strings.TrimSpace(string(c)); text == "" {
			return "x"
		}
		return text
	}
	all := make([]repo.Change, 0, n)
	for i := range n {
		c := repo.Change{
			"company_name": word(1) + pick("", " ", " & ") + word(2) + pick("", " SARL", " gmbh", " S.A.S."),
			"full_name":    word(1) + " " + word(2),
			"email":        fmt.Sprintf("a%d@b.example", i), "phone": fmt.Sprintf("+336%08d", i),
		}
		if i%3 == 0 {
			c["full_name"] = pick("Jean Martin", "Li Wu", "東京 京", "Ann Lee Wood")
		}
		if i > 10 && r.IntN(2) == 0 { // like an earlier one
			other := all[r.IntN(len(all))]
			for column, v := range other {
				text := fmt.Sprint(v)
				switch r.IntN(6) {
				case 0:
				case 1:
					if strings.Contains(column, "name") {
						text = mistyped(text)
					}
					c[column] = text
				case 2:
					words := strings.Fields(text)
					slices.Reverse(words)
					c[column] = strings.Join(words, " ")
				case 3:
					c[column] = strings.ToUpper(text)
				default:
					c[column] = text
				}
			}
		}
		if r.IntN(9) == 0 {
			delete(c, pick("email", "phone"))
		}
		all = append(all, c)
	}
	return all
}

// CustomerPairs lists the other pairs although a sealed text is not UTF-8. Whoever has the keyset can seal such a text.
func TestCustomerPairsOfAnyBytes(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	for _, text := range []string{"Bad\xff", "Bad\xff", "\xf0\x9f", "\xed\xa0\x80 GmbH"} {
		sealed, _, err := w.vault.Seal("customer.company_name", text)
		if err != nil {
			t.Fatal(err)
		}
		person, _, err := w.vault.Seal("customer.full_name", "\xfe"+text)
		if err != nil {
			t.Fatal(err)
		}
		w.set("insert into customer (company_name, full_name) values ($1, $2)", sealed, person)
	}
	if pairs, err := w.as("manage").CustomerPairs(ctx); err != nil || len(pairs) == 0 {
		t.Errorf("%d pairs, %v", len(pairs), err)
	}
}
