//go:build linux

package shell

import (
	"slices"
	"strings"
	"testing"
)

// boxContracts: the box offers the contracts of the user on which the command can work, the newest first, and after a
// contract was used by a successful command, that one first.
func boxContracts(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1", rows: 30})
	const unpaid = " from contract where status = 'signed' and sales_id = 3 and remaining_amount > 0"
	paid := d.text("select min(id)::text" + unpaid)
	d.run("contract pay "+paid+" "+d.text("select remaining_amount::text"+unpaid+" order by id limit 1"), "left to pay")
	for line, fit := range map[string]string{
		"contract sign ":           "status in ('to_send', 'pending') and total_amount > 0",
		"contract cancel ":         "status in ('to_send', 'pending')",
		"contract pay ":            "status = 'signed' and remaining_amount > 0",
		"contract finish ":         "status = 'signed' and remaining_amount = 0",
		"event add --contract-id ": "status = 'signed'",
		"event add --contract-id=": "status = 'signed'",
	} {
		own := " and (sales_id = 3 or exists (select from customer c where c.id = customer_id and c.sales_id = 3))"
		want := strings.Fields(d.text("select string_agg(id::text, ' ' order by (id = $1::bigint) desc, id desc) from contract where "+
			"deleted_at is null and "+fit+own, paid))
		if want = want[:min(len(want), 8)]; len(want) == 0 {
			t.Fatalf("no contract for %q", line)
		}
		d.send(line)
		d.until(line+strings.Join(want, " "), func() bool {
			return slices.Equal(firstWords(d.below(), len(want)), want)
		})
		if n := len(firstWords(d.below(), 9)); n > len(want) && len(want) < 8 {
			t.Errorf("%q offers more than %v:\n%s", line, want, d.below())
		}
		d.clean()
	}
	// What a refused command names was not used.
	newest := d.text("select max(id)::text from contract where deleted_at is null")
	other := d.text("select min(id)::text from contract where deleted_at is null and id <> $1::bigint", paid)
	d.run("contract finish "+other, "error")
	d.offers("contract get ", paid+"  ", newest+"  ")
	d.run("contract get "+other, "TOTAL AMOUNT")
	d.offers("contract get ", other+"  ", paid+"  ", newest+"  ")
	d.offers("customer get ", "30  ", "29  ") // IDs of another kind
}

// boxParts: the box offers the flags of a view's command, follow-ups that wait, names from their first letter on, and
// the values of a condition.
func boxParts(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1", rows: 30})
	d.run("view save due contract list --unpaid", "saved")
	d.offers("view due --li", "--limit  ")
	d.run("view due --limit 2", "2 rows of")
	d.run("note add customer 1 'without a day'", "added")
	d.offers("note done ", "2  ")
	d.offers("customer get q", "Quick & Daughters")
	d.offers("note list --where \"noun = ", "noun = customer", "noun = contract", "noun = event")
	d.offers("contact list --where \"first = ", "first = yes", "first = no")
	d.offers("customer list --where \"created_at > ", "created_at > today")
}

// firstWords returns the numbers at the beginning of the first lines of a box.
func firstWords(box string, most int) (words []string) {
	for line := range strings.Lines(box) {
		if f := strings.Fields(line); len(f) > 1 && strings.Trim(f[0], "0123456789") == "" && len(words) < most {
			words = append(words, f[0])
		}
	}
	return words
}

// askByName: what destroys or pays takes a name at the prompt, where it asks and says which record that is.
func askByName(t *testing.T) {
	d := sit(t, deskConfig{login: "admin"})
	d.run("customer add 'Only One' 'Ulla Unique'", "customer 31 added")
	d.run("customer add 'Two Twins' 'Tim Twin'", "customer 32 added")
	d.run("contract add 31 --total-amount 12", "contract 31 added")
	d.run("contract add 31 --total-amount 15 --status signed", "contract 32 added")
	d.run("event add --contract-id 32 --name Zeppelin --start-date 2040-01-01 --end-date 2040-01-01", "event 13 added")
	d.run("contact add 31 'Connie Contact'", "added")
	d.run("note add customer 31 'Zinnias only'", "added")
	made := d.number("select count(*) from audit")
	for line, asks := range map[string][]string{
		"customer delete twins":              {"delete customer 32 Two Twins (Tim Twin)? [y/N]"},
		"customer erase twins":               {"erase customer 32 Two Twins (Tim Twin)? [y/N]"},
		"customer merge only twins":          {"customer 31", "customer 32", "? [y/N]"},
		"contract cancel 'only one'":         {"cancel contract 31 (Only One, €12.00, to_send)? [y/N]"},
		"contract pay only 5":                {"contract 32: Only One — Ulla Unique, signed", "? [y/N]"},
		"contact delete connie":              {"delete contact ", "Connie Contact", "? [y/N]"},
		"note delete zinnias":                {"delete note ", "Zinnias only", "? [y/N]"},
		"event delete zeppelin":              {"delete event 13 Zeppelin (Only One, ", "? [y/N]"},
		"event cancel zeppelin":              {"cancel event 13 Zeppelin (Only One, ", "? [y/N]"},
		"user hand-over kate --to 'alienor'": {"Kate Hastroff", "Aliénor Vichum", "? [y/N]"},
	} {
		since := len(d.output())
		d.send(line + "\r")
		for _, text := range asks {
			d.said(since, text)
		}
		d.send("n\r")
		d.said(since, "cancelled")
		d.idle()
	}
	d.run("customer delete only", "error: this customer has unfinished contracts (2)") // refused before it asks
	if n := d.number("select count(*) from audit"); n != made {
		t.Errorf("%d entries were added to the trail", n-made)
	}
}
