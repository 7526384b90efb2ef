package repo_test

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"crm/repo"
)

// functionsOnly are tables that the app role cannot write. Functions of the schema write them, with values that they or
// the program generate, never with a user's input.
var functionsOnly = []string{
	"audit", "audit_link", "audit_unlinked", "credential", "permission", "recovery_code", "request", "role",
	"sealing_key",
	"second_factor", "secret", "session", "session_end", "session_use", "setting", "sign_in_attempt", "sign_in_count",
	"sign_in_success", "standing",
}

// unbreakable are the other constraints without an error for users, each with the reason.
var unbreakable = map[string]string{
	"collaborator_pkey": "identity column", "customer_pkey": "identity column", "contract_pkey": "identity column",
	"payment_pkey": "identity column", "event_pkey": "identity column", "contact_pkey": "identity column",
	"note_pkey": "identity column", "tag_pkey": "identity column", "saved_view_pkey": "identity column",
	"collaborator_first_name_check": "the program checks it first (S11)",
	"collaborator_last_name_check":  "the program checks it first (S11)",
	"collaborator_email_check":      "the program checks it first (S11)",
	"event_name_check":              "the program checks it first (S11)",
	"event_location_check":          "the program checks it first (S11)",
	"event_comments_check":          "the program checks it first (S11)",
	"sealed_check":                  "S11 limits the texts that the program seals",
	"customer_tokens":               "S11 limits the texts that the program makes tokens of",
	"note_tokens":                   "S11 limits the texts that the program makes tokens of",
	"customer_lengths":              "S11 limits the texts that the program seals",
	"contact_lengths":               "S11 limits the texts that the program seals",
	"note_record":                   "no_such_record is raised first",
	"note_customer_id_fkey":         "no_such_record is raised first",
	"note_contract_id_fkey":         "no_such_record is raised first",
	"note_event_id_fkey":            "no_such_record is raised first",
	"note_author_id_fkey":           "a trigger sets the column",
	"tag_record":                    "no_such_record is raised first",
	"tag_customer_id_fkey":          "no_such_record is raised first",
	"tag_contract_id_fkey":          "no_such_record is raised first",
	"tag_event_id_fkey":             "no_such_record is raised first",
	"tag_name_check":                "the program checks it first",
	"saved_view_name":               "the program checks it first",
	"saved_map_pkey":                "identity column",
	"saved_map_name":                "the program checks it first",
	"saved_map_pairs":               "the program checks it first",
	"saved_map_owner_id_fkey":       "a trigger sets the column",
	"saved_view_length":             "the program checks it first",
	"saved_view_owner_id_fkey":      "a trigger sets the column",
	"contact_tokens":                "S11 limits the texts that the program makes tokens of",
	"event_contact_id_fkey":         "event_contact is raised first",
	"event_tokens":                  "S11 limits the texts that the program makes tokens of",
	"contract_status_check":         "the program checks it first (D4)",
	"customer_sales_id_fkey":        "sales_contact_role is raised first",
	"contract_sales_id_fkey":        "sales_contact_role is raised first",
	"event_support_id_fkey":         "support_contact_role is raised first",
	"event_contract_id_fkey":        "event_contract_signed is raised first",
	"payment_recorded_by_fkey":      "a trigger sets the column",
	"mfa_recovery":                  "the program makes the ten codes",
}

// raised returns the constraints that functions name in a raise; variants has the names of those that are computed.
var (
	raised   = regexp.MustCompile(`constraint = (?:'(\w+)'|(\w+ \|\| '\w+'))`)
	variants = map[string][]string{
		"kind || '_contact_role'": {"sales_contact_role", "support_contact_role"},
		"noun || '_canceled'":     {"event_canceled"},
	}
)

// constraintsOf returns the table of every constraint and unique index, and "" for one that only functions raise.
func (w *world) constraintsOf() map[string]string {
	w.t.Helper()
	rows := ok[map[string]string](w.t)(pairs(w, `
		select conname, coalesce(c.relname, '') from pg_constraint k left join pg_class c on c.oid = conrelid
		where k.connamespace = 'crm'::regnamespace and contype in ('c', 'f', 'p', 'u', 'x')
		union select i.relname, t.relname from pg_index x join pg_class i on i.oid = indexrelid join pg_class t
		on t.oid = indrelid
		where i.relnamespace = 'crm'::regnamespace and indisunique`))
	bodies := read[string](w, "select string_agg(prosrc, '') from pg_proc where pronamespace = 'crm'::regnamespace")
	if n, all := len(raised.FindAllString(bodies, -1)), strings.Count(bodies, "constraint = "); n != all {
		w.t.Errorf("%d of the %d constraints that functions raise have a name that this test cannot read", all-n, all)
	}
	for _, found := range raised.FindAllStringSubmatch(bodies, -1) {
		names := []string{found[1]}
		if found[2] != "" {
			names = variants[found[2]]
		}
		for _, name := range names {
			if _, isOfTable := rows[name]; !isOfTable {
				rows[name] = ""
			}
		}
	}
	return rows
}

// pairs reads two text columns.
func pairs(w *world, sql string) (map[string]string, error) {
	rows, err := w.owner.Query(w.t.Context(), sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string]string{}
	for rows.Next() {
		var key, value string
		if err := rows.Scan(&key, &value); err != nil {
			return nil, err
		}
		found[key] = value
	}
	return found, rows.Err()
}

// S11: a constraint of the schema that a caller can break has an error for users, and no error is for a constraint that
// the schema does not have.
func TestConstraintsHaveWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	constraints, words := w.constraintsOf(), slices.Concat(repo.WordedConstraints(), repo.ExplainedConstraints())
	for name, table := range constraints {
		_, excused := unbreakable[name]
		hasWords, unwritten := slices.Contains(words, name), table != "" && slices.Contains(functionsOnly, table)
		switch {
		case !hasWords && !excused && !unwritten:
			t.Errorf("%s of %q has no error for users: add it to wordings, or to unbreakable with the reason", name,
				table)
		case hasWords && excused:
			t.Errorf("%s has an error for users and is in unbreakable", name)
		}
	}
	for _, name := range slices.Concat(words, slices.Collect(maps.Keys(unbreakable))) {
		if _, exists := constraints[name]; !exists {
			t.Errorf("the schema has no constraint %s", name)
		}
	}
	for _, table := range functionsOnly {
		if read[bool](w, "select has_any_column_privilege('crm_app', 'crm."+table+"', 'insert, update')") {
			t.Errorf("the app role can write %s", table)
		}
	}
}

// Every error for a constraint wraps one of the sentinels, and shows the detail if it needs it.
func TestConstraintErrors(t *testing.T) {
	t.Parallel()
	sentinels := []error{repo.ErrConflict, repo.ErrInvalid, repo.ErrNotFound, repo.ErrDenied}
	for _, name := range repo.WordedConstraints() {
		err := repo.Refusal(&pgconn.PgError{Code: "23514", ConstraintName: name, Detail: "DETAIL"})
		if !slices.ContainsFunc(sentinels, func(s error) bool { return errors.Is(err, s) }) ||
			strings.Contains(err.Error(), "%") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := repo.Refusal(&pgconn.PgError{
		Code: "23514", ConstraintName: "invented",
	}); !errors.Is(err, repo.ErrInternal) {
		t.Errorf("an unknown constraint: %v, want %v", err, repo.ErrInternal)
	}
}
