package shell

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"crm/commands"
)

// This file writes the answer of one command to a file: customer list > customers.csv.

// runCommand runs one command, and writes its answer to a file if the line says so.
func (sh *Shell) runCommand(ctx context.Context, text string, typed bool) error {
	r, redirected, err := sh.Session.Redirection(text, typed)
	switch {
	case err != nil:
		return err
	case redirected:
		return sh.redirect(ctx, r, typed)
	}
	return sh.do(ctx, text, typed)
}

// redirect runs a command and writes its answer to a file. The file contains data only, has mode 0600, and appears
// when the answer is complete. An existing file is replaced only after >|, a yes, or --yes.
func (sh *Shell) redirect(ctx context.Context, r commands.Redirection, typed bool) error {
	if err := (commands.Destination{File: r.File, Replace: true}).Check(); err != nil {
		return err
	}
	if info, err := os.Stat(r.File); err == nil && info.Mode().IsRegular() && !r.Replace && !sh.Yes {
		if sh.asks == nil {
			return commands.Explain(r.File+" exists", ">| "+r.File+" replaces it", commands.ErrUsage)
		}
		if err := sh.confirm(ctx, fmt.Sprintf("replace %s?", r.File)); err != nil {
			return err
		}
	}
	before := sh.Session.File // of a source
	sh.Session.File = r.File
	defer func() { sh.Session.File = before }()
	if sh.held != nil {
		return sh.holdFile(r.File, func() error { return sh.do(ctx, r.Line, typed) })
	}
	return sh.toFile(r.File, func() error { return sh.do(ctx, r.Line, typed) })
}

// holdFile calls do in an atomic script. Answers that do holds are written to the file after the commit.
func (sh *Shell) holdFile(name string, do func() error) error {
	before := len(*sh.held)
	if err := do(); err != nil {
		return err
	}
	answers := slices.Clone((*sh.held)[before:])
	*sh.held = append((*sh.held)[:before], func() error {
		return sh.toFile(name, func() error {
			for _, print := range answers {
				if err := print(); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return nil
}

// toFile calls answer and writes its data to the file. A regular file gets mode 0600 and appears when the answer is
// complete. A symbolic link remains and its target is replaced. A device or pipe is written directly.
func (sh *Shell) toFile(name string, answer func() error) error {
	place := name
	if real, err := filepath.EvalSymlinks(name); err == nil {
		place = real
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		file, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return unwritten(name, err)
		}
		defer func() { _ = file.Close() }()
		return named(name, sh.into(file, answer))
	}
	file, err := commands.CreateNew(place)
	if err != nil {
		return unwritten(name, err)
	}
	defer file.Drop()
	defer func(outer *written) { sh.written = outer }(sh.written) // of a file to which a script goes
	sh.written = &written{}
	if err := sh.into(file.File, answer); err != nil {
		return named(name, err)
	}
	if err := file.Appear(place); err != nil {
		return unwritten(name, err)
	}
	if !sh.Quiet {
		sh.say(sh.written.text() + name)
	}
	return nil
}

// A written is what goes to a file.
type written struct {
	rows    int
	records bool // there are records, or none of a list; else it is a text
}

func (w written) text() string {
	switch {
	case !w.records:
		return "written to "
	case w.rows == 0:
		return "no rows written to "
	}
	return commands.Plural(int64(w.rows), "row") + " written to "
}

// into calls answer and writes its data to the file instead of the screen.
func (sh *Shell) into(file *os.File, answer func() error) error {
	data, screen, pager := sh.Data, sh.Screen, sh.Pager
	defer func() { sh.Data, sh.Screen, sh.Pager = data, screen, pager }()
	sh.Data, sh.Screen, sh.Pager = file, Screen{}, nil
	return answer()
}

// named puts the name of a file into the error of an answer that cannot be written to it.
func named(file string, err error) error {
	if !errors.Is(err, commands.ErrOutput) {
		return err
	}
	text, hint := commands.Describe(err)
	return commands.Explain(strings.Replace(text, commands.ErrOutput.Error(), "cannot write "+file, 1), hint,
		commands.ErrOutput)
}

// unwritten returns the error of a file that cannot be written.
func unwritten(file string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return commands.Explain(fmt.Sprintf("cannot write %s: %v", file, err), "", commands.ErrOutput)
}
