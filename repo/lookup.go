package repo

// This file looks the words of a search up among customers, for contracts and events that mention them (mention.go).

import (
	"context"
	"slices"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// lookedUp is what searches in contracts and events know of a needle before they look for records.
type lookedUp struct {
	generation int // of the keys
	readings   []reading
	whole      []lookup // of each reading without an amount: the customers that mention all words
	colleagues []User   // also deleted ones
}

// lookUp looks a needle up among colleagues and, if byWords, among customers.
func (db *DB) lookUp(ctx context.Context, needle string, byWords bool) (lookedUp, error) {
	looked := lookedUp{generation: db.vault.Generation(), readings: db.readings(needle, true)}
	looked.whole = make([]lookup, len(looked.readings))
	steps := []step{{users.from(), collect(&looked.colleagues, users.row(db))}, inOrder()}
	var lookups []*lookup
	for i, r := range looked.readings {
		looked.whole[i] = lookup{sets: db.tokenSets(r.words)}
		if byWords && r.amount == nil {
			lookups = append(lookups, &looked.whole[i])
			steps = append(steps, looked.whole[i].step(db.frequencies.few))
		}
	}
	err := db.ask(ctx, steps...)
	if err == nil {
		err = db.lookUpSparse(ctx, lookups...)
	}
	return looked, err
}

// orLookUp returns the same for a needle, looked up again if l is nil or the keys were rotated since.
func (l *lookedUp) orLookUp(ctx context.Context, db *DB, needle string) (lookedUp, error) {
	if l == nil || l.generation != db.vault.Generation() {
		return db.lookUp(ctx, needle, true)
	}
	return *l, nil
}

// frequencies say which words are frequent. Records of customers with other words are found by the customers' IDs,
// those with frequent words by a scan in the order of the page.
type frequencies struct {
	few    int // IDs that are looked up first
	many   int // IDs of sparse words
	sparse int // words are sparse if only one customer in so many, or fewer, mentions them: scans for them take long
}

var usual = frequencies{few: 500, many: 7000, sparse: 150}

// A lookup finds the customers, also deleted ones, that mention words, according to the index.
type lookup struct {
	sets  [][]int32
	ids   []int64 // nil: not looked up, or frequent
	every int64   // of frequent words: about one customer in so many mentions them
}

// isFew reports whether the IDs of all customers that mention the words are known.
func (l lookup) isFew() bool { return l.ids != nil }

// lookUpSparse looks those up whose words are sparse but have more customers than were looked up first.
func (db *DB) lookUpSparse(ctx context.Context, lookups ...*lookup) error {
	steps := []step{inOrder()}
	for _, l := range lookups {
		if !l.isFew() && l.every >= int64(db.frequencies.sparse) {
			steps = append(steps, l.step(db.frequencies.many))
		}
	}
	if len(steps) == 1 {
		return nil
	}
	return db.ask(ctx, steps...)
}

// step looks the customers up if they are at most so many.
func (l *lookup) step(most int) step {
	offer := offered(customers.finder.alone, "customer_id_seq", l.sets, Page{Sort: "-"}, squirrel.Expr("true"))
	const few = "select case when count(*) <= ? then coalesce(array_agg(id), '{}') end, " +
		"coalesce((max(id) - min(id)) / ?, 0) from (? limit ?) o"
	found := toDollar{squirrel.Expr(few, most, most, offer, most+1)}
	return step{found, func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&l.ids, &l.every}, func() error { return nil })
		return err
	}}
}

// condition holds for the records of the customers. It lists IDs if these are few.
func (l lookup) condition(view string) squirrel.Sqlizer {
	if l.isFew() {
		return ofCustomers(view, l.ids)
	}
	return holdsAny("tokens", l.sets)
}

// lookUps returns the lookups of words among customers. It looks a word up only if another word can be mentioned in the
// record itself: the part for all words finds the others.
func lookUps(words []word) (lookups []*lookup) {
	for i := range words[:min(len(words), mostLooked)] {
		if othersHaveOwn(words, i) {
			lookups = append(lookups, &words[i].customer)
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
		"(select id from own_contracts where customer_id = c.id offset 0) k"
	if view == "contracts" {
		return squirrel.Expr("id = any(array(select k.id from "+contracts+"))", ids)
	}
	return squirrel.Expr("id = any(array(select e.id from "+contracts+
		" cross join lateral (select id from own_events where contract_id = k.id offset 0) e))", ids)
}
