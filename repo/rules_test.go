package repo_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"crm/repo"
)

// is compares an error with the sentinel that is wanted; nil wants none.
func is(t *testing.T, err, want error, what string, args ...any) {
	t.Helper()
	if !errors.Is(err, want) || (err == nil) != (want == nil) {
		t.Errorf(what+": %v, want %v", append(args, err, want)...)
	}
}

// D4: of the 25 transitions between the states exactly those of D4 are permitted; a state is no transition to itself,
// and signing sets the date.
func TestStates(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	steps := map[string]string{
		"to_send": "to_send pending signed canceled", "pending": "pending signed canceled", "signed": "signed finished",
		"finished": "finished", "canceled": "canceled",
	}
	for _, from := range repo.ContractStatuses() {
		for _, to := range repo.ContractStatuses() {
			start := map[string]string{
				"to_send": "to_send", "pending": "pending", "signed": "signed", "finished": "signed",
				"canceled": "pending",
			}[from]
			k := w.contract(c, 5000, start)
			if start == "signed" {
				ok[repo.Contract](t)(w.as("manage").PayContract(ctx, k.ID, 5000, nil))
			}
			if start != from {
				ok[repo.Contract](t)(w.as("manage").UpdateContract(ctx, k.ID, repo.Change{"status": &from}))
			}
			got, err := w.as("manage").UpdateContract(ctx, k.ID, repo.Change{"status": &to})
			var want error
			if !slices.Contains(strings.Fields(steps[from]), to) {
				want = repo.ErrConflict
			}
			is(t, err, want, "%s → %s", from, to)
			if err == nil && (got.SignedAt != nil) != (to == "signed" || to == "finished") {
				t.Errorf("%s → %s: signed at %v", from, to, got.SignedAt)
			}
		}
	}
	for _, first := range repo.ContractStatuses() {
		_, err := w.as("manage").AddContract(ctx, repo.Change{
			"customer_id": &c, "total_amount": ptr(repo.Money(5000)), "status": &first,
		})
		want := map[string]error{"finished": repo.ErrConflict, "canceled": repo.ErrConflict}[first]
		is(t, err, want, "new → %s", first)
	}
}

// D4, D7: events need a signed contract, end after they start, may cross midnight, and count attendees from 0.
func TestEvents(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	for _, state := range repo.ContractStatuses() {
		start := map[string]string{"finished": "signed", "canceled": "pending"}[state]
		if start == "" {
			start = state
		}
		k := w.contract(c, 5000, start).ID
		change := repo.Change{"status": &state}
		if state == "finished" {
			change["remaining_amount"] = repo.Money(0)
		}
		ok[repo.Contract](t)(w.as("manage").UpdateContract(ctx, k, change))
		_, err := w.as("sales1").AddEvent(ctx, newEvent(&k))
		want := repo.ErrConflict
		if state == "signed" {
			want = nil
		}
		is(t, err, want, "event of a contract that is %s", state)
	}
	k := w.contract(c, 5000, "signed").ID
	evening := time.Date(2030, 6, 30, 22, 0, 0, 0, time.UTC)
	for _, e := range []struct {
		end       time.Duration
		attendees int64
		want      error
	}{
		{6 * time.Hour, 0, nil},
		{time.Microsecond, math.MaxInt32, nil},
		{0, 1, repo.ErrInvalid},
		{-time.Hour, 1, repo.ErrInvalid},
		{time.Hour, -1, repo.ErrInvalid},
		{time.Hour, math.MaxInt32 + 1, nil},
	} {
		_, err := w.as("sales1").AddEvent(ctx, repo.Change{
			"contract_id": &k, "name": text("Gala"), "start_date": &evening, "end_date": ptr(evening.Add(e.end)),
			"attendees": &e.attendees,
		})
		if e.attendees > math.MaxInt32 {
			if err == nil {
				t.Error("more attendees than an integer holds")
			}
			continue
		}
		is(t, err, e.want, "event of %v with %d attendees", e.end, e.attendees)
	}
	for _, date := range []string{"infinity", "-infinity", "0044-03-15 BC", "12000-01-01"} {
		if n, err := w.try(w.token("sales1"),
			"insert into event (contract_id, name, start_date, end_date) values ($1, 'Gala', $2::text::timestamptz, "+
				"$2::text::timestamptz)", k, date); constraint(err) != "event_dates" {
			t.Errorf("event at %s, which no list could show: %d rows, %v", date, n, err)
		}
	}
}

