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

// The few ways in which the data says no. Each is wrapped with human words by %w.
var (
	ErrNotFound    = errors.New("no such record")
	ErrConflict    = errors.New("conflict")
	ErrInvalid     = errors.New("invalid")
	ErrDenied      = errors.New("not permitted")
	ErrSignedOut   = errors.New("not signed in")
	ErrCredentials = errors.New("wrong email or password")
	ErrCode        = errors.New("the code of the second factor is due") // the password was right
	ErrServer      = errors.New("the server does not prove that it knows the password: it may be a false one")
	ErrUnavailable = errors.New("the database cannot be reached")
	ErrInternal    = errors.New("internal error") // a defect: its text is not for users
)

// Invalid is every problem of one command's values.
type Invalid struct{ Problems []Problem }

// A Problem is what is wrong with one value and how to write it.
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

// said is a refusal in words, which unwraps to its sentinel without repeating it.
type said struct {
	text string
	kind error
}

func (e said) Error() string { return e.text }
func (e said) Unwrap() error { return e.kind }

func say(kind error, format string, args ...any) error {
	return said{fmt.Sprintf(format, args...), kind}
}

// A Fault is an unexpected answer of PostgreSQL, for the reporter: code and names, never values.
type Fault struct {
	Code, Constraint, Table, Routine string
}

func (f Fault) Error() string {
	return strings.TrimSpace(fmt.Sprintf("SQLSTATE %s %s %s %s", f.Code, f.Table, f.Constraint, f.Routine))
}

// Is makes errors.Is(err, ErrInternal) true.
func (f Fault) Is(target error) bool { return target == ErrInternal }

// translate turns an error of pgx into one of the sentinels, by code and constraint, never by text
// (PostgreSQL manual, appendix A).
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
	case errors.As(err, &network), pgconn.Timeout(err), pgconn.SafeToRetry(err), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return lost{said{"the connection to the database was lost", ErrUnavailable}}
	}
	return err
}

func refusal(pg *pgconn.PgError) error {
	switch {
	case pg.Code == "28000":
		return say(ErrSignedOut, "not signed in, or the session has ended")
	case pg.Code == "28P01":
		return ErrCredentials
	case pg.Code == "57014":
		return context.Canceled
	case pg.Code == "42501":
		return denied(pg)
	case pg.Code == "P0002" && pg.ConstraintName == "mfa_none": // of clear_mfa()
		return say(ErrNotFound, "there is no second factor")
	case pg.Code == "P0002":
		return ErrNotFound
	case pg.Code == "40001", pg.Code == "40P01", pg.Code == "55P03":
		return say(ErrConflict, "somebody else is changing the same record: try again")
	case pg.Code == "55000" && pg.ConstraintName == "schema_version":
		return unserved(pg)
	case pg.Code == "22003":
		return say(ErrInvalid, "a number is out of range")
	case strings.HasPrefix(pg.Code, "23"):
		return broken(pg)
	case pg.Code == "3F000", pg.Code == "42P01", pg.Code == "42883":
		return errNoSchema
	}
	if c, ok := causeOf(pg.Code); ok {
		return c.refused()
	}
	return Fault{pg.Code, pg.ConstraintName, pg.TableName, pg.Routine}
}

func denied(pg *pgconn.PgError) error {
	if pg.ConstraintName == "role_reserved" {
		return say(ErrDenied, "not permitted: the role %s is given and taken only by those who hold it", pg.Detail)
	}
	return ErrDenied
}

// broken is the words for every rule of schema.sql that a caller can break.
func broken(pg *pgconn.PgError) error {
	switch pg.ConstraintName {
	case "collaborator_email_key":
		return say(ErrConflict, "another collaborator has this email")
	case "collaborator_employee_number_key":
		return say(ErrConflict, "another collaborator has this employee number")
	case "collaborator_has_work":
		return say(ErrConflict, "this collaborator still answers for %s: hand them over with --reassign-to ID", pg.Detail)
	case "collaborator_self":
		return say(ErrConflict, "you cannot delete yourself")
	case "role_last_holder":
		return say(ErrConflict, "this is the last collaborator with the role %s", pg.Detail)
	case "customer_has_contracts":
		return say(ErrConflict, "this customer has unfinished contracts (%s): finish or cancel them first", pg.Detail)
	case "sales_contact_role":
		return say(ErrInvalid, "user %s is not a sales contact: want a collaborator with the role sales", pg.Detail)
	case "support_contact_role":
		return say(ErrInvalid, "user %s is not a support contact: want a collaborator with the role support", pg.Detail)
	case "contract_customer_id_fkey":
		return say(ErrNotFound, "no customer %s", pg.Detail)
	case "payment_contract_id_fkey":
		return say(ErrNotFound, "no contract %s", pg.Detail)
	case "contract_state":
		return say(ErrConflict, "a contract cannot go %s: to_send → pending → signed → finished, canceled from to_send and pending", pg.Detail)
	case "contract_finished_unpaid":
		return say(ErrConflict, "a finished contract has nothing left to pay: pay what remains first")
	case "contract_overpaid":
		return say(ErrConflict, "that is more than what remains to pay, or the total would be less than what was paid")
	case "contract_remaining_above_total":
		return say(ErrInvalid, "what remains cannot be more than the total")
	case "contract_total_positive":
		return say(ErrInvalid, "invalid --total-amount: at least 0")
	case "payment_contract_closed":
		return say(ErrConflict, "a %s contract takes no payments", pg.Detail)
	case "payment_not_zero":
		return say(ErrInvalid, "invalid amount: a payment is not 0")
	case "payment_date":
		return say(ErrInvalid, "invalid date of the payment: between 1900 and 9999")
	case "event_contract_signed":
		return say(ErrConflict, "contract %s is not a signed contract: only a signed one can have events", pg.Detail)
	case "event_ends_before_start":
		return say(ErrInvalid, "invalid --end-date: an event ends after it starts")
	case "event_dates":
		return say(ErrInvalid, "invalid --start-date or --end-date: between 1900 and 9999")
	case "event_attendees_negative":
		return say(ErrInvalid, "invalid --attendees: at least 0")
	case "customer_sealing_key":
		used, present, _ := strings.Cut(pg.Detail, " ")
		return oldKey(used, present)
	case "access_self":
		return say(ErrInvalid, "that is your own account: you have password and mfa for it")
	case "second_factor_pkey":
		return say(ErrConflict, "your second factor has just been changed: try again")
	case "request_pkey":
		return ErrRepeated
	case "audit_undoes_key":
		return say(ErrConflict, "it has just been taken back already")
	case "deleted_record":
		return ErrNotFound
	case "event_canceled":
		return say(ErrConflict, "event %s is canceled and does not change: event restore %[1]s brings it back", pg.Detail)
	case "collaborator_role_fkey":
		return say(ErrInvalid, "invalid --role: there is no such role")
	case "collaborator_employee_number_check":
		return say(ErrInvalid, "invalid --employee-number: up to 30 letters, digits and _ . / -")
	}
	return Fault{pg.Code, pg.ConstraintName, pg.TableName, pg.Routine}
}
