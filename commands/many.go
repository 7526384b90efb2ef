package commands

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"crm/repo"
)

// This file changes many records at once: contract update --where "status = pending" --status canceled. It adds flags
// to the list and update commands of the nouns. many_answer.go has the messages.

const (
	mostChanged  = 10_000 // records that one command may change
	mostPreviews = 5      // changes shown before the question
	mostRefusals = 10     // refused records that a message lists
)

// pagingFlags are the flags of lists that select no records.
var pagingFlags = []string{"limit", "after", "sort", "deleted", "columns"}

// forMany adds --where to the list commands, and to the update commands the flags that select many records.
func forMany(t Table) Table {
	for _, noun := range repo.Nouns() {
		list := slices.IndexFunc(t, func(c Command) bool { return c.Name == noun+" list" })
		update := slices.IndexFunc(t, func(c Command) bool { return c.Name == noun+" update" })
		if list < 0 || update < 0 {
			continue
		}
		where := Flag{
			Name: "where", Kind: whereKind(noun, slices.Concat(t[list].Flags, t[update].Flags)),
			Help: `only those for which this holds: "FIELD = VALUE and …"`,
		}
		m := many{noun: noun, list: t[list], update: t[update]}
		t[list].Flags = append(slices.Clone(t[list].Flags), where)
		m.list = t[list]
		t[update] = m.command(where)
	}
	return t
}

// A many is a noun whose update command can change many records.
type many struct {
	noun         string
	list, update Command
	filters      []Flag // flags of the list that the update does not have
}

// command returns the update with the flags that select many records.
func (m many) command(where Flag) Command {
	c := m.update
	where.Help = "change all for which this holds, instead of one"
	c.Flags = append(slices.Clone(c.Flags), where,
		Flag{Name: "all", Kind: Switch, Help: "change all records, or all that match the other filters"})
	for _, f := range m.list.Flags {
		if _, taken := findFlag(c.Flags, f.Name); !taken && !slices.Contains(pagingFlags, f.Name) && f.Name != "where" {
			f.Help, f.Selects = "with --all: "+f.Help, true
			m.filters = append(m.filters, f)
		}
	}
	c.Flags = append(c.Flags, m.filters...)
	c.Flags = append(c.Flags, Flag{Name: "skip-refused", Kind: Switch, Help: "change the others if some are refused"})
	if _, taken := findFlag(c.Flags, "yes"); !taken {
		c.Flags = append(c.Flags, Flag{Name: "yes", Kind: Switch, Help: "change many without asking"})
	}
	c.Args = slices.Clone(c.Args)
	c.Args[0].Unless = []string{"where", "all"}
	c.Run = m.run
	return c
}

func (m many) run(ctx context.Context, s *Session, in Input) (Output, error) {
	selects := in.Has("where") || in.Has("all")
	for _, f := range append(m.filters, Flag{Name: "skip-refused"}) {
		if in.Has(f.Name) && !selects {
			return Output{}, usagef("--%s goes with --all or --where", f.Name)
		}
	}
	switch {
	case selects && in.Has("id"):
		return Output{}, usagef("%s takes %s, or --where and --all, not both", m.update.Name, m.update.Args[0].label())
	case !selects:
		return m.update.Run(ctx, s, in)
	}
	columns, err := m.columns(in)
	if err != nil {
		return Output{}, err
	}
	records, err := m.selected(ctx, s, in)
	if err != nil {
		return Output{}, err
	}
	batch, err := m.changes(s, in, columns, records)
	if err != nil {
		return Output{}, err
	}
	if m.noun == "customer" && !in.Has("force") {
		err = batch.compare(ctx, s, records, in.Has("skip-refused"))
	}
	if err != nil {
		return Output{}, err
	}
	return m.change(ctx, s, in, batch)
}

// columns returns the columns that the flags set. It returns an error for flags that need a single record.
func (m many) columns(in Input) (columns []string, err error) {
	var settable []Flag
	for _, f := range m.update.Flags {
		name := strings.ReplaceAll(f.Name, "-", "_")
		i := slices.IndexFunc(repo.ColumnsOfNoun(m.noun),
			func(c repo.Column) bool { return c.Name == name && !c.IsComputed() })
		switch {
		case i >= 0:
			settable = append(settable, f)
			if in.Has(f.Name) {
				columns = append(columns, name)
			}
		case in.Has(f.Name) && f.Name != "yes" && f.Name != "force":
			return nil, usagef("--%s is for one %s: give its number", f.Name, m.noun)
		}
	}
	return columns, nothingToChange(in, settable)
}

// selected returns the records that the filters select, as the list command answers them.
func (m many) selected(ctx context.Context, s *Session, in Input) (Output, error) {
	// json, because it is answered whole
	asked := Input{values: map[string]any{"format": "json"}, resolved: map[string]any{}}
	for _, f := range append(m.filters, Flag{Name: "where"}) {
		if v, given := in.values[f.Name]; given {
			asked.values[f.Name] = v
		}
	}
	found, err := m.list.Run(ctx, s, asked)
	for err == nil && found.Rest != nil {
		var rows [][]any
		if rows, err = found.Rest(ctx); len(rows) == 0 {
			break
		}
		if found.Rows = append(found.Rows, rows...); len(found.Rows) > mostChanged {
			return found, &worded{
				fmt.Sprintf("more than %s %ss would change", grouped(mostChanged), m.noun), "narrow them with --where",
				repo.ErrInvalid,
			}
		}
	}
	return found, err
}

