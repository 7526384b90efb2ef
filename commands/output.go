package commands

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"crm/repo"
)

// An Output is the answer of a command: records and messages. The shell renders it as a table, JSON or another format.
type Output struct {
	Columns  []Column // of Rows; nil if there are no records
	Noun     string   // of the command: the kind of the records; set by Dispatch
	Rows     [][]any  // a cell is nil, int64, int, bool, string, Date, time.Time, repo.Money or Nested
	Single   bool     // one record: a JSON object instead of an array
	Same     bool     // of an update: the record had these values already
	Quiet    bool     // only formats for programs print the records; people read Message
	Format   string   // default format of this answer; "" means the session's format
	Text     string   // text for stdout, such as help
	Message  string   // for people, on stderr: "customer 12 added"
	Warnings []string // for people, on stderr, each without "warning:"
	Total    string   // number of rows on all pages, for people: "1,204"; empty if unknown
	Limited  bool     // Rows are one page of a list because --limit was given
	Rest     Rest     // reads the rows after Rows; nil if there are none
	Next     string   // the flag for the next page: "--after 50"; empty on the last page
	More     string   // the flag that shows more rows of a list without pages: "--limit 120"; empty if all are shown
	Events   []Event  // for the reporter
	// Count returns the number of rows of a list with a Rest; -1 if it is not known before they are read.
	Count func(context.Context) (int64, error)
}

// Rest returns the next rows of a list with each call, and none at the end.
type Rest func(context.Context) ([][]any, error)

// Gather reads the remaining rows into Rows.
func (o *Output) Gather(ctx context.Context) error {
	for o.Rest != nil {
		rows, err := o.Rest(ctx)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			o.Rest = nil
		}
		o.Rows = append(o.Rows, rows...)
	}
	return nil
}

// addMessage adds lines to the end of Message.
func (o *Output) addMessage(lines ...string) {
	if o.Message != "" {
		lines = append([]string{o.Message}, lines...)
	}
	o.Message = strings.Join(lines, "\n")
}

// prependMessage adds lines to the beginning of Message.
func (o *Output) prependMessage(lines ...string) {
	if len(lines) > 0 {
		message := o.Message
		o.Message = ""
		if o.addMessage(lines...); message != "" {
			o.addMessage(message)
		}
	}
}

// A Column names one value of a record.
type Column struct {
	Name   string // the key in JSON and the header of CSV: "company_name"
	Detail bool   // left out of a list's table unless named in --columns
	Wide   int    // above 0: left out of a list's table that is too wide, the greatest first
	Whole  bool   // never cut in a list's table: an address, a command
	Long   bool   // may have several lines in a list's table
	Status bool   // a fixed word that tables colour
	Absent bool   // left out of a single record if it has no value
}

// A Date is a cell with a day without a time: "2026-03-28".
type Date string

// Nested is a cell with parts. JSON formats print the parts, other formats for programs their JSON as a text. Formats
// for people print Text or, if it is empty, the JSON.
type Nested struct {
	Value any
	Text  string
}

// IsEmpty reports whether the cell is a list without parts.
func (n Nested) IsEmpty() bool {
	v := reflect.ValueOf(n.Value)
	return v.Kind() == reflect.Slice && v.Len() == 0
}

// String returns the cell's JSON on one line.
func (n Nested) String() string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(n.Value) // the value was decoded from JSON, so encoding cannot fail
	return strings.TrimSuffix(b.String(), "\n")
}

// An Event is reported to Sentry (R31, S12). It holds IDs only, never a name, an address or a secret.
type Event struct {
	Name   string // "contract signed"
	Level  Level
	Entity string // "contract"; empty for sign-ins
	ID     int64
}

// A Level is the severity of an event.
type Level string

// The levels, named as Sentry names them.
const (
	LevelInfo    Level = "info"
	LevelWarning Level = "warning"
)

// A Field is one column of T and the function that reads it from a record.
type Field[T any] struct {
	Column
	Get func(T) any
}

// fieldsOf returns the fields of an entity, from the tags of its struct.
func fieldsOf[T any]() []Field[T] {
	var fields []Field[T]
	for _, c := range repo.ColumnsOf[T]() {
		show := strings.Fields(c.Show)
		has := func(word string) bool { return slices.Contains(show, word) }
		if has("hidden") || c.IsForSearch() {
			continue
		}
		column := Column{
			Name: c.Name, Detail: has("detail"), Status: has("status"), Absent: has("absent"), Whole: has("whole"),
			Long: has("long"),
		}
		switch {
		case has("wide"):
			column.Wide = 1
		case has("wider"):
			column.Wide = 2
		}
		get := func(record T) any { return c.Value(record) }
		if has("day") {
			get = func(record T) any {
				if at, ok := c.Value(record).(time.Time); ok {
					return Date(at.Format(time.DateOnly))
				}
				return nil
			}
		}
		fields = append(fields, Field[T]{column, get})
	}
	return fields
}

// list returns an Output of rows with all their fields.
func list[T any](fields []Field[T], rows []T) Output {
	out := Output{Columns: make([]Column, len(fields)), Rows: make([][]any, len(rows))}
	for i, f := range fields {
		out.Columns[i] = f.Column
	}
	for i, row := range rows {
		out.Rows[i] = make([]any, len(fields))
		for j, f := range fields {
			out.Rows[i][j] = f.Get(row)
		}
	}
	return out
}

// single returns an Output of one record.
func single[T any](fields []Field[T], row T) Output {
	out := list(fields, []T{row})
	out.Single = true
	return out
}

// pick returns the output with the named columns only, in the order of the names.
func (o Output) pick(names []string) Output {
	index := map[string]int{}
	for i, c := range o.Columns {
		index[c.Name] = i
	}
	picked := o
	picked.Columns, picked.Rows = nil, make([][]any, len(o.Rows))
	for _, name := range names {
		i := index[name]
		column := o.Columns[i]
		column.Detail, column.Wide = false, 0
		picked.Columns = append(picked.Columns, column)
		for r, row := range o.Rows {
			picked.Rows[r] = append(picked.Rows[r], row[i])
		}
	}
	if o.Rest != nil {
		picked.Rest = func(ctx context.Context) ([][]any, error) {
			rows, err := o.Rest(ctx)
			more := o
			more.Rows, more.Rest = rows, nil
			return more.pick(names).Rows, err
		}
	}
	return picked
}
