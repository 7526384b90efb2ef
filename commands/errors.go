package commands

// This file defines which errors a user may read, their texts and their exit statuses. Every other error is internal:
// its text may hold SQL or data and is never shown.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"crm/repo"
	"crm/security"
)

// ErrUsage is wrapped by the error of a line that crm does not understand.
var ErrUsage = errors.New("usage")

// ErrOutput is wrapped by the error of an answer that cannot be written.
var ErrOutput = errors.New("cannot write the answer")

// Unwritten wraps the error of writing an answer in ErrOutput; nil for nil. It returns EPIPE unchanged: the reader has
// closed the pipe.
func Unwritten(err error) error {
	why := "standard output does not take it"
	var errno syscall.Errno
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE):
		return err
	case errors.Is(err, syscall.ENOSPC):
		why = "no space left"
	case errors.Is(err, syscall.EBADF), errors.Is(err, os.ErrClosed):
		why = "standard output is closed; > /dev/null discards the answers"
	case errors.As(err, &errno):
		why = errno.Error()
	}
	return &worded{ErrOutput.Error() + ": " + why, "", ErrOutput}
}

// CutShort adds the number of rows that were written, if any, to the error of a list; nil for nil.
func CutShort(err error, rows int) error {
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE), errors.Is(err, ErrOutput), !Readable(err) &&
		!errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.Canceled):
		return &worded{
			fmt.Sprintf("cancelled: the list is incomplete, %s were written", Plural(int64(rows), "row")),
			"", context.Canceled,
		}
	case rows == 0:
		return err
	}
	return &worded{fmt.Sprintf("the list is incomplete, %s were written: %v", Plural(int64(rows), "row"), err), "", err}
}

// Exit statuses of a run; the first command that fails sets it.
const (
	StatusOK          = 0
	StatusRefused     = 1  // missing record, conflict, invalid value
	StatusUsage       = 2  // the line was not understood
	StatusDenied      = 3  // not signed in, wrong credentials or not permitted
	StatusUnavailable = 4  // the database cannot be reached or was lost
	StatusInternal    = 70 // a fault of the program
	StatusInterrupted = 130
)

// worded is an error whose text may be shown to a user.
type worded struct {
	text string
	hint string // how to go on, shown on a line of its own; may be empty
	kind error  // the sentinel
}

func (e *worded) Error() string { return e.text }
func (e *worded) Unwrap() error { return e.kind }

// usagef returns an ErrUsage with a formatted text.
func usagef(format string, args ...any) error { return usageHint("", format, args...) }

// usageHint returns an ErrUsage with a hint and a formatted text.
func usageHint(hint, format string, args ...any) error {
	return &worded{fmt.Sprintf(format, args...), hint, ErrUsage}
}

// Explain returns an error with a text for users, of a kind (a sentinel such as ErrUsage or repo.ErrConflict). The
// hint, which may be empty, says how to mend it.
func Explain(text, hint string, kind error) error { return &worded{text, hint, kind} }

// Describe returns the text of an error for a user, without "error:", and a hint, which may be empty. If the error is
// not Readable, the text is "internal error"; the hint, such as where a text is kept, is the program's own.
func Describe(err error) (text, hint string) {
	if !Readable(err) {
		var w *worded
		if errors.As(err, &w) {
			hint = w.hint
		}
		return "internal error", hint
	}
	if errors.Is(err, context.Canceled) {
		return "interrupted", ""
	}
	var w *worded
	var u repo.Uncertain
	var old repo.OldKeyset
	switch {
	case errors.As(err, &w):
		hint = w.hint
	case errors.As(err, &old):
		hint = "copy the keyset from a machine that is up to date, or have an administrator run crm keyset " +
			"import FILE; crm keyset list shows the keys"
	case errors.As(err, &u):
		hint = "signed in as the same user, this shows it later: fate " + u.Request
	}
	return strings.TrimPrefix(err.Error(), ErrUsage.Error()+": "), hint
}

// Readable reports whether the error's text may be shown to a user.
func Readable(err error) bool {
	status := ExitStatus(err)
	return status != StatusOK && status != StatusInternal
}

// ExitStatus returns the exit status of an error; 0 for nil.
func ExitStatus(err error) int {
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case err == nil:
		return StatusOK
	case is(context.Canceled):
		return StatusInterrupted
	case is(repo.ErrInternal):
		return StatusInternal
	case is(ErrUsage), is(security.ErrCheap):
		return StatusUsage
	case slices.ContainsFunc([]error{
		repo.ErrSignedOut, repo.ErrCredentials, repo.ErrCode, repo.ErrDenied,
		security.ErrSessionEnded,
	}, is):
		return StatusDenied
	case is(repo.ErrUnavailable), is(repo.ErrServer):
		return StatusUnavailable
	case slices.ContainsFunc([]error{
		repo.ErrNotFound, repo.ErrConflict, repo.ErrInvalid, security.ErrUnsealed,
		ErrOutput,
	}, is):
		return StatusRefused
	}
	return StatusInternal
}

// show quotes a user's text for a message. It cuts long texts and escapes control characters.
func show(text string) string {
	const longest = 60 // characters
	for i := range text {
		if utf8.RuneCountInString(text[:i]) == longest {
			return fmt.Sprintf("%q…", text[:i])
		}
	}
	return fmt.Sprintf("%q", text)
}

// DidYouMean returns ": did you mean X?" for the known word nearest to the one typed, and
// nothing if none is near.
func DidYouMean(typed string, known []string) string {
	if word := nearest(typed, known); word != "" {
		return ": did you mean " + word + "?"
	}
	return ""
}

// nearest returns the known word that the typed one abbreviates or misspells, empty if none.
func nearest(typed string, known []string) string {
	const longest = 64 // bytes; nothing known is longer
	if len(typed) > longest {
		return ""
	}
	typed = strings.ToLower(typed)
	best, least := "", 1+len(typed)/4
	for _, word := range known {
		if len(typed) >= 2 && strings.HasPrefix(word, typed) {
			return word
		}
		if d := distance(typed, strings.ToLower(word)); d <= least && d < len(typed) && (best == "" || d < least) {
			best, least = word, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their neighbour to
// make one word of the other (optimal string alignment).
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	var before []int
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i := range from {
		next := make([]int, len(to)+1)
		next[0] = i + 1
		for j := range to {
			cost := 1
			if from[i] == to[j] {
				cost = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+cost)
			if i > 0 && j > 0 && from[i] == to[j-1] && from[i-1] == to[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(to)]
}
