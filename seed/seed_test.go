package seed_test

import (
	"context"
	"net/mail"
	"reflect"
	"regexp"
	"testing"
	"time"
	"unicode/utf8"

	"crm/repo"
	"crm/security"
	"crm/seed"
)

// S2: as many records as requested, all of them marked.
func TestAmounts(t *testing.T) {
	for _, c := range []struct{ customers, contracts, events int }{
		{seed.DefaultCustomers, seed.DefaultContracts, seed.DefaultEvents},
		{0, 0, 0},
		{1, 0, 0},
		{1, 1, 1},
		{2, 1, 3},
		{3, 3, 1},
		{5, 9, 30},
	} {
		w, config, last, calls := newWorld(t), demo(), 0, 0
		config.Customers, config.Contracts, config.Events = c.customers, c.contracts, c.events
		made, err := seed.Fill(context.Background(), w.admin, w.db, config, func(done, total int) {
			calls++
			if last = total; done != calls {
				t.Errorf("step %d reported as %d", calls, done)
			}
		})
		must(t, err)
		want := seed.Made{
			Users: 6, Customers: c.customers, Contracts: c.contracts, Payments: made.Payments, Events: c.events,
			Contacts: made.Contacts, Notes: made.Notes,
		}
		if made != want || made != w.counts() || last != calls {
			t.Errorf("%+v: made %+v, found %+v, %d of %d steps", c, made, w.counts(), calls, last)
		}
		if w.count(
			"select count(*) from session where seeding and not exists (select from session_end where session_id "+
				"= id)") != 0 {
			t.Error("a seeding session is still open")
		}
	}
}

// counts returns the numbers of fictional records; a record that is not marked fails the test.
func (w *world) counts() seed.Made {
	w.t.Helper()
	n := func(table string) int {
		if real := w.count("select count(*) from " + table + " where not fictional"); real != 0 {
			w.t.Errorf("%d of table %s are not marked as fictional", real, table)
		}
		return w.count("select count(*) from " + table)
	}
	return seed.Made{
		Users: n("collaborator"), Customers: n("customer"), Contracts: n("contract"),
		Payments: n("payment"), Events: n("event"), Contacts: n("contact"), Notes: n("note"),
	}
}

func TestImpossible(t *testing.T) {
	w := newWorld(t)
	for _, c := range []seed.Config{
		{Customers: -1, Now: time.Now()},
		{Contracts: 1, Now: time.Now()},
		{Customers: 1, Events: 1, Now: time.Now()},
		{Customers: 1},
	} {
		made, err := seed.Fill(context.Background(), w.admin, w.db, c, nil)
		if err == nil || made != (seed.Made{}) || w.count("select count(*) from collaborator") != 0 {
			t.Errorf("%+v: %+v, %v", c, made, err)
		}
	}
}

// The same seed and time give the same records with the same IDs, another seed gives others. On another day, the IDs
// are the same.
func TestRepeatable(t *testing.T) {
	var all [4]everything
	for i, change := range []func(*seed.Config){
		func(*seed.Config) {}, func(*seed.Config) {}, func(c *seed.Config) { c.Seed++ },
		func(c *seed.Config) { c.Now = c.Now.Add(80 * time.Hour) },
	} {
		w, c := newWorld(t), demo()
		c.Customers, c.Contracts, c.Events = 20, 30, 120 // many overlap
		change(&c)
		w.fill(c)
		all[i] = w.everything()
	}
	if !reflect.DeepEqual(all[0], all[1]) {
		t.Error("the same seed and time made other data")
	}
	if reflect.DeepEqual(all[0].customers, all[2].customers) {
		t.Error("another seed made the same customers")
	}
	for i, a := range all[0].contracts {
		if b := all[3].contracts[i]; a.CustomerID != b.CustomerID || a.TotalAmount != b.TotalAmount ||
			a.Status != b.Status {
			t.Errorf("contract %d is another one three days later", a.ID)
		}
	}
	for i, a := range all[0].events {
		if b := all[3].events[i]; *a.Name != *b.Name || a.ContractID != b.ContractID {
			t.Errorf("event %d is another one three days later: %s, %s", a.ID, *a.Name, *b.Name)
		}
	}
}

// The first records are those in the documentation.
func TestStory(t *testing.T) {
	w, config := newWorld(t), demo()
	config.Customers, config.Contracts, config.Events = 4, 4, 3
	w.fill(config)
	all := w.everything()
	for i, want := range [][4]string{
		{"Cool Startup LLC", "Kevin Casey", "kevin@startup.example", "+67812345678"},
		{"Bouzin SARL", "Lou Bouzin", "lou@bouzin.example", "+66612345678"},
		{"Quick & Daughters Ltd", "John Quick", "john@quick.example", "+12025550123"},
	} {
		c := all.customers[i]
		if got := [4]string{c.CompanyName, c.FullName, c.Email, c.Phone}; got != want || c.ID != int64(i+1) {
			t.Errorf("customer %d: %v, want %v", c.ID, got, want)
		}
	}
	lou, wedding := all.events[0], all.events[1]
	if lou.ID != 1 || lou.CustomerID != 2 || lou.ContractID != 1 || *lou.Name != "Lou Bouzin General Assembly" ||
		*lou.Location != "Salle des fêtes de Mufflins" || *lou.Attendees != 200 || all.contracts[0].Status != "signed" {
		t.Errorf("event 1: %+v", lou)
	}
	if wedding.ID != 2 || wedding.CustomerID != 3 || wedding.ContractID != 2 || *wedding.Name != "John Quick Wedding" ||
		*wedding.Attendees != 75 ||
		*wedding.Location != "53 Rue du Château, 41120 Candé-sur-Beuvron, France" ||
		*wedding.SupportContact != "Kate Hastroff" {
		t.Errorf("event 2: %+v", wedding)
	}
}

