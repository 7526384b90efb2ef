package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"crm/commands/intake"
	"crm/repo"
)

// This file turns the rows of a file into records and writes them.

// An importing is one import.
type importing struct {
	importable
	s       *Session
	in      Input
	path    string
	file    *intake.File
	sources []source
	names   []string     // of columns, as the headers write them: "Deleted at" is deleted_at
	unused  []int        // headers that nothing is imported from
	filled  []bool       // headers with a value in some row
	skipped map[int]bool // headers that --map leaves out
	// the header of the customer beside customer_id or contract_id, -1: none, and the customers by these
	customerAt int
	parties    map[int64]repo.Customer
	further    []bool // headers of which some row has a value that is not taken, such as a second phone
	escaped    bool   // the cells have the escapes of tsv
	unescaped  bool   // some cell had one
	key        string
	atomic     bool // in an atomic script
	known      known
	seen       map[string]int // the line of each key
	unique     uniqueLines
	swapped    string               // the first date whose day and month are in the other order
	firsts     map[int64]int        // of contacts only: the line of each customer's first one
	others     *repo.CustomerIndex  // of customers only
	paid       map[repo.PaidKey]int // of payments only: before the import, of the contracts in read
	read       map[int64]bool       // customers and contracts whose records are in siblings or paid
	// of contacts, contracts and events only: the IDs of those before the import, by their texts, and the lines of
	// earlier rows, below zero
	siblings map[string]int64
	alike    int // rows that are like one of these
	refs     map[string]referred
	batch    []imported
	writing  *addition // the batch before
	show     func(done, of int64)
	refused  rejects

	rows, added, changed, same int
	line                       int  // that is read
	partlyPaid                 int  // contracts whose remaining amount in the file is not the total
	forceable                  int  // refused rows that --force would import
	unfinished                 int  // contracts that are finished in the file and were added
	unkeyed                    bool // one of these has no external ID
	unsaid                     int  // contracts without a total in the file, and payments without a day
	doubts                     []string
	events                     []Event
}

// An imported is a row with its values.
type imported struct {
	intake.Row
	id        int64 // of the record that it changes; 0: it adds one
	change    repo.Change
	later     repo.Change
	wrong     string // why it is refused; empty: it is not
	forceable bool   // --force would import it
}

// A referred is the result of looking up a reference.
type referred struct {
	id  int64
	err error
}

// values reads the cells of a row that changes a record, or adds one if was is nil. It returns a line for each invalid
// one.
func (i *importing) values(ctx context.Context, row intake.Row, was []any) (read Input, wrong []string, err error) {
	cells, headers := i.refused.withoutReason(row.Cells), i.refused.withoutReason(i.file.Header.Cells)
	if extra := cells[min(len(cells), len(headers)):]; slices.ContainsFunc(extra,
		func(c string) bool { return strings.TrimSpace(c) != "" }) {
		wrong = append(wrong, fmt.Sprintf("has %d values for %d columns", len(cells), len(headers)))
	}
	for at, text := range row.Cells[:min(len(row.Cells), len(i.filled))] {
		i.filled[at] = i.filled[at] || strings.TrimSpace(text) != ""
	}
	read = Input{values: map[string]any{}, resolved: map[string]any{}}
	for _, src := range i.sources {
		if why := src.odd(row); why != "" {
			wrong = append(wrong, src.target.column+" "+why)
			continue
		}
		for _, at := range src.further(row.Cells, i.plain) {
			i.further[at] = true
		}
		text := i.withoutCompany(src, row.Cells)
		if text == "" || src.target == &idTarget {
			continue
		}
		value, same := i.sameReference(was, src.target.column, text)
		var err error
		if !same {
			value, err = i.value(ctx, src.target, text)
		}
		var of *rowError
		switch {
		case errors.As(err, &of):
			wrong = append(wrong, fmt.Sprintf("%s %s: %s", src.target.column, show(text), of.text))
		case err != nil:
			return read, nil, err
		case value == false: // a switch that is not set
		default:
			read.values[strings.ReplaceAll(src.target.column, "_", "-")] = value
			if src.target.kind.Doubt != nil {
				i.doubt(row, src.target.kind.Doubt(value))
			}
		}
	}
	return read, wrong, nil
}

