package repo

// This file finds the contracts and events that mention a needle: by their number or total, by their own texts, by
// their contact, or by their customer. Each word of the needle may be found in another of these places. Read the file
// top down: the needle has readings, a reading has words, words are looked up, lookups become parts, and the union of
// the parts is the set of candidates for search.go. PostgreSQL finds the records of each part with one index or, where
// a word is frequent, by a scan in the order of the page. If all words of a reading are frequent together, the first
// records of the page's order are compared before all that: they mostly fill the page.

import (
	"context"
	"slices"
	"strings"

	"github.com/Masterminds/squirrel"
)

const (
	mostWalked   = 2000 // maximum of first records that are compared, see firstRecords
	mostLooked   = 6    // maximum of words that are looked up among customers
	mostSets     = 16   // maximum of sets of tokens
	mostContacts = 5    // maximum of contacts with a part each
)

// mentionedBy describes where the records of a view can mention a needle.
type mentionedBy struct {
	view, sequence string
	contact        string   // the column of the contact
	states         []string // values of the column status; nil: no such column
	total          bool     // the view has a column total_amount
	alone          string   // the view of the records' own texts, with the column keys; empty: none
}

// mentions is the set of candidates of a needle: the union of the parts.
type mentions struct {
	mentionedBy
	parts []part
	any   squirrel.Or // holds for every candidate
	every int64       // one customer in so many mentions all words of a frequent reading; 0: no reading is frequent
}

// A part is one way to find candidates. Exactly one of an indexed condition, sets of tokens of the records' own texts,
// or walk is used; walk checks the condition on records in the order of the page. filters narrow the result.
type part struct {
	condition squirrel.Sqlizer
	sets      [][]int32
	walk      bool
	filters   squirrel.And
}

// mentions returns the candidates of a needle.
func (db *DB) mentions(ctx context.Context, looked lookedUp, source mentionedBy) (mentions, error) {
	m := mentions{mentionedBy: source}
	words := make([][]word, len(looked.readings))
	var lookups []*lookup
	for i, r := range looked.readings {
		words[i] = db.words(r.words, source, looked.colleagues)
		if r.amount == nil && looked.whole[i].isFew() { // otherwise each of the words is frequent too
			lookups = append(lookups, lookUps(words[i])...)
		}
	}
	if len(lookups) > 0 {
		steps := []step{inOrder()}
		for _, l := range lookups {
			steps = append(steps, l.step(db.frequencies.few))
		}
		if err := db.ask(ctx, steps...); err != nil {
			return m, err
		}
		if err := db.lookUpSparse(ctx, lookups...); err != nil {
			return m, err
		}
	}
	for i, r := range looked.readings {
		if r.amount == nil || source.total {
			m.add(r, looked.whole[i], words[i])
		}
	}
	return m, nil
}

// add adds the parts of a reading.
func (m *mentions) add(r reading, whole lookup, words []word) {
	all := squirrel.And{}
	for _, w := range words {
		all = append(all, w.mentioned(m.view))
	}
	if r.amount != nil {
		total := squirrel.Eq{"total_amount": *r.amount}
		m.parts = append(m.parts, part{condition: total, filters: all})
		m.any = append(m.any, append(all, total))
		return
	}
	m.parts = append(m.parts, part{condition: whole.condition(m.view), walk: !whole.isFew()})
	m.parts = append(m.parts, wordParts(words, m.view)...)
	m.any = append(m.any, all)
	if !whole.isFew() && (m.every == 0 || whole.every < m.every) {
		m.every = whole.every
	}
}

// A reading is one interpretation of a needle: the words and runs of digits that a record must have, and an amount.
type reading struct {
	words  []string
	amount *Money // nil: none
}

// readings returns the readings of a needle. With amounts, readings as an amount are added: the needle alone, or words
// that look like one.
func (db *DB) readings(needle string, amounts bool) (all []reading) {
	for _, words := range db.vault.Readings(needle) {
		all = append(all, reading{words: words})
	}
	if !amounts {
		return all
	}
	if amount, err := ParseMoney(needle); err == nil {
		return append(all, reading{amount: &amount})
	}
	words := strings.Fields(needle)
	for i, w := range words {
		if amount, err := ParseMoney(w); err == nil && strings.ContainsAny(w, ".,") {
			for _, others := range db.vault.Readings(strings.Join(slices.Delete(words, i, i+1), " ")) {
				all = append(all, reading{others, &amount})
			}
			break
		}
	}
	return all
}

