package repo

// This file says where the words of a needle are mentioned, and how records are found by each (mention.go).

import (
	"slices"
	"strconv"

	"github.com/Masterminds/squirrel"
)

// A word of a needle and the places that mention it.
type word struct {
	text     string
	customer lookup
	own      []part // ways to find the word in the record itself
}

// words returns words with the ways to find them in a record itself.
func (db *DB) words(texts []string, source mentionedBy, colleagues []User) []word {
	words := make([]word, len(texts))
	for i, text := range texts {
		customer := lookup{sets: db.tokenSets([]string{text})}
		words[i] = word{text: text, customer: customer, own: db.ownParts(text, source, colleagues)}
	}
	return words
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
// anywhere. A word in the record's own texts may be frequent: if another one has few customers, their records are read
// and not those with the word.
func wordParts(words []word, view string) (parts []part) {
	for j, w := range words {
		fewest := -1 // the other word with the fewest customers
		for k, other := range words {
			if k != j && other.customer.isFew() &&
				(fewest < 0 || len(other.customer.ids) < len(words[fewest].customer.ids)) {
				fewest = k
			}
		}
		for _, p := range w.own {
			if p.sets != nil && fewest >= 0 {
				if both := words[fewest].together(p.sets); len(both) <= mostSets {
					others := mentionedBut(words, view, j, fewest)
					parts = append(parts, part{
						condition: words[fewest].customer.condition(view),
						filters:   append(squirrel.And{holdsAny("own_tokens", p.sets)}, others...),
					})
					if len(both) > 0 {
						parts = append(parts, part{sets: both, filters: others})
					}
					continue // the other word elsewhere in the record: a part of that word
				}
			}
			p.filters = mentionedBut(words, view, j)
			p.walk = p.walk && !slices.ContainsFunc(words, word.isRare)
			parts = append(parts, p)
		}
	}
	return parts
}

// mentionedBut is the condition that a record mentions the words but for some of them, in any place.
func mentionedBut(words []word, view string, but ...int) (all squirrel.And) {
	for k, w := range words {
		if !slices.Contains(but, k) {
			all = append(all, w.mentioned(view))
		}
	}
	return all
}

// together returns the sets of tokens of own texts that mention the word besides what the given sets stand for.
func (w word) together(sets [][]int32) (both [][]int32) {
	for _, own := range w.own {
		for _, a := range own.sets {
			for _, b := range sets {
				both = append(both, slices.Concat(a, b))
			}
		}
	}
	return both
}

// isRare reports whether only records of few customers can mention the word.
func (w word) isRare() bool { return w.customer.isFew() && len(w.own) == 0 }

// mentioned is the condition that a record of a view mentions the word in any place.
func (w word) mentioned(view string) squirrel.Sqlizer {
	or := squirrel.Or{w.customer.condition(view)}
	for _, p := range w.own {
		if p.condition != nil {
			or = append(or, p.condition)
		} else {
			or = append(or, holdsAny("own_tokens", p.sets))
		}
	}
	return or
}
