package operator

import (
	"context"
	"strings"

	"crm/commands"
	"crm/repo"
)

// NewPassword reads a password and checks it against the rules.
func NewPassword(ctx context.Context,
	read func(context.Context, commands.SecretRequest) (string, error),
) (string, error) {
	password, err := read(ctx, commands.SecretRequest{Question: "password", Env: true})
	if err == nil {
		err = commands.CheckPassword(password, repo.User{})
	}
	return password, err
}

// Tell returns numbers of records as text: "40 customers, 60 contracts"; "nothing" if all are 0.
func Tell(c repo.Counts) string {
	var words []string
	for _, n := range []struct {
		count int
		noun  string
	}{
		{c.Customers, "customer"},
		{c.Contacts, "contact"},
		{c.Contracts, "contract"},
		{c.Payments, "payment"},
		{c.Events, "event"},
		{c.Notes, "note"},
		{c.Users, "account"},
	} {
		if n.count > 0 {
			words = append(words, commands.Plural(int64(n.count), n.noun))
		}
	}
	if words == nil {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

// TellPurged returns the message about a purge.
func TellPurged(p repo.Purged) string {
	if p == (repo.Purged{}) {
		return "no fictional data to remove"
	}
	text := "removed " + Tell(p.Removed)
	if p.Kept != (repo.Counts{}) {
		text += "; kept " + Tell(p.Kept) + ", because real records build on them"
	}
	return text
}
