package repo

import "github.com/jackc/pgx/v5"

// opening is the first statement of every batch. For the batch's transaction it sets the token $1 and every setting that changes answers
// or what a change leaves behind, whatever "alter role … set" or another user of a pooled connection has set:
//
//   - gin_fuzzy_search_limit makes searches miss rows at random;
//   - row_security off turns the policies into errors, client_encoding garbles texts;
//   - timezone decides current_date and how the trail writes a moment;
//   - synchronous_commit off lets a crash take back a change that was answered for;
//   - exit_on_error ends the connection at a refusal.
//
// It returns the isolation level, see opened: that cannot be set here, a statement is under way.
const opening = `select current_setting('transaction_isolation'), set_config('crm.token', $1, true),
	set_config('gin_fuzzy_search_limit', '0', true), set_config('row_security', 'on', true), set_config('client_encoding', 'UTF8', true),
	set_config('timezone', 'UTC', true), set_config('synchronous_commit', 'on', true), set_config('exit_on_error', 'off', true)`

// opened reads the answer of opening. The database takes callers for signed out at any other level than read committed, whose
// snapshots do not outlive a revocation; opened names the setting.
func opened(rows pgx.Rows) error {
	defer rows.Close()
	if rows.Next() {
		if level := string(rows.RawValues()[0]); level != "read committed" {
			return say(ErrUnavailable, "default_transaction_isolation is %s for the database account: reset it with alter role … reset default_transaction_isolation", level)
		}
	}
	rows.Close()
	return rows.Err()
}
