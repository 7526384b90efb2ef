package operator

import (
	"errors"
	"fmt"

	"crm/repo"
)

// ErrUsage is wrapped by errors of what the caller gave: flags, and files that cannot be read or written. Their text
// names it.
var ErrUsage = errors.New("usage")

// What can be wrong with a backup file; see [Source.worded] for the words.
var (
	errDamaged   = errors.New("damaged")
	errForeign   = errors.New("foreign")
	errNewFormat = errors.New("format")
	errEncrypted = errors.New("encrypted")
	errOtherKey  = errors.New("other key")
)

// fileProblems are the words and the kinds of those.
var fileProblems = []struct {
	err, kind error
	words     string
}{
	{errDamaged, repo.ErrInvalid, "is damaged or was cut off: nothing was restored"},
	{errForeign, repo.ErrInvalid, "is no backup of crm"},
	{errNewFormat, repo.ErrConflict, "is of a newer crm: restore it with that"},
	{errEncrypted, ErrUsage, "is encrypted: give --identity FILE or --passphrase-file FILE"},
	{errOtherKey, repo.ErrDenied, "is not opened by the given identity or passphrase"},
}

// worded is an error of a kind, with a text of its own.
type worded struct {
	text string
	kind error
}

func (e worded) Error() string { return e.text }
func (e worded) Unwrap() error { return e.kind }

func say(kind error, format string, args ...any) error {
	return worded{fmt.Sprintf(format, args...), kind}
}
