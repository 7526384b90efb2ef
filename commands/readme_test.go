package commands_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"crm/commands"
)

var update = flag.Bool("update", false, "write the generated part of README.md anew")

const (
	begin = "<!-- generated from the command table: go test ./commands -run TestReadme -update -->\n"
	end   = "<!-- end of the generated part -->\n"
)

// R32: README names the two commands, and its command reference is the table's.
func TestReadme(t *testing.T) {
	const path = "../README.md"
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(content), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("README.md has no generated part")
	}
	fresh := before + begin + "\n" + commands.All().Reference() + "\n" + end + after
	if *update {
		if err := os.WriteFile(path, []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if fresh != string(content) {
		t.Error("the command reference in README.md is stale: go test ./commands -run TestReadme -update")
	}
	for _, line := range []string{"    go run . --demo\n", "    go test ./...\n"} {
		if strings.Count(string(content), line) != 1 {
			t.Errorf("README.md must name %q once", strings.TrimSpace(line))
		}
	}
}
