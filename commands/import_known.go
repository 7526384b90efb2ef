package commands

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"

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
	i.lines, i.seed, i.firsts = map[uint64]int{}, maphash.MakeSeed(), map[int64]int{}
	i.paid, i.read = map[repo.PaidKey]int{}, map[int64]bool{}
	i.known = known{map[string]int{}, map[string][][]any{}, map[string][][]any{}}
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

// twice describes a value that an earlier line has.
func (i *importing) twice(column, text string, before int) string {
	return fmt.Sprintf("%s %s: is on %s %d too", column, show(text), i.file.Unit, before)
}

// hash returns a key of a value in a column that takes little memory.
func (i *importing) hash(column, text string) uint64 {
	return maphash.String(i.seed, column+"\x00"+keyOf(column, text))
}

// forget makes room for the values of a row that is not added.
func (i *importing) forget(r imported) {
	for column, value := range r.change {
		if text, isText := value.(string); isText && i.lines[i.hash(column, text)] == r.Line {
			delete(i.lines, i.hash(column, text))
		}
	}
}

// note keeps the lines of values that only one record may have.
func (i *importing) note(line int, written repo.Change) {
	for _, column := range []string{"external_id", "employee_number", "email"} {
		value, isText := written[column].(string)
		if !isText || column == "email" && i.noun != "user" {
			continue
		}
		if key := i.hash(column, value); i.lines[key] == 0 {
			i.lines[key] = line
		}
	}
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
		if t.required {
			key = append(key, fmt.Sprint(toCompare(value(t.column))))
		}
	}
	return strings.Join(key, "\x00")
}

// noteFirst warns of a row whose contact would be the first one of a customer as well as that of an earlier row.
func (i *importing) noteFirst(r imported, was []any) {
	customer, is := r.change["customer_id"].(int64)
	if !is {
		customer, is = i.cell(was, "customer_id").(int64)
	}
	if r.change["first"] != true || !is {
		return
	}
	if before := i.firsts[customer]; before != 0 {
		i.doubt(r.Row, fmt.Sprintf("customer %d would get two first contacts, this one and that on %s %d: the one "+
			"with the lower number is the first", customer, i.file.Unit, before))
		return
	}
	i.firsts[customer] = r.Line
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

// unlikePaid refuses the rows of the batch whose contract had a payment of the same day and amount before the import,
// unless --force is given: a file that is imported twice would be paid twice.
func (i *importing) unlikePaid(ctx context.Context) error {
	if i.noun != "payment" || i.in.Has("force") {
		return nil
	}
	var unread []int64
	adds := func(r imported) bool { return r.wrong == "" && r.id == 0 }
	for _, r := range i.batch {
		if contract, _ := r.change["contract_id"].(int64); adds(r) && !i.read[contract] {
			i.read[contract] = true
			unread = append(unread, contract)
		}
	}
	if unread != nil {
		if err := i.writing.wait(); err != nil {
			return err
		}
		paid, err := i.s.DB.PaidKeys(ctx, unread)
		if err != nil {
			return err
		}
		maps.Copy(i.paid, paid)
	}
	for at, r := range i.batch {
		if k := i.paidKey(r.change); adds(r) && i.paid[k] > 0 {
			i.batch[at].forceable = true
			i.batch[at].wrong = fmt.Sprintf("contract %d has a payment of %s on %s already: %s", k.Contract,
				toShow(i.s, k.Amount), k.Day, anyway)
		}
	}
	return nil
}

func (i *importing) paidKey(payment repo.Change) repo.PaidKey {
	k := repo.PaidKey{Day: i.s.Locale.Now().In(i.s.Locale.Zone).Format(time.DateOnly)}
	k.Contract, _ = payment["contract_id"].(int64)
	k.Amount, _ = payment["amount"].(repo.Money)
	if on, given := payment["paid_on"].(time.Time); given {
		k.Day = on.Format(time.DateOnly)
	}
	return k
}

// isPartlyPaid reports whether the row of a contract says that something was paid.
func (i *importing) isPartlyPaid(cells []string) bool {
	at := slices.Index(i.names, "remaining_amount")
	total := i.source("total_amount")
	return i.noun == "contract" && at >= 0 && at < len(cells) && total != nil && cells[at] != "" &&
		i.plain(cells[at]) != total.text(cells, i.plain)
}
