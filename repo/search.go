package repo

// This file finds sealed customers by their tokens (schema.sql: search_keys). PostgreSQL offers what
// may match; what is offered and does not match once it is opened is dropped here, so answers are exact.

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/Masterminds/squirrel"
)

const (
	runBits   = 13   // a run of search_keys() is so many bits of the id
	mostAsked = 1000 // rows that one statement of a search asks for
)

// searched fills a page with what keep keeps of the pages that fetch answers: at most Limit+1 records. How
// many there are is known if they are all on this page; else the total is -1.
func searched[T any](p Page, id func(T) int64, fetch func(Page) ([]T, error), keep func(T) bool) ([]T, error) {
	var kept []T
	ask, total := p, p.Total
	ask.Total = nil
	for {
		rows, err := fetch(ask)
		if err != nil {
			return nil, err
		}
		more := len(rows) > ask.Limit
		for _, r := range rows[:min(len(rows), ask.Limit)] {
			if keep(r) {
				kept = append(kept, r)
			}
			ask.After = id(r)
		}
		if more && len(kept) <= p.Limit {
			ask.Limit = max(p.Limit, min(4*ask.Limit, mostAsked))
			continue
		}
		if total != nil {
			if *total = -1; !more && p.After == 0 {
				*total = int64(len(kept))
			}
		}
		return kept[:min(len(kept), p.Limit+1)], nil
	}
}

// steady searches again when the keys were rotated meanwhile: rows that were rewritten then are found by the new ones.
func steady[T any](db *DB, search func() ([]T, error)) ([]T, error) {
	for {
		generation := db.vault.Generation()
		found, err := search()
		if err != nil || db.vault.Generation() == generation {
			return found, err
		}
	}
}

// searchCustomers is a page of the customers that match, of those that have all tokens of a set.
func (db *DB) searchCustomers(ctx context.Context, f CustomerFilter, sets [][]int32) ([]Customer, error) {
	if len(sets) == 0 {
		sets = [][]int32{} // nothing to look for finds nothing
	}
	fetch := func(p Page) ([]Customer, error) {
		f.Page = p
		q := ordered(from[customerRow]("customers").Where(squirrel.Expr("id = any(array(?))", f.candidates(sets))), "customers", p, CustomerSorts())
		var found []Customer
		return found, db.ask(ctx, withoutJIT(), step{q, collect(&found, db.openCustomer)})
	}
	return searched(f.Page, func(c Customer) int64 { return c.ID }, fetch, func(c Customer) bool { return db.score(f.Search, c) > 0 })
}

// withoutJIT keeps PostgreSQL from compiling a statement that is over before the compiler is.
func withoutJIT() step { return step{query: squirrel.Expr("select set_config('jit', 'off', true)")} }

// candidates selects the IDs of what the index offers, run by run, in the order of the page where that is the
// IDs', no more than the page needs. Nested loops keep the order of the runs.
func (f CustomerFilter) candidates(sets [][]int32) squirrel.Sqlizer {
	offered := squirrel.Or{squirrel.Expr("false")}
	for _, tokens := range sets {
		offered = append(offered, squirrel.Expr("keys @> search_keys(?::integer[], run << ?)", tokens, runBits))
	}
	inner := squirrel.Select("id").From("customers").Where(offered).
		Where(squirrel.Expr("id >> ? = run", runBits)). // two runs may share a key
		Where(squirrel.Expr("(deleted_at is not null) = ?", f.Deleted))
	if f.SalesID != 0 {
		inner = inner.Where(squirrel.Eq{"sales_id": f.SalesID})
	}
	const last = "(select last_value >> ? from customer_id_seq)"
	if f.Sort != "" && f.Sort != "id" {
		return squirrel.Expr("select c.id from generate_series(0::bigint, "+last+") run cross join lateral (?) c", runBits, inner)
	}
	first, end, direction, compare, by := squirrel.Expr("?::bigint", f.After>>runBits), squirrel.Expr(last, runBits), "", ">", 1
	if f.Desc {
		first, end, direction, compare, by = end, squirrel.Expr("0::bigint"), " desc", "<", -1
		if f.After > 0 {
			first = squirrel.Expr("?::bigint", f.After>>runBits)
		}
	}
	if f.After > 0 {
		inner = inner.Where("id + 0 "+compare+" ?", f.After)
	}
	inner = inner.OrderBy("id + 0" + direction).Limit(uint64(f.Limit) + 1) // + 0: not by walking the table in order
	return squirrel.Expr("select c.id from generate_series(?, ?, ?) run cross join lateral (?) c limit ?", first, end, by, inner, f.Limit+1)
}

// score tells how well a customer matches.
func (db *DB) score(needle string, c Customer) int {
	return db.vault.Score(needle, c.CompanyName, c.FullName, c.Email, c.Phone)
}

// FindCustomers are at most limit live customers that match, the best first: by number, whole address or phone
// number, then by the beginnings of words, then inside them.
func (db *DB) FindCustomers(ctx context.Context, text string, limit int) ([]Customer, error) {
	const number = 1 << 10 // above all scores
	best := map[int64]int{}
	var found []Customer
	add := func(rows []Customer, score func(Customer) int) {
		for _, c := range rows {
			if best[c.ID] == 0 {
				best[c.ID] = score(c)
				found = append(found, c)
			}
		}
	}
	if id, err := strconv.ParseInt(text, 10, 64); err == nil && id > 0 {
		c, err := db.Customer(ctx, id)
		if err == nil {
			add([]Customer{c}, func(Customer) int { return number })
		} else if err != ErrNotFound {
			return nil, err
		}
	}
	exact, starts, anywhere := db.vault.Needle(text)
	for _, sets := range [][][]int32{exact, starts, anywhere} {
		if len(sets) == 0 || len(found) >= limit {
			continue
		}
		rows, err := db.searchCustomers(ctx, CustomerFilter{Page: Page{Search: text, Limit: limit}}, sets)
		if err != nil {
			return nil, err
		}
		add(rows, func(c Customer) int { return db.score(text, c) })
	}
	slices.SortStableFunc(found, func(a, b Customer) int {
		return cmp.Or(best[b.ID]-best[a.ID], cmp.Compare(a.ID, b.ID))
	})
	return found[:min(len(found), limit)], nil
}

// mentions is contains for records of a customer: every word stands in a column, or in the customer's names.
func (db *DB) mentions(text string, columns ...string) squirrel.Sqlizer {
	all := squirrel.And{}
	for _, word := range strings.Fields(text) {
		all = append(all, squirrel.Or{contains(word, columns...), db.offered(word)})
	}
	return squirrel.Or{all, db.offered(text)}
}

// offered matches the records of a customer whom the index offers.
func (db *DB) offered(text string) squirrel.Sqlizer {
	any := squirrel.Or{squirrel.Expr("false")}
	_, _, anywhere := db.vault.Needle(text)
	for _, tokens := range anywhere {
		any = append(any, squirrel.Expr("tokens @> ?::integer[]", tokens))
	}
	return any
}

// mentioned is mentions for an opened record: of its own columns' texts and of its customer's.
func (db *DB) mentioned(text string, own, customer []string) bool {
	if db.vault.Score(text, customer...) > 0 {
		return true
	}
	for _, word := range strings.Fields(text) {
		in := func(column string) bool { return strings.Contains(strings.ToLower(column), strings.ToLower(word)) }
		if !slices.ContainsFunc(own, in) && db.vault.Score(word, customer...) == 0 {
			return false
		}
	}
	return true
}
