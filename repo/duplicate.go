package repo

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// This file finds duplicate customers: with the same email or phone, or nearly the same company and person.

// A Likeness is the similarity of a customer to another one.
type Likeness struct {
	Customer Customer // the other one: its ID, names, email and phone
	Email    bool     // is the same
	Phone    bool     // is the same
	Names    bool     // company and person are the same, apart from spelling and legal forms
	Typo     bool     // company and person are, apart from one typo
}

// IsStrong reports whether the email or the phone is the same.
func (l Likeness) IsStrong() bool { return l.Email || l.Phone }

// rank is lower for more similar customers.
func (l Likeness) rank() int {
	switch {
	case l.Email && l.Phone:
		return 0
	case l.IsStrong() && (l.Names || l.Typo):
		return 1
	case l.Email:
		return 2
	case l.Phone:
		return 3
	case l.Names:
		return 4
	}
	return 5
}

// A CustomerIndex has customers by email, phone, company and person. It is not safe for concurrent use.
type CustomerIndex struct {
	vault                     Vault
	known                     []indexed
	emails, phones            map[string][]int
	companies, persons, names map[string][]int
}

type indexed struct {
	Customer
	email, company, person string // keys
}

// mostCompared is the number of customers with the same email, company or person with which a customer is compared: the
// latest ones.
const mostCompared = 1000

func newCustomerIndex(vault Vault) *CustomerIndex {
	return &CustomerIndex{
		vault: vault, emails: map[string][]int{}, phones: map[string][]int{},
		companies: map[string][]int{}, persons: map[string][]int{}, names: map[string][]int{},
	}
}

// keyed returns a customer with its keys. Values that cannot be decrypted, or were erased, have none.
func (x *CustomerIndex) keyed(c Customer) indexed {
	i := indexed{
		Customer: c, email: readable(x.vault.Fold(c.Email)),
		company: readable(c.CompanyName), person: readable(c.FullName),
	}
	i.Phone = readable(i.Phone)
	i.company, i.person = x.vault.CompanyKey(i.company), x.vault.PersonKey(i.person)
	return i
}

// readable returns the text, or "" for a placeholder.
func readable(text string) string {
	if strings.HasPrefix(text, "‹") {
		return ""
	}
	return text
}

// Add adds a customer.
func (x *CustomerIndex) Add(c Customer) {
	i, at := x.keyed(c), len(x.known)
	x.known = append(x.known, i)
	for _, e := range []struct {
		index map[string][]int
		key   string
	}{{x.emails, i.email}, {x.phones, i.Phone}, {x.companies, i.company}, {x.persons, i.person}} {
		if e.key != "" {
			e.index[e.key] = append(e.index[e.key], at)
		}
	}
	if i.company != "" && i.person != "" {
		x.names[i.company+" "+i.person] = append(x.names[i.company+" "+i.person], at)
	}
}

// Like returns the customers that are like c, the most similar first, without c itself.
func (x *CustomerIndex) Like(c Customer) []Likeness {
	i, found := x.keyed(c), map[int]*Likeness{}
	note := func(index map[string][]int, key string, compare func(other indexed, l *Likeness) bool) {
		if key == "" {
			return
		}
		all := index[key]
		for _, at := range all[max(0, len(all)-mostCompared):] {
			l := found[at]
			if l == nil {
				l = &Likeness{Customer: x.known[at].Customer}
			}
			if x.known[at].ID != c.ID && compare(x.known[at], l) {
				found[at] = l
			}
		}
	}
	note(x.emails, i.email, func(_ indexed, l *Likeness) bool { l.Email = true; return true })
	note(x.phones, i.Phone, func(_ indexed, l *Likeness) bool { l.Phone = true; return true })
	if i.company != "" && i.person != "" {
		note(x.names, i.company+" "+i.person, func(_ indexed, l *Likeness) bool { l.Names = true; return true })
		note(x.companies, i.company, func(o indexed, l *Likeness) bool {
			l.Typo = l.Typo || x.vault.IsTypo(o.person, i.person)
			return l.Typo
		})
		note(x.persons, i.person, func(o indexed, l *Likeness) bool {
			l.Typo = l.Typo || x.vault.IsTypo(o.company, i.company)
			return l.Typo
		})
	}
	alike := make([]Likeness, 0, len(found))
	for _, l := range found {
		alike = append(alike, *l)
	}
	slices.SortFunc(alike, func(a, b Likeness) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Customer.ID, b.Customer.ID))
	})
	return alike
}

