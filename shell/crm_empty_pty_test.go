//go:build linux

package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// editEmpties fills a record of each noun and sets every column that may be empty to null in the editor.
func editEmpties(t *testing.T) {
	editor := script(t, "editor", `cd "${0%/*}" && sed -i -E "s/^($(cat columns)): .*/\1: null/" "$1" && cp "$1" saved`)
	beside := func(name string) string { return filepath.Join(filepath.Dir(editor), name) }
	d := sit(t, deskConfig{login: "admin", env: []string{"EDITOR=" + editor}})
	event := d.number("select min(e.id) from event e join contract k on k.id = e.contract_id where k.status = 'signed'")
	customer := d.number("select k.customer_id from event e join contract k on k.id = e.contract_id where e.id = $1",
		event)
	d.run(fmt.Sprintf(`customer update %d --email a@b.example --phone 0612345678 --address "1 Rue" --language fr`,
		customer), "updated")
	d.run(fmt.Sprintf(`contact add %d "Max Muster" --role onsite --email m@b.example --phone 0612345679`, customer),
		"added")
	contact := d.number("select max(id) from contact")
	d.run(fmt.Sprintf(`event update %d --contact-id %d --location Here --attendees 5 --comments Why`, event, contact),
		"updated")
	d.run(fmt.Sprintf("event assign %d 5 --force", event), "assigned")
	d.run(fmt.Sprintf(`note add customer %d "Call" --due +3d`, customer), "added")
	for _, edited := range []struct {
		noun, table string
		id          int
		columns     string // as many of them as are fields of the text
	}{
		{"customer", "customer", customer, "address email language phone sales_id"},
		{"contact", "contact", contact, "email phone role"},
		{"contract", "contract", d.number("select min(id) from contract where status = 'pending'"), "sales_id"},
		{"event", "event", event, "attendees comments contact_id location support_id"},
		{"note", "note", d.number("select max(id) from note"), "due"},
	} {
		mayBeNull := d.text(`select string_agg(attname, '|') from pg_attribute where attrelid = $1::text::regclass
			and attnum > 0 and not attisdropped and not attnotnull
			and attname <> all('{name,start_date,end_date}')`, edited.table) // an event needs those
		if err := os.WriteFile(beside("columns"), []byte(mayBeNull), 0o600); err != nil {
			t.Fatal(err)
		}
		since := len(d.output())
		d.send(fmt.Sprintf("edit %s %d\r", edited.noun, edited.id))
		d.said(since, "save? [y/N]")
		d.send("y\r")
		d.said(since, fmt.Sprintf("%s %d updated", edited.noun, edited.id))
		d.idle()
		saved, err := os.ReadFile(beside("saved"))
		if err != nil {
			t.Fatal(err)
		}
		var columns []string
		for _, line := range regexp.MustCompile(`(?m)^(\w+): null$`).FindAllStringSubmatch(string(saved), -1) {
			columns = append(columns, line[1])
		}
		kept := d.text(`select coalesce(string_agg(key, ' '), '') from `+edited.table+` t, jsonb_each(to_jsonb(t))
			where id = $1 and value <> 'null' and key = any($2)`, edited.id, columns)
		for column := range strings.FieldsSeq(edited.columns) {
			if !regexp.MustCompile(`(?m)^` + column + `: null$`).Match(saved) {
				t.Errorf("edit %s: %s is not a field", edited.noun, column)
			}
		}
		if kept != "" {
			t.Errorf("edit %s: null does not empty %s", edited.noun, kept)
		}
	}
}

func emptyScreen(t *testing.T) {
	d := sit(t, deskConfig{login: "admin"})
	d.run("customer get 1", "Cool Startup LLC")
	d.send("clear\r")
	d.until("an empty screen", func() bool { return strings.TrimSpace(d.screen()) == strings.TrimSpace(d.prompt) })
	d.idle()
}

// Comments of several lines are shown as lines in the editor, saved as they were, and changed there.
func editLines(t *testing.T) {
	editor := script(t, "editor", `cd "${0%/*}" && cp "$1" seen && sh ./todo "$1"`)
	todo := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(filepath.Dir(editor), "todo"), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := sit(t, deskConfig{login: "manage", env: []string{"EDITOR=" + editor}})
	comments := func(want string) {
		t.Helper()
		if got := d.text("select comments from event where id = 1"); got != want {
			t.Errorf("comments are %q, want %q", got, want)
		}
	}
	edit := func() {
		t.Helper()
		since := len(d.output())
		d.send("edit event 1\r")
		d.said(since, "save? [y/N]")
		d.send("y\r")
		d.said(since, "event 1 updated")
		d.idle()
	}
	todo(`awk '/^comments:/ {
			print "comments: |-\n  Gate 3: \"late\"\n\n  # no comment\n    indented"
			next
		} { print }' "$1" >new; cat new >"$1"`)
	edit()
	comments("Gate 3: \"late\"\n\n# no comment\n  indented")
	todo("true")
	d.run("edit event 1", "nothing was changed")
	seen, err := os.ReadFile(filepath.Join(filepath.Dir(editor), "seen"))
	check(t, err)
	if !regexp.MustCompile(`(?m)^ +Gate 3: "late"$`).Match(seen) {
		t.Errorf("the editor shows no lines:\n%s", seen)
	}
	todo(`sed -i 's/Gate 3/Gate 4/' "$1"`)
	edit()
	comments("Gate 4: \"late\"\n\n# no comment\n  indented")
}
