package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"crm/repo"
)

// This file has the preview and the answer of a command that changes many records.

// shown returns the previews of the first changes, without the refused ones, and a line that counts the others.
func (m many) shown(b bulk, c repo.Changed) (lines []string) {
	isRefused := map[int64]bool{}
	for _, r := range c.Refused {
		isRefused[r.ID] = true
	}
	for _, p := range b.previews {
		if !isRefused[p.id] && len(lines) < mostPreviews {
			lines = append(lines, p.line)
		}
	}
	if more := c.Records - int64(len(lines)); more > 0 {
		lines = append(lines, fmt.Sprintf("and %s more", grouped(more)))
	}
	return lines
}

func (m many) already(b bulk) string {
	if b.same == 0 {
		return ""
	}
	return fmt.Sprintf("%s already so", grouped(int64(b.same)))
}

// reasons returns a line for each refused record, at most mostRefusals.
func (m many) reasons(s *Session, c repo.Changed) (lines []string) {
	for i, r := range c.Refused {
		if i == mostRefusals {
			return append(lines, fmt.Sprintf("%s more are refused", grouped(int64(len(c.Refused)-i))))
		}
		text, _ := Describe(s.inCurrency(named(r.Err, m.noun, r.ID)))
		lines = append(lines, fmt.Sprintf("%s %d is refused: %s", m.noun, r.ID, text))
	}
	return lines
}

// refused returns the error of a change that was not made because some records were refused.
func (m many) refused(s *Session, c repo.Changed) error {
	hint := m.reasons(s, c)
	if c.Records > 0 {
		hint = append(hint, fmt.Sprintf("--skip-refused changes the other %d", c.Records))
	}
	kind := error(repo.ErrConflict)
	if named := c.Refused[0].Err; isBare(named, repo.ErrDenied) && c.Records == 0 {
		kind = repo.ErrDenied
	}
	return &worded{
		fmt.Sprintf("nothing was changed: %d of %s refused", len(c.Refused),
			isAre(int64(len(c.Refused))+c.Records, m.noun)), strings.Join(hint, "\n"), kind,
	}
}

func isAre(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return Plural(n, noun) + " are"
}

// has returns "1 payment has" or "3 payments have".
func has(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun + " has"
	}
	return Plural(n, noun) + " have"
}

// answer returns the output for programs.
func (m many) answer(b bulk, c repo.Changed) Output {
	out := single([]Field[repo.Changed]{
		{Column{Name: "updated"}, func(c repo.Changed) any { return c.Records }},
		{Column{Name: "same"}, func(repo.Changed) any { return b.same }},
		{Column{Name: "refused"}, func(c repo.Changed) any { return len(c.Refused) }},
	}, c)
	out.Quiet = true
	return out
}

// events returns the events that separate changes of the records would report (R31).
func (m many) events(b bulk, c repo.Changed, in Input) (events []Event) {
	for _, id := range slices.Sorted(maps.Keys(b.changes)) {
		if slices.ContainsFunc(c.Refused, func(r repo.RefusedRecord) bool { return r.ID == id }) {
			continue
		}
		events = append(events, happened(m.noun, id, "updated"))
		if status, changes := b.changes[id]["status"].(string); changes {
			events = append(events, happened(m.noun, id, status))
		}
	}
	return events
}

// warnOfOverlaps warns of support contacts who have overlapping events after the change (D9).
func (m many) warnOfOverlaps(ctx context.Context, s *Session, b bulk, out *Output) error {
	if m.noun != "event" || !slices.ContainsFunc(b.columns,
		func(name string) bool { return slices.Contains([]string{"support_id", "start_date", "end_date"}, name) }) {
		return nil
	}
	warnings, err := overlapsAmong(ctx, s, slices.Collect(maps.Keys(b.changes)))
	out.Warnings = append(out.Warnings, warnings...)
	return err
}

// ask shows what would change and asks, unless --yes is given.
func (m many) ask(ctx context.Context, s *Session, in Input, b bulk) (how repo.Many, err error) {
	if b.strong && (in.Has("yes") || !s.Typed) {
		return how, &worded{
			"nothing was changed: customers would have the email or phone of others",
			strings.Join(append(b.inShort(), "--force does it anyway"), "\n"), repo.ErrConflict,
		}
	}
	if how = repo.All; in.Has("skip-refused") {
		how = repo.Partly
	}
	if in.Has("yes") {
		return how, nil
	}
	tried, err := s.DB.ChangeMany(ctx, m.noun, b.changes, repo.Trial)
	if err != nil {
		return how, err
	}
	would := fmt.Sprintf("%s would change", Plural(tried.Records, m.noun)) + inBrackets(m.already(b))
	lines := slices.Concat([]string{would}, m.shown(b, tried), b.inShort(), m.reasons(s, tried))
	switch {
	case s.Confirm == nil:
		return how, usagef("%s of many needs --yes", m.update.Name)
	case tried.Records == 0:
		return how, m.refused(s, tried)
	}
	lines = append(lines, fmt.Sprintf("change %s?", Plural(tried.Records, m.noun)))
	if err := s.Confirm(ctx, strings.Join(lines, "\n")); err != nil {
		return how, err
	}
	if len(tried.Refused) > 0 {
		how = repo.Partly // the question listed them
	}
	return how, nil
}
