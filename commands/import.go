package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"crm/commands/intake"
	"crm/repo"
)

// This file imports records from files: customer import FILE. Its commands are made from the add and update of a noun,
// whose arguments and flags say what the columns of a file may be and how they are read.

const (
	importBatch  = 1000 // rows that are written at once
	mostReported = 20   // refused rows that are named on the screen
)

// An importable is a noun whose records can be imported.
type importable struct {
	noun    string
	list    Command // finds the records for --key
	needs   Command
	targets []target
}

// forImport adds an import for every noun whose add takes columns only, and for payments.
func forImport(t Table) Table {
	for _, noun := range repo.Nouns() {
		add, _ := t.named(noun + " add")
		update, _ := t.named(noun + " update")
		list, _ := t.named(noun + " list")
		m := importable{noun: noun, needs: add, list: list}
		m.targets = targetsOf(noun, add, nil)
		if len(m.targets) == 0 || slices.ContainsFunc(add.Args,
			func(a Arg) bool { return !a.Optional && m.target(columnOf(a.Name)) == nil }) {
			continue
		}
		changeable := targetsOf(noun, update, nil)
		for i, own := range m.targets {
			m.targets[i].fixed = !slices.ContainsFunc(changeable, func(c target) bool { return c.column == own.column })
		}
		for _, c := range changeable {
			if m.target(c.column) == nil {
				c.required, c.later = false, true
				m.targets = append(m.targets, c)
			}
		}
		at := slices.IndexFunc(t, func(c Command) bool { return c.Name == noun+" update" })
		t = slices.Insert(t, at+1, m.command())
	}
	pay, _ := t.named("contract pay")
	ledger, _ := t.named("payment list")
	payment := importable{noun: "payment", needs: pay, list: ledger}
	payment.targets = targetsOf(payment.noun, pay, map[string]string{"id": "contract_id", "on": "paid_on"})
	payment.target("amount").kind = money(-repo.MaxMoney) // a correction is below zero
	for i := range payment.targets {
		payment.targets[i].fixed = true // entries of a ledger do not change
	}
	at := slices.IndexFunc(t, func(c Command) bool { return c.Noun() == "event" })
	return slices.Insert(t, at, payment.command())
}

func (m importable) command() Command {
	c := Command{
		Name: m.noun + " import", Short: fmt.Sprintf("Add the %ss of a file: CSV, XLSX, JSON or Markdown, all or none",
			m.noun), Needs: m.needs.Needs,
		Args: []Arg{{Name: "file", Kind: Path, Help: "a file with one record a row and the names of columns first"}},
		Flags: []Flag{
			{
				Name: "map", Kind: headerMap,
				Help: `columns of headers that are not recognized: "Société=company_name,…", or the name of a saved ` +
					`map; "Code=" skips a column`,
			},
			{Name: "save-map", Kind: newName, Help: "save what --map says under this name"},
			{Name: "dry-run", Kind: Switch, Help: "write nothing; show what an import would do"},
			{Name: "skip-bad", Kind: Switch, Help: "import the other rows if some are refused"},
			{Name: "raw", Kind: Switch, Help: "csv, tsv: read texts as they are, as an export with --raw writes them"},
		},
		Run: m.run,
	}
	key := Flag{
		Name: "key", Kind: Enum("COLUMN", m.keys()...),
		Help: "change the record with the same value in this column, instead of adding one",
	}
	if m.noun == "payment" {
		key.Help = "add no payment again that has the same value in this column; one that differs is refused"
	}
	c.Flags = append(c.Flags, key)
	switch m.noun {
	case "payment":
		c.Flags = append(c.Flags, Flag{
			Name: "force", Kind: Switch, Help: "also payments whose contract has one of the same day and amount",
		})
	case "customer":
		c.Flags = append(c.Flags, forceFlag)
	}
	if k, has := kins[m.noun]; has {
		parent := strings.TrimSuffix(k.parent, "_id")
		c.Flags = append(c.Flags, Flag{
			Name: "force", Kind: Switch,
			Help: fmt.Sprintf("also %ss whose %s has one of the same %s", m.noun, parent, k.same),
		})
	}
	if m.target("full_name") != nil {
		c.Short = fmt.Sprintf("Add the %ss of a file: CSV, XLSX, JSON, Markdown or vCard, all or none", m.noun)
	}
	return c
}

// headerMap is the kind of --map; its value is a headerPairs.
var headerMap = Kind{Name: "HEADER=COLUMN,…", Live: mapChoices, Parse: func(s *Session, text string) (any, error) {
	if plainName.MatchString(text) {
		return headerPairs{name: strings.ToLower(text)}, nil
	}
	pairs, before := map[string]string{}, ""
	for part := range strings.SplitSeq(text, ",") {
		part = before + part
		last := strings.LastIndex(part, "=") // a header may have commas and equals signs, a column has none
		if last < 0 {
			before = part + ","
			continue
		}
		header, column := plainHeader(part[:last]), columnOf(strings.TrimSpace(part[last+1:]))
		if _, twice := pairs[header]; header == "" || twice {
			return nil, fmt.Errorf("want HEADER=COLUMN, not %s", show(part))
		}
		pairs[header], before = column, ""
	}
	if before != "" {
		return nil, fmt.Errorf("want HEADER=COLUMN, not %s", show(strings.TrimSuffix(before, ",")))
	}
	return headerPairs{text: text, columns: pairs}, nil
}}

