package repo

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// This file scores and sorts the matches of find.

// isOneWord reports whether every reading of a needle is a single word.
func (db *DB) isOneWord(needle string) bool {
	readings := db.vault.Readings(needle)
	return !slices.ContainsFunc(readings, func(words []string) bool { return len(words) > 1 })
}

func isAmount(needle string) bool {
	_, err := ParseMoney(needle)
	return err == nil
}

func idsOf(found []Found[Customer]) []int64 {
	ids := make([]int64, len(found))
	for i, f := range found {
		ids[i] = f.Record.ID
	}
	return ids
}

// scoreWith returns the score function of records that have a customer: the better of their own score and the score of
// their customer in matching. The number of a customer does not match its records.
func (e entity[T]) scoreWith(db *DB, needle string, matching []Found[Customer]) func(T) int {
	customer, scores := e.column("customer_id"), map[int64]int{}
	for _, f := range matching {
		scores[f.Record.ID] = min(f.Score, exactly-1)
	}
	return func(r T) int {
		id, _ := customer.Value(r).(int64)
		return max(e.score(db, needle, r), scores[id])
	}
}

// best returns at most limit of the records with a score, without duplicates, the best first and equal scores by ID.
func best[T any](all []T, limit int, id func(T) int64, score func(T) int) []Found[T] {
	seen := map[int64]bool{}
	var found []Found[T]
	for _, r := range all {
		if s := score(r); s > 0 && !seen[id(r)] {
			seen[id(r)] = true
			found = append(found, Found[T]{r, s})
		}
	}
	slices.SortStableFunc(found, func(a, b Found[T]) int {
		return cmp.Or(b.Score-a.Score, cmp.Compare(id(a.Record), id(b.Record)))
	})
	return found[:min(len(found), limit)]
}

// scoreRecord returns how well a record matches: by its number, by its total, or with every word in one of its texts.
func (db *DB) scoreRecord(needle string, id int64, total *Money, texts ...string) int {
	number := strconv.FormatInt(id, 10)
	if strings.TrimSpace(needle) == number {
		return exactly
	}
	score := db.vault.Score(needle, texts...)
	for _, r := range db.readings(needle, total != nil) {
		if r.amount != nil && *r.amount != *total {
			continue
		}
		all := exactly - 1
		for _, word := range r.words {
			parsed, err := ParseMoney(word)
			if isTotal := total != nil && err == nil && parsed == *total; word != number && !isTotal {
				all = min(all, db.vault.Score(word, texts...))
			}
		}
		score = max(score, all)
	}
	return score
}
