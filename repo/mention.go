package repo

// This file finds contracts and events: by number, by texts of their own, by their contact, by their customer. Every word
// that is searched may be found in another of these. What is found is a union of parts, each of which PostgreSQL
// reaches by one index, or walks in the order of the page where it is frequent.

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

const (
	fewCustomers = 500 // who match; a word that more match is frequent
	mostLooked   = 6   // words of a needle that customers are looked up for
	mostSets     = 16  // of tokens
	mostContacts = 5   // that are looked up one by one
)

// mentionedBy says where the records of a view are found.
type mentionedBy struct {
	view, sequence string
	contact        string   // column
	states         []string // of the column status; nil: there is none
	total          bool     // the column total_amount
	alone          string   // the view with the column keys and no other table; empty: they have no texts of their own
}

// mentions is what a needle stands for: any of its parts.
type mentions struct {
	mentionedBy
	parts []part
}

// A part is records that are found one way and pass filters: by an index; by the index of their own texts, which offers what has
// one of the sets of tokens; or, where that is frequent, by walking all records in the order of the page.
type part struct {
	by      squirrel.Sqlizer
	sets    [][]int32
	walk    bool
	filters squirrel.And
}

// A word of a needle, and where it may be found.
type word struct {
	text     string
	customer squirrel.Sqlizer
	few      bool   // customers, by their ids
	own      []part // ways to find it in the record itself
}

// either holds for records that mention the word at all.
func (w word) either() squirrel.Sqlizer {
	or := squirrel.Or{w.customer}
	for _, p := range w.own {
		if p.by != nil {
			or = append(or, p.by)
		} else {
			or = append(or, holdsAny("own_tokens", p.sets))
		}
	}
	return or
}

// mentions looks up what the words of a needle stand for: customers, collaborators, numbers, states.
func (db *DB) mentions(ctx context.Context, text string, by mentionedBy) (mentions, error) {
	m := mentions{mentionedBy: by}
	var colleagues []User
	if err := db.ask(ctx, step{users.from(), collect(&colleagues, users.row(db))}); err != nil {
		return m, err
	}
	readings := db.readings(text, by.total)
	whole := make([]part, len(readings))
	words := make([][]word, len(readings))
	steps := []step{inOrder()}
	for i, reading := range readings {
		if reading.amount == nil {
			steps = append(steps, db.customersWith(by.view, reading.words, func(by squirrel.Sqlizer, few bool) { whole[i] = part{by: by, walk: !few} }))
		}
		for _, text := range reading.words {
			words[i] = append(words[i], word{text: text, own: db.own(text, by, colleagues)})
		}
		for j := range words[i] {
			w := &words[i][j]
			w.customer = holdsAny("tokens", db.anywhere([]string{w.text}))
			if j < mostLooked && elsewhere(words[i], j) {
				steps = append(steps, db.customersWith(by.view, []string{w.text}, func(by squirrel.Sqlizer, few bool) { w.customer, w.few = by, few }))
			}
		}
	}
	if err := db.ask(ctx, steps...); err != nil {
		return m, err
	}
	for i, reading := range readings {
		if reading.amount != nil {
			m.parts = append(m.parts, withAmount(*reading.amount, words[i]))
		} else {
			m.parts = append(append(m.parts, whole[i]), withOwn(words[i])...)
		}
	}
	return m, nil
}

