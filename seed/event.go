package seed

import (
	"context"
	"fmt"
	"strings"
	"time"

	"crm/repo"
)

// someEvent plans the i-th event, under a contract that allows it.
func (p *plan) someEvent(i int, k *contract) {
	what := pick(p, p.kinds)
	start := p.between(k.day+10, -8)
	isComing := k.state == "signed" && (k.day > -60 || p.chance(65))
	if isComing {
		start = p.between(8, 240)
	}
	begins := p.date(p.weekday(start, what.party), (what.hour*2+p.rand.IntN(4))*30)
	ends := begins.Add(time.Duration(p.between(what.shortest*2, what.longest*2)) * 30 * time.Minute)
	e := repo.Change{
		"name": what.title(k.customer), "start_date": begins, "end_date": ends,
		"location": p.place(what), "attendees": p.between(what.fewest, what.most), "comments": p.notes(),
	}
	switch i % 13 { // some fields are empty at first
	case 4:
		delete(e, "comments")
	case 8:
		delete(e, "location")
	}
	support := p.free(i, begins, ends)
	if isComing {
		if p.coming++; p.coming%3 == 0 {
			support = nil
		}
	}
	p.addEvent(p.between(k.day+1, min(start-5, -1)), start, k, booking{begins, ends}, e, support)
}

// weekday returns a suitable day near a day: a Saturday for parties, a working day for business.
func (p *plan) weekday(day int, party bool) int {
	toSaturday := int(time.Saturday - p.date(day, 12*60).Weekday())
	switch {
	case party && toSaturday > 3:
		return day + toSaturday - 7
	case party:
		return day + toSaturday
	case toSaturday == 0:
		return day + 2
	case toSaturday == 6:
		return day + 1
	}
	return day
}

// free returns the next support collaborator without an event at that time; nil if there is none.
func (p *plan) free(turn int, begins, ends time.Time) *member {
	for i := range p.team.support {
		m := p.team.support[(turn+i)%len(p.team.support)]
		if p.diary.free(m, begins, ends) {
			return m
		}
	}
	return nil
}

// addEvent plans that the sales contact books an event, that management assigns its support contact, if any, and that
// support sometimes adds notes. talksTo has the event's contact, if any.
func (p *plan) addEvent(day, start int, k *contract, at booking, e repo.Change, support *member, talksTo ...*contact) {
	var id int64
	added := p.at(day, k.signed)
	p.made.Events++
	k.booked, k.lastEvent = later(k.booked, added), max(k.lastEvent, start+7)
	p.then(added, k.customer.owner, func(ctx context.Context, w writer) error {
		e["contract_id"] = &k.id
		for _, c := range talksTo {
			e["contact_id"] = &c.id
		}
		return w.add(ctx, "event", e, &id)
	})
	// The random number is drawn in any case: whether a collaborator is free depends on the date.
	last := min(start-2, -1)
	assigned := p.at(p.between(day, last), added)
	noted, text, goesOn := p.at(last, assigned), pick(p, news()), p.chance(30) && e["comments"] != nil
	if support == nil {
		return
	}
	p.diary.book(support, at.begins, at.ends)
	p.then(assigned, p.team.manager, func(ctx context.Context, w writer) error {
		return w.update(ctx, "event", &id, repo.Change{"support_id": &support.id})
	})
	if !goesOn {
		return
	}
	p.then(noted, support, func(ctx context.Context, w writer) error {
		return w.update(ctx, "event", &id, repo.Change{"comments": fmt.Sprint(e["comments"], " ", text)})
	})
}

// title returns the name of such an event: the name of a person for a party, of a company for business.
func (what kind) title(of *customer) string {
	name := of.brand
	if what.personal {
		name = of.fullName
	}
	return name + " " + what.name
}

// place returns the location of such an event.
func (p *plan) place(what kind) string {
	places := venues()
	if what.most > 1000 {
		places = grounds()
	}
	return strings.ReplaceAll(pick(p, places), "%", pick(p, cities()))
}

// notes returns the notes of an event, with the names of guests.
func (p *plan) notes() string {
	text := pick(p, remarks())
	if p.chance(60) {
		text += " Guests of honour: " + p.someone() + " and " + p.someone() + "."
	}
	return text
}

// A diary has the bookings of each support collaborator.
type diary map[int64][]booking

type booking struct{ begins, ends time.Time }

// load reads the bookings of earlier fillings and real users.
func (d diary) load(ctx context.Context, db *repo.DB, t *team) error {
	for _, m := range t.support {
		const all = 1 << 30
		events, err := db.As(m.signer.Token).Events(ctx, repo.EventFilter{SupportID: m.id, Page: repo.Page{Limit: all}})
		if err != nil {
			return err
		}
		for _, e := range events.Rows {
			if e.StartDate != nil && e.EndDate != nil {
				d.book(m, *e.StartDate, *e.EndDate)
			}
		}
	}
	return nil
}

func (d diary) book(m *member, begins, ends time.Time) {
	d[m.id] = append(d[m.id], booking{begins, ends})
}

func (d diary) free(m *member, begins, ends time.Time) bool {
	for _, b := range d[m.id] {
		if b.begins.Before(ends) && begins.Before(b.ends) {
			return false
		}
	}
	return true
}
