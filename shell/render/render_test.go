package render

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crm/commands"
	"crm/repo"
)

func paris(t testing.TB) commands.Locale {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	return commands.Locale{Zone: zone, Currency: "EUR", Language: "fr"}
}

// contracts has a cell of every type, a missing one of each, and text that every format must escape.
func contracts() commands.Output {
	return commands.Output{
		Columns: []commands.Column{
			{Name: "id"},
			{Name: "customer"},
			{Name: "total_amount"},
			{Name: "status", Status: true},
			{Name: "start_date"},
			{Name: "attendees"},
			{Name: "paid"},
			{Name: "comments", Detail: true},
		},
		Rows: [][]any{
			{
				int64(7), "Société Générale", repo.Money(120050), "to_send",
				time.Date(2026, 7, 1, 22, 30, 5, 0, time.UTC), 150, true, "a|b\n\"c\",\td\\e",
			},
			{int64(12), "株式会社日本", repo.Money(-5), "signed", nil, nil, false, "\x1b[31mred\u202e"},
			{int64(130), nil, nil, nil, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 0, nil, nil},
		},
	}
}

func record() commands.Output {
	out := contracts()
	out.Rows, out.Single = out.Rows[:1], true
	return out
}

func render(t *testing.T, out commands.Output, st Style) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, out, st); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRender(t *testing.T) {
	locale := paris(t)
	tests := []struct {
		name string
		out  commands.Output
		st   Style
		want string
	}{
		{"table", contracts(), Style{Format: "table"}, `
┌─────┬──────────────────┬──────────────┬─────────┬──────────────────┬───────────┬──────┐
│  ID │ CUSTOMER         │ TOTAL AMOUNT │ STATUS  │ START DATE       │ ATTENDEES │ PAID │
├─────┼──────────────────┼──────────────┼─────────┼──────────────────┼───────────┼──────┤
│   7 │ Société Générale │   1 200,50 € │ to_send │ 2026-07-02 00:30 │       150 │ yes  │
│  12 │ 株式会社日本     │      -0,05 € │ signed  │ --               │        -- │ no   │
│ 130 │ --               │           -- │ --      │ 2026-01-01 01:00 │         0 │ --   │
└─────┴──────────────────┴──────────────┴─────────┴──────────────────┴───────────┴──────┘
`},
		{"table that must shrink", contracts(), Style{Width: 80}, `
┌─────┬───────────┬────────────┬─────────┬──────────────────┬───────────┬──────┐
│  ID │ CUSTOMER  │      TOTAL │ STATUS  │ START DATE       │ ATTENDEES │ PAID │
│     │           │     AMOUNT │         │                  │           │      │
├─────┼───────────┼────────────┼─────────┼──────────────────┼───────────┼──────┤
│   7 │ Société…  │ 1 200,50 € │ to_send │ 2026-07-02 00:30 │       150 │ yes  │
│  12 │ 株式会社… │    -0,05 € │ signed  │ --               │        -- │ no   │
│ 130 │ --        │         -- │ --      │ 2026-01-01 01:00 │         0 │ --   │
└─────┴───────────┴────────────┴─────────┴──────────────────┴───────────┴──────┘
`},
		{"table that cannot fit", contracts(), Style{Width: 60}, `
-[ RECORD 1 ]---------------------------
id           | 7
customer     | Société Générale
total_amount | 1 200,50 €
status       | to_send
start_date   | 2026-07-02 00:30
attendees    | 150
paid         | yes
-[ RECORD 2 ]---------------------------
id           | 12
customer     | 株式会社日本
total_amount | -0,05 €
status       | signed
start_date   | --
attendees    | --
paid         | no
-[ RECORD 3 ]---------------------------
id           | 130
customer     | --
total_amount | --
status       | --
start_date   | 2026-01-01 01:00
attendees    | 0
paid         | --
`},
		{"record", record(), Style{Format: "table"}, `
┌──────────────┬──────────────────┐
│ ID           │ 7                │
│ CUSTOMER     │ Société Générale │
│ TOTAL AMOUNT │ 1 200,50 €       │
│ STATUS       │ to_send          │
│ START DATE   │ 2026-07-02 00:30 │
│ ATTENDEES    │ 150              │
│ PAID         │ yes              │
│ COMMENTS     │ a|b              │
│              │ "c",\td\e        │
└──────────────┴──────────────────┘
`},
		{"vertical", record(), Style{Format: "vertical", Width: 20}, `
-[ RECORD 1 ]-------
id
  7
customer
  Société Générale
total_amount
  1 200,50 €
status
  to_send
start_date
  2026-07-02 00:30
attendees
  150
paid
  yes
comments
  a|b
  "c",\td\e
`},
		{"markdown", contracts(), Style{Format: "markdown"}, `
| id | customer | total amount | status | start date | attendees | paid | comments |
| ---: | --- | ---: | --- | --- | ---: | --- | --- |
| 7 | Société Générale | 1 200,50 € | to_send | 2026-07-02 00:30:05 | 150 | yes | a\|b<br>"c",\\td\\e |
| 12 | 株式会社日本 | -0,05 € | signed | -- | -- | no | \\x1b\[31mred\\u202e |
| 130 | -- | -- | -- | 2026-01-01 01:00 | 0 | -- | -- |
`},
		{"json", contracts(), Style{Format: "json"}, `
[
{"id":7,"customer":"Société Générale","total_amount":"1200.50","status":"to_send",` +
			`"start_date":"2026-07-02T00:30:05+02:00","attendees":150,"paid":true,"comments":"a|b\n\"c\",\td\\e"},
{"id":12,"customer":"株式会社日本","total_amount":"-0.05","status":"signed",` +
			`"start_date":null,"attendees":null,"paid":false,"comments":"\u001b[31mred\u202e"},
{"id":130,"customer":null,"total_amount":null,"status":null,` +
			`"start_date":"2026-01-01T01:00:00+01:00","attendees":0,"paid":null,"comments":null}
]
`},
		{"json record", record(), Style{Format: "json"}, `
{"id":7,"customer":"Société Générale","total_amount":"1200.50","status":"to_send",` +
			`"start_date":"2026-07-02T00:30:05+02:00","attendees":150,"paid":true,"comments":"a|b\n\"c\",\td\\e"}
`},
		{"csv", contracts(), Style{Format: "csv"}, `
id,customer,total_amount,status,start_date,attendees,paid,comments
7,Société Générale,1200.50,to_send,2026-07-02T00:30:05+02:00,150,true,"a|b
""c"",	d\e"
12,株式会社日本,-0.05,signed,,,false,` + "\x1b[31mred\u202e" + `
130,,,,2026-01-01T01:00:00+01:00,0,,
`},
		{"tsv on a terminal", contracts(), Style{Format: "tsv", Width: 80}, strings.ReplaceAll(`
id customer total_amount status start_date attendees paid comments
7 Société_Générale 1200.50 to_send 2026-07-02T00:30:05+02:00 150 true a|b\n"c",\td\\e
12 株式会社日本 -0.05 signed   false \x1b[31mred\u202e
130    2026-01-01T01:00:00+01:00 0  
`, " ", "\t")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.st.Locale = locale
			want := strings.ReplaceAll(tt.want[1:], "Société_Générale", "Société Générale")
			if got := render(t, tt.out, tt.st); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestRenderNothing(t *testing.T) {
	list := commands.Output{Columns: []commands.Column{{Name: "id"}, {Name: "full_name"}}}
	words := commands.Output{Message: "signed out"}
	quiet := record()
	quiet.Quiet = true
	tests := []struct {
		format             string
		list, words, quiet string
	}{
		{"", "", "", ""},
		{"table", "", "", ""},
		{"vertical", "", "", ""},
		{"markdown", "| id | full name |\n| --- | --- |\n", "", ""},
		{"json", "[]\n", "", render(t, record(), Style{Format: "json"})},
		{"csv", "id,full_name\n", "", render(t, record(), Style{Format: "csv"})},
		{"tsv", "id\tfull_name\n", "", render(t, record(), Style{Format: "tsv"})},
	}
	for _, tt := range tests {
		st := Style{Format: tt.format}
		got := [3]string{render(t, list, st), render(t, words, st), render(t, quiet, st)}
		if want := [3]string{tt.list, tt.words, tt.quiet}; got != want {
			t.Errorf("%q: got %q, want %q", tt.format, got, want)
		}
	}
}

func TestRenderColor(t *testing.T) {
	out := commands.Output{Columns: []commands.Column{{Name: "id"}, {Name: "status", Status: true}}}
	for i, word := range []string{"to_send", "pending", "signed", "finished", "canceled", "other"} {
		out.Rows = append(out.Rows, []any{i, word})
	}
	want := `
┌────┬──────────┐
│ {1}ID{0} │ {1}STATUS{0}   │
├────┼──────────┤
│  0 │ {36}to_send{0}  │
│  1 │ {33}pending{0}  │
│  2 │ {32}signed{0}   │
│  3 │ {32}finished{0} │
│  4 │ {31}canceled{0} │
│  5 │ other    │
└────┴──────────┘
`[1:]
	want = strings.NewReplacer("{", "\x1b[", "}", "m").Replace(want)
	if got := render(t, out, Style{Color: true}); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	for _, format := range []string{"markdown", "json", "csv", "tsv"} {
		if got := render(t, out, Style{Format: format, Color: true}); strings.Contains(got, "\x1b") {
			t.Errorf("%s is coloured:\n%s", format, got)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	columns := []commands.Column{{Name: "id"}}
	tests := []struct {
		out    commands.Output
		format string
		want   string
	}{
		{
			commands.Output{Columns: columns, Rows: [][]any{{1}, {1.5}}},
			"json",
			"render: row 2, column id: a cell of type float64",
		},
		{commands.Output{Columns: columns, Rows: [][]any{{1, 2}}}, "csv", "render: row 1 has 2 cells for 1 columns"},
		{commands.Output{Columns: columns, Single: true}, "json", "render: a single record with 0 rows"},
		{commands.Output{Columns: columns}, "yaml", `render: unknown format "yaml"`},
	}
	for _, tt := range tests {
		var b strings.Builder
		err := Write(&b, tt.out, Style{Format: tt.format})
		if got := fmt.Sprint(err); got != tt.want || b.Len() > 0 {
			t.Errorf("got %q and wrote %q, want %q", got, b.String(), tt.want)
		}
	}
}
