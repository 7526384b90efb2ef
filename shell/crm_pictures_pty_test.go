//go:build linux

package shell

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"crm/repo/embedded/pgtest"
	"crm/seed"
)

// picturePromises: the pictures of README.md and docs/guide.md show what the program does. They are written with
// go test ./shell -run TestConversation/pictures -update.
var picturePromises = map[string]func(*testing.T){
	"the first minute": func(t *testing.T) {
		d := sitForPicture(t, 34, "")
		d.send("login sales1@epic.example\r")
		d.wait("password:")
		d.send(seed.DemoPassword + "\r")
		d.prompt = "sales1 crm>"
		d.idle()
		d.run("contract list --mine --unpaid --limit 3")
		d.run("contract sign 3", "signed")
		d.run("event add --contract-id 3 --name 'Product launch' --start-date 2031-05-20 --end-date 2031-05-20",
			"added")
		d.run("event list --from 2031-05-01 --to 2031-05-31", "rows")
		d.compare("first-minute", "Signing in, a list of contracts, a signature and an event at the prompt")
	},
	"the box of completion": func(t *testing.T) {
		d := sitForPicture(t, 16, "sales1")
		d.send("event add --contract-id ")
		d.until("box", func() bool { return strings.Contains(d.below(), "Bouzin") })
		d.compare("completion", "Completion offers the contracts under which an event can be added")
	},
	"a list": func(t *testing.T) {
		d := sitForPicture(t, 16, "manage")
		d.run("contract list", "rows")
		d.compare("list", "A list of contracts with their states in colour")
	},
	"an error": func(t *testing.T) {
		d := sitForPicture(t, 16, "sales1")
		d.run("contract pay 1 9000", "error")
		d.run("custmer list", "error")
		d.run("customer update 2 --phone 12 --email lou@", "error")
		d.run("event add --contract-id 1 --name Gala --start-date '2031-05-04 20:00' --end-date 18:00", "error")
		d.compare("error", "Errors name the argument at fault and how to mend it")
	},
}

// sitForPicture starts the program on the records of the screens, in a window of so many rows.
func sitForPicture(t *testing.T, rows uint16, login string) *desk {
	t.Helper()
	w, err := screensShared()
	if err != nil {
		t.Fatal(err)
	}
	database := "crm" // which the prompt names
	if login == "" {
		err = pgtest.Clone(database, screensStock)
		t.Cleanup(func() { _ = w.exec("postgres", "drop database crm with (force)") })
	} else {
		database = pgtest.Database(t, screensStock)
	}
	if err != nil {
		t.Fatal(err)
	}
	d := sit(t, deskConfig{login: login, cols: 100, rows: rows, at: &w, database: database})
	if login != "" {
		d.send("\x0c") // clears the screen
		d.until("empty screen", func() bool { return d.cursor().Y == 0 })
	}
	return d
}

// compare fails if the picture of that name is not of this screen. With -update it writes the picture instead.
func (d *desk) compare(name, title string) {
	d.t.Helper()
	file := filepath.Join("..", "docs", "pictures", name+".svg")
	draw := func() string {
		d.mu.Lock()
		defer d.mu.Unlock()
		return drawPicture(d.vt, title)
	}
	if *update {
		before, same := "", 0
		d.until("still screen", func() bool {
			now := draw()
			if same++; now != before {
				before, same = now, 0
			}
			return same > 100
		})
		if err := os.WriteFile(file, []byte(before), 0o644); err != nil {
			d.t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		d.t.Fatal(err)
	}
	if !isShown(d.t, "../README.md", "docs/pictures/"+name+".svg") &&
		!isShown(d.t, "../docs/guide.md", "pictures/"+name+".svg") {
		d.t.Errorf("no document shows %s", file)
	}
	d.until(file+", which shows another screen (renew it with -update and look at it)", func() bool {
		return draw() == string(kept)
	})
}

// isShown reports whether a document shows a picture.
func isShown(t testing.TB, document, picture string) bool {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(text), "]("+picture+")")
}
