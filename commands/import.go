package commands

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"crm/commands/intake"
	"crm/repo"
)

// This file imports the records of a file: it reads, writes and ends, all or none.

const (
	importBatch  = 1000 // rows that are written at once
	mostReported = 20   // refused rows that are named on the screen
)

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
	before := i.importedBefore()
	switch {
	case i.file.Changed():
		return &worded{
			i.path + " was changed while it was read: nothing was imported", "import it again", repo.ErrConflict,
		}
	case i.refused.count > 0 && (!i.in.Has("skip-bad") || i.added+i.changed+i.same == 0):
		return i.failed()
	case before != nil:
		return before
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
