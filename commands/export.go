package commands

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// This file determines where an answer is written: to the screen, or to the file of --out or of an export.

// formats maps file name extensions to output formats.
var formats = map[string]string{
	".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv", ".tsv": "tsv", ".md": "markdown",
	".xlsx": "xlsx", ".vcf": "vcard", ".ics": "ics",
}

// formatOf returns the format of a file name's extension, or "".
func formatOf(file string) string { return formats[strings.ToLower(filepath.Ext(file))] }

// IsWorkbook reports whether the format is binary and must not be written to a terminal.
func IsWorkbook(format string) bool { return format == "xlsx" }

// forPeople are the formats that show one page of a list.
var forPeople = []string{"", "table", "vertical"}

// fileFormat is the kind of --format: a format of Format, or one for files only.
var fileFormat = Enum("FORMAT", "table", "vertical", "json", "ndjson", "csv", "tsv", "markdown", "xlsx", "vcard",
	"ics")

// fileFlags are the flags of every command that answers records.
var fileFlags = []Flag{
	rawFlag,
	{Name: "out", Kind: Path, Help: "write the answer to this file, formatted by its extension"},
	{Name: "force", Kind: Switch, Help: "with a file: replace it"},
	{Name: "excel", Kind: Switch, Help: "csv: with the separators that Excel expects in this locale"},
}

// withExports adds `NOUN export FILE`, with the list's filters, after each list that has pages.
func withExports(t Table) Table {
	var all Table
	for _, c := range t {
		all = append(all, c)
		if _, paged := findFlag(c.Flags, "after"); paged && c.Verb() == "list" {
			all = append(all, exportCommand(c))
		}
	}
	return all
}

// exportCommand returns `NOUN export FILE`, which writes the whole list to a file.
func exportCommand(list Command) Command {
	isAfter := func(f Flag) bool { return f.Name == "after" }
	records, _, _ := strings.Cut(strings.TrimPrefix(list.Short, "List "), ",")
	return Command{
		Name:  list.Noun() + " export",
		Short: "Write " + records + " to a file: " + extensions(list.Noun()),
		Needs: list.Needs,
		Args:  []Arg{{Name: "file", Kind: Path, Help: "the file; - is standard output"}},
		Flags: slices.DeleteFunc(slices.Clone(list.Flags), isAfter), Run: list.Run, exports: true,
	}
}

// extensions lists those of the files that an export of a noun can write. Persons are vCards too, and what has a name
// and a start is a calendar.
func extensions(noun string) string {
	all := []string{".csv", ".tsv", ".json", ".ndjson", ".xlsx", ".md"}
	if isColumn(noun, "full_name") && isColumn(noun, "email") {
		all = append(all, ".vcf")
	}
	if isColumn(noun, "name") && isColumn(noun, "start_date") {
		all = append(all, ".ics")
	}
	return oneOf(all)
}

// A Destination is the place where an answer is written.
type Destination struct {
	File    string // empty: the screen
	Replace bool   // an existing file
	Excel   bool   // csv with a byte order mark and the locale's signs
	// Programs read the answer, one after the other, each with its arguments; nil: none.
	Programs [][]string
	isFile   bool // the file of a >, which the shell writes
}

// destination returns the file or the programs that get the answer. A file name's extension sets the format. It returns
// an error if the file cannot be written, so that the command does not run.
func (in Input) destination(s *Session, c Command, programs [][]string) (Destination, error) {
	d := Destination{
		File: Value[string](in, "out"), Replace: in.Has("force") && c.replaces(), Excel: in.Has("excel"),
		Programs: programs, isFile: s.File != "",
	}
	if file := Value[string](in, "file"); c.exports && d.File != "" {
		return d, usagef("the answer goes to the file %s or to %s, not to both", show(file), show(d.File))
	} else if c.exports {
		d.File = file
	}
	format := Value[string](in, "format")
	format = cmp.Or(format, formatOf(d.File))
	if programs == nil {
		format = cmp.Or(format, formatOf(s.File))
	}
	if d.Excel && format == "" {
		format = "csv"
	}
	if c.exports && slices.Contains(forPeople, format) {
		return d, usageHint("end it in "+extensions(c.Noun())+", or add --format",
			"%s does not say in which format to write", show(d.File))
	}
	if d.Excel && format != "csv" {
		return d, usagef("--excel is for csv, not for %s", format)
	}
	if format != "" {
		in.values["format"] = format
	}
	if d.File == "-" {
		d.File = ""
	}
	if d.File != "" && programs != nil {
		return d, usagef("the answer goes to the file %s or to %s, not to both", show(d.File), programs[0][0])
	}
	if d.File != "" && d.isFile {
		return d, usagef("the answer goes to the file %s or to %s, not to both", show(d.File), show(s.File))
	}
	err := d.Check()
	if w := (*worded)(nil); errors.As(err, &w) && w.hint != "" && !c.replaces() {
		w.hint = "name another file: --force of " + c.Name + " means something else"
	}
	return d, err
}

// replaces reports whether --force of the command replaces the file of its answer: it has none of its own.
func (c Command) replaces() bool {
	_, own := findFlag(c.Flags, "force")
	return !own
}

// Check returns an error if the file cannot be written.
func (d Destination) Check() error {
	if d.File == "" {
		return nil
	}
	switch info, err := os.Stat(d.File); {
	case err == nil && info.IsDir():
		return usagef("%s is a directory: name a file", d.File)
	case err == nil && info.Mode().IsRegular() && !d.Replace:
		return &worded{d.File + " exists", "--force replaces it", ErrUsage}
	}
	if info, err := os.Stat(filepath.Dir(d.File)); err != nil || !info.IsDir() {
		return usagef("cannot write %s: there is no directory %s", d.File, filepath.Dir(d.File))
	}
	return nil
}
