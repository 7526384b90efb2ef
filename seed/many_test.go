package seed_test

import (
	"reflect"
	"testing"

	"crm/seed"
)

// A large filling, whose records are written together, has the same amounts, people, times and IDs each time, and each
// record is on the trail once, as a change of its user.
func TestManyRecords(t *testing.T) {
	var all [2]everything
	for i := range all {
		w, c := newWorld(t), demo()
		c.Customers, c.Contracts, c.Events = 400, 400, 200
		made := w.fill(c)
		want := seed.Made{
			Users: 6, Customers: 400, Contracts: 400, Payments: made.Payments, Events: 200,
			Contacts: made.Contacts, Notes: made.Notes,
		}
		if made != want || made != w.counts() {
			t.Errorf("made %+v, found %+v", made, w.counts())
		}
		all[i] = w.everything()
		w.noOverlap()
		for what, sql := range map[string]string{
			"contracts at a wrong time": `contract k join customer c on c.id = k.customer_id
				where k.created_at < c.created_at or k.signed_at < k.created_at or k.updated_at < k.signed_at`,
			"payments at a wrong time": `payment p join contract k on k.id = p.contract_id
				where p.paid_on <> (p.created_at at time zone 'Europe/Paris')::date or p.created_at < k.signed_at`,
			"events at a wrong time": `event e join contract k on k.id = e.contract_id
				where e.created_at < k.signed_at or k.status = 'finished' and e.end_date > k.updated_at`,
			"customers of others": `customer c join audit a on a.entity = 'customer' and a.entity_id = c.id
				where a.collaborator_id is distinct from c.sales_id`,
			"equal times": `(select created_at from customer group by 1 having count(*) > 2) c`,
			"records without an entry of their own": `(select id, 'customer' from customer union all
				select id, 'contract' from contract union all select id, 'event' from event union all
				select id, 'payment' from payment union all select id, 'contact' from contact) r (id, noun)
				where (select count(*) from audit a where a.entity = r.noun and a.entity_id = r.id
					and a.action = 'add') <> 1`,
		} {
			if n := w.count("select count(*) from " + sql); n != 0 {
				t.Errorf("%d %s", n, what)
			}
		}
	}
	if !reflect.DeepEqual(all[0], all[1]) {
		t.Error("the same seed and time made other data")
	}
}
