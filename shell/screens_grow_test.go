//go:build linux

package shell

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"crm/shell/render"
)

// growingLists are lists besides screenLists that show more in a wider window.
var growingLists = []screenList{
	{"sales1", "contact list"},
	{"sales1", "note list"},
	{"sales1", "tag list"},
	{"sales1", "view list"},
	{"sales1", "contract payments 1"},
	{"sales1", "payment list"},
	{"sales1", "customer duplicates"},
	{"sales1", "session list"},
	{"sales1", "customer history 2"},
	{"sales1", "event history 2"},
	{"sales1", "find bouzin"},
	{"support1", "inbox"},
	{"manage", "inbox"},
	{"admin", "audit list --limit 20"},
	{"admin", "audit list --entity contract"},
	{"sales1", "customer list --columns id,full_name,email,phone,address,created_at"},
	{"sales1", "event list --from 2031-01-01 --columns name,customer,start_date,location"},
}

// growingData are records of kinds that testdata/screens/data.crm lacks.
const growingData = `login sales1@epic.example
contact add 2 "Aline Moreau" --role accounting --email compta@bouzin.example --phone "+33 1 55 50 12 34"
contact add 4 "Maximiliane-Theodora von und zu Rabenstein" --role "directrice de la communication et des partenariats"
contact add 5 "山田 太郎" --phone "+81 3-1234-5679"
note add customer 2 "Invoices go to Aline in accounting, never to Lou, who forwards them to nobody and then calls us." --due 2031-05-01
note add customer 4 "Rappeler avant midi
et demander Marie-Hélène"
note add contract 1 "30 % deposit"
tag add customer 2 regular
tag add customer 4 très-grande-entreprise-de-gastronomie
view save due contract list --unpaid --mine
view save vineyards customer list --where "company_name ~ château or company_name ~ saveurs or address ~ bordeaux"
customer add "Bouzin S.A.R.L." "Lou Bouzin" --email lou@bouzin.example --force
customer update 2 --address "12 rue de la République, 69002 Lyon" --language fr
customer update 4 --address "Quai du Capitaine Allègre, Halle aux Huîtres, 33120 Arcachon, France"
view share due sales
`

func TestScreensGrow(t *testing.T) {
	growing(t, "", screenLists)
	growing(t, growingData, growingLists)
}

// growing widens the window column by column: the table of a list stays a table, a column that is shown stays,
// no cell shows less than before, no more cells are cut than before, and values that must not be cut never are.
func growing(t *testing.T, script string, lists []screenList) {
	t.Helper()
	whole := []string{
		"ID", "PHONE", "EMAIL", "START DATE", "END DATE", "AT", "TOTAL AMOUNT", "REMAINING AMOUNT", "STATUS", "ROLE",
		"ACTION", "DUE", "PAID ON", "AMOUNT", "OTHER ID", "CREATED AT", "RECORDS", "NOUN", "RECORD ID", "LAST USED AT", "ENDS AT",
		"ENTITY", "ENTITY ID", "COUNT", "COMMAND", "ATTENDEES",
	}
	answers, locale := screenAnswers(t, script, lists)
	for i, list := range lists {
		var before map[string][]string
		var cutBefore int
		for width := 60; width <= 200; width++ {
			var page bytes.Buffer
			if err := render.Write(&page, answers[i], render.Style{Width: width, Locale: locale}); err != nil {
				t.Fatal(err)
			}
			cells, isTable := cellsOf(page.String())
			if !isTable {
				if before != nil || strings.Contains(page.String(), "…") {
					t.Fatalf("%s at %d is no table, or cut:\n%s", list.line, width, page.String())
				}
				continue
			}
			cut := 0
			for title, column := range cells {
				for row, cell := range column {
					if len(column) != len(answers[i].Rows) {
						t.Fatalf("%s at %d: %d cells of %s for %d rows:\n%s", list.line, width, len(column), title,
							len(answers[i].Rows), page.String())
					}
					if strings.HasSuffix(cell, "…") {
						cut++
						if slices.Contains(whole, title) {
							t.Errorf("%s at %d: %s is cut: %s", list.line, width, title, cell)
						}
					}
					if was := before[title]; was != nil &&
						len(strings.TrimSuffix(cell, "…")) < len(strings.TrimSuffix(was[row], "…")) {
						t.Errorf("%s at %d shows less than at %d: %q, %q", list.line, width, width-1, cell, was[row])
					}
				}
			}
			for title := range before {
				if cells[title] == nil {
					t.Errorf("%s at %d lost the column %s", list.line, width, title)
				}
			}
			if before != nil && cut > cutBefore {
				t.Errorf("%s at %d: %d cells are cut, %d at %d", list.line, width, cut, cutBefore, width-1)
			}
			before, cutBefore = cells, cut
		}
		if before == nil {
			t.Errorf("%s is no table at any width", list.line)
		}
	}
}