// CustomerIndex returns an index of all live customers, for comparing many new ones: call Like for each, then Add.
func (db *DB) CustomerIndex(ctx context.Context) (*CustomerIndex, error) {
	x := newCustomerIndex(db.vault)
	err := db.ask(ctx, step{likeFrom().Where("deleted_at is null").OrderBy("id"), db.index(x)})
	return x, err
}

// LikeCustomer returns the live customers that are like c, the most similar first. It uses the blind index.
func (db *DB) LikeCustomer(ctx context.Context, c Customer) ([]Likeness, error) {
	return steady(db, func() ([]Likeness, error) {
		var sets [][]int32
		if c.Email != "" {
			exact, _, _ := db.vault.Needle(c.Email)
			sets = append(sets, exact...)
		}
		if c.Phone != "" {
			_, _, digits := db.vault.Needle(c.Phone)
			sets = append(sets, digits...)
		}
		if c.CompanyName != "" && c.FullName != "" {
			_, _, person := db.vault.Needle(c.FullName)
			_, _, company := db.vault.Needle(strings.Join(db.vault.CompanyWords(c.CompanyName), " "))
			sets = append(append(sets, person...), company...)
		}
		x := newCustomerIndex(db.vault)
		likely := offeredColumns(likeColumns, customers.view, customers.table+"_id_seq", sets,
			Page{Limit: mostCompared, Desc: true}, isDeleted(false), nil)
		if err := db.ask(ctx, inOrder(), step{inOrderOfID(likely), db.index(x)}); err != nil {
			return nil, err
		}
		return x.Like(c), nil
	})
}

// likeColumns are the columns in which customers are compared.
const likeColumns = "id, company_name, full_name, email, phone"

// likeFrom selects the columns in which customers are compared.
func likeFrom() squirrel.SelectBuilder { return sq().Select(likeColumns).From(customers.view) }

func inOrderOfID(rows squirrel.Sqlizer) squirrel.Sqlizer {
	return toDollar{squirrel.Expr("select * from (?) rows order by id", rows)}
}

// index adds the rows of likeFrom to an index while it reads them.
func (db *DB) index(x *CustomerIndex) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var id int64
		var company, person, email, phone []byte
		_, err := pgx.ForEachRow(rows, []any{&id, &company, &person, &email, &phone}, func() error {
			x.Add(Customer{
				ID: id, CompanyName: db.open("customer.company_name", company),
				FullName: db.open("customer.full_name", person),
				Email:    db.open("customer.email", email), Phone: db.open("customer.phone", phone),
			})
			return nil
		})
		return err
	}
}

// A Pair is two similar customers; the first is the older one.
type Pair struct {
	First Customer
	Likeness
}

// mostAlike is the number of older customers with which each customer is paired.
const mostAlike = 5

// CustomerPairs returns pairs of similar live customers, the most similar first.
func (db *DB) CustomerPairs(ctx context.Context) ([]Pair, error) {
	all, err := db.CustomerIndex(ctx)
	if err != nil {
		return nil, err
	}
	var pairs []Pair
	before := newCustomerIndex(db.vault)
	for _, c := range all.known {
		alike := before.Like(c.Customer)
		for _, l := range alike[:min(len(alike), mostAlike)] {
			first := l.Customer
			l.Customer = c.Customer
			pairs = append(pairs, Pair{first, l})
		}
		before.Add(c.Customer)
	}
	slices.SortStableFunc(pairs, func(a, b Pair) int { return cmp.Compare(a.rank(), b.rank()) })
	return pairs, nil
}
