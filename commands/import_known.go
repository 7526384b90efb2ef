package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"crm/repo"
	"crm/security/finding"
)

// This file finds the existing records that the rows of a file change.

// known are the existing records by their keys.
type known struct {
	place map[string]int // of a column in a record
	rows  map[string][][]any
	// The records without a key, by their values in the columns that every record has.
	unkeyed map[string][][]any
}

// index reads the existing records by their keys.
func (i *importing) index(ctx context.Context) error {
	i.seen, i.refs = map[string]int{}, map[string]referred{}
	i.unique, i.firsts = newUniqueLines(), map[int64]int{}
	i.paid, i.read = map[repo.PaidKey]int{}, map[int64]bool{}
	i.known = known{map[string]int{}, map[string][][]any{}, map[string][][]any{}}
	i.siblings = map[string]int64{}
	if i.key == "" {
		return nil
	}
	// json: whole
	found, err := i.list.Run(ctx, i.s, Input{values: map[string]any{"format": "json"}, resolved: map[string]any{}})
	if err != nil {
		return err
	}
	for n, c := range found.Columns {
		i.known.place[c.Name] = n
	}
	for {
		for _, row := range found.Rows {
			if value := row[i.known.place[i.key]]; value != nil {
				key := keyOf(i.key, fmt.Sprint(value))
				i.known.rows[key] = append(i.known.rows[key], row)
			} else {
				key := i.needed(func(column string) any { return i.cell(row, column) })
				i.known.unkeyed[key] = append(i.known.unkeyed[key], row)
			}
		}
		if found.Rest == nil {
			return nil
		}
		if found.Rows, err = found.Rest(ctx); err != nil || len(found.Rows) == 0 {
			return err
		}
	}
}

// keyOf returns the text by which a record with this key is found. The IDs of other programs differ by case too.
func keyOf(column, text string) string {
	if column == "external_id" {
		return norm.NFC.String(text)
	}
	return finding.Fold(text)
}

// record returns the record that a row changes; nil if it adds one.
func (i *importing) record(cells []string, line int) ([]any, error) {
	if i.key == "" {
		return nil, nil
	}
	text := i.source(i.key).text(cells, i.plain)
	if text == "" {
		return nil, nil
	}
	key := keyOf(i.key, text)
	if before, twice := i.seen[key]; twice {
		return nil, &rowError{i.twice(i.key, text, before)}
	}
	i.seen[key] = line
	found := i.known.rows[key]
	isExact := func(row []any) bool { return fmt.Sprint(row[i.known.place[i.key]]) == text }
	if exact := slices.IndexFunc(found, isExact); len(found) > 1 && exact >= 0 { // they differ by case
		found = found[exact : exact+1]
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf("%s %s: fits %s: want --key id", i.key, show(text), Plural(int64(len(found)), i.noun))
	case i.key == "id":
		return nil, fmt.Errorf("id %s: there is no such %s", show(text), i.noun)
	}
	return nil, nil
}

// unkeyedRecord returns the record that a row without a key is already: one without a key that has all its values, and
// that no earlier row is. So a file that is imported again adds none of them twice.
func (i *importing) unkeyedRecord(cells []string, read Input) []any {
	if i.key == "" || i.source(i.key).text(cells, i.plain) != "" {
		return nil
	}
	key := i.needed(func(column string) any { return read.values[strings.ReplaceAll(column, "_", "-")] })
	for n, was := range i.known.unkeyed[key] {
		r := imported{change: repo.Change{}, later: repo.Change{}}
		if wrong := i.fill(&r, read, was); wrong == nil && len(r.change) == 0 {
			i.known.unkeyed[key] = slices.Delete(i.known.unkeyed[key], n, n+1)
			return was
		}
	}
	return nil
}

// needed returns the values of the columns that every record has.
func (i *importing) needed(value func(column string) any) string {
	var key []string
	for _, t := range i.targets {
		if t.required && t.column != "end_date" { // which is known with its start only
			key = append(key, fmt.Sprint(toCompare(value(t.column))))
		}
	}
	return strings.Join(key, "\x00")
}

// sameReference returns the ID that a reference of a record has, such as customer_id, if the record names the other one
// as the text does. Several records may have that name.
func (i *importing) sameReference(was []any, column, text string) (id any, same bool) {
	noun, isReference := strings.CutSuffix(column, "_id")
	for _, shown := range []string{noun, noun + "_contact"} {
		if isReference && i.cell(was, shown) == text {
			return i.cell(was, column), true
		}
	}
	return nil, false
}