// withOwn is records that hold one of the words themselves, and mention the others.
func withOwn(words []word) (parts []part) {
	for j, w := range words {
		var others squirrel.And
		for k, other := range words {
			if k != j {
				others = append(others, other.either())
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

// withAmount is records of an amount that mention all words.
func withAmount(amount Money, words []word) part {
	p := part{by: squirrel.Eq{"total_amount": amount}}
	for _, w := range words {
		p.filters = append(p.filters, w.either())
	}
	return p
}

// A reading is one way to read a needle: words and runs of digits that must be found, and an amount.
type reading struct {
	words  []string
	amount *Money // nil: none
}

// readings are the ways to read a needle; with amounts also as one, alone or with a decimal sign among words.
func (db *DB) readings(text string, amounts bool) (all []reading) {
	for _, words := range db.vault.Readings(text) {
		all = append(all, reading{words: words})
	}
	if !amounts {
		return all
	}
	if amount, err := ParseMoney(text); err == nil {
		return append(all, reading{amount: &amount})
	}
	words := strings.Fields(text)
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

// elsewhere tells whether another word than the i-th may be found in the record itself.
func elsewhere(words []word, i int) bool {
	for k, w := range words {
		if k != i && len(w.own) > 0 {
			return true
		}
	}
	return false
}

// anywhere is the sets of tokens that records with all of the words have at least one of. Each word may be read in several
// ways; those of words that would make too many sets are left to the score.
func (db *DB) anywhere(words []string) [][]int32 {
	sets := [][]int32{nil}
	for _, w := range words {
		var longer [][]int32
		_, _, ways := db.vault.Needle(w)
		for _, way := range ways {
			for _, set := range sets {
				longer = append(longer, slices.Concat(set, way))
			}
		}
		if len(longer) > mostSets {
			break
		}
		sets = longer
	}
	return sets
}

// holdsAny is for records that have all tokens of a set in a column: tokens are the customer's.
func holdsAny(column string, sets [][]int32) squirrel.Sqlizer {
	or := squirrel.Or{squirrel.Expr("false")}
	for _, tokens := range sets {
		or = append(or, squirrel.Expr(column+" @> ?::integer[]", tokens))
	}
	return or
}

// ofCustomers holds for the contracts or events of customers. They are found one customer after the other, by the indexes ("offset 0"):
// without statistics the planner expects 1 row in 200 for each and would read whole tables.
func ofCustomers(view string, ids []int64) squirrel.Sqlizer {
	const contracts = "unnest(?::bigint[]) c (id) cross join lateral (select id from contracts where customer_id = c.id offset 0) k"
	if view == "contracts" {
		return squirrel.Expr("id = any(array(select k.id from "+contracts+"))", ids)
	}
	return squirrel.Expr("id = any(array(select e.id from "+contracts+
		" cross join lateral (select id from event_texts where contract_id = k.id offset 0) e))", ids)
}

// customersWith looks up the customers that the index offers for all of the words, deleted ones too: by their ids, if they are few.
func (db *DB) customersWith(view string, words []string, found func(by squirrel.Sqlizer, few bool)) step {
	sets := db.anywhere(words)
	offer := offered("customers", "customer_id_seq", sets, Page{Limit: fewCustomers}, squirrel.Expr("true"))
	return step{toDollar{offer}, func(rows pgx.Rows) error {
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if len(ids) > fewCustomers {
			found(holdsAny("tokens", sets), false)
		} else {
			found(ofCustomers(view, ids), true)
		}
		return err
	}}
}

// own are the ways to find a word in the record itself. An index of contacts is in the order of the page for one of them.
func (db *DB) own(text string, by mentionedBy, colleagues []User) (ways []part) {
	add := func(sql string, value any) { ways = append(ways, part{by: squirrel.Expr(sql, value)}) }
	var contacts []int64
	for _, u := range colleagues {
		if db.vault.Score(text, u.FirstName+" "+u.LastName) > 0 {
			contacts = append(contacts, u.ID)
		}
	}
	for _, id := range contacts[:min(len(contacts), mostContacts)] {
		add(by.contact+" = ?", id)
	}
	if len(contacts) > mostContacts {
		add(by.contact+" = any(?)", contacts[mostContacts:])
	}
	states := slices.DeleteFunc(slices.Clone(by.states), func(s string) bool { return db.vault.Score(text, s) == 0 })
	if len(states) > 0 {
		ways = append(ways, part{by: squirrel.Expr("status = any(?)", states), walk: true})
	}
	if id, err := strconv.ParseInt(text, 10, 64); err == nil {
		add("id = ?", id)
	}
	if amount, err := ParseMoney(text); err == nil && by.total {
		add("total_amount = ?", amount)
	}
	if by.alone != "" {
		ways = append(ways, part{sets: db.vault.PlainNeedle(text)})
	}
	return ways
}

// candidates holds for the records of a page that may match, at least for the first ones of it.
func (m mentions) candidates(p Page) squirrel.Sqlizer {
	sql, args := "id = any(array(select null::bigint", []any{}
	for _, part := range m.parts {
		where := append(squirrel.And{isDeleted(p.Deleted)}, part.filters...)
		sql += " union all (?)"
		if part.sets != nil {
			view := m.view
			if len(part.filters) == 0 {
				view = m.alone
			}
			args = append(args, offered(view, m.sequence, part.sets, p, where))
			continue
		}
		if !p.byID() {
			args = append(args, squirrel.Select("id").From(m.view).Where(part.by).Where(where))
			continue
		}
		if part.walk { // offset 0 keeps PostgreSQL from reading another table first, and sorting
			all := ordered(squirrel.Select("*").From(m.view).Where(where[0]), m.view, p, nil).RemoveLimit().Suffix("offset 0")
			args = append(args, squirrel.Select("id").FromSelect(all, "walk").Where(part.by).Where(part.filters).Limit(uint64(p.Limit)+1))
			continue
		}
		args = append(args, ordered(squirrel.Select("id").From(m.view).Where(part.by).Where(where), m.view, p, nil))
	}
	return squirrel.Expr(sql+"))", args...)
}

// toDollar writes PostgreSQL's placeholders for a statement that is none of squirrel's builders.
type toDollar struct{ squirrel.Sqlizer }

// ToSql is the statement and its arguments.
func (d toDollar) ToSql() (string, []any, error) {
	sql, args, err := d.Sqlizer.ToSql()
	if err == nil {
		sql, err = squirrel.Dollar.ReplacePlaceholders(sql)
	}
	return sql, args, err
}
