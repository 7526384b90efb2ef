//go:build linux

package shell

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/commands"
	"crm/repo"
	"crm/repo/embedded/pgtest"
	"crm/security"
	"crm/seed"
	"crm/shell/render"
)

var update = flag.Bool("update", false, "write the screens and pictures that the tests compare with")

// screensStock is a database with the accounts of the demo and the records of testdata/screens/data.crm.
const screensStock = "crm_screens"

var screensShared = sync.OnceValues(func() (warehouse, error) {
	w, err := fillDatabase(pgtest.URL, screensStock, seed.Config{Now: screensNow})
	if err != nil {
		return w, err
	}
	sh, words, err := w.shell(screensStock)
	if err != nil {
		return w, err
	}
	defer sh.Session.DB.Close()
	sh.Session.Locale.Now = time.Now // which the database checks payments by
	script, err := os.Open("testdata/screens/data.crm")
	if err != nil {
		return w, err
	}
	defer script.Close()
	if err := sh.Run(context.Background(), Script{Name: "data.crm", Text: script}); err != nil {
		return w, fmt.Errorf("%w\n%s", err, words)
	}
	sh.Leave()
	return w, w.fixTimes()
})

// screensNow is the time on the screens.
var screensNow = time.Date(2031, 5, 1, 9, 0, 0, 0, time.UTC)

// fixTimes gives the trail's entries times that do not depend on the day of the test.
func (w warehouse) fixTimes() error {
	return w.exec(screensStock, `begin; set local session_replication_role = replica;
		update crm.audit set at = timestamptz '2031-04-28 07:00Z' + id * interval '17 minutes'; commit`)
}

// exec runs statements as the superuser.
func (w warehouse) exec(database, statements string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, w.url(database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statements)
	return err
}

// shell returns a shell on a database, whose messages go to the buffer.
func (w warehouse) shell(database string) (*Shell, *bytes.Buffer, error) {
	vault, err := commands.Unseal([]byte(w.keyset), "")
	if err != nil {
		return nil, nil, err
	}
	db, err := repo.Open(repo.Config{URL: w.app(database), Schema: "crm", Vault: vault})
	if err != nil {
		return nil, nil, err
	}
	reporter, err := NewReporter("", "test", "crm@1", io.Discard)
	if err != nil {
		return nil, nil, err
	}
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		return nil, nil, err
	}
	words := &bytes.Buffer{}
	sh := &Shell{
		Session: &commands.Session{
			DB: db, Table: commands.All(), Settings: &commands.Settings{Format: "table", Color: "auto", Limit: 50},
			Locale: commands.Locale{
				Zone: zone, Region: "FR", Currency: "EUR", Language: "en",
				Now: func() time.Time { return screensNow },
			},
			Terms: commands.Terms{
				TokenLifetime: time.Hour, SessionLifetime: time.Hour,
				Password: security.Params{Memory: 12 << 10, Iterations: 3, Parallelism: 1},
			},
		},
		Data: io.Discard, Words: words, Secrets: Secrets{Value: seed.DemoPassword}, Reporter: reporter,
	}
	sh.Attach()
	return sh, words, nil
}

// A screenList is a list and the user who requests it.
type screenList struct{ who, line string }

// screenLists are the lists whose screens are stored.
var screenLists = []screenList{
	{"sales1", "customer list"},
	{"sales1", "contract list"},
	{"sales1", "event list --from 2031-01-01"},
	{"sales1", "user list"},
	{"admin", "audit list --limit 20 --since 2031-01-01"},
	{"sales1", "inbox"},
}

// screensShell returns a shell on a copy of the stock, and the buffer of its messages.
func screensShell(t *testing.T) (*Shell, *bytes.Buffer) {
	t.Helper()
	w, err := screensShared()
	if err != nil {
		t.Fatal(err)
	}
	sh, words, err := w.shell(pgtest.Database(t, screensStock))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sh.Session.DB.Close)
	t.Cleanup(sh.Leave)
	return sh, words
}

// screenAnswers runs a script in a copy of the stock, and returns the records of the lists, in their order.
func screenAnswers(t *testing.T, script string, lists []screenList) ([]commands.Output, commands.Locale) {
	t.Helper()
	sh, words := screensShell(t)
	if err := sh.Run(t.Context(), Script{Name: "script", Text: strings.NewReader(script)}); err != nil {
		t.Fatalf("%v: %s", err, words)
	}
	var answers []commands.Output
	for _, list := range lists {
		login := Script{Text: strings.NewReader("login " + list.who + "@epic.example")}
		if err := sh.Run(t.Context(), login); err != nil {
			t.Fatalf("%v: %s", err, words)
		}
		answer, err := commands.Dispatch(t.Context(), sh.Session, list.line, false)
		if err != nil {
			t.Fatalf("%s: %v", list.line, err)
		}
		answers = append(answers, answer.Output)
	}
	return answers, sh.Session.Locale
}

// TestScreens compares the lists in windows of five widths with the files of testdata/screens.
func TestScreens(t *testing.T) {
	answers, locale := screenAnswers(t, "", screenLists)
	for _, width := range []int{60, 80, 100, 120, 200} {
		var page bytes.Buffer
		for i, list := range screenLists {
			fmt.Fprintf(&page, "%s crm> %s\n", list.who, list.line)
			style := render.Style{Width: width, Locale: locale}
			if err := render.Write(&page, answers[i], style); err != nil {
				t.Fatal(err)
			}
			words := footer(answers[i], commands.Destination{}, render.Hidden(answers[i], style), "")
			fmt.Fprintf(&page, "%s\n\n", strings.Join(render.Wrap(words, width), "\n"))
		}
		compareFile(t, filepath.Join("testdata", "screens", fmt.Sprintf("%d.txt", width)), page.String())
	}
}

// cellsOf returns the texts of a table's cells by the title of their column, row after row, and whether the page is a
// table. A cell on several lines is joined.
func cellsOf(page string) (cells map[string][]string, isTable bool) {
	cells = map[string][]string{}
	var titles []string
	for line := range strings.Lines(page) {
		parts := strings.Split(strings.Trim(strings.TrimSpace(line), "│"), "│")
		switch {
		case strings.HasPrefix(line, "┌"):
			isTable = true
			titles = make([]string, strings.Count(line, "┬")+1)
		case strings.HasPrefix(line, "├"):
			for _, title := range titles {
				cells[title] = nil
			}
		case strings.HasPrefix(line, "│") && len(cells) == 0:
			for i, part := range parts {
				titles[i] = strings.TrimSpace(titles[i] + " " + strings.TrimSpace(part))
			}
		case strings.HasPrefix(line, "│"):
			// a record's next line: the ID or command, which is never empty, stands on the first
			key := 0
			if !slices.Contains(titles, "ID") {
				key = max(0, slices.Index(titles, "COMMAND"))
			}
			isNext := strings.TrimSpace(parts[key]) == ""
			for i, part := range parts {
				part = strings.TrimSpace(part)
				of := cells[titles[i]]
				if isNext {
					of[len(of)-1] = strings.TrimSpace(of[len(of)-1] + " " + part)
				} else {
					cells[titles[i]] = append(of, part)
				}
			}
		}
	}
	return cells, isTable
}

// compareFile fails if the file does not contain the text. With -update it writes the file instead.
func compareFile(t *testing.T, name, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != text {
		t.Errorf("%s is out of date: run go test ./shell -run %s -update and look at it; it is now\n%s", name, t.Name(),
			text)
	}
}
