// Shelldemo is crm's conversation with a clock that the test sets, for the tests of its lock.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"crm/commands"
	"crm/repo"
	"crm/shell"
)

func main() {
	if err := run(context.Background(), os.Args[len(os.Args)-1]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// run signs somebody in and converses.
func run(ctx context.Context, email string) error {
	vault, err := commands.Unseal([]byte(os.Getenv("CRM_KEYSET")), "")
	if err != nil {
		return err
	}
	db, err := repo.Open(repo.Config{
		URL: os.Getenv("CRM_DATABASE_URL"), Schema: "crm",
		ConnectTimeout: 10 * time.Second, Vault: vault,
	})
	if err != nil {
		return err
	}
	defer db.Close()
	reporter, err := shell.NewReporter("", "", "", os.Stderr)
	if err != nil {
		return err
	}
	sh := &shell.Shell{
		Session: &commands.Session{
			DB: db, Table: commands.All(), Settings: &commands.Settings{Format: "table", Color: "auto", Limit: 50},
			Aliases: commands.OpenAliases(os.Getenv("HOME") + "/aliases"),
			Locale:  commands.Locale{Zone: time.UTC, Region: "FR", Currency: "EUR", Language: "en", Now: time.Now},
			Terms:   commands.Terms{TokenLifetime: 10 * time.Minute, SessionLifetime: 12 * time.Hour},
		},
		Data: os.Stdout, Words: os.Stderr, Reporter: reporter, Screen: shell.ScreenOf(os.Stdout),
		Secrets: shell.Secrets{Value: os.Getenv("CRM_PASSWORD"), TTY: shell.OpenTTY},
		Idle:    30 * time.Minute, Clock: clock,
	}
	cost := &sh.Session.Terms.Password
	cost.Memory, cost.Iterations, cost.Parallelism = 64, 1, 1
	sh.Attach()
	if err := sh.Run(ctx, shell.Script{Text: strings.NewReader("login " + email)}); err != nil {
		return err
	}
	_, err = sh.Meet(ctx, os.Stdin, os.Stdout,
		shell.Welcome{HistoryFile: os.Getenv("HOME") + "/history", HistorySize: 100})
	return err
}

// clock is the time, as much later as the file says.
func clock() time.Time {
	text, _ := os.ReadFile(os.Getenv("DEMO_CLOCK"))
	later, _ := time.ParseDuration(string(text))
	return time.Now().Add(later)
}
