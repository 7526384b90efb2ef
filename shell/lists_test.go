//go:build linux

package shell

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"crm/commands"
	"crm/repo"
)

// signedIn returns a shell of a demo account on a copy of the screens' database.
func signedIn(t *testing.T, user string) *Shell {
	t.Helper()
	sh, words := screensShell(t)
	login := Script{Name: "login", Text: strings.NewReader("login " + user + "@epic.example\n")}
	if err := sh.Run(t.Context(), login); err != nil {
		t.Fatalf("%v\n%s", err, words)
	}
	return sh
}

// lists calls test with each command that answers a list, and a line that calls it.
func lists(t *testing.T, test func(c commands.Command, line string)) {
	t.Helper()
	count := 0
	for _, c := range commands.All() {
		if !hasFlag(c, "limit") || c.StandsFor != nil || slices.ContainsFunc(c.Args, namesFile) {
			continue
		}
		line := c.Name
		for _, a := range c.Args {
			switch {
			case a.Optional:
			case a.Name == "noun":
				line += " customer"
			case a.Kind.Noun != "":
				line += " 1"
			default:
				line += " bou"
			}
		}
		count++
		test(c, line)
	}
	if count < 15 {
		t.Errorf("only %d lists", count)
	}
}

func namesFile(a commands.Arg) bool { return a.Kind.Files }

func hasFlag(c commands.Command, name string) bool {
	return slices.ContainsFunc(c.Flags, func(f commands.Flag) bool { return f.Name == name })
}

// TestEveryListAnswers runs each list command as each user who may run it: without a flag, with --limit, and with each
// flag that selects records. Every run succeeds, except a user's list of the sessions of another user.
func TestEveryListAnswers(t *testing.T) {
	t.Parallel()
	for _, user := range []string{"admin", "manage", "sales1", "support1"} {
		sh := signedIn(t, user)
		lists(t, func(c commands.Command, line string) {
			if !sh.Session.May(c.Needs) {
				return
			}
			lines := []string{line, line + " --limit 1"}
			for flag, value := range map[string]string{
				"search": "bou", "format": "json", "deleted": "", "where": `"id > 0"`,
			} {
				if hasFlag(c, flag) {
					lines = append(lines, strings.TrimSpace(line+" --"+flag+" "+value))
				}
			}
			for _, line := range lines {
				_, err := commands.Dispatch(t.Context(), sh.Session, line, false)
				if c.Name == "user sessions" && user != "admin" && errors.Is(err, repo.ErrDenied) {
					continue // those of another
				}
				if err != nil {
					t.Errorf("%s: %s: %v", user, line, err)
				}
			}
		})
	}
}

// A range that ends before it begins is an error of every list, not an empty answer.
func TestEveryRangeEndsAfterItBegins(t *testing.T) {
	t.Parallel()
	sh := signedIn(t, "admin")
	asked := 0
	lists(t, func(c commands.Command, line string) {
		for from, to := range map[string]string{"from": "to", "since": "until"} {
			if !hasFlag(c, from) || !hasFlag(c, to) {
				continue
			}
			asked++
			for end, wants := range map[string]string{"2027-03-01": "", "2027-02-28": "--" + to} {
				line := fmt.Sprintf("%s --%s 2027-03-01 --%s %s", line, from, to, end)
				_, err := commands.Dispatch(t.Context(), sh.Session, line, false)
				switch {
				case wants == "" && err != nil:
					t.Errorf("%s: %v", line, err)
				case wants != "" && (!errors.Is(err, repo.ErrInvalid) || !strings.Contains(err.Error(), wants)):
					t.Errorf("%s: %v; want an error that names %s", line, err, wants)
				}
			}
		}
	})
	if asked < 3 {
		t.Errorf("only %d ranges", asked)
	}
}
