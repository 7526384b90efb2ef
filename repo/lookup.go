package repo

// This file looks the words of a search up among customers, for contracts and events that mention them (mention.go).

import (
	"slices"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// lookUp returns the steps that look words up among customers. It looks a word up only if another word can be mentioned
// in the record itself: the part for all words finds the others.
func (db *DB) lookUp(words []word, view string) (lookups []step) {
	for i := range words {
		w := &words[i]
		w.customer = holdsAny("tokens", db.tokenSets([]string{w.text}))
		if i < mostLooked && othersHaveOwn(words, i) {
			found := func(customer squirrel.Sqlizer, few bool) { w.customer, w.few = customer, few }
			lookups = append(lookups, db.customersWith(view, []string{w.text}, found))
		}
	}
	return lookups
}

// othersHaveOwn reports whether a word other than the i-th can be mentioned in the record itself.
func othersHaveOwn(words []word, i int) bool {
	for k, w := range words {
		if k != i && len(w.own) > 0 {
			return true
		}
	}
	return false
}

// customersWith looks up customers, also deleted ones, that have all of the words according to the index. found
// receives a condition for their records; it lists IDs if they are few.
func (db *DB) customersWith(view string, words []string, found func(customer squirrel.Sqlizer, few bool)) step {
	sets := db.tokenSets(words)
	offer := offered(customers.finder.alone, "customer_id_seq", sets, Page{Sort: "-"}, squirrel.Expr("true"))
	return step{toDollar{squirrel.Expr("? limit ?", offer, fewCustomers+1)}, func(rows pgx.Rows) error {
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if len(ids) > fewCustomers {
			found(holdsAny("tokens", sets), false)
		} else {
			found(ofCustomers(view, ids), true)
		}
		return err
	}}
}

// tokenSets returns sets of tokens. A record that mentions all of the words has all tokens of one set. Words with so
// many readings that there would be too many sets are ignored here and compared by the score.
func (db *DB) tokenSets(words []string) [][]int32 {
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

// holdsAny is the condition that a column has all tokens of one of the sets. The column tokens belongs to the customer.
func holdsAny(column string, sets [][]int32) squirrel.Sqlizer {
	or := squirrel.Or{squirrel.Expr("false")}
	for _, tokens := range sets {
		or = append(or, squirrel.Expr(column+" @> ?::integer[]", tokens))
	}
	return or
}

// ofCustomers is the condition for the contracts or events of customers. "offset 0" makes PostgreSQL look up customers
// one at a time with the indexes. Without statistics it estimates one row in 200 for each customer and would read whole
// tables.
func ofCustomers(view string, ids []int64) squirrel.Sqlizer {
	const contracts = "unnest(?::bigint[]) c (id) cross join lateral " +
		"(select id from contracts where customer_id = c.id offset 0) k"
	if view == "contracts" {
		return squirrel.Expr("id = any(array(select k.id from "+contracts+"))", ids)
	}
	return squirrel.Expr("id = any(array(select e.id from "+contracts+
		" cross join lateral (select id from own_events where contract_id = k.id offset 0) e))", ids)
}
