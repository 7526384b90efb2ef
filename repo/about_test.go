package repo_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"crm/repo"
)

// A record with what belongs to it has the values of the lists, directly and behind a pooler, and leaves out what the
// role may not view.
func TestWholeRecords(t *testing.T) {
	t.Parallel()
	throughPoolers(t, 2, func(t *testing.T, w *world, f front) {
		ctx, admin := t.Context(), w.as("admin")
		c := w.customer("sales1").ID
		k := w.contract(c, 1000, "signed").ID
		for _, name := range []string{"Zoé", "Ann"} {
			_ = ok[repo.Contact](t)(admin.AddContact(ctx, repo.Change{
				"customer_id": c, "full_name": name, "email": name + "@x.example",
			}))
		}
		w.noteOf("sales1", "contract", k, repo.Change{"text": "one"})
		w.noteOf("sales1", "contract", k, repo.Change{"text": "two", "due": "2031-02-03"})
		for _, tag := range []string{"vip", "big"} {
			_ = ok[repo.Tag](t)(admin.AddTag(ctx, "contract", k, tag))
		}
		day := time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)
		_ = ok[repo.Contract](t)(admin.PayContract(ctx, k, 150, &day))
		customer := ok[repo.Customer](t)(admin.Customer(ctx, c))
		contract := ok[repo.Contract](t)(admin.Contract(ctx, k))
		page := repo.Page{Limit: 9}
		contacts := ok[repo.List[repo.Contact]](t)(admin.Contacts(ctx,
			repo.ContactFilter{Page: page, CustomerID: c})).Rows
		page.Desc = true
		notes := ok[repo.List[repo.Note]](t)(admin.Notes(ctx,
			repo.NoteFilter{Page: page, Noun: "contract", RecordID: k})).Rows
		payments := ok[[]repo.Payment](t)(admin.Payments(ctx, k))
		for _, db := range []*repo.DB{w.as("support1"), w.through(t, f).As(w.signers["support1"].Token)} {
			r, about, err := db.WholeCustomer(ctx, c)
			if err != nil || !reflect.DeepEqual(r, customer) || len(about.Contacts) != 2 || len(about.Notes) != 0 {
				t.Errorf("customer %+v, %+v, %v; want %+v", r, about, err, customer)
			}
			for i, got := range about.Contacts {
				want := contacts[i]
				if got.ID != want.ID || got.FullName != want.FullName || got.Role != "" || got.Email != want.Email ||
					got.First != want.First {
					t.Errorf("contact %+v, want %+v", got, want)
				}
			}
			wholeContract, about, err := db.WholeContract(ctx, k)
			if err != nil || !reflect.DeepEqual(wholeContract, contract) || len(about.Notes) != 2 ||
				!slices.Equal(about.Tags, []string{"big", "vip"}) || len(about.Payments) != len(payments) {
				t.Errorf("contract %+v, %+v, %v; want %+v", wholeContract, about, err, contract)
			}
			for i, got := range about.Notes {
				want := notes[i]
				if got.ID != want.ID || got.Text != want.Text || !reflect.DeepEqual(got.Due, want.Due) || got.DoneAt != nil ||
					!reflect.DeepEqual(got.Author, want.Author) || !got.CreatedAt.Equal(want.CreatedAt) {
					t.Errorf("note %+v, want %+v", got, want)
				}
			}
			for i, got := range about.Payments {
				if want := payments[i]; got.ID != want.ID || got.Amount != want.Amount || !got.PaidOn.Equal(want.PaidOn) {
					t.Errorf("payment %+v, want %+v", got, want)
				}
			}
		}
		w.set("delete from crm.permission where role = 'support' and action in ('note.view', 'tag.view', 'contact.view')")
		db := w.as("support1")
		if _, about, err := db.WholeContract(ctx, k); err != nil || len(about.Notes) > 0 ||
			len(about.Tags) > 0 || len(about.Payments) != len(payments) {
			t.Errorf("without permission: %+v, %v", about, err)
		}
		if _, about, err := db.WholeCustomer(ctx, c); err != nil || len(about.Contacts) > 0 {
			t.Errorf("without permission: %+v, %v", about, err)
		}
		is(t, failed(db.Contract(ctx, 999)), repo.ErrNotFound, "a missing contract")
	})
}