// withoutCompany returns the value of a column in a row: of a person without the company that Odoo puts before it.
func (i *importing) withoutCompany(src source, cells []string) string {
	text := src.text(cells, i.plain)
	for _, column := range []string{"company_name", "customer_id"} {
		of := i.source(column)
		if src.target.column != "full_name" || of == nil {
			continue
		}
		if person, found := strings.CutPrefix(text, of.text(cells, i.plain)+", "); found && person != text {
			return strings.TrimSpace(person)
		}
	}
	return text
}

// row reads a row and adds it to the batch.
func (i *importing) row(ctx context.Context, row intake.Row) error {
	i.rows++
	i.line = row.Line
	if i.isHeader(row.Cells) {
		i.batch = append(i.batch, imported{Row: row, wrong: "is the header again"})
		return nil
	}
	i.moments(row.Cells)
	was, unclear := i.record(row.Cells, row.Line)
	if was == nil {
		i.ownCompany(row.Cells)
	}
	read, wrong, err := i.values(ctx, row, was)
	if err != nil {
		return err
	}
	if unclear != nil {
		wrong = append(wrong, unclear.Error())
	}
	if was == nil && wrong == nil {
		if was = i.unkeyedRecord(row.Cells, read); was == nil {
			wrong = i.unwanted(row.Cells)
		}
	}
	r := imported{Row: row, change: repo.Change{}, later: repo.Change{}}
	if was != nil {
		r.id, _ = was[i.known.place["id"]].(int64)
	}
	wrong = append(append(wrong, i.missing(read, was != nil || unclear != nil, wrong)...), i.foreign(row.Cells)...)
	if wrong == nil {
		wrong = i.fill(&r, read, was)
	}
	if wrong == nil {
		if i.noun == "customer" {
			wrong, err = i.unlikeOthers(ctx, r, was)
		}
		if err != nil {
			return err
		}
		r.forceable = wrong != nil
	}
	if wrong == nil {
		i.unique.add(i.noun, row.Line, r.change)
		i.noteFirst(r, was)
	}
	if column := neverGuessed[i.noun]; column != "" && wrong == nil && was == nil && r.change[column] == nil {
		i.unsaid++
	}
	if i.isPartlyPaid(row.Cells) {
		i.partlyPaid++
	}
	r.wrong = strings.Join(wrong, "; ")
	i.batch = append(i.batch, r)
	return nil
}

// A rowError describes what is wrong with a value of a row.
type rowError struct{ text string }

func (e *rowError) Error() string { return e.text }

// fill sets the columns that a row adds or changes. was is the record that it changes; nil if it adds one.
func (i *importing) fill(r *imported, read Input, was []any) (wrong []string) {
	for _, t := range i.targets {
		flag := strings.ReplaceAll(t.column, "_", "-")
		value, given := read.values[flag]
		if !given {
			continue
		}
		if _, relative := value.(moment); relative {
			start := Given[time.Time](read, "start-date")
			if at, _ := i.cell(was, "start_date").(time.Time); start == nil && !at.IsZero() {
				start = &at
			}
			end, err := read.end(i.s, flag, start)
			if err != nil {
				return []string{err.Error()}
			}
			value = *end
		}
		switch {
		case was == nil && t.later:
			r.later[t.column] = value
		case was == nil:
			r.change[t.column] = value
		case isSame(i.cell(was, t.column), value):
		case t.fixed:
			wrong = append(wrong, fmt.Sprintf("%s cannot be changed: the record has %s", t.column,
				show(toShow(i.s, i.cell(was, t.column)))))
		default:
			r.change[t.column] = value
		}
	}
	if i.noun == "contract" && was == nil {
		i.begin(r)
	}
	return wrong
}

// isSame reports whether a record has the value already.
func isSame(was, value any) bool {
	if day, isDay := was.(Date); isDay {
		at, isTime := value.(time.Time)
		return isTime && at.Format(time.DateOnly) == string(day)
	}
	return toCompare(was) == toCompare(value)
}

// cell returns a value of a record; nil if it has none.
func (i *importing) cell(was []any, column string) any {
	at, known := i.known.place[column]
	if was == nil || !known {
		return nil
	}
	return was[at]
}
