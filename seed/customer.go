package seed

import (
	"context"
	"fmt"
	"strings"
	"time"

	"crm/repo"
)

// A planned customer. The ID is known after its step.
type customer struct {
	id       int64
	day      int // of the first contact
	since    moment
	owner    *member
	fullName string
	brand    string // the company without its legal form
}

// addCustomer plans a customer. Its owner adds it and so becomes its sales contact.
func (p *plan) addCustomer(day int, owner *member, brand, fullName string, c repo.Change) *customer {
	who := &customer{day: day, since: p.at(day, moment{}), owner: owner, fullName: fullName, brand: brand}
	p.made.Customers++
	p.then(who.since, owner, func(ctx context.Context, w writer) error {
		return w.add(ctx, "customer", c, &who.id)
	})
	return who
}

// A planned contact. The ID is known after its step.
type contact struct{ id int64 }

// addContact plans a contact of a customer, shortly after the customer. It uses no random number.
func (p *plan) addContact(of *customer, c repo.Change) *contact {
	who := &contact{}
	p.made.Contacts++
	p.then(moment{of.since.order + 1, of.since.time.Add(10 * time.Minute)},
		of.owner, func(ctx context.Context, w writer) error {
			c["customer_id"] = &of.id
			return w.add(ctx, "contact", c, &who.id)
		})
	return who
}

// addNote plans a note of the customer's owner, with a due day if there is one, and addTag a tag.
func (p *plan) addNote(of *customer, text string, due *time.Time) {
	c := repo.Change{"customer_id": &of.id, "text": text}
	if due != nil {
		c["due"] = due.Format(time.DateOnly)
	}
	p.made.Notes++
	p.then(moment{of.since.order + 1, of.since.time.Add(20 * time.Minute)},
		of.owner, func(ctx context.Context, w writer) error { return w.add(ctx, "note", c, nil) })
}

func (p *plan) addTag(of *customer, tag string) {
	p.then(moment{of.since.order + 1, of.since.time.Add(30 * time.Minute)},
		of.owner, func(ctx context.Context, w writer) error {
			return w.add(ctx, "tag", repo.Change{"customer_id": &of.id, "name": tag}, nil)
		})
}

// changeCustomer plans an update of a customer at a later contact.
func (p *plan) changeCustomer(day int, who *customer, c repo.Change) {
	p.then(p.at(day, who.since), who.owner, func(ctx context.Context, w writer) error {
		return w.update(ctx, "customer", &who.id, c)
	})
}

// someCustomer plans the i-th of n customers. First contacts are distributed evenly up to last week.
func (p *plan) someCustomer(i, n int) *customer {
	const span = -beginning - 10
	day := beginning + 3 + (i*span+p.rand.IntN(span))/n
	owner := p.team.sales[i%len(p.team.sales)]
	if i%5 == 4 {
		r := p.rarities[i/5%len(p.rarities)]
		return p.addCustomer(day, owner, r.brand, r.fullName, repo.Change{
			"company_name": r.company, "full_name": r.fullName, "email": r.email, "phone": r.phone,
		})
	}
	home := pick(p, p.countries)
	first, last := pick(p, home.firsts), pick(p, home.lasts)
	brand := strings.ReplaceAll(pick(p, home.brands), "%", pick(p, home.lasts))
	c := repo.Change{
		"company_name": brand + " " + pick(p, home.forms), "full_name": first + " " + last,
		"email": mailbox(first) + "." + mailbox(last) + "@" + mailbox(brand) + ".example", "phone": p.phone(home),
	}
	switch i % 11 { // some fields of some customers are empty
	case 6:
		delete(c, "phone")
	case 10:
		delete(c, "email")
	}
	who := p.addCustomer(day, owner, brand, first+" "+last, c)
	if i%4 == 2 {
		first, last := home.firsts[i%len(home.firsts)], home.lasts[i*7%len(home.lasts)]
		p.addContact(who, repo.Change{
			"full_name": first + " " + last, "role": duties()[i%len(duties())],
			"email": mailbox(first) + "@" + mailbox(brand) + ".example",
		})
	}
	if i%3 == 1 {
		p.changeCustomer(p.between(who.day+5, -1), who, repo.Change{"phone": p.phone(home)})
	}
	return who
}

// phone returns a number of the country from the range for fiction.
func (p *plan) phone(home country) string {
	r := pick(p, home.phones)
	n := 1
	for range r.digits {
		n *= 10
	}
	return fmt.Sprintf("%s%0*d", r.prefix, r.digits, p.rand.IntN(n))
}

// someone returns a first and last name.
func (p *plan) someone() string {
	home := pick(p, p.countries)
	return pick(p, home.firsts) + " " + pick(p, home.lasts)
}
