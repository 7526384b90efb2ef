package repo_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"crm/repo"
)

// Searching contracts and events for words of so many customers that their IDs are not listed returns the same as a
// scan of all: one word and several, with rare ones, from both ends, page by page, deleted ones, with a filter, and
// where the first records belong to a customer without the words.
func TestSearchOfFrequentWordsIsAScan(t *testing.T) {
	t.Parallel()
	ctx, w, r := t.Context(), newWorld(t), rand.New(rand.NewPCG(7, 8))
	const n = 6000
	stock(t, w, n)
	w.set(fmt.Sprintf(`set session_replication_role = replica;
		update contract set sales_id = case when id %% 7 = 1 then %d end,
			status = case when id %% 5 = 1 then 'canceled' else 'signed' end,
			customer_id = case when id < 1200 then 2 else customer_id end,
			deleted_at = case when id %% 9 = 2 or id between 3000 and 3900 then now() end;
		update event set support_id = case when id %% 3 = 1 then %d::bigint end,
			deleted_at = case when id %% 9 = 2 or id between 2500 and 2900 then now() end;
		reset session_replication_role`, w.ids["sales2"], w.ids["support2"]))
	db := w.as("manage")
	all := repo.Page{Limit: n}
	contracts, events := map[bool][]repo.Contract{}, map[bool][]repo.Event{}
	for _, deleted := range []bool{false, true} {
		all.Deleted = deleted
		contracts[deleted] = ok[repo.List[repo.Contract]](t)(db.Contracts(ctx, repo.ContractFilter{Page: all})).Rows
		events[deleted] = ok[repo.List[repo.Event]](t)(db.Events(ctx, repo.EventFilter{Page: all})).Rows
	}
	needles := []string{
		"bouzin", "b", "bouzin b", "B bouzin", "bouzin ba", "ba ron", "baron", "bouzin xylophone", "xylophone",
		"mi bouzin", "bouzin support2", "b sales2", "bouzin signed", "bouzin 5001", "5001", "bouzin 51.00", "l p",
		"bouzin nowhere",
		"bou zin lo", "möu", "06 00 00", "bouzin canceled b",
		"michelba r", "r michelba", "michelba ronbar", "bouzin michel ba", "michel support2 l", "tou michelba",
	}
	for i, needle := range append(needles, needles...) {
		// the usual words, then as if there were many times as many customers: most are found by IDs that are looked up
		// twice, or scanned for
		switch i - len(needles) {
		case 0:
			db.CallFrequent(5, 60, 3)
		case 8:
			db.CallFrequent(5, 4000, 1)
		case 16:
			db.CallFrequent(60, 0, 1<<20)
		}
		checkFind(t, db, needle)
		deleted := i%3 == 2
		p := repo.Page{Search: needle, Limit: 1 + r.IntN(30), Deleted: deleted, Desc: r.IntN(2) == 0}
		mine := int64(r.IntN(4)/3) * w.ids["sales2"]
		compareFirst(t, p, contracts[deleted], func(c repo.Contract) (int64, bool) {
			return c.ID, (mine == 0 || c.SalesID != nil && *c.SalesID == mine) &&
				mentioned(needle, c.ID, c.TotalAmount, c.Status, orNothing(c.SalesContact), c.Customer,
					c.CustomerContact, c.CustomerEmail, c.CustomerPhone)
		}, func(p repo.Page) (repo.List[repo.Contract], error) {
			return db.Contracts(ctx, repo.ContractFilter{Page: p, Mine: mine})
		})
		compareFirst(t, p, events[deleted], func(e repo.Event) (int64, bool) {
			return e.ID, mentioned(needle, e.ID, -1, orNothing(e.Name), orNothing(e.Location),
				orNothing(e.SupportContact), e.Customer, e.CustomerContact, e.CustomerEmail, e.CustomerPhone)
		}, func(p repo.Page) (repo.List[repo.Event], error) {
			return db.Events(ctx, repo.EventFilter{Page: p})
		})
	}
}

// compareFirst compares the first three pages of a search with a scan of all records, which are sorted by ID. which
// returns a record's ID and whether it matches.
func compareFirst[T any](
	t *testing.T, p repo.Page, all []T, which func(T) (int64, bool), list func(repo.Page) (repo.List[T], error),
) {
	t.Helper()
	want := []int64{}
	for _, r := range all {
		if id, matches := which(r); matches {
			want = append(want, id)
		}
	}
	if p.Desc {
		slices.Reverse(want)
	}
	for range 3 {
		first := want[:min(len(want), p.Limit+1)]
		got := idsBy(ok[repo.List[T]](t)(list(p)).Rows, func(r T) int64 { id, _ := which(r); return id })
		if !slices.Equal(got, first) {
			t.Errorf("%T %+v: %v, want %v", *new(T), p, got, first)
		}
		if len(got) <= p.Limit {
			return
		}
		p.After, want = got[p.Limit-1], want[p.Limit:]
	}
}

// checkFind compares Find with a search of each noun.
func checkFind(t *testing.T, db *repo.DB, needle string) {
	t.Helper()
	ctx, all := t.Context(), ok[repo.Everything](t)(db.Find(t.Context(), needle, 20))
	apart := repo.Everything{
		Customers: ok[[]repo.Found[repo.Customer]](t)(db.FindCustomers(ctx, needle, 20)),
		Contacts:  ok[[]repo.Found[repo.Contact]](t)(db.FindContacts(ctx, needle, 20)),
		Notes:     ok[[]repo.Found[repo.Note]](t)(db.FindNotes(ctx, needle, 20)),
		Users:     ok[[]repo.Found[repo.User]](t)(db.FindUsers(ctx, needle, "", 20)),
	}
	apart.Contracts = ok[[]repo.Found[repo.Contract]](t)(db.FindContracts(ctx, needle, 20, apart.Customers))
	apart.Events = ok[[]repo.Found[repo.Event]](t)(db.FindEvents(ctx, needle, 20, apart.Customers))
	if !reflect.DeepEqual(all, apart) {
		t.Errorf("%q: find answers\n%+v, want\n%+v", needle, all, apart)
	}
}
