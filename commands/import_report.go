package commands

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"crm/repo"
)

// This file reports the result of an import.

// report returns a line for each refused row, up to mostReported.
func (i *importing) report() []string {
	lines := i.refused.lines
	if more := i.refused.count - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %s more", grouped(int64(more))))
	}
	if i.refused.count > 0 {
		lines = append(lines, "all are in "+i.refused.name+", with the reasons")
	}
	return lines
}

// failed returns the error of an import that writes nothing because rows are refused.
func (i *importing) failed() error {
	lines := i.report()
	if i.added+i.changed+i.same > 0 && i.swapped == "" {
		others := "row"
		if n := i.rows - i.refused.count; n > 1 {
			others = Plural(int64(n), "row")
		}
		lines = append(lines, "--skip-bad imports the other "+others)
	}
	err := &worded{
		fmt.Sprintf("nothing was imported: %s of %s refused", grouped(int64(i.refused.count)),
			isAre(int64(i.rows), "row")), strings.Join(lines, "\n"), repo.ErrInvalid,
	}
	if i.forceable == i.refused.count {
		return &onlyForceable{err, i.refused.lines, i.forceable, i.refused.name}
	}
	return err
}

// An onlyForceable is the error of an import whose refused rows --force would all import.
type onlyForceable struct {
	error
	lines []string // of the first rows
	rows  int
	file  string // with the refused rows
}

func (f *onlyForceable) Unwrap() error { return f.error }

// anyway ends the reason of a row that --force would import.
const anyway = "--force imports it anyway"

// reasons returns a line for each of the first rows.
func (f *onlyForceable) reasons() (lines []string) {
	for _, line := range f.lines {
		lines = append(lines, strings.TrimRight(strings.TrimSuffix(line, anyway), ";: "))
	}
	if more := f.rows - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %s more", grouped(int64(more))))
	}
	return lines
}

func (f *onlyForceable) question() string {
	if f.rows == 1 {
		return "1 row is refused: import it anyway?"
	}
	return grouped(int64(f.rows)) + " rows are refused: import them anyway?"
}

// answer returns the answer of an import.
func (i *importing) answer() Output {
	count := func(n *int) func(*importing) any { return func(*importing) any { return *n } }
	out := single([]Field[*importing]{
		{Column{Name: "rows"}, count(&i.rows)},
		{Column{Name: "added"}, count(&i.added)},
		{Column{Name: "updated"}, count(&i.changed)},
		{Column{Name: "same"}, count(&i.same)},
		{Column{Name: "refused"}, count(&i.refused.count)},
	}, i)
	out.Quiet = true
	var said []string
	for _, part := range []struct {
		n    int
		what string
	}{{i.added, "added"}, {i.changed, "updated"}, {i.same, "already so"}, {i.refused.count, "refused"}} {
		if part.n > 0 {
			said = append(said, grouped(int64(part.n))+" "+part.what)
		}
	}
	would := ""
	if i.in.Has("dry-run") {
		would = "a dry run, nothing was written: "
	}
	out.Message = fmt.Sprintf("%s%s%s", would, Plural(int64(i.rows), i.noun), inBrackets(said...))
	if i.added+i.changed == 0 && would == "" {
		out.addMessage("nothing changed")
	}
	if i.noun == "user" && i.added > 0 && would == "" {
		out.addMessage("user reset-password ID gives each of them a one-time password")
	}
	out.Warnings = i.warnings()
	if would != "" {
		return out
	}
	out.Events = i.events
	if i.added+i.changed > 0 {
		out.Events = append(out.Events, Event{Name: i.noun + " imported", Level: LevelWarning, Entity: i.noun})
	}
	return out
}

// warnings returns what an import did not take as it stands.
func (i *importing) warnings() (lines []string) {
	if i.partlyPaid > 0 {
		lines = append(lines, fmt.Sprintf("remaining_amount is not imported: something was paid of %s: "+
			"payment import adds payments", Plural(int64(i.partlyPaid), "contract")))
	}
	if i.unsaid > 0 {
		what := map[string]string{
			"payment":  "no day (paid_on) in the file: their day is today",
			"contract": "no total (total_amount) in the file: it is 0",
		}[i.noun]
		lines = append(lines, has(int64(i.unsaid), i.noun)+" "+what)
	}
	if i.unfinished > 0 {
		finish := "this import again with --key external_id"
		if i.unkeyed {
			finish = "contract finish ID"
		}
		lines = append(lines, fmt.Sprintf("%s finished in the file and added as signed: after the "+
			"import of their payments and events, %s finishes them", isAre(int64(i.unfinished), "contract"), finish))
	}
	if i.unescaped && !slices.Contains(i.names, "id") {
		lines = append(lines, `\ in texts is read as in an export: \n is the end of a line; a header in capitals, `+
			"such as "+strings.ToUpper(i.file.Header.Cells[0])+", keeps it as it is")
	}
	lines = append(lines, i.doubtfulCards()...)
	if others := i.file.OtherSheets; len(others) > 0 {
		names := make([]string, len(others))
		for n, name := range others {
			names[n] = show(name)
		}
		lines = append(lines, fmt.Sprintf("only the sheet %s is imported, not %s", show(i.file.Sheet),
			some(names)))
	}
	if out := i.file.Outside; out.Count > 0 {
		lines = append(lines, fmt.Sprintf("only the first table is imported: %s outside of it, from line %d on",
			isAre(int64(out.Count), "line"), out.First))
	}
	if i.idUnused() {
		lines = append(lines, fmt.Sprintf(`"id" is not imported: --key id would change the %ss here with these IDs`,
			i.noun))
	}
	if unused := i.notImported(); unused != nil {
		lines = append(lines, "not imported: "+some(unused))
	}
	return slices.Concat(lines, i.doubts, i.report())
}

// notImported lists the headers with values that are not imported: unknown ones, those with a second value of a column,
// and times that the database sets.
func (i *importing) notImported() (headers []string) {
	for at, header := range i.file.Header.Cells {
		name := i.names[at]
		isTime := i.added > 0 && i.target(name) == nil && name != "updated_at" && slices.ContainsFunc(
			repo.ColumnsOfNoun(i.noun), func(c repo.Column) bool {
				return c.Name == name && c.Type == reflect.TypeFor[time.Time]()
			})
		if !i.filled[at] || !i.further[at] && !isTime && !slices.Contains(i.unused, at) {
			continue
		}
		header = i.headerOf(at)
		switch {
		case plainHeader(header) == "":
			header = fmt.Sprintf("column %d, which has no header", at+1)
		case i.further[at]:
			header = "further values in " + show(header)
		default:
			header = show(header)
		}
		headers = append(headers, header)
	}
	return append(headers, i.unreadCards()...)
}

// idUnused reports whether the file has IDs and records were added without regard to them.
func (i *importing) idUnused() bool {
	at := slices.Index(i.names, "id")
	return i.key == "" && i.added > 0 && at >= 0 && i.filled[at]
}

// some lists a few of many words.
func some(words []string) string {
	const most = 8
	if len(words) <= most {
		return allOf(words)
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), len(words)-most)
}
