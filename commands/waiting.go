package commands

import (
	"context"
	"fmt"
	"strings"

	"crm/security"
)

// A task is something that waits for the signed-in user, and the command that shows it.
type task struct {
	count         int64
	noun, rest    string
	command       string
	permittedWith security.Action
}

// text is the task for people: "2 contracts of yours to be signed".
func (t task) text() string { return Plural(t.count, t.noun) + " " + t.rest }

var taskFields = []Field[task]{
	{Column{Name: "count"}, func(t task) any { return t.count }},
	{Column{Name: "waiting", Whole: true}, func(t task) any { _, what, _ := strings.Cut(t.text(), " "); return what }},
	{Column{Name: "command", Whole: true}, func(t task) any { return t.command }},
}

func waitingCommands() Table {
	return Table{{
		Name: "inbox", Short: "Show the work that waits for you, and the commands to list it", Needs: security.SignedIn,
		Flags: []Flag{formatFlag}, Examples: []string{"inbox"},
		Run: func(ctx context.Context, s *Session, _ Input) (Output, error) {
			tasks, err := tasksOf(ctx, s)
			out := list(taskFields, tasks)
			if err == nil && len(tasks) == 0 {
				out.Message = "nothing waits for you"
			}
			return out, err
		},
	}}
}

// tasksOf is what waits for the signed-in user.
func tasksOf(ctx context.Context, s *Session) ([]task, error) {
	w, err := s.DB.Waiting(ctx, s.Locale.Now())
	var tasks []task
	for _, t := range []task{
		{w.Unsigned, "contract", "of yours to be signed", "contract list --mine --unsigned", "contract.update"},
		{
			w.Unpaid, "signed contract", "of yours to be paid", "contract list --mine --status signed --unpaid",
			"contract.update",
		},
		{w.NoSupport, "coming event", "without support", "event list --no-support --from today", "event.update"},
		{w.Due, "follow-up", "of yours due", "note list --mine --due today", "note.update"},
		{w.Mine, "event", "of yours in the next 7 days", "event list --mine --from today --to +7d", "event.update"},
	} {
		if t.count > 0 && s.May(t.permittedWith) {
			tasks = append(tasks, t)
		}
	}
	return tasks, err
}

// Waiting is what waits for the signed-in user, a line each for people; nothing when the database
// does not say.
func Waiting(ctx context.Context, s *Session) []string {
	tasks, err := tasksOf(ctx, s)
	if err != nil {
		return nil
	}
	if len(tasks) == 0 {
		return []string{"nothing waits for you"}
	}
	lines := make([]string, len(tasks))
	head := "waiting: "
	for i, t := range tasks {
		lines[i] = head + t.text()
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
