package repo

// This file finds sealed customers by their tokens (schema.sql: search_keys). PostgreSQL offers what
// may match; what is offered and does not match once it is opened is dropped here, so answers are exact.

import (
	"context"
	"fmt"

	"github.com/Masterminds/squirrel"
)

const (
	runBits   = 13   // a run of search_keys() is so many bits of the id
	mostAsked = 1000 // rows that one statement of a search asks for
)

// searched fills a page with those records of fetch's pages that match. The total is known if all of them are on this
// page, and else -1.
func searched[T any](p Page, id func(T) int64, fetch func(Page) (List[T], error), matches func(T) bool) (List[T], error) {
	found := List[T]{Total: -1}
	ask := p
	ask.Count = false
	for {
		offered, err := fetch(ask)
		if err != nil {
			return List[T]{}, err
		}
		more := len(offered.Rows) > ask.Limit
		for _, r := range offered.Rows[:min(len(offered.Rows), ask.Limit)] {
			if matches(r) {
				found.Rows = append(found.Rows, r)
			}
			ask.After = id(r)
		}
		if more && len(found.Rows) <= p.Limit {
			ask.Limit = max(p.Limit, min(4*ask.Limit, mostAsked))
			continue
		}
		if !more && p.After == 0 {
			found.Total = int64(len(found.Rows))
		}
		found.Rows = found.Rows[:min(len(found.Rows), p.Limit+1)]
		return found, nil
	}
}

// steady searches again when the keys were rotated meanwhile: rows that were rewritten then are found by the new ones.
func steady[T any](db *DB, search func() (T, error)) (T, error) {
	for {
		generation := db.vault.Generation()
		found, err := search()
		if err != nil || db.vault.Generation() == generation {
			return found, err
		}
	}
}

// searchCustomers is a page of the customers that match, of those that have all tokens of a set.
func (db *DB) searchCustomers(ctx context.Context, f CustomerFilter, sets [][]int32) (List[Customer], error) {
	fetch := func(p Page) (List[Customer], error) {
		where := squirrel.And{isDeleted(p.Deleted)}
		if f.SalesID != 0 {
			where = append(where, squirrel.Eq{"sales_id": f.SalesID})
		}
		offer := offered("customers", "customer_id_seq", sets, p, where)
		q := ordered(customers.from().Where(squirrel.Expr("id = any(array(?))", offer)), "customers", p, customers.sorts())
		found := List[Customer]{Total: -1}
		return found, db.ask(ctx, inOrder(), step{q, collect(&found.Rows, customers.row(db))})
	}
	return searched(f.Page, func(c Customer) int64 { return c.ID }, fetch, func(c Customer) bool { return db.scoreCustomer(f.Search, c) > 0 })
}

// inOrder has PostgreSQL walk indexes in the order of the page, and stop: it cannot know how few rows a page needs of a word that is
// frequent, and would hash whole tables. Nor is anything compiled that is over before the compiler is. It lasts as long as
// the statements that it travels with (PostgreSQL manual, 20.7 Query Planning).
func inOrder() step {
	return step{query: squirrel.Expr(`select set_config('jit', 'off', true), set_config('enable_hashjoin', 'off', true),
		set_config('enable_mergejoin', 'off', true), set_config('enable_seqscan', 'off', true), set_config('random_page_cost', '1', true),
		set_config('plan_cache_mode', 'force_generic_plan', true)`)}
}

// offered selects the IDs of what the index of a view offers for one of the sets of tokens, run by run, in the order of the page where
// that is the IDs', no more than the page needs. Nested loops keep the order of the runs.
func offered(view, sequence string, sets [][]int32, p Page, where squirrel.Sqlizer) squirrel.Sqlizer {
	or, keys := squirrel.Or{squirrel.Expr("false")}, squirrel.Select()
	for i, tokens := range sets { // mixed with the run once a run
		or = append(or, squirrel.Expr(fmt.Sprintf("keys @> needle.set%d", i)))
		keys = keys.Column(fmt.Sprintf("(select array_agg(t # run_key(run)) from unnest(?::integer[]) t) as set%d", i), tokens)
	}
	inner := squirrel.Select("id").From(view).Where(or).
		Where(squirrel.Expr("id >> ? = run", runBits)). // two runs may share a key
		Where(where)
	last := "(select last_value >> ? from " + sequence + ")"
	if len(sets) == 0 {
		keys = keys.Column("null")
	}
	const runs = "select c.id from generate_series(?, ?, ?) run cross join lateral (?) needle cross join lateral (?) c"
	if !p.byID() {
		return squirrel.Expr(runs, squirrel.Expr("0::bigint"), squirrel.Expr(last, runBits), 1, keys, inner)
	}
	first, end, direction, compare, by := squirrel.Expr("?::bigint", p.After>>runBits), squirrel.Expr(last, runBits), "", ">", 1
	if p.Desc {
		first, end, direction, compare, by = end, squirrel.Expr("0::bigint"), " desc", "<", -1
		if p.After > 0 {
			first = squirrel.Expr("?::bigint", p.After>>runBits)
		}
	}
	if p.After > 0 {
		inner = inner.Where("id + 0 "+compare+" ?", p.After)
	}
	inner = inner.OrderBy("id + 0" + direction).Limit(uint64(p.Limit) + 1) // + 0: not by walking the table in order
	return squirrel.Expr(runs+" limit ?", first, end, by, keys, inner, p.Limit+1)
}

// byID tells whether the page is in the order of IDs.
func (p Page) byID() bool { return p.Sort == "" || p.Sort == "id" }

// scoreCustomer returns how well a customer matches; 0 is not at all.
func (db *DB) scoreCustomer(text string, c Customer) int {
	return db.vault.Score(text, customers.texts(c)...)
}