// A bulk is a change of many records.
type bulk struct {
	columns  []string
	changes  map[int64]repo.Change
	previews []preview
	same     int                  // number of records that already have the new values
	refused  []repo.RefusedRecord // that are left out: they would have the email or phone of others
	alike    []string             // a line for each customer that would be like others
	strong   bool                 // one of them would have the email or phone of another
}

// A preview is a line for the change of a record.
type preview struct {
	id   int64
	line string
}

// changes returns the change of each record whose values differ from the new ones.
func (m many) changes(s *Session, in Input, columns []string, records Output) (bulk, error) {
	b := bulk{columns: columns, changes: map[int64]repo.Change{}}
	place := map[string]int{}
	for i, c := range records.Columns {
		place[c.Name] = i
	}
	for _, row := range records.Rows {
		id, _ := row[place["id"]].(int64)
		change, said := repo.Change{}, []string{}
		for _, name := range columns {
			flag := strings.ReplaceAll(name, "_", "-")
			value := in.values[flag]
			if _, relative := value.(moment); relative {
				start, _ := row[place["start_date"]].(time.Time)
				if given := Given[time.Time](in, "start-date"); given != nil {
					start = *given
				}
				end, err := in.end(s, flag, &start)
				if err != nil {
					return b, err
				}
				value = *end
			}
			was, shown := row[place[name]], value
			if at, isTime := value.(time.Time); isTime && isDay(m.noun, name) {
				shown = Date(at.Format(time.DateOnly))
			}
			if toCompare(was) == toCompare(shown) {
				continue
			}
			change[name] = value
			said = append(said, fmt.Sprintf("%s %s → %s", name, toShow(s, was), toShow(s, shown)))
		}
		if len(change) == 0 {
			b.same++
			continue
		}
		b.changes[id] = change
		b.previews = append(b.previews, preview{
			id, fmt.Sprintf("%s %d%s: %s", m.noun, id, inBrackets(called(records, row)), strings.Join(said, ", ")),
		})
	}
	return b, nil
}

// isDay reports whether a column of a noun has days without a time.
func isDay(noun, column string) bool {
	return slices.ContainsFunc(repo.ColumnsOfNoun(noun),
		func(c repo.Column) bool { return c.Name == column && strings.Contains(c.Show, "day") })
}

// called returns the name of a record for messages.
func called(records Output, row []any) string {
	for _, name := range []string{"company_name", "name", "full_name", "last_name", "customer"} {
		i := slices.IndexFunc(records.Columns, func(c Column) bool { return c.Name == name })
		if i >= 0 && row[i] != nil {
			return fmt.Sprint(row[i])
		}
	}
	return ""
}

// toCompare returns a text that is equal for equal values.
func toCompare(v any) string {
	if at, isTime := v.(time.Time); isTime {
		return at.UTC().Format(time.RFC3339Nano)
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// toShow returns a value as people read it.
func toShow(s *Session, v any) string {
	switch v := v.(type) {
	case time.Time:
		return clock(s, v)
	case repo.Money:
		return NewAmountFormat(s.Locale).Format(v)
	case bool:
		return map[bool]string{true: "yes", false: "no"}[v]
	case nil:
		return "--"
	}
	return cmp.Or(fmt.Sprint(v), "--")
}

// change shows what would change, asks, and makes the changes.
func (m many) change(ctx context.Context, s *Session, in Input, b bulk) (Output, error) {
	if len(b.changes) == 0 && b.refused != nil {
		return Output{}, m.refused(s, repo.Changed{Refused: b.refused})
	}
	if len(b.changes) == 0 {
		out := m.answer(b, repo.Changed{})
		out.Message = fmt.Sprintf("no %s fits: nothing changed", m.noun)
		if b.same > 0 {
			out.Message = fmt.Sprintf("no %s changes", m.noun) + inBrackets(m.already(b))
		}
		return out, nil
	}
	how, err := m.ask(ctx, s, in, b)
	if err != nil {
		return Output{}, err
	}
	changed, err := s.DB.ChangeMany(ctx, m.noun, b.changes, how)
	if err != nil {
		return Output{}, err
	}
	changed.Refused = append(b.refused, changed.Refused...)
	if len(changed.Refused) > 0 && (how == repo.All || changed.Records == 0) {
		return Output{}, m.refused(s, changed)
	}
	out := m.answer(b, changed)
	out.Message = fmt.Sprintf("%s updated", Plural(changed.Records, m.noun)) + inBrackets(m.already(b))
	if out.Warnings = m.reasons(s, changed); in.Has("yes") {
		out.Warnings = append(out.Warnings, b.inShort()...)
	}
	out.Events = m.events(b, changed, in)
	err = m.warnOfOverlaps(ctx, s, b, &out)
	return out, err
}
