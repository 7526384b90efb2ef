package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// The sentinels of this package. An error whose text is for users wraps one of them; see say.
var (
	ErrNotFound    = errors.New("no such record")
	ErrConflict    = errors.New("conflict")
	ErrInvalid     = errors.New("invalid")
	ErrDenied      = errors.New("not permitted")
	ErrSignedOut   = errors.New("not signed in")
	ErrCredentials = errors.New("wrong email or password")
	ErrCode        = errors.New("the code of the second factor is due") // the password was correct
	ErrServer      = errors.New("the server does not prove that it knows the password: it may be a false one")
	ErrUnavailable = errors.New("the database cannot be reached")
	ErrInternal    = errors.New("internal error") // a defect: do not show its text to users
)

// Invalid is an ErrInvalid that holds all problems with the values of one command.
type Invalid struct{ Problems []Problem }

// A Problem is a field and the requirement that its value does not meet.
type Problem struct{ Field, Text string }

func (e Invalid) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = fmt.Sprintf("invalid %s: %s", p.Field, p.Text)
	}
	return strings.Join(texts, "; ")
}

// Is makes errors.Is(err, ErrInvalid) true.
func (e Invalid) Is(target error) bool { return target == ErrInvalid }

// Missing is the ErrNotFound of a record that does not exist, or is deleted; see [DB.Gone].
type Missing struct {
	Noun string
	ID   int64
}

func (m Missing) Error() string { return fmt.Sprintf("there is no %s %d", m.Noun, m.ID) }

// Is makes errors.Is(err, ErrNotFound) true.
func (m Missing) Is(target error) bool { return target == ErrNotFound }

// Overpaid is the ErrConflict of a payment above the amount that remains to pay.
type Overpaid struct{ Remains Money }

func (e Overpaid) Error() string {
	return fmt.Sprintf("that is more than what remains to pay: %s", e.Remains)
}

// Is makes errors.Is(err, ErrConflict) true.
func (e Overpaid) Is(target error) bool { return target == ErrConflict }

// BelowPaid is the ErrConflict of a total below the amount that was paid.
type BelowPaid struct {
	Contract int64
	Paid     Money
}

func (e BelowPaid) Error() string {
	return fmt.Sprintf("invalid --total-amount: less than what was paid: %s", e.Paid)
}

// Is makes errors.Is(err, ErrConflict) true.
func (e BelowPaid) Is(target error) bool { return target == ErrConflict }

// said is an error with a text for users. It unwraps to its sentinel but does not repeat its text.
type said struct {
	text string
	kind error
}

func (e said) Error() string { return e.text }
func (e said) Unwrap() error { return e.kind }

// say returns an error that wraps the sentinel kind and has the text.
func say(kind error, format string, args ...any) error {
	return said{fmt.Sprintf(format, args...), kind}
}

// A Fault is an unexpected error of PostgreSQL. It holds codes and names, never values, so it can be reported.
// It is an ErrInternal.
type Fault struct {
	Code, Constraint, Table, Routine string
}

func (f Fault) Error() string {
	return strings.TrimSpace(fmt.Sprintf("SQLSTATE %s %s %s %s", f.Code, f.Table, f.Constraint, f.Routine))
}

// Is makes errors.Is(err, ErrInternal) true.
func (f Fault) Is(target error) bool { return target == ErrInternal }

// translate returns the error of this package for an error of pgx. It compares codes (PostgreSQL manual, appendix A)
// and names of constraints, never texts.
func translate(err error) error {
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &connect):
		return unreachable(connect, "database.url")
	case errors.As(err, &pg):
		return refusal(pg)
	case errors.As(err, &network), pgconn.Timeout(err), pgconn.SafeToRetry(err),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return lost{said{"the connection to the database was lost", ErrUnavailable}}
	}
	return err
}

// refusal returns the error for a statement that PostgreSQL refused.
func refusal(pg *pgconn.PgError) error {
	if err := broken(pg); err != nil {
		return err
	}
	switch pg.Code {
	case "28000":
		return say(ErrSignedOut, "not signed in, or the session has ended")
	case "28P01":
		return ErrCredentials
	case "57014":
		return context.Canceled
	case "42501":
		return ErrDenied
	case "P0002":
		return ErrNotFound
	case "40001", "40P01", "55P03":
		return say(ErrConflict, "somebody else is changing the same record: try again")
	case "22003":
		return say(ErrInvalid, "a number is out of range")
	case "3F000", "42P01", "42883":
		return errNoSchema
	}
	if c, ok := causeOf(pg.Code); ok {
		return c.refused()
	}
	return Fault{pg.Code, pg.ConstraintName, pg.TableName, pg.Routine}
}
