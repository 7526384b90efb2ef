package repo

// This file searches the list of one entity. Read it top down: a needle selects candidates, candidates come in pages,
// and each page is compared exactly. How a needle selects candidates depends on the entity's finder: the index of its
// own sealed texts (below), mentions in other places (mention.go), or all records.

import (
	"context"
	"fmt"

	"github.com/Masterminds/squirrel"
)

const (
	runBits   = 13   // the bits of an id within a run of search_keys() in schema.sql
	mostAsked = 1000 // maximum of rows per statement of a search
)

// A finder defines how a search selects candidates of an entity. The zero finder selects all records.
type finder struct {
	own    string // the table or view of the records without columns of other tables; empty: none may be read
	sealed bool   // use the index of the sealed texts
	many   bool   // most needles match many records
	hidden string // the view of the records of deleted ones, which lists of live records leave out; empty: none
	mentionedBy
}

// search returns one page of the records that meet where and the condition of the page and, if the page has a needle,
// match it. The total is known only if all matches are on this page; otherwise it is -1.
func (e entity[T]) search(
	ctx context.Context, db *DB, where squirrel.And, p Page, sorts map[string]string,
) (List[T], error) {
	if e.column(p.Sort).sortsByText {
		return e.sortedByText(ctx, db, where, p, sorts)
	}
	isAll := len(where) == 0
	where = append(where[:len(where):len(where)], e.isShown(p)...)
	if p.Where != nil || p.Search != "" {
		p.counted, p.among = "", nil // more conditions, on columns of other tables too
	}
	asked, exact := p, true
	if p.Where != nil {
		where, exact = append(where[:len(where):len(where)], e.bound(*p.Where, false)), e.isExact(*p.Where)
	}
	if p.Search == "" && exact {
		if p.Where == nil && isAll {
			p.counted, p.among = e.finder.own, e.firstByContact(p)
		}
		return e.page(ctx, db, e.from().Where(where), p, sorts)
	}
	if p.Search == "" {
		asked.Search = e.needle(db, *p.Where)
	}
	matches := func(record T) bool {
		return (p.Search == "" || e.score(db, p.Search, record) > 0) && (exact || e.holds(db, *p.Where, record))
	}
	return steady(db, func() (List[T], error) {
		candidates, err := e.candidates(ctx, db, asked, where)
		if err != nil {
			return List[T]{}, err
		}
		fetch := func(p Page) (found List[T], err error) {
			for _, q := range candidates(p) {
				if found, err = e.page(ctx, db, q, p, sorts); err != nil || len(found.Rows) > p.Limit {
					break
				}
			}
			return found, err
		}
		return searched(asked, e.id, fetch, matches)
	})
}

// isShown returns the condition that a record does not belong to a deleted one; nil if none does. It reads the ID only,
// which every view has.
func (e entity[T]) isShown(p Page) squirrel.And {
	if e.finder.hidden == "" || p.Deleted {
		return nil
	}
	return squirrel.And{squirrel.Expr("id not in (select id from " + e.finder.hidden + ")")}
}

// steady repeats a search if the keys were rotated during it: rows that were re-encrypted meanwhile have other tokens.
func steady[T any](db *DB, search func() (T, error)) (T, error) {
	for {
		generation := db.vault.Generation()
		found, err := search()
		if err != nil || db.vault.Generation() == generation {
			return found, err
		}
	}
}

// candidates returns queries for the candidates of a page, or at least for the first of them. A query counts if those
// before it do not fill the page; the last one finds all candidates. A page ends at its limit, so the queries include
// where: a candidate that is dropped later would leave the page incomplete.
func (e entity[T]) candidates(
	ctx context.Context, db *DB, p Page, where squirrel.And,
) (func(Page) []squirrel.SelectBuilder, error) {
	all := e.compared().Where(where)
	switch {
	case p.Search == "":
	case e.finder.sealed:
		_, _, anywhere := db.vault.Needle(p.Search)
		candidates := e.withTokens(anywhere, where)
		return func(p Page) []squirrel.SelectBuilder { return []squirrel.SelectBuilder{all.Where(candidates(p))} }, nil
	case e.finder.contact != "":
		looked, err := p.lookedUp.orLookUp(ctx, db, p.Search)
		if err != nil {
			return nil, err
		}
		m, err := db.mentions(ctx, looked, e.finder.mentionedBy)
		return func(p Page) (queries []squirrel.SelectBuilder) {
			if walk, ok := m.firstRecords(p); ok && len(where) == 0 {
				queries = append(queries, selected(e.columns).FromSelect(walk, "walk").Where(m.any))
			}
			return append(queries, all.Where(m.candidates(p, where)))
		}, err
	}
	return func(Page) []squirrel.SelectBuilder { return []squirrel.SelectBuilder{all} }, nil
}

// withTokens returns the condition for records that have all tokens of one of the sets.
func (e entity[T]) withTokens(sets [][]int32, where squirrel.And) func(Page) squirrel.Sqlizer {
	view := e.view
	if len(where) == 0 && e.finder.alone != "" {
		view = e.finder.alone
	}
	return func(p Page) squirrel.Sqlizer {
		conditions := append(squirrel.And{isDeleted(p.Deleted)}, where...)
		return squirrel.Expr("id = any(array(?))", offered(view, e.table+"_id_seq", sets, p, conditions))
	}
}