// Every state is used. No record is older than those that it depends on, or later than now.
func TestContracts(t *testing.T) {
	w, c := newWorld(t), demo()
	w.fill(c)
	all := w.everything()
	states, paid := map[string]int{}, map[string]int{}
	for _, k := range all.contracts {
		states[k.Status]++
		of := all.customers[k.CustomerID-1]
		signed := k.Status == "signed" || k.Status == "finished"
		switch {
		case k.CreatedAt.Before(of.CreatedAt), k.UpdatedAt.Before(k.CreatedAt), k.UpdatedAt.After(c.Now),
			signed != (k.SignedAt != nil), signed && k.SignedAt.Before(k.CreatedAt),
			of.CreatedAt.Before(c.Now.AddDate(0, -19,
				0)):
			t.Errorf("contract %d: %+v of customer %+v", k.ID, k, of)
		case k.Status == "signed" && k.RemainingAmount == 0:
			paid["all"]++
		case k.Status == "signed" && k.RemainingAmount < k.TotalAmount:
			paid["part"]++
		case k.Status == "signed":
			paid["nothing"]++
		}
		if k.TotalAmount >= 100_000_000 {
			paid["a million"]++
		}
		if k.TotalAmount%100 != 0 {
			paid["cents"]++
		}
	}
	if len(states) != len(repo.ContractStatuses()) || len(paid) != 5 {
		t.Errorf("states: %v, amounts: %v", states, paid)
	}
	if n := w.count(`select count(*) from payment p join contract k on k.id = p.contract_id
		where p.paid_on < (k.signed_at at time zone 'Europe/Paris')::date or p.created_at < k.signed_at
		or p.paid_on <> (p.created_at at time zone 'Europe/Paris')::date`); n != 0 {
		t.Errorf("%d payments at a wrong time", n)
	}
}

func TestEvents(t *testing.T) {
	w, c := newWorld(t), demo()
	c.Customers, c.Contracts, c.Events = 60, 100, 150
	w.fill(c)
	all := w.everything()
	var coming, open, past int
	for _, e := range all.events {
		k := all.contracts[e.ContractID-1]
		if e.CreatedAt.Before(*k.SignedAt) || e.UpdatedAt.After(c.Now) || !e.StartDate.Before(*e.EndDate) ||
			e.CreatedAt.After(*e.StartDate) {
			t.Errorf("event %d at a wrong time: %+v of contract %+v", e.ID, e, k)
		}
		if e.EndDate.Before(c.Now) {
			past++
			continue
		}
		if coming++; k.Status != "signed" {
			t.Errorf("event %d is to come and its contract is %s", e.ID, k.Status)
		}
		if e.SupportID == nil {
			open++
		}
	}
	if past < 30 || coming < 30 || open*4 < coming || open*2 > coming {
		t.Errorf("%d past, %d coming, %d of them without support", past, coming, open)
	}
	w.noOverlap()
}

// noOverlap fails if a support collaborator is at two events at once.
func (w *world) noOverlap() {
	w.t.Helper()
	if n := w.count(`select count(*) from event a join event b on a.id < b.id and a.support_id = b.support_id
		and a.start_date < b.end_date and b.start_date < a.end_date`); n != 0 {
		w.t.Errorf("%d overlapping bookings", n)
	}
}

// Values are valid user input: addresses, numbers and lengths.
func TestValues(t *testing.T) {
	w, c := newWorld(t), demo()
	c.Customers, c.Contracts, c.Events = 400, 20, 100
	w.fill(c)
	all := w.everything()
	address, phone := regexp.MustCompile(`^[a-z0-9.-]+@[a-z0-9-]+\.example$`),
		regexp.MustCompile(`^\+[1-9][0-9]{7,14}$`)
	companies := map[string]bool{}
	for _, c := range all.customers {
		companies[c.CompanyName] = true
		_, err := mail.ParseAddress(c.Email)
		if c.Email != "" && (err != nil || !address.MatchString(c.Email)) ||
			c.Phone != "" && !phone.MatchString(c.Phone) ||
			utf8.RuneCountInString(c.FullName) > 100 || utf8.RuneCountInString(c.CompanyName) > 100 {
			t.Errorf("customer %+v", c)
		}
	}
	if len(companies) < 200 {
		t.Errorf("only %d different companies", len(companies))
	}
	for _, e := range all.events {
		if e.Comments != nil && utf8.RuneCountInString(*e.Comments) > 255 {
			t.Errorf("event %+v", e)
		}
	}
}

// The first start of a demo, with its own cost of passwords and with the least, and a larger amount.
func BenchmarkFill(b *testing.B) {
	many := seed.Config{Customers: 1000, Contracts: 1000, Events: 500}
	for name, how := range map[string]struct {
		params security.Params
		amount seed.Config
	}{"demo": {}, "cheap": {params: cheap()}, "many": {cheap(), many}} {
		b.Run(name, func(b *testing.B) {
			records := 0
			for b.Loop() {
				b.StopTimer()
				w, c := newWorld(b), demo()
				c.Params = how.params
				if how.amount.Customers > 0 {
					c.Customers, c.Contracts, c.Events = how.amount.Customers, how.amount.Contracts, how.amount.Events
				}
				records += c.Customers + c.Contracts + c.Events
				b.StartTimer()
				w.fill(c)
			}
			b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s")
		})
	}
}