// D5, D6: the remaining amount is always total minus payments. A payment above it is refused, a finished contract is
// paid in full, and a closed one takes no payment.
func TestLedger(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	k, manage := w.contract(w.customer("sales1").ID, 100000, "signed").ID, w.as("manage")
	type step func() (repo.Contract, error)
	pay := func(m repo.Money) step {
		return func() (repo.Contract, error) { return manage.PayContract(ctx, k, m, nil) }
	}
	update := func(c repo.Change) step {
		return func() (repo.Contract, error) { return manage.UpdateContract(ctx, k, c) }
	}
	total := func(m repo.Money) step { return update(repo.Change{"total_amount": &m}) }
	remaining := func(m repo.Money) step { return update(repo.Change{"remaining_amount": &m}) }
	for i, s := range []struct {
		do               step
		want             error
		total, remaining repo.Money
	}{
		{pay(30000), nil, 100000, 70000},
		{pay(70001), repo.ErrConflict, 100000, 70000},
		{pay(0), repo.ErrInvalid, 100000, 70000},
		{pay(-30001), repo.ErrInvalid, 100000, 70000},
		{pay(-1), nil, 100000, 70001},
		{pay(1), nil, 100000, 70000},
		{total(29999), repo.ErrConflict, 100000, 70000},
		{total(-1), repo.ErrConflict, 100000, 70000},
		{total(30000), nil, 30000, 0},
		{total(repo.MaxMoney), nil, repo.MaxMoney, repo.MaxMoney - 30000},
		{total(50000), nil, 50000, 20000},
		{update(repo.Change{"status": text("finished")}), repo.ErrConflict, 50000, 20000},
		{remaining(50001), repo.ErrInvalid, 50000, 20000},
		{remaining(12345), nil, 50000, 12345},
		{remaining(12345), nil, 50000, 12345},
		{
			update(repo.Change{
				"remaining_amount": ptr(repo.Money(0)), "total_amount": ptr(repo.Money(60010)),
				"status": text("finished"),
			}), nil, 60010, 0,
		},
		{pay(1), repo.ErrConflict, 60010, 0},
		{pay(-1), repo.ErrConflict, 60010, 0},
	} {
		_, err := s.do()
		is(t, err, s.want, "step %d", i)
		if c := ok[repo.Contract](t)(manage.Contract(ctx, k)); c.TotalAmount != s.total ||
			c.RemainingAmount != s.remaining {
			t.Errorf("step %d leaves %v of %v, want %v of %v", i, c.RemainingAmount, c.TotalAmount, s.remaining,
				s.total)
		}
	}
	if wrong := read[int](w,
		"select count(*) from contract k where remaining_amount <> total_amount - (select coalesce(sum(amount), 0) "+
			"from payment where contract_id = k.id)"); wrong != 0 {
		t.Errorf("%d contracts do not agree with their ledger", wrong)
	}
	canceled := w.contract(w.customer("sales1").ID, 100, "pending").ID
	ok[repo.Contract](t)(manage.UpdateContract(ctx, canceled, repo.Change{"status": text("canceled")}))
	is(t, failed(manage.PayContract(ctx, canceled, 1, nil)), repo.ErrConflict, "a canceled contract")
	is(t, failed(manage.PayContract(ctx, 999999, 1, nil)), repo.ErrNotFound, "a missing contract")
	for _, sql := range []string{
		"insert into contract (customer_id, total_amount) select customer_id, 'NaN' from contracts where id = $1",
		"update contract set total_amount = 'NaN' where id = $1",
		"insert into payment (contract_id, amount) values ($1, 'NaN')",
		"insert into payment (contract_id, amount, paid_on) values ($1, 1, 'infinity')",
		"insert into payment (contract_id, amount) values ($1, 0.001)",
	} {
		if _, err := w.try(w.token("manage"), sql,
			w.contract(w.customer("sales1").ID, 100000, "signed").ID); len(sqlstate(err)) != 5 ||
			sqlstate(err)[:2] != "23" {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// D5: the contract agrees with the ledger at every step, not only at the end.
func TestLedgerSteps(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	k := w.contract(w.customer("sales1").ID, 100000, "signed").ID
	left := repo.Money(100000)
	for i := range repo.Money(20) {
		amount := i*i*7 - 300
		c, err := w.as("sales1").PayContract(ctx, k, amount, ptr(time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC)))
		if err == nil {
			left -= amount
			if c.RemainingAmount != left {
				t.Fatalf("after %v: %v, want %v", amount, c.RemainingAmount, left)
			}
		} else if left-amount >= 0 && left-amount <= 100000 {
			t.Fatalf("%v of %v: %v", amount, left, err)
		}
	}
	if days := read[string](w,
		"select string_agg(distinct paid_on::text || ' ' || recorded_by, ',') from payment"); days != fmt.Sprint(
		"2024-01-02 ", w.ids["sales1"]) {
		t.Errorf("paid on %q", days)
	}
}

// D3, R18: contracts follow their customer to a new sales contact unless they had another contact; both contacts may
// change the contract.
func TestContractsFollow(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	w.add("sales3", "sales")
	c := w.customer("sales1").ID
	follows, stays := w.contract(c, 100, "signed").ID, w.contract(c, 100, "signed").ID
	ok[repo.Contract](t)(w.as("manage").UpdateContract(ctx, stays, repo.Change{"sales_id": ptr(w.ids["sales2"])}))
	ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{"sales_id": ptr(w.ids["sales3"])}))
	for id, want := range map[int64]string{follows: "sales3", stays: "sales2"} {
		if k := ok[repo.Contract](t)(w.as("sales1").Contract(ctx, id)); *k.SalesID != w.ids[want] {
			t.Errorf("contract %d is %d's, want %s's", id, *k.SalesID, want)
		}
	}
	for person, want := range map[string]error{"sales1": repo.ErrDenied, "sales2": nil, "sales3": nil} {
		is(t, failed(w.as(person).UpdateContract(ctx, stays, repo.Change{"total_amount": ptr(repo.Money(200))})), want,
			"%s", person)
	}
	is(t, failed(w.as("sales2").UpdateContract(ctx, follows, repo.Change{"total_amount": ptr(repo.Money(200))})),
		repo.ErrDenied, "sales2")
}