// fileError returns the error of a file with the sentinel of invalid values.
func fileError(err error) error {
	var p *intake.Problem
	if errors.As(err, &p) {
		return &worded{p.Text, p.Hint, repo.ErrInvalid}
	}
	return err
}

func (m importable) run(ctx context.Context, s *Session, in Input) (Output, error) {
	own, save, err := s.mapping(ctx, m.noun, in)
	if err != nil {
		return Output{}, err
	}
	out, err := m.add(ctx, s, in, own.columns)
	if refused := (*onlyForceable)(nil); errors.As(err, &refused) && s.Typed && !in.Has("dry-run") {
		_ = os.Remove(refused.file)
		reasons := refused.reasons()
		if err := s.Confirm(ctx, strings.Join(append(reasons, refused.question()), "\n")); err != nil {
			return Output{}, err
		}
		in.values["force"] = true
		out, err = m.add(ctx, s, in, own.columns)
		out.Warnings = slices.DeleteFunc(out.Warnings, func(w string) bool { return slices.Contains(reasons, w) })
	}
	if err == nil && !in.Has("dry-run") {
		save(ctx, &out)
	}
	return out, err
}

// add imports a file. own has the columns of headers that the user names.
func (m importable) add(ctx context.Context, s *Session, in Input, own map[string]string) (out Output, err error) {
	path := Value[string](in, "file")
	file, err := intake.Open(path)
	if err != nil {
		return Output{}, fileError(err)
	}
	defer file.Close()
	if file.Cards != nil {
		file.Cards.IDs = CardUID(m.noun, "")
	}
	i := &importing{
		importable: m, in: in, path: path, file: file, key: Value[string](in, "key"),
		atomic: s.DB.IsAtomic(), s: s,
		refused: rejects{
			file: path, comma: rejectComma(s.Locale, file), header: file.Header.Cells, raw: in.Has("raw"),
		},
	}
	i.refused.plain = i.plain
	defer i.refused.drop()
	if err := i.match(own); err != nil {
		return Output{}, err
	}
	db, commit, rollback, err := s.DB.Import(ctx, m.noun)
	if err != nil {
		return Output{}, err
	}
	defer func() {
		if failed := rollback(context.WithoutCancel(ctx)); err == nil { // a lost connection fails twice
			err = failed
		}
		if err != nil {
			out = Output{}
		}
	}()
	t := *s
	t.DB = db
	i.s = &t
	if err := i.all(ctx); err != nil {
		return Output{}, err
	}
	if err := i.refused.keep(!i.leavesOut()); err != nil {
		return Output{}, err
	}
	if err := i.end(ctx, commit); err != nil {
		if u := (repo.Uncertain{}); i.leavesOut() && !errors.As(err, &u) {
			i.refused.forget()
		}
		return Output{}, err
	}
	return i.answer(), nil
}

// leavesOut reports whether the import writes the other rows and leaves out the refused ones, which are in the file of
// refused rows alone then.
func (i *importing) leavesOut() bool {
	return i.in.Has("skip-bad") && !i.in.Has("dry-run") && i.swapped == "" && i.importedBefore() == nil &&
		i.added+i.changed > 0
}

// end commits an import, unless it is a dry run or has changed nothing. It returns an error if the file has changed, or
// if rows are refused.
func (i *importing) end(ctx context.Context, commit func(context.Context) error) error {
	switch {
	case i.file.Changed():
		return &worded{
			i.path + " was changed while it was read: nothing was imported", "import it again", repo.ErrConflict,
		}
	case i.refused.count > 0 && (!i.in.Has("skip-bad") || i.added+i.changed+i.same == 0):
		return i.failed()
	case i.importedBefore() != nil:
		return i.importedBefore()
	case i.swapped != "":
		return &worded{
			i.swapped + " has day and month in the other order, and so may other dates of the file: nothing was " +
				"imported",
			"write them like 2026-03-28, or set locale.region to the country of the file", repo.ErrInvalid,
		}
	case i.in.Has("dry-run"):
		if i.atomic {
			return usagef("--dry-run is not possible in an atomic script")
		}
		return nil
	}
	if err := i.s.DB.EndImport(ctx); err != nil || i.added+i.changed == 0 {
		return err // an import without a change is not on the trail
	}
	return commit(ctx)
}

// all reads the rows and writes them in batches: the database adds one while the next one is read and sealed.
func (i *importing) all(ctx context.Context) error {
	if err := i.index(ctx); err != nil {
		return err
	}
	leave := func() {}
	i.show = func(int64, int64) {}
	if i.s.Progress != nil {
		i.show, leave = i.s.Progress("importing", i.file.Counts())
		_, total := i.file.Progress()
		i.show(0, total)
	}
	defer leave()
	defer func() { _ = i.writing.wait() }()
	for {
		row, err := i.file.Next()
		if err != nil && !errors.Is(err, io.EOF) {
			return fileError(err)
		}
		ended := err != nil
		if !ended {
			if err := i.row(ctx, row); err != nil {
				return err
			}
		}
		if len(i.batch) == importBatch || ended {
			for _, check := range []func(context.Context) error{i.unlikeNamed, i.unlikePaid, i.unlikeSiblings} {
				if err := check(ctx); err != nil {
					return err
				}
			}
			next, err := i.seal()
			if err != nil {
				return err
			}
			if err := i.finish(ctx); err != nil {
				return err
			}
			i.write(ctx, next)
		}
		if ended {
			return i.finish(ctx)
		}
	}
}
