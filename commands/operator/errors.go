package operator

import (
	"errors"
	"fmt"

	"crm/repo"
)

// ErrUsage is wrapped by errors of flags, and of files that cannot be read or written. Their text names the flag or
// file.
var ErrUsage = errors.New("usage")

// Errors of a backup file; see [Source.worded] for their texts.
var (
	errDamaged   = errors.New("damaged")
	errForeign   = errors.New("foreign")
	errNewFormat = errors.New("format")
	errEncrypted = errors.New("encrypted")
	errOtherKey  = errors.New("other key")
)

// fileProblems has the texts and kinds of these errors.
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

// worded is an error of a kind with its own text.
type worded struct {
	text string
	kind error
}

func (e worded) Error() string { return e.text }
func (e worded) Unwrap() error { return e.kind }

func say(kind error, format string, args ...any) error {
	return worded{fmt.Sprintf(format, args...), kind}
}
