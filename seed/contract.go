package seed

import (
	"context"
	"time"

	"crm/repo"
)

// A planned contract. Days are relative to today.
type contract struct {
	id        int64
	customer  *customer
	state     string // final state
	total     repo.Money
	due       repo.Money // what remains to be paid
	day       int        // of the signature
	last      moment     // of the last step
	signed    moment
	booked    moment // of its last booking
	lastEvent int    // the day by which its events have ended
}

// bookable reports whether the contract has events: it is signed, or was signed until it was finished.
func (k *contract) bookable() bool { return k.state == "signed" || k.state == "finished" }

// A course is the age of the contracts of a state: added from..to days ago.
type course struct {
	state    string
	from, to int
}

// courses are used in turn. The first allows events; six have every state.
func courses() []course {
	return []course{
		{"finished", 500, 120},
		{"to_send", 45, 4},
		{"canceled", 500, 70},
		{"signed", 400, 45},
		{"pending", 90, 15},
		{"signed", 250, 40},
		{"finished", 500, 120},
		{"signed", 300, 40},
		{"finished", 500, 120},
		{"signed", 150, 40},
	}
}

// someContract plans the i-th contract, of a customer who was added before it.
func (p *plan) someContract(i int, customers []*customer) *contract {
	all := courses()
	c := all[i%len(all)]
	old := len(customers)
	for old > 1 && customers[old-1].day >= -c.to-2 {
		old--
	}
	of := customers[p.rand.IntN(old)]
	day := p.between(max(of.day+1, -c.from), -c.to)
	total := p.amount(i)
	if c.state == "to_send" && p.chance(30) {
		total = 0 // no offer yet
	}
	k := p.addContract(day, of, c.state, total)
	if c.state == "signed" {
		p.payments(i, k)
	}
	return k
}

// addContract plans a contract up to its state, or to its signature if it will be finished.
func (p *plan) addContract(day int, of *customer, state string, total repo.Money) *contract {
	k := &contract{customer: of, state: state, total: total, due: total, last: p.at(day, of.since)}
	p.made.Contracts++
	p.then(k.last, p.team.manager, func(ctx context.Context, w writer) error {
		return w.add(ctx, "contract", repo.Change{"customer_id": &of.id, "total_amount": &total}, &k.id)
	})
	if state == "to_send" {
		return k
	}
	if sent := p.between(day+1, day+8); state == "pending" || p.chance(60) {
		p.step(sent, k, "pending")
	}
	switch state {
	case "canceled":
		p.step(p.between(day+10, day+60), k, "canceled")
	case "signed", "finished":
		k.day = p.between(day+9, day+25)
		p.step(k.day, k, "signed")
		k.signed, k.lastEvent = k.last, k.day
	}
	return k
}

// step plans a change of a contract's state, by its sales contact or by management.
func (p *plan) step(day int, k *contract, state string) {
	k.last = p.at(day, k.last)
	p.then(k.last, p.responsible(k), func(ctx context.Context, w writer) error {
		return w.update(ctx, "contract", &k.id, repo.Change{"status": &state})
	})
}

func (p *plan) responsible(k *contract) *member {
	if p.chance(70) {
		return k.customer.owner
	}
	return p.team.manager
}

// pay plans a payment, dated the day on which it is recorded.
func (p *plan) pay(day int, k *contract, amount repo.Money) {
	k.due -= amount
	k.last = p.at(day, k.last)
	on := k.last.time
	p.made.Payments++
	p.then(k.last, p.responsible(k), func(ctx context.Context, w writer) error {
		return w.add(ctx, "payment", repo.Change{
			"contract_id": &k.id, "amount": amount, "paid_on": on.Format(time.DateOnly),
		}, nil)
	})
}

// payments plans the payments of a signed contract: none, a deposit, more, or all.
func (p *plan) payments(i int, k *contract) {
	deposit := k.total * 3 / 10
	switch i / 2 % 4 { // signed contracts have odd and even numbers
	case 1:
		p.pay(k.day+6, k, deposit)
	case 2:
		p.pay(k.day+4, k, deposit)
		p.pay(p.between(k.day+5, -1), k, k.total/4)
	case 3:
		p.pay(p.between(k.day+2, -1), k, k.total)
	}
}

// finish plans the payments of a contract and its end, after its events.
func (p *plan) finish(k *contract) {
	if p.chance(70) {
		p.pay(p.between(k.day+2, k.day+12), k, k.total*3/10)
	}
	over := p.between(max(k.lastEvent, k.day+20), -1)
	p.pay(p.between(k.day+13, over), k, k.due)
	k.last = later(k.last, k.booked)
	p.step(over, k, "finished")
}

// amount returns the total of the i-th contract: many are small, few are large, some have cents.
func (p *plan) amount(i int) repo.Money {
	var euros int
	switch n := p.rand.IntN(100); {
	case i%25 == 9:
		euros = p.between(10, 60) * 125_000
	case n < 60:
		euros = p.between(8, 90) * 100
	case n < 90:
		euros = p.between(18, 120) * 500
	default:
		euros = p.between(60, 450) * 1000
	}
	amount := repo.Money(euros) * 100
	if p.chance(30) {
		amount += repo.Money(p.between(1, 9_999))
	}
	return amount
}