// firstRecords returns the query for the first records in the order of a page: twice as many as fill it if a record is
// as likely to mention the needle as a customer. It returns false if they are too many, or if no reading is frequent.
func (m mentions) firstRecords(p Page) (query squirrel.SelectBuilder, ok bool) {
	n := 2 * m.every * int64(p.Limit+1)
	query = ordered(squirrel.Select("*").From(m.view).Where(isDeleted(p.Deleted)), m.view, p, nil)
	return query.Limit(uint64(n)), p.byID() && 0 < n && n <= mostWalked
}

// candidates returns a query for the candidates of a page that satisfy where, or at least for the first of them. Walks
// come last: they stop when the other parts have filled the page.
func (m mentions) candidates(p Page, where squirrel.And) squirrel.Sqlizer {
	conditions := append(squirrel.And{isDeleted(p.Deleted)}, where...)
	sql, args := "select null::bigint as id", []any{}
	var walks []part
	for _, part := range m.parts {
		if part.walk && p.byID() {
			walks = append(walks, part)
			continue
		}
		sql += " union all (?)"
		args = append(args, m.selected(part, p, conditions))
	}
	if len(walks) > 0 {
		sql = "with found as materialized (" + sql + ") select id from found"
	}
	for _, part := range walks {
		sql += " union all (?)"
		args = append(args, m.walked(part, p, conditions))
	}
	return squirrel.Expr("id = any(array("+sql+"))", args...)
}

// walked returns the query for the IDs of a part that is found by a scan in the order of the page, among the records
// up to the one that fills the page with IDs of "found".
func (m mentions) walked(part part, p Page, where squirrel.And) squirrel.Sqlizer {
	last, direction := "id <= coalesce((?), 9223372036854775807)", ""
	if p.Desc {
		last, direction = "id >= coalesce((?), 0)", " desc"
	}
	filling := squirrel.Expr("select distinct id from found where id is not null order by id"+direction+
		" offset ? limit 1", p.Limit)
	// offset 0 keeps PostgreSQL from reading another table first, and from sorting
	all := ordered(squirrel.Select("*").From(m.view).Where(where).Where(squirrel.Expr(last, filling)), m.view, p, nil).
		RemoveLimit().Suffix("offset 0")
	return squirrel.Select("id").FromSelect(all, "walk").Where(part.condition).Where(part.filters).
		Limit(uint64(p.Limit) + 1)
}

// selected returns the query for the IDs of a part for a page.
func (m mentions) selected(part part, p Page, where squirrel.And) squirrel.Sqlizer {
	narrowed := append(slices.Clone(where), part.filters...)
	switch {
	case part.sets != nil && len(narrowed) == 1: // only the records' own texts matter
		return offered(m.alone, m.sequence, part.sets, p, narrowed)
	case part.sets != nil: // the record's customer is read until the page is full
		one := squirrel.Select("1").From(m.view).Where(m.view + ".id = offer.id").Where(narrowed)
		return offeredFrom(m.alone, m.sequence, part.sets, p, isDeleted(p.Deleted), one)
	case !p.byID():
		return squirrel.Select("id").From(m.view).Where(part.condition).Where(narrowed)
	}
	return ordered(squirrel.Select("id").From(m.view).Where(part.condition).Where(narrowed), m.view, p, nil)
}

// toDollar replaces the placeholders of a statement that was not made by squirrel's builder by those of PostgreSQL.
type toDollar struct{ squirrel.Sqlizer }

// ToSql returns the statement and its arguments.
func (d toDollar) ToSql() (string, []any, error) {
	sql, args, err := d.Sqlizer.ToSql()
	if err == nil {
		sql, err = squirrel.Dollar.ReplacePlaceholders(sql)
	}
	return sql, args, err
}
