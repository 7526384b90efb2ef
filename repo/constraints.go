package repo

import (
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// A wording is the error for a broken constraint: a sentinel and a text. %s in the text stands for the DETAIL of
// PostgreSQL's error. Without a text the sentinel is the whole error.
type wording struct {
	kind error
	text string
}

const invalidExternalID = "invalid --external-id: up to 100 characters without blanks and @"

// wordings has every constraint that a user can break: those of tables, and names that functions of schema.sql use in a
// raise. TestConstraintsHaveWords compares it with the schema.
var wordings = map[string]wording{
	"collaborator_email_key":           {ErrConflict, "another collaborator has this email"},
	"collaborator_employee_number_key": {ErrConflict, "another collaborator has this employee number"},
	"collaborator_employee_number_check": {
		ErrInvalid, "invalid --employee-number: up to 30 letters, digits and _ . / -",
	},
	"collaborator_role_fkey": {ErrInvalid, "invalid --role: there is no such role"},
	"collaborator_has_work": {
		ErrConflict, "this collaborator still answers for %s: hand them over with --reassign-to ID, " +
			"or before with user hand-over",
	},
	"collaborator_self": {ErrConflict, "you cannot delete yourself"},
	"collaborator_own_role": {
		ErrConflict, "you cannot change your own role: another user who may change users can",
	},
	"role_last_holder":   {ErrConflict, "this is the last collaborator with the role %s"},
	"role_reserved":      {ErrDenied, "not permitted: only users with the role %s may change that role and its users"},
	"access_self":        {ErrInvalid, "that is your own account: you have password and mfa for it"},
	"second_factor_pkey": {ErrConflict, "your second factor has just been changed: try again"},
	"mfa_none":           {ErrNotFound, "this user has no second factor"},

	"customer_has_contracts": {ErrConflict, "this customer has unfinished contracts (%s): finish or cancel them first"},
	"sales_contact_role":     {ErrInvalid, "user %s is not a sales contact: want a collaborator with the role sales"},
	"support_contact_role": {
		ErrInvalid, "user %s is not a support contact: want a collaborator with the role support",
	},

	"contract_state": {
		ErrConflict,
		"a contract cannot go %s: to_send → pending → signed → finished, canceled from to_send and pending",
	},
	"contract_total_positive":        {ErrInvalid, "invalid --total-amount: at least 0"},
	"contract_unpriced":              {ErrInvalid, "invalid --total-amount: a signed contract has a total above 0"},
	"contract_remaining_above_total": {ErrInvalid, "invalid --remaining-amount: more than the total"},
	"contract_finished_unpaid": {
		ErrConflict, "a finished contract has nothing left to pay: pay what remains first",
	},
	"payment_contract_closed": {ErrConflict, "a %s contract takes no payments"},
	"payment_future":          {ErrInvalid, "invalid --on: the day of a payment is not in the future"},
	"payment_not_zero":        {ErrInvalid, "invalid amount: a payment is not 0"},
	"payment_date":            {ErrInvalid, "invalid date of the payment: between 1900 and 9999"},

	"customer_merged": {
		ErrConflict, "customer %s: only the undo of the merge, by the user who did it, brings it back",
	},
	"customer_is_merged": {ErrConflict, "customer %s: use the number of that one, which has what belonged to both"},
	"merge_contacts": {
		ErrConflict, "together they have %s contacts, and no more than 100 are possible: delete some",
	},

	"contact_too_many": {ErrConflict, "customer %s has 100 contacts, and no more are possible: delete some"},

	"event_contact": {ErrInvalid, "invalid --contact-id: contact %s is not one of the event's customer"},
	"event_contract_signed": {
		ErrConflict, "contract %s is not a signed contract: only a signed one can have events",
	},
	"event_incomplete":        {ErrInvalid, "an event needs %s"},
	"event_ends_before_start": {ErrInvalid, "invalid --end-date: an event ends after it starts"},
	"event_dates":             {ErrInvalid, "invalid --start-date or --end-date: between 1900 and 9999"},
	"event_canceled": {
		ErrConflict, "event %s is canceled and does not change: event restore %[1]s brings it back",
	},
	"event_attendees_negative": {ErrInvalid, "invalid --attendees: at least 0"},

	"note_due":        {ErrInvalid, "invalid --due: between 1900 and 9999"},
	"tag_of_customer": {ErrConflict, "it has this tag already"},
	"tag_of_contract": {ErrConflict, "it has this tag already"},
	"tag_of_event":    {ErrConflict, "it has this tag already"},

	"saved_view_own":    {ErrConflict, "you have a view of this name already"},
	"saved_view_shared": {ErrConflict, "another shared view has this name: save yours under another one to share it"},
	"saved_map_key":     {ErrConflict, "another map has this name"},
	"view_role":         {ErrInvalid, "there is no role %s"},

	"deleted_record":             {ErrNotFound, ""},
	"request_pkey":               {ErrRepeated, ""},
	"undo_changed":               {ErrConflict, "it has just been changed: nothing was undone"},
	"customer_external_id":       {ErrConflict, "another customer has this external ID"},
	"customer_external_id_check": {ErrInvalid, invalidExternalID},
	"contact_external_id":        {ErrConflict, "another contact has this external ID"},
	"contact_external_id_check":  {ErrInvalid, invalidExternalID},
	"contract_external_id":       {ErrConflict, "another contract has this external ID"},
	"contract_external_id_check": {ErrInvalid, invalidExternalID},
	"event_external_id":          {ErrConflict, "another event has this external ID"},
	"event_external_id_check":    {ErrInvalid, invalidExternalID},
	"undo_added": {
		ErrConflict, "a contract is only deleted as a draft of the last hour that nothing depends on",
	},
	"audit_undoes_key": {ErrConflict, "it has just been undone already"},
}

// explained has the constraints whose error is not a fixed text. Its functions take the DETAIL.
var explained = map[string]func(detail string) error{
	"schema_version": unserved,
	"customer_sealing_key": func(detail string) error {
		used, present, _ := strings.Cut(detail, " ")
		return oldKey(used, present)
	},
	"contract_customer_id_fkey": missing("customer "),
	"payment_contract_id_fkey":  missing("contract "),
	"contact_customer_id_fkey":  missing("customer "),
	"no_such_record":            missing(""),
	"payment_too_much": func(detail string) error {
		remains, _ := ParseMoney(detail)
		return Overpaid{remains}
	},
	"contract_overpaid": func(detail string) error {
		id, text, _ := strings.Cut(detail, " ")
		contract, _ := strconv.ParseInt(id, 10, 64)
		paid, _ := ParseMoney(text)
		return BelowPaid{contract, paid}
	},
}

// missing returns the function for a constraint whose DETAIL names a missing record: "customer 12". The noun that the
// DETAIL omits is put before it.
func missing(noun string) func(detail string) error {
	return func(detail string) error {
		name, text, _ := strings.Cut(noun+detail, " ")
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return say(ErrNotFound, "there is no such record")
		}
		return Missing{name, id}
	}
}

// broken returns the error for the constraint in pg, or nil if no wording exists.
func broken(pg *pgconn.PgError) error {
	if explain, ok := explained[pg.ConstraintName]; ok {
		return explain(pg.Detail)
	}
	switch w, ok := wordings[pg.ConstraintName]; {
	case !ok:
		return nil
	case w.text == "":
		return w.kind
	case strings.Contains(w.text, "%s"):
		return say(w.kind, w.text, pg.Detail)
	default:
		return say(w.kind, "%s", w.text)
	}
}
