package commands

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"crm/repo"
)

// An Output is what a command answers: records and words, never characters on a screen.
// The shell alone turns it into a table, JSON or another format.
type Output struct {
	Columns  []Column // of Rows; nil when the command answers words only
	Rows     [][]any  // a cell is nil, int64, int, bool, string, time.Time, repo.Money or Nested
	Single   bool     // one record: a JSON object instead of an array
	Quiet    bool     // records that only structured formats print (an added row: Message says it to people)
	Format   string   // how it is printed where nobody asks for another with --format; empty: as the session prints
	Text     string   // answers in words, on stdout: help
	Message  string   // for people, on stderr: "customer 12 added"
	Warnings []string // for people, on stderr, each without "warning:"
	Total    string   // how many rows there are on all pages, for people: "1,204"; empty if not known
	Limited  bool     // Rows are one page of a list because --limit was given
	Rest     Rest     // the rows after Rows; nil: there are none
	Next     string   // how to get the next page: "--after 50"; empty on the last
	Events   []Event  // for the reporter
}

// Rest returns the next rows of a list each time it is called, and none at its end.
type Rest func(context.Context) ([][]any, error)

// Gather reads the rest of the rows.
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

// addMessage adds lines to what the answer says to people.
func (o *Output) addMessage(lines ...string) {
	if o.Message != "" {
		lines = append([]string{o.Message}, lines...)
	}
	o.Message = strings.Join(lines, "\n")
}

// prependMessage adds lines before what the answer says to people.
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
	Detail bool   // left out of a list's table unless asked for with --columns
	Wide   int    // over 0: left out of a list's table where it does not fit; the greater, the sooner
	Whole  bool   // a list's table never cuts it: an address, a command
	Long   bool   // a list's table shows it on several lines
	Status bool   // a fixed word that tables may colour
	Absent bool   // left out of a single record in a table if it has no value
}

// Nested is a cell that has parts: in JSON what it is made of, elsewhere its JSON as a text.
type Nested struct{ Value any }

// String is its JSON, on one line.
func (n Nested) String() string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(n.Value) // what came as JSON goes as JSON
	return strings.TrimSuffix(b.String(), "\n")
}

// An Event is something that the company wants to know about (R31, S12). It holds ids only,
// never a name, an address or a secret.
type Event struct {
	Name   string // "contract signed"
	Level  Level
	Entity string // "contract"; empty for sign-ins
	ID     int64
}

// Level says how much attention an event deserves.
type Level string

// The levels, named as Sentry names them.
const (
	LevelInfo    Level = "info"
	LevelWarning Level = "warning"
)

// A Field is one column of T: its name and how to take it from a record.
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
		fields = append(fields, Field[T]{column, func(record T) any { return c.Value(record) }})
	}
	return fields
}

// list answers rows of T, all fields of each.
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

// single answers one record.
func single[T any](fields []Field[T], row T) Output {
	out := list(fields, []T{row})
	out.Single = true
	return out
}

// pick keeps the named columns, in the order asked for.
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