// offered returns the query for the IDs of records that have all tokens of one of the sets, from the index of a view.
// It reads the index in runs of ids. So where the page is sorted by id, it stops when the page is full. Nested loops
// preserve that order.
func offered(view, sequence string, sets [][]int32, p Page, where squirrel.Sqlizer) squirrel.Sqlizer {
	return offeredFrom(view, sequence, sets, p, where, nil)
}

// offeredFrom returns the query of offered for records that also meet narrow, the query for the record with the ID
// offer.id. Where the page is sorted by id, narrow is evaluated one record after the other until the page is full.
func offeredFrom(
	view, sequence string, sets [][]int32, p Page, where squirrel.Sqlizer, narrow squirrel.Sqlizer,
) squirrel.Sqlizer {
	return offeredColumns("id", view, sequence, sets, p, where, narrow)
}

// offeredColumns returns the query of offeredFrom for other columns than the ID.
func offeredColumns(
	columns, view, sequence string, sets [][]int32, p Page, where squirrel.Sqlizer, narrow squirrel.Sqlizer,
) squirrel.Sqlizer {
	or, keys := squirrel.Or{squirrel.Expr("false")}, squirrel.Select()
	for i, tokens := range sets { // the keys are computed once for each run
		or = append(or, squirrel.Expr(fmt.Sprintf("keys @> needle.set%d", i)))
		const key = "(select array_agg(t # run_key(run)) from unnest(?::integer[]) t) as set%d"
		keys = keys.Column(fmt.Sprintf(key, i), tokens)
	}
	inner := squirrel.Select(columns).From(view).Where(or).
		Where(squirrel.Expr("id >> ? = run", runBits)). // two runs may have the same key
		Where(where)
	narrowed := func(inner squirrel.SelectBuilder) squirrel.SelectBuilder {
		if narrow == nil {
			return inner
		}
		return squirrel.Select("offer.id").FromSelect(inner.Suffix("offset 0"), "offer").
			JoinClause(squirrel.Expr("cross join lateral (? offset 0) narrow", narrow))
	}
	last := "(select last_value >> ? from " + sequence + ")"
	if len(sets) == 0 {
		keys = keys.Column("null")
	}
	const runs = "select c.* from generate_series(?, ?, ?) run cross join lateral (?) needle cross join lateral (?) c"
	if !p.byID() {
		return squirrel.Expr(runs, squirrel.Expr("0::bigint"), squirrel.Expr(last, runBits), 1, keys, narrowed(inner))
	}
	first, end := squirrel.Expr("?::bigint", p.After>>runBits), squirrel.Expr(last, runBits)
	direction, compare, increment := "", ">", 1
	if p.Desc {
		first, end = end, squirrel.Expr("0::bigint")
		direction, compare, increment = " desc", "<", -1
		if p.After > 0 {
			first = squirrel.Expr("?::bigint", p.After>>runBits)
		}
	}
	if p.After > 0 {
		inner = inner.Where("id + 0 "+compare+" ?", p.After)
	}
	// + 0 keeps PostgreSQL from walking the table in order.
	inner = narrowed(inner.OrderBy("id + 0" + direction)).Limit(uint64(p.Limit) + 1)
	return squirrel.Expr(runs+" limit ?", first, end, increment, keys, inner, p.Limit+1)
}

// inOrder makes PostgreSQL read indexes in the order of the page and stop early. The planner cannot estimate how few
// rows of a frequent word a page needs, and would hash whole tables. JIT is off: these statements finish sooner than
// they compile. The settings last until the transaction ends (PostgreSQL manual, 20.7 Query Planning).
func inOrder() step {
	return step{query: squirrel.Expr(`select set_config('jit', 'off', true), set_config('enable_hashjoin', 'off', true),
		set_config('enable_mergejoin', 'off', true), set_config('enable_seqscan', 'off', true),
		set_config('random_page_cost', '1', true), set_config('plan_cache_mode', 'force_generic_plan', true)`)}
}

// byID reports whether the page is sorted by ID.
func (p Page) byID() bool { return p.Sort == "" || p.Sort == "id" }

// searched fills a page with the matching records from the pages of fetch.
func searched[T any](
	p Page, id func(T) int64, fetch func(Page) (List[T], error), matches func(T) bool,
) (List[T], error) {
	found := List[T]{Total: -1}
	ask := p
	ask.Count = false
	ask.Limit += ask.Limit/4 + 1 // the row that shows that there is a next page, and room for some that do not match
	for {
		offered, err := fetch(ask)
		if err != nil {
			return List[T]{}, err
		}
		more, had := len(offered.Rows) > ask.Limit, len(found.Rows)
		for _, r := range offered.Rows[:min(len(offered.Rows), ask.Limit)] {
			if matches(r) {
				found.Rows = append(found.Rows, r)
			}
			ask.After = id(r)
		}
		if more && len(found.Rows) <= p.Limit {
			ask.Limit = askNext(ask.Limit, len(found.Rows)-had, p.Limit+1-len(found.Rows))
			continue
		}
		if !more && p.After == 0 {
			found.Total = int64(len(found.Rows))
		}
		found.Rows = found.Rows[:min(len(found.Rows), p.Limit+1)]
		return found, nil
	}
}

// askNext returns how many rows to ask for next if so many of those that were asked matched and some are still missing:
// twice as many as would match at that rate, at most four times as many as before.
func askNext(asked, matched, missing int) int {
	most := min(4*asked, mostAsked)
	if matched == 0 {
		return most
	}
	return min(2*missing*asked/matched+1, most)
}
