package program

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"crm/repo/embedded/pgtest"
)

// TestGuide runs the commands that docs/guide.md shows at the prompt, in order, on the demo's data.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile("docs/guide.md")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	who := ""
	lines := regexp.MustCompile(`(?m)^(\w*) ?crm> (.+)$`).FindAllStringSubmatch(string(guide), -1)
	for _, line := range lines {
		user, command := line[1], line[2]
		if user != "" && user != who {
			fmt.Fprintf(&script, "login %s@epic.example\n", user)
			who = user
		}
		fmt.Fprintln(&script, command)
		if email, isLogin := strings.CutPrefix(command, "login "); isLogin {
			who, _, _ = strings.Cut(email, "@")
		}
	}
	if len(lines) < 20 {
		t.Fatalf("docs/guide.md shows %d commands, want more", len(lines))
	}
	keyset, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	crm := command(t, pgtest.Database(t, "crm_demo"), keyset, "--quiet", "--keep-going")
	crm.Stdin = strings.NewReader(script.String())
	if out, err := crm.CombinedOutput(); err != nil || strings.Contains(string(out), "no rows") {
		t.Errorf("%v\n%s\n%s", err, &script, out)
	}
}
