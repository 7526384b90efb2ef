package commands

import (
	"context"
	"fmt"
	"strings"
)

// Waiting is what waits for the signed-in user, a line each for people; nothing when the database
// does not say.
func Waiting(ctx context.Context, s *Session) []string {
	w, err := s.DB.Waiting(ctx, s.Locale.Now())
	if err != nil {
		return nil
	}
	var parts []string
	add := func(n int64, noun, rest string, may bool) {
		if n > 0 && may {
			parts = append(parts, plural(n, noun)+rest)
		}
	}
	add(w.Unsigned, "contract", " of yours to be signed", s.May("contract.update"))
	add(w.Unpaid, "signed contract", " of yours to be paid", s.May("contract.update"))
	add(w.NoSupport, "coming event", " without support", s.May("event.update"))
	add(w.Mine, "event", " of yours in the next 7 days", s.May("event.update"))
	if len(parts) == 0 {
		return []string{"nothing waits for you"}
	}
	const head = "waiting: "
	for i := range parts {
		parts[i] = map[bool]string{true: head, false: strings.Repeat(" ", len(head))}[i == 0] + parts[i]
	}
	return parts
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
