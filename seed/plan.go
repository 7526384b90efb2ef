package seed

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"crm/repo"
)

// A plan has all steps. Random numbers and the order depend on Config.Seed only and never on today's date, so a demo
// shows the same records with the same IDs on every day.
type plan struct {
	rand   *rand.Rand
	now    time.Time // in the zone
	team   *team
	diary  diary
	steps  []step
	made   Made
	coming int  // the number of coming events to plan
	told   bool // the story is complete: later records get higher IDs

	countries []country
	rarities  []rarity
	kinds     []kind
}

// A moment is the position of a step in the order, and the timestamp of its record.
type moment struct {
	order int // in minutes
	time  time.Time
}

// A step is one action of a collaborator.
type step struct {
	when moment
	who  *member
	do   func(context.Context, writer) error
}

// A writer queues the writes of a collaborator at a time.
type writer struct {
	*repo.Queue
	as *repo.DB
}

func (w writer) add(ctx context.Context, noun string, c repo.Change, id *int64) error {
	return w.Add(ctx, w.as, noun, c, id)
}

func (w writer) update(ctx context.Context, noun string, id *int64, c repo.Change) error {
	return w.Update(ctx, w.as, noun, id, c)
}

func newPlan(c Config, t *team) *plan {
	zone := c.Zone
	if zone == nil {
		zone = time.UTC
	}
	return &plan{
		rand: rand.New(rand.NewPCG(c.Seed, 0x65706963)), now: c.Now.In(zone), team: t, diary: diary{},
		countries: countries(), rarities: rarities(), kinds: kinds(),
	}
}

// everything plans the story, the other customers, their contracts, the events, and the end of contracts.
func (p *plan) everything(c Config) {
	customers, contracts := p.story(c)
	p.told = true
	for len(customers) < c.Customers {
		customers = append(customers, p.someCustomer(len(customers), c.Customers))
	}
	for i := 0; len(contracts) < c.Contracts; i++ {
		contracts = append(contracts, p.someContract(i, customers))
	}
	booked := slices.DeleteFunc(slices.Clone(contracts), func(k *contract) bool { return !k.bookable() })
	for i := p.made.Events; i < c.Events; i++ {
		p.someEvent(i, booked[p.rand.IntN(len(booked))])
	}
	for _, k := range contracts {
		if k.state == "finished" {
			p.finish(k)
		}
	}
}

// mostInOrder is the number of steps that are written in their order, so that IDs follow the time. With more of them,
// records that are alike are written together.
const mostInOrder = 2000

// perform runs the steps in order in one transaction.
func (p *plan) perform(ctx context.Context, db *repo.DB, progress func(done, total int)) (Made, error) {
	slices.SortStableFunc(p.steps, func(a, b step) int { return a.when.order - b.when.order })
	tx, commit, rollback, err := db.Atomic(ctx)
	if err != nil {
		return Made{}, err
	}
	queue, as := &repo.Queue{AnyOrder: len(p.steps) > mostInOrder}, map[*member]*repo.DB{}
	defer func() { _ = errors.Join(queue.Wait(), rollback(context.WithoutCancel(ctx))) }()
	for i, s := range p.steps {
		if as[s.who] == nil {
			as[s.who] = tx.As(s.who.signer.Token)
		}
		if err := s.do(ctx, writer{queue, as[s.who].At(s.when.time)}); err != nil {
			return Made{}, err
		}
		progress(i+1, len(p.steps))
	}
	if err := queue.Send(ctx); err != nil {
		return Made{}, err
	}
	return p.made, commit(ctx)
}

// then plans a step.
func (p *plan) then(when moment, who *member, do func(context.Context, writer) error) {
	p.steps = append(p.steps, step{when, who, do})
}

const (
	beginning = -549           // days: 18 months ago
	lead      = 1000 * 24 * 60 // minutes by which the story precedes all other steps
)

// at returns a moment in office hours, so many days from today (negative: ago), and after another moment. A weekend is
// replaced by the Friday before.
func (p *plan) at(day int, after moment) moment {
	minute := 9*60 + p.rand.IntN(8*60)
	m := moment{order: (day-beginning)*24*60 + minute, time: p.date(day, minute)}
	if p.told {
		m.order += lead
	}
	switch m.time.Weekday() {
	case time.Saturday:
		m.time = p.date(day-1, minute)
	case time.Sunday:
		m.time = p.date(day-2, minute)
	}
	if earliest := after.time.Add(10 * time.Minute); m.time.Before(earliest) {
		m.time = earliest
	}
	m.order = max(m.order, after.order+1)
	return m
}

// later returns a moment after both.
func later(a, b moment) moment {
	if b.time.After(a.time) {
		a.time = b.time
	}
	a.order = max(a.order, b.order)
	return a
}

// date returns a time of day, in minutes, so many days from today.
func (p *plan) date(day, minute int) time.Time {
	return time.Date(p.now.Year(), p.now.Month(), p.now.Day()+day, 0, minute, 0, 0, p.now.Location())
}

// between returns a random number from low to high, inclusive; low if high is lower.
func (p *plan) between(low, high int) int {
	if high <= low {
		return low
	}
	return low + p.rand.IntN(high-low+1)
}

// chance returns true in so many of a hundred cases.
func (p *plan) chance(percent int) bool { return p.rand.IntN(100) < percent }

// pick returns a random element of the list.
func pick[T any](p *plan, list []T) T { return list[p.rand.IntN(len(list))] }
