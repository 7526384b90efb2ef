package seed

import (
	"time"

	"crm/repo"
)

// story plans the first records of every filling. In an empty database they are customers, contracts and events 1, 2,
// 3. The documentation and its examples depend on them.
func (p *plan) story(c Config) (customers []*customer, contracts []*contract) {
	sales := p.team.sales
	if c.Customers > 0 {
		cool := p.addCustomer(beginning, sales[0], "Cool Startup", "Kevin Casey", repo.Change{
			"company_name": "Cool Startup LLC", "full_name": "Kevin Casey", "email": "kevin@startup.example",
			"phone": "+67812345678",
		})
		customers = append(customers, cool)
	}
	if c.Customers > 1 {
		customers = append(customers, p.addCustomer(beginning+1, sales[0], "Bouzin", "Lou Bouzin", repo.Change{
			"company_name": "Bouzin SARL", "full_name": "Lou Bouzin", "email": "lou@bouzin.example",
			"phone":    "+66612345678",
			"language": "fr",
		}))
		p.addContact(customers[1], repo.Change{
			"full_name": "Aline Moreau", "role": "accounting", "email": "compta@bouzin.example",
			"phone": "+33155501234",
		})
		due := p.date(3, 0)
		p.addNote(customers[1], "Lou is easiest to reach in the morning.\nInvoices go to Aline in accounting.", nil)
		p.addNote(customers[1], "Ask whether the hall has a lift for the piano.", &due)
		p.addTag(customers[1], "regular")
	}
	if c.Customers > 2 {
		customers = append(customers, p.addCustomer(beginning+2, sales[1], "Quick", "John Quick", repo.Change{
			"company_name": "Quick & Daughters Ltd", "full_name": "John Quick", "email": "john@quick.example",
			"phone": "+12025550123", "address": "12 Willow Lane, Georgetown, DC 20007, USA", "language": "en-US",
		}))
	}
	if c.Customers > 1 && c.Contracts > 0 {
		contracts = append(contracts, p.assembly(customers[1], c.Events > 0))
	}
	if c.Customers > 2 && c.Contracts > 1 {
		contracts = append(contracts, p.wedding(customers[2], c.Events > 1))
	}
	if c.Customers > 2 && c.Contracts > 2 {
		contracts = append(contracts, p.addContract(-30, customers[0], "pending", 1_250_000))
	}
	return customers, contracts
}

// assembly plans Lou Bouzin's contract, partly paid, and event.
func (p *plan) assembly(lou *customer, withEvent bool) *contract {
	k := p.addContract(-120, lou, "signed", 845_050)
	p.pay(k.day+7, k, 250_000)
	if withEvent {
		p.storyEvent(k, p.weekday(24, false), 15, 2*time.Hour, 200, repo.Change{
			"name": "Lou Bouzin General Assembly", "location": "Salle des fêtes de Mufflins",
			"comments": "Assemblée générale des actionnaires (~200 personnes).",
		}, p.team.support[1])
	}
	return k
}

// wedding plans John Quick's contract, not paid yet, and event.
func (p *plan) wedding(john *customer, withEvent bool) *contract {
	k := p.addContract(-90, john, "signed", 1_980_000)
	if withEvent {
		sarah := p.addContact(john, repo.Change{
			"full_name": "Sarah Quick", "role": "bride", "email": "sarah@quick.example", "phone": "+12025550187",
		})
		p.storyEvent(k, p.weekday(45, true), 13, 13*time.Hour, 75, repo.Change{
			"name": "John Quick Wedding", "location": "53 Rue du Château, 41120 Candé-sur-Beuvron, France",
			"comments": "Ceremony at 3 PM by the river, catering is arranged. Reception from 5 PM: Kate books the DJ " +
				"for the party.",
		}, p.team.support[0], sarah)
	}
	return k
}

// storyEvent plans an event so many days from today, at an hour.
func (p *plan) storyEvent(
	k *contract, day, hour int, length time.Duration, attendees int64, e repo.Change, support *member,
	talksTo ...*contact,
) {
	begins := p.date(day, hour*60)
	ends := begins.Add(length)
	e["start_date"], e["end_date"], e["attendees"] = begins, ends, attendees
	if !p.diary.free(support, begins, ends) {
		support = nil
	}
	p.coming++
	p.addEvent(k.day+10, day, k, booking{begins, ends}, e, support, talksTo...)
}
