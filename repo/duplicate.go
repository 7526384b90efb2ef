package repo

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
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

// A CustomerIndex has customers by their keys. It holds all customers of an import's database, so each takes few bytes.
// It is not safe for concurrent use.
type CustomerIndex struct {
	vault Vault
	seed  maphash.Seed
	known []packed
	last  [keyKinds]map[uint32]int32 // the place of the last customer with a key, by the key's hash
}

// The kinds of keys.
const (
	byEmail = iota
	byPhone
	byCompany
	byPerson
	byNames // company and person
	keyKinds
)

// An indexed is a customer and the forms of its texts that are compared.
type indexed struct {
	id                                 int64
	companyName, fullName, email       string
	plainEmail, phone, company, person string
}

// A packed customer is an indexed one in little memory, and the places of the customers before it whose keys have the
// same hashes; -1 is none.
type packed struct {
	id     int64
	texts  string    // one after the other; no plainEmail if it is the email
	ends   [7]uint32 // of each
	before [keyKinds]int32
}

func (i indexed) packed() packed {
	if i.plainEmail == i.email {
		i.plainEmail = ""
	}
	texts := [...]string{i.companyName, i.fullName, i.email, i.plainEmail, i.phone, i.company, i.person}
	p, end := packed{id: i.id, texts: strings.Join(texts[:], "")}, uint32(0)
	for n, text := range texts {
		end += uint32(len(text))
		p.ends[n] = end
	}
	return p
}

func (p *packed) indexed() indexed {
	i := indexed{
		p.id, p.texts[:p.ends[0]], p.texts[p.ends[0]:p.ends[1]], p.texts[p.ends[1]:p.ends[2]],
		p.texts[p.ends[2]:p.ends[3]], p.texts[p.ends[3]:p.ends[4]], p.texts[p.ends[4]:p.ends[5]],
		p.texts[p.ends[5]:p.ends[6]],
	}
	if i.plainEmail == "" {
		i.plainEmail = readable(i.email)
	}
	return i
}

// mostCompared is the number of customers with the same email, company or person with which a customer is compared: the
// latest ones.
const mostCompared = 1000

func newCustomerIndex(vault Vault) *CustomerIndex {
	x := &CustomerIndex{vault: vault, seed: maphash.MakeSeed()}
	for kind := range x.last {
		x.last[kind] = map[uint32]int32{}
	}
	return x
}

// keyed returns a customer with its keys. Values that cannot be decrypted, or were erased, have none.
func (x *CustomerIndex) keyed(c Customer) indexed {
	return indexed{
		id: c.ID, companyName: c.CompanyName, fullName: c.FullName, email: c.Email,
		plainEmail: readable(x.vault.Fold(c.Email)), phone: readable(c.Phone),
		company: x.vault.CompanyKey(readable(c.CompanyName)), person: x.vault.PersonKey(readable(c.FullName)),
	}
}

func (i indexed) customer() Customer {
	return Customer{ID: i.id, CompanyName: i.companyName, FullName: i.fullName, Email: i.email, Phone: i.phone}
}

// key returns the parts of a key; two empty ones if the customer has none.
func (i indexed) key(kind int) (text, more string) {
	switch {
	case kind == byEmail:
		return i.plainEmail, ""
	case kind == byPhone:
		return i.phone, ""
	case kind == byCompany:
		return i.company, ""
	case kind == byPerson:
		return i.person, ""
	case i.company == "" || i.person == "":
		return "", ""
	}
	return i.company, i.person
}

func (x *CustomerIndex) hash(text, more string) uint32 {
	return uint32(maphash.String(x.seed, text) ^ 3*maphash.String(x.seed, more))
}

// readable returns the text, or "" for a placeholder.
func readable(text string) string {
	if strings.HasPrefix(text, "‹") {
		return ""
	}
	return text
}

// Add adds a customer.
func (x *CustomerIndex) Add(c Customer) { x.add(x.keyed(c)) }

func (x *CustomerIndex) add(i indexed) {
	p := i.packed()
	for kind := range keyKinds {
		p.before[kind] = -1
		if text, more := i.key(kind); text != "" {
			hash := x.hash(text, more)
			if at, found := x.last[kind][hash]; found {
				p.before[kind] = at
			}
			x.last[kind][hash] = int32(len(x.known))
		}
	}
	x.known = append(x.known, p)
}

// with calls do for the latest customers with the same key as i.
func (x *CustomerIndex) with(kind int, i indexed, do func(other int32)) {
	text, more := i.key(kind)
	if text == "" {
		return
	}
	at, found := x.last[kind][x.hash(text, more)]
	for n := 0; found && at >= 0 && n < mostCompared; at = x.known[at].before[kind] {
		if other, also := x.known[at].indexed().key(kind); other == text && also == more {
			do(at)
			n++
		}
	}
}

// Like returns the customers that are like c, the most similar first, without c itself.
func (x *CustomerIndex) Like(c Customer) []Likeness { return x.like(x.keyed(c)) }

func (x *CustomerIndex) like(i indexed) []Likeness {
	found := map[int32]*Likeness{}
	note := func(kind int, compare func(other indexed, l *Likeness) bool) {
		x.with(kind, i, func(at int32) {
			l, other := found[at], x.known[at].indexed()
			if l == nil {
				l = &Likeness{Customer: other.customer()}
			}
			if other.id != i.id && compare(other, l) {
				found[at] = l
			}
		})
	}
	note(byEmail, func(_ indexed, l *Likeness) bool { l.Email = true; return true })
	note(byPhone, func(_ indexed, l *Likeness) bool { l.Phone = true; return true })
	if i.company != "" && i.person != "" {
		note(byNames, func(_ indexed, l *Likeness) bool { l.Names = true; return true })
		note(byCompany, func(o indexed, l *Likeness) bool {
			l.Typo = l.Typo || x.vault.IsTypo(o.person, i.person)
			return l.Typo
		})
		note(byPerson, func(o indexed, l *Likeness) bool {
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
