//go:build linux && pgbouncer

package shell

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"crm/repo/embedded/pgtest"
	"crm/seed"
)

// everyKind is a script with a command of every kind.
const everyKind = `whoami
customer add "Company %[1]d" "Person %[1]d" --email p%[1]d@x.example --phone +336123457%02[1]d
customer list --search "Company %[1]d" --format json
find person
customer update 1 --phone +336123456%02[1]d
customer history 1
contract add 1 --total-amount 10%02[1]d.50
contract list --unpaid --format csv
contract get 1
contract pay 1 0.01
event list --from 2026-01-01 --format tsv
event update 1 --comments "note %[1]d"
event get 1
user list
inbox
audit list --limit 5
session list
customer export-data 2
logout
`

// TestProgramsThroughPgBouncer runs twenty programs at once over two server connections of PgBouncer: each runs a
// script with commands of every kind, every second one as a single transaction.
func TestProgramsThroughPgBouncer(t *testing.T) {
	w, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	crm, database := build(t, "crm"), pgtest.Database(t, stock)
	address, stop, err := pgtest.StartPgBouncer("crm_app", 2,
		"server_reset_query = DISCARD ALL", "server_reset_query_always = 1")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	home := t.TempDir() // of one machine: its sign-ins take turns
	run := func(args ...string) {
		cmd := exec.Command(crm, append([]string{"--login", "admin@epic.example"}, args...)...)
		cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "XDG_STATE_HOME="+
			home,
			"CRM_DATABASE_URL="+address(database), "CRM_KEYSET="+w.keyset, "CRM_PASSWORD="+seed.DemoPassword,
			"CRM_PASSWORD_MEMORY_MIB=19", "CRM_PASSWORD_ITERATIONS=2")
		var words bytes.Buffer
		cmd.Stderr = &words
		if err := cmd.Run(); err != nil || strings.Contains(words.String(), "pooler") {
			t.Errorf("%s: %v\n%s", args, err, &words)
		}
	}
	// the first sign-in stores the password at a higher cost, and sign-ins that overlap with it fail
	run("-c", "whoami")
	const programs = 20
	scripts := t.TempDir()
	var all sync.WaitGroup
	for i := range programs {
		script := filepath.Join(scripts, fmt.Sprintf("%d.crm", i))
		if err := os.WriteFile(script, fmt.Appendf(nil, everyKind, i), 0o600); err != nil {
			t.Fatal(err)
		}
		all.Go(func() { run("-f", script, fmt.Sprintf("--atomic=%v", i%2 == 0)) })
	}
	all.Wait()
	t.Logf("%d programs, %d commands over 2 connections", programs, programs*strings.Count(everyKind, "\n"))
}
