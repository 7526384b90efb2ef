package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"crm/repo"
)

// This file adds contacts, notes and tags to the answer of `get` for a customer, contract or event.

const mostShown = 3 // notes that people see; programs get up to 100

// wholeCommand returns `NOUN get ID`, whose answer has what belongs to the record.
func wholeCommand[T any](
	noun string, kind Kind, fields []Field[T], get func(*repo.DB, context.Context, int64) (T, repo.About, error),
) Command {
	c := getCommand[T](noun, kind, fields, nil)
	c.Run = func(ctx context.Context, s *Session, in Input) (Output, error) {
		id := Value[int64](in, "id")
		record, about, err := get(s.DB, ctx, id)
		if err != nil {
			return Output{}, named(err, noun, id)
		}
		out := single(fields, record)
		if noun == "customer" {
			out.add("contacts", contactsCell(s, about.Contacts))
		}
		out.add("notes", notesCell(s, noun, id, about.Notes))
		out.add("tags", Nested{nonNil(about.Tags), strings.Join(about.Tags, ", ")})
		out.addPayments(s, id, about.Payments)
		return out, nil
	}
	return c
}

// add adds a column to a single record.
func (o *Output) add(name string, cell any) {
	o.Columns = append(o.Columns, Column{Name: name, Absent: true})
	o.Rows[0] = append(o.Rows[0], cell)
}

// nonNil returns the list, which is empty in JSON instead of null.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func contactsCell(s *Session, contacts []repo.Contact) Nested {
	names := make([]string, len(contacts))
	for i, c := range contacts {
		names[i] = c.FullName + inBrackets(c.Role)
	}
	return Nested{
		parts(s, contactFields, contacts, "id", "full_name", "role", "email", "phone", "first"),
		strings.Join(names, ", "),
	}
}

func notesCell(s *Session, noun string, id int64, notes []repo.Note) Nested {
	var lines []string
	for _, n := range notes[:min(len(notes), mostShown)] {
		due, most := "", 42 // so that both fit in a window of 80 columns
		if n.Due != nil && n.DoneAt == nil {
			due, most = " (due "+n.Due.Format(time.DateOnly)+")", 26
		}
		lines = append(lines, n.CreatedAt.In(s.Locale.Zone).Format(time.DateOnly)+" "+summary(n.Text, most)+due)
	}
	if more := len(notes) - mostShown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more: note list %s %d", more, noun, id))
	}
	return Nested{
		parts(s, noteFields, notes, "id", "text", "due", "done_at", "author", "created_at"),
		strings.Join(lines, "\n"),
	}
}

// parts returns records as objects with some of their fields, for JSON.
func parts[T any](s *Session, fields []Field[T], records []T, names ...string) []map[string]any {
	all := make([]map[string]any, len(records))
	for i, r := range records {
		all[i] = map[string]any{}
		for _, f := range fields {
			if !slices.Contains(names, f.Name) {
				continue
			}
			value := f.Get(r)
			if at, isTime := value.(time.Time); isTime {
				value = at.In(s.Locale.Zone).Format(time.RFC3339)
			}
			all[i][f.Name] = value
		}
	}
	return all
}
