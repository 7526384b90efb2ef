package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"crm/repo"
	"crm/security"
)

// This file undoes the user's own last changes.

var undoneFields = []Field[repo.LastChange]{
	{Column{Name: "entity"}, func(c repo.LastChange) any { return c.Entity }},
	{Column{Name: "id"}, func(c repo.LastChange) any { return orNil(c.EntityID) }},
	{Column{Name: "undone"}, func(c repo.LastChange) any { return c.Action }},
	{Column{Name: "changed_at"}, func(c repo.LastChange) any { return c.At }},
}

func undoCommands() Table {
	return Table{{
		Name: "undo", Short: "Undo your own last change, unless somebody has changed the record since",
		Needs: security.SignedIn,
		Flags: []Flag{{Name: "skip", Kind: Switch, Help: "skip changes that cannot be undone"}, formatFlag},
		Run:   undo,
	}}
}

func undo(ctx context.Context, s *Session, in Input) (Output, error) {
	changes, err := s.DB.LastChanges(ctx)
	if err != nil {
		return Output{}, err
	}
	var passed []string
	for i, c := range changes {
		err := revert(ctx, s, c)
		switch {
		case err == nil:
			out, err := undone(ctx, s, c)
			out.prependMessage(passed...)
			return out, err
		case !in.Has("skip"):
			return Output{}, s.pointOn(ctx, err, changes[i+1:])
		// an atomic script stops at its first failed statement
		case !Readable(err) || s.DB.IsAtomic() && undoable(s, c) == nil:
			return Output{}, err
		}
		passed = append(passed, "skipped: "+err.Error())
	}
	if passed != nil {
		return Output{}, &worded{"none of your changes can be undone", strings.Join(passed, "\n"), repo.ErrConflict}
	}
	return Output{}, &worded{
		"there is nothing to undo",
		"undo reverts your own changes of records, the last one first", repo.ErrNotFound,
	}
}

// revert undoes a change, or returns an error that says why it cannot.
func revert(ctx context.Context, s *Session, c repo.LastChange) error {
	if err := undoable(s, c); err != nil {
		return err
	}
	err := s.DB.Undo(ctx, c)
	switch {
	case isBare(err, repo.ErrDenied) && c.Action == "add" && !s.May(action(c.Entity, "delete")):
		return &worded{theChange(s, c) + " cannot be undone: another record depends on it", "", repo.ErrDenied}
	case isBare(err, repo.ErrDenied) && c.EntityID == 0: // a change of several records
		return &worded{
			fmt.Sprintf("%s cannot be undone: not all of these %ss are yours now", theChange(s, c), c.Entity), "",
			repo.ErrDenied,
		}
	case err != nil && !errors.Is(err, repo.ErrDenied) && Readable(err):
		err = &worded{fmt.Sprintf("%s cannot be undone: %v", theChange(s, c), err), "", err}
	}
	return named(err, c.Entity, c.EntityID)
}

// pointOn adds the next change that can be undone to the error of a change that cannot.
func (s *Session) pointOn(ctx context.Context, err error, next []repo.LastChange) error {
	text, hint := Describe(err)
	if !Readable(err) || s.DB.IsAtomic() {
		return err
	}
	for _, c := range next {
		if undoable(s, c) == nil && s.trial(ctx, func(t *Session) error { return t.DB.Undo(ctx, c) }) == nil {
			skip := "undo --skip undoes " + theChange(s, c)
			return &worded{text, strings.TrimPrefix(hint+"\n"+skip, "\n"), err}
		}
	}
	return err
}

// undone returns the Output of an undone change.
func undone(ctx context.Context, s *Session, c repo.LastChange) (Output, error) {
	out := single(undoneFields, c)
	out.Quiet = true
	out.Message = tellUndone(s, c)
	what := "updated"
	switch c.Action {
	case "add", "restore":
		what = markedAs(c)
	case "delete", "cancel":
		what = "restored"
	case "hand-over", "update-many", "merge", "import":
		what = c.Action + " undone"
	}
	if c.Entity == "payment" {
		what = "added"
	}
	out.Events = []Event{happened(c.Entity, c.EntityID, what)}
	var err error
	out.Warnings, err = undoneOverlaps(ctx, s, c)
	return out, err
}

