package repo

// This file finds the contracts and events that mention a needle: by their number or total, by their own texts, by
// their contact, or by their customer. Each word of the needle may be found in another of these places. Read the file
// top down: the needle has readings, a reading has words, words are looked up, lookups become parts, and the union of
// the parts is the set of candidates for search.go. PostgreSQL finds the records of each part with one index or, where
// a word is frequent, by a scan in the order of the page.

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/Masterminds/squirrel"
)

const (
	fewCustomers = 500 // a word with more matching customers is frequent
	mostLooked   = 6   // maximum of words that are looked up among customers
	mostSets     = 16  // maximum of sets of tokens
	mostContacts = 5   // maximum of contacts with a part each
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
}

// A part is one way to find candidates. Exactly one of an indexed condition, sets of tokens of the records' own texts,
// or walk is used; walk checks the condition on records in the order of the page. filters narrow the result.
type part struct {
	condition squirrel.Sqlizer
	sets      [][]int32
	walk      bool
	filters   squirrel.And
}

// A word of a needle and the places that mention it.
type word struct {
	text     string
	customer squirrel.Sqlizer // holds if the record's customer mentions it
	few      bool             // customer lists IDs
	own      []part           // ways to find the word in the record itself
}

// mentions returns the candidates of a needle.
func (db *DB) mentions(ctx context.Context, needle string, source mentionedBy) (mentions, error) {
	m := mentions{mentionedBy: source}
	readings := db.readings(needle, source.total)
	whole := make([]part, len(readings)) // customers that mention all words of a reading
	words := make([][]word, len(readings))
	var colleagues []User
	own := func() { db.setOwn(words, readings, source, colleagues) }
	own()
	lookups := []step{{users.from(), collect(&colleagues, users.row(db))}}
	// Records without texts: which words are looked up depends on the colleagues whose names match the others.
	if source.alone == "" && slices.ContainsFunc(readings, func(r reading) bool { return len(r.words) > 1 }) {
		if err := db.ask(ctx, lookups...); err != nil {
			return m, err
		}
		own()
		lookups = nil
	}
	lookups = append(lookups, inOrder())
	for i, reading := range readings {
		if reading.amount == nil {
			found := func(customer squirrel.Sqlizer, few bool) { whole[i] = part{condition: customer, walk: !few} }
			lookups = append(lookups, db.customersWith(source.view, reading.words, found))
		}
		lookups = append(lookups, db.lookUp(words[i], source.view)...)
	}
	if err := db.ask(ctx, lookups...); err != nil {
		return m, err
	}
	own()
	for i, reading := range readings {
		if reading.amount != nil {
			m.parts = append(m.parts, amountPart(*reading.amount, words[i]))
		} else {
			m.parts = append(append(m.parts, whole[i]), wordParts(words[i])...)
		}
	}
	return m, nil
}

// setOwn sets the words of each reading and the ways to find them in a record itself.
func (db *DB) setOwn(words [][]word, readings []reading, source mentionedBy, colleagues []User) {
	for i, reading := range readings {
		words[i] = slices.Grow(words[i], len(reading.words))[:len(reading.words)]
		for j, text := range reading.words {
			words[i][j].text, words[i][j].own = text, db.ownParts(text, source, colleagues)
		}
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

// ownParts returns the ways to find a word in the record itself. A part for a single contact can be read from an index
// in the order of the page.
func (db *DB) ownParts(text string, source mentionedBy, colleagues []User) (ways []part) {
	add := func(sql string, value any) { ways = append(ways, part{condition: squirrel.Expr(sql, value)}) }
	var contacts []int64
	for _, u := range colleagues {
		if db.vault.Score(text, u.FirstName+" "+u.LastName) > 0 {
			contacts = append(contacts, u.ID)
		}
	}
	for _, id := range contacts[:min(len(contacts), mostContacts)] {
		add(source.contact+" = ?", id)
	}
	if len(contacts) > mostContacts {
		add(source.contact+" = any(?)", contacts[mostContacts:])
	}
	states := slices.DeleteFunc(slices.Clone(source.states),
		func(s string) bool { return db.vault.Score(text, s) == 0 })
	if len(states) > 0 {
		ways = append(ways, part{condition: squirrel.Expr("status = any(?)", states), walk: true})
	}
	if id, err := strconv.ParseInt(text, 10, 64); err == nil {
		add("id = ?", id)
	}
	if amount, err := ParseMoney(text); err == nil && source.total {
		add("total_amount = ?", amount)
	}
	if source.alone != "" {
		ways = append(ways, part{sets: db.vault.PlainNeedle(text)})
	}
	return ways
}

// wordParts returns a part for each way in which a record itself can mention one of the words, with the other words
// anywhere.
func wordParts(words []word) (parts []part) {
	for j, w := range words {
		var others squirrel.And
		for k, other := range words {
			if k != j {
				others = append(others, other.mentioned())
			}
		}
		for _, p := range w.own {
			p.filters = others
			p.walk = p.walk && !slices.ContainsFunc(words, func(o word) bool { return o.few && len(o.own) == 0 })
			parts = append(parts, p)
		}
	}
	return parts
}

// amountPart returns the part for records with an amount that mention all words.
func amountPart(amount Money, words []word) part {
	p := part{condition: squirrel.Eq{"total_amount": amount}}
	for _, w := range words {
		p.filters = append(p.filters, w.mentioned())
	}
	return p
}

// mentioned is the condition that a record mentions the word in any place.
func (w word) mentioned() squirrel.Sqlizer {
	or := squirrel.Or{w.customer}
	for _, p := range w.own {
		if p.condition != nil {
			or = append(or, p.condition)
		} else {
			or = append(or, holdsAny("own_tokens", p.sets))
		}
	}
	return or
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
