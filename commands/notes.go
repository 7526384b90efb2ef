package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"crm/repo"
)

// This file reads notes: texts of several lines, from the line, a file or standard input.

// Note is the kind of a text of several lines. Its value is a string in NFC with line feeds as line ends. "-" reads
// standard input, @FILE reads a file.
var Note = Kind{Name: "TEXT|@FILE|-", Parse: func(s *Session, text string) (any, error) {
	text, err := noteSource(s, text)
	if err != nil {
		return nil, err
	}
	return cleanNote(text)
}, Cell: func(_ *Session, text string) (any, error) { return cleanNote(text) }}

// someNote is the kind of a note as last argument, whose words need no quotes.
var someNote = func() Kind {
	k := Required(Note)
	k.Rest = true
	return k
}()

// noteSource returns the typed text, or the content of the file or standard input.
func noteSource(s *Session, typed string) (string, error) {
	var from io.Reader
	path, isFile := strings.CutPrefix(typed, "@")
	switch {
	case typed == "-" && s.Input == nil:
		return "", errors.New("- reads standard input, which holds the commands here: name a file with @FILE")
	case typed == "-":
		from = s.Input
	case isFile:
		f, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("cannot read the file %s: begin with a space to write a text that starts with @",
				show(path))
		}
		defer f.Close()
		from = f
	default:
		return typed, nil
	}
	const most = 4*repo.NoteLimit + 1000 // bytes; a longer text exceeds the limit in any encoding
	b, err := io.ReadAll(io.LimitReader(from, most))
	if err != nil {
		return "", fmt.Errorf("cannot be read: %w", err)
	}
	return Decoded(b), nil
}

// cleanNote cleans each line of a note like a text of one line.
func cleanNote(text string) (string, error) {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\t", "    ").Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		clean, err := cleanText(line, 5*repo.NoteLimit)
		if err != nil {
			return "", err
		}
		lines[i] = strings.TrimRight(indent+clean, " ")
	}
	text = strings.Trim(strings.Join(lines, "\n"), " \n")
	if n := utf8.RuneCountInString(text); n > repo.NoteLimit {
		return "", fmt.Errorf("has %d characters: at most %d are possible", n, repo.NoteLimit)
	}
	return text, nil
}

// noteEvent appends a text with date and author to the notes of an event.
func noteEvent(ctx context.Context, s *Session, in Input) (Output, error) {
	id := Value[int64](in, "id")
	note := fmt.Sprintf("%s %s: %s", clock(s, s.Locale.Now()), fullName(*s.Me), Value[string](in, "text"))
	e, err := s.DB.AppendNote(ctx, id, note)
	return done(eventFields, e, "event", id, "noted"), named(err, "event", id)
}

// OrNone returns the kind that also accepts an empty text, whose value is nil.
func OrNone(k Kind) Kind {
	parse := k.Parse
	k.Parse = func(s *Session, text string) (any, error) {
		if strings.TrimSpace(text) == "" {
			return nil, nil
		}
		return parse(s, text)
	}
	if of := k.Of; of != nil {
		k.Of = func(before string) Kind { return OrNone(of(before)) }
	}
	return k
}