// theChange describes a change as part of a sentence.
func theChange(s *Session, c repo.LastChange) string {
	what := map[string]string{
		"add": "adding", "update": "the update of", "delete": "deleting", "cancel": "canceling",
		"restore": "restoring",
	}[c.Action]
	switch c.Action {
	case "hand-over":
		return fmt.Sprintf("handing over the work of user %d at %s", c.EntityID, clock(s, c.At))
	case "merge":
		return fmt.Sprintf("merging customer %v into customer %d at %s", c.After["other"], c.EntityID, clock(s, c.At))
	case "update-many":
		return fmt.Sprintf("the update of %s at %s", Plural(*c.Changed, c.Entity), clock(s, c.At))
	case "import": // which may have changed a record several times
		return fmt.Sprintf("the import of %ss at %s", c.Entity, clock(s, c.At))
	}
	return fmt.Sprintf("%s %s at %s", what, theRecord(c), clock(s, c.At))
}

// theRecord names the record of a change.
func theRecord(c repo.LastChange) string {
	if c.Record != nil {
		return *c.Record
	}
	return fmt.Sprintf("%s %d", c.Entity, c.EntityID)
}

// undoable returns an error that says why a change cannot be undone. The database checks it again.
func undoable(s *Session, c repo.LastChange) error {
	change := theChange(s, c)
	if c.ChangedAt != nil {
		who, it := "the company's set-up", "it"
		if c.ChangedBy != nil {
			who = *c.ChangedBy
		}
		if c.Members != nil {
			it = "one of the records"
		}
		return &worded{fmt.Sprintf("%s cannot be undone: %s has changed %s since, at %s", change, who, it,
			clock(s, *c.ChangedAt)), "", repo.ErrConflict}
	}
	needed := action(c.Entity, "update")
	switch {
	case c.Action == "hand-over":
		needed = action("user", "handover")
	case c.Action == "merge":
		needed = action("customer", "merge")
	case c.Entity == "payment":
		needed = action("contract", "update")
	case c.Cancels():
		needed = action(c.Entity, "cancel")
	case c.Action != "update" && c.Members == nil:
		needed = action(c.Entity, "delete")
	}
	if c.Entity == "contract" && c.Action == "add" {
		return &worded{
			change + " cannot be undone: a contract is not deleted",
			fmt.Sprintf("contract cancel %d ends one that is not signed", c.EntityID), repo.ErrConflict,
		}
	}
	if !s.May(needed) && !c.Fresh && c.Action != "import" {
		return &worded{fmt.Sprintf("not permitted: %s cannot be undone without %s, which the role %s does not have",
			change, needed, s.Me.Role), "", repo.ErrDenied}
	}
	for _, v := range c.Before {
		if text, _ := v.(string); text == repo.Erased || unopened.MatchString(text) {
			return &worded{change + " cannot be undone: the value before is " +
				strings.Trim(fmt.Sprint(v), "‹›"), "", repo.ErrConflict}
		}
	}
	return nil
}

// markedAs returns the state of a record after its adding or restoring is undone.
func markedAs(c repo.LastChange) string {
	if c.Cancels() {
		return "canceled"
	}
	return "deleted"
}

// tellUndone returns the message about an undone change.
func tellUndone(s *Session, c repo.LastChange) string {
	at := clock(s, c.At)
	switch {
	case c.Members != nil:
		return fmt.Sprintf("undone: %s, %s in all", theChange(s, c), Plural(*c.Members, "change"))
	case c.Entity == "payment":
		paid, _ := repo.ParseMoney(fmt.Sprint(c.After["amount"]))
		return fmt.Sprintf("contract %v: the payment of %s at %s is undone by its opposite", c.After["contract_id"],
			toShow(s, paid), at)
	case c.Action == "add":
		return fmt.Sprintf("%s deleted: you had added it at %s", theRecord(c), at)
	case c.Action == "restore":
		return fmt.Sprintf("%s %s: you had restored it at %s", theRecord(c), markedAs(c), at)
	case c.Action == "delete", c.Action == "cancel":
		return fmt.Sprintf("%s restored: you had %s it at %s", theRecord(c), markedAs(c), at)
	}
	lines := []string{fmt.Sprintf("%s is as it was before %s", theRecord(c), at)}
	for _, column := range slices.Sorted(maps.Keys(c.Before)) {
		name, to, from := seenIn(column, c.Before[column], c.After[column])
		lines = append(lines, fmt.Sprintf("%s: %s → %s", name, trailLine(s, column, from), trailLine(s, column, to)))
	}
	return strings.Join(lines, "\n")
}
