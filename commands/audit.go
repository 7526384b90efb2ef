package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"crm/repo"
	"crm/security"
)

// This file reads the trail. It also adds what the database cannot see: refused commands and exports.

// A trailEntry is an entry of the trail with a one-line summary.
type trailEntry struct {
	repo.AuditEntry
	short string
}

var auditFields = []Field[trailEntry]{
	{Column{Name: "id"}, func(e trailEntry) any { return e.ID }},
	{Column{Name: "at"}, func(e trailEntry) any { return e.At }},
	{Column{Name: "user_id", Detail: true}, func(e trailEntry) any { return deref(e.UserID) }},
	{Column{Name: "user"}, func(e trailEntry) any { return deref(e.UserName) }},
	{Column{Name: "client", Wide: 2}, func(e trailEntry) any { return deref(e.Client) }},
	{Column{Name: "session_id", Detail: true}, func(e trailEntry) any { return deref(e.SessionID) }},
	{Column{Name: "action", Whole: true}, func(e trailEntry) any { return e.Action }},
	{Column{Name: "entity", Wide: 1, Whole: true}, func(e trailEntry) any { return e.Entity }},
	{Column{Name: "entity_id", Wide: 1}, func(e trailEntry) any { return orNil(e.EntityID) }},
	{Column{Name: "changes", Wide: 1, Long: true}, func(e trailEntry) any { return orNil(e.short) }},
	{Column{Name: "before", Detail: true}, func(e trailEntry) any { return nested(e.Before) }},
	{Column{Name: "after", Detail: true}, func(e trailEntry) any { return nested(e.After) }},
	{Column{Name: "undoes", Detail: true}, func(e trailEntry) any { return deref(e.Undoes) }},
}

func nested(values map[string]any) any {
	if values == nil {
		return nil
	}
	return Nested{Value: values}
}

// inShort returns the summary of an entry: the changed columns, or the facts that the entry records.
func inShort(s *Session, e repo.AuditEntry) string {
	switch e.Action {
	case "add", "purge":
		return ""
	case "refuse":
		return fmt.Sprint(e.After["action"])
	}
	if e.Before != nil {
		return strings.Join(slices.Sorted(maps.Keys(e.Before)), ", ")
	}
	var details []string
	for _, key := range slices.Sorted(maps.Keys(e.After)) {
		details = append(details, fmt.Sprintf("%s: %s", key, trailText(s, key, e.After[key])))
	}
	return strings.Join(details, ", ")
}

func auditCommands() Table {
	flags := listFlags(auditFields, repo.AuditSorts(),
		Flag{Name: "user", Kind: UserID, Help: "only entries of this collaborator"},
		Flag{
			Name: "entity", Kind: suggested("ENTITY", repo.TrailEntities()...),
			Help: "only entries about such records",
		},
		Flag{Name: "id", Kind: ID, Help: "only entries about the record with this number; with --entity"},
		Flag{Name: "action", Kind: suggested("ACTION", repo.TrailActions()...), Help: "only entries of this action"},
		searchFlag("user, machine, action or values; it reads every entry, so narrow it with --since"),
		Flag{Name: "since", Kind: Moment, Help: "only entries of this time or later"},
		Flag{Name: "until", Kind: MomentEnd, Help: "only entries before this time, or of this day or earlier"})
	return Table{{
		Name: "audit list", Short: "List the trail, the newest entry first", Needs: action("audit", "view"),
		Flags: slices.DeleteFunc(flags, func(f Flag) bool { return f.Name == "deleted" }), // entries are never deleted
		Examples: []string{
			"audit list --action sign-in-failed --since today",
			"audit list --entity customer --id 1 --format json",
		},
		Run: listAudits,
	}}
}

// suggested returns the kind of one word. Completion offers the values, but other words are accepted.
func suggested(name string, values ...string) Kind {
	k := Token(name)
	k.Values = func(*Session) []Choice { return choices(values) }
	return k
}

func listAudits(ctx context.Context, s *Session, in Input) (Output, error) {
	since, until, err := in.period(s, "since", "until")
	if err != nil {
		return Output{}, err
	}
	f := repo.AuditFilter{
		UserID: Value[int64](in, "user"), Entity: Value[string](in, "entity"), EntityID: Value[int64](in, "id"),
		Action: Value[string](in, "action"), Since: since, Until: until,
	}
	if f.EntityID != 0 && f.Entity == "" {
		return Output{}, usagef("--id needs --entity: each kind of record has its own numbers")
	}
	out, err := pages(ctx, s, in, auditFields, func(ctx context.Context, p repo.Page) (repo.List[trailEntry], error) {
		f.Page = p
		if !in.Has("sort") {
			f.Desc = true
		}
		found, err := s.DB.Audits(ctx, f)
		entries := repo.List[trailEntry]{Total: found.Total}
		for _, e := range found.Rows {
			entries.Rows = append(entries.Rows, trailEntry{e, inShort(s, e)})
		}
		return entries, err
	})
	if err == nil && len(out.Rows) == 0 {
		out.Warnings = slices.Concat(unheardOf("--entity", f.Entity, repo.TrailEntities()),
			unheardOf("--action", f.Action, repo.TrailActions()))
	}
	return out, err
}

// unheardOf warns that a filter's word is unknown, so an empty result may be due to a typing error.
func unheardOf(flag, word string, known []string) []string {
	if word == "" || slices.Contains(known, word) {
		return nil
	}
	return []string{fmt.Sprintf("%s %s is not in the trail%s", flag, show(word), DidYouMean(word, known))}
}

// noted is a refusal that is already in the trail.
type noted struct{ error }

func (n noted) Unwrap() error { return n.error }

// noteRefusal adds an entry to the trail if err refuses a command to a signed-in user, and returns err. A failure to
// add the entry is ignored: the user must get the refusal in any case.
func (s *Session) noteRefusal(ctx context.Context, c Command, in Input, err error) error {
	var already noted
	if s.Me == nil || s.DB == nil || !errors.Is(err, repo.ErrDenied) || errors.As(err, &already) {
		return err
	}
	id, _ := in.values["id"].(int64)
	entity := c.Noun()
	if noun, ok := in.values["noun"].(string); ok { // of edit
		entity = noun
	}
	_ = s.DB.NoteRefusal(ctx, c.Name, entity, id)
	return noted{err}
}

// NoteExport adds an entry to the trail if a command has read several records and they were written to a file, handed
// to a program, or answered in a format for programs.
func (s *Session) NoteExport(ctx context.Context, a Answer, rows int) {
	format := a.Format
	if s.Settings != nil {
		format = cmp.Or(format, s.Settings.Format)
	}
	leaves := a.To.File != "" || a.To.isFile || a.To.Programs != nil ||
		!slices.Contains(append(forPeople, "markdown"), format)
	isData := a.Command.Needs != security.Public && !a.Command.Writes() && !a.Output.Single
	if s.DB != nil && !s.watching && isData && leaves && rows > 0 {
		_ = s.DB.NoteExport(ctx, a.Command.Noun(), rows, format)
	}
}
