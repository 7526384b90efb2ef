package commands

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"crm/security"
)

func waitingCommands() Table {
	return Table{{
		Name: "inbox", Short: "Show the work that waits for you, the most urgent first", Needs: security.SignedIn,
		Flags: []Flag{formatFlag, {
			Name: "limit", Kind: Number("N", 1, 10_000),
			Help: fmt.Sprintf("at most so many records of each kind of work (default %d)", mostWaiting),
		}},
		Examples: []string{"inbox", "inbox --limit 30"},
		Run: func(ctx context.Context, s *Session, in Input) (Output, error) {
			limit := cmp.Or(Value[int](in, "limit"), mostWaiting)
			if isWhole(s, in) {
				limit = wholeWaiting
			}
			piles, err := inbox(ctx, s, limit)
			var all []duty
			var more []string
			for _, p := range piles {
				all = append(all, p.duties...)
				if int64(len(p.duties)) < p.total {
					more = append(more, fmt.Sprintf("the first %d of %s: %s", len(p.duties), p.text(), p.list))
				}
			}
			out := list(dutyFields, all)
			out.addMessage(more...)
			if err == nil && len(all) == 0 {
				out.Message = nothingWaits
			}
			return out, err
		},
	}}
}

const nothingWaits = "nothing waits for you"

// Waiting returns what waits for the signed-in user, one line for each kind of work. It returns nothing if the database
// does not answer.
func Waiting(ctx context.Context, s *Session) []string {
	piles, err := inbox(ctx, s, mostWaiting)
	if err != nil {
		return nil
	}
	if len(piles) == 0 {
		return []string{nothingWaits}
	}
	lines := make([]string, len(piles))
	head := "waiting: "
	for i, p := range piles {
		lines[i] = head + p.text()
		head = strings.Repeat(" ", len(head))
	}
	return lines
}

// Plural returns the number with the noun, in the plural unless n is 1: "2 rows".
func Plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%s %ss", grouped(n), noun)
}
