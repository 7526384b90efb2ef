//go:build linux

package program

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"crm/repo/embedded/pgtest"
)

// nasty are parts of texts that a format may lose or change.
var nasty = []string{
	`"`, `'`, `""`, `\`, `\n`, `\t`, `\\`, `\"`, ",", ";", "|", "=", "+", "-", "@", "'=", "''@", "007", "1.50", "1e5", "3,5",
	"1 000", "a\u00a0b", "é", "e\u0301", "ﬁ", "日本", "🎉", "👩‍👩‍👧", "ß", "İ", "ı", "<b>", "&amp;", "%20", "$1", "{", "[x]", "#N/A",
	"<br>", "&#124;", "`", "~", "*", "_", "tel:", "mailto:", "BEGIN:VCARD", "null", "true", "--", "sep=;", "x", "Bouzin", "-- ", "/", ":", "＝", "—", "’", "“q”",
}

// whole are texts that a format may take for something else.
var whole = []string{
	"#N/A", "#REF!", "NULL", "null", "nil", "true", "FALSE", "yes", "no", "--", `\--`, "-", "=1+1", "'=1+1", "''+x", "@x", "\uff1dx",
	"1E5", "12E-3", "0.30000000000000004", "1.10", "007", "+33612345678", "12345678901234567890", "45000", "2031-06-04", "12:30", "1/2",
	"<br>", "&lt;", "&#10;", "[]", "{}", `"`, `""`, "'", "`x`", "**x**", "~~x~~", "|", `\|`, `\`, `\n`, "_x000D_", "_x005F_",
	"# x", "| x |", "---", "BEGIN:VCARD", "\u0601123", "שלום", "مرحبا 12", "a\u200db", "\U0001F469\u200d\U0001F467",
	"\u00a0x\u00a0", "  x  y  ", "‘x’", "sep=,", ",", ";",
}

// A nastyWorld makes records with random texts.
type nastyWorld struct {
	*rand.Rand
	n int
}

func (w *nastyWorld) text() string {
	w.n++
	if w.IntN(3) == 0 {
		return whole[w.IntN(len(whole))]
	}
	parts := make([]string, 1+w.IntN(4))
	for i := range parts {
		parts[i] = nasty[w.IntN(len(nasty))]
	}
	return strings.TrimSpace(strings.Join(parts, []string{"", " "}[w.IntN(2)]) + fmt.Sprint(w.n%10))
}

// long returns a text of so many characters.
func (w *nastyWorld) long(n int) string {
	var b strings.Builder
	for b.Len() < 4*n {
		b.WriteString(w.text() + "é")
	}
	return "x" + string([]rune(b.String())[:n-2]) + "x"
}

// maybe returns a text, or none.
func (w *nastyWorld) maybe(text string) any {
	if w.IntN(3) == 0 {
		return nil
	}
	return text
}

// of returns a record of a noun. The customers are those from 41 on, the contracts those from 61 on.
func (w *nastyWorld) of(noun string, i int) map[string]any {
	day := fmt.Sprintf("2031-%02d-%02d", 1+w.IntN(12), 1+w.IntN(28))
	switch noun {
	case "customer":
		address := w.text()
		if i < 3 {
			address = w.long(255)
		}
		return map[string]any{
			"company_name": w.text(), "full_name": w.text(), "email": fmt.Sprintf("o'neil+%d@x.example", i),
			"phone": w.maybe(fmt.Sprintf("+336120000%02d", i)), "address": w.maybe(address),
			"language": w.maybe("pt-BR"), "sales_id": "3",
			"external_id": []string{"00", "=", "'=", "#", "é|", `\`, "-", "1E"}[i%8] + fmt.Sprint(i),
		}
	case "contact":
		return map[string]any{ // each customer has two; the later one is the first
			"customer_id": 41 + i/2, "full_name": w.text(), "role": w.maybe(w.text()), "first": i%2 == 1,
			"email": w.maybe(fmt.Sprintf("=%d@y.example", i)), "phone": w.maybe(fmt.Sprintf("+336130000%02d", i)),
			"external_id": w.maybe(fmt.Sprintf("c/%d", i)),
		}
	case "contract":
		amount := fmt.Sprintf("%d.%02d", 100+w.IntN(100_000), w.IntN(100))
		return map[string]any{"customer_id": 41 + i, "total_amount": amount, "status": "signed", "external_id": fmt.Sprint(i)}
	case "payment": // each contract has two of the same day and amount, and a correction
		return map[string]any{
			"contract_id": 61 + i/3, "amount": []string{"40.50", "40.50", "-10.25"}[i%3],
			"paid_on": fmt.Sprintf("2025-03-%02d", 1+i%3/2),
		}
	case "event":
		start := day + fmt.Sprintf(" %02d:%02d:%02d", w.IntN(24), w.IntN(60), w.IntN(60)*w.IntN(2))
		comments := w.text() + "\n  " + w.text() + "\r\n\t" + w.text()
		if i < 3 {
			comments = w.long(5000) + "\n| " + w.long(4990) // 10,000 characters are possible
		}
		if i < 2 { // the clocks show this time twice
			start = fmt.Sprintf("2031-10-26T02:30:00+%02d:00", 2-i)
		}
		return map[string]any{
			"contract_id": 61 + i, "name": w.text(), "location": w.maybe(w.text()), "attendees": w.IntN(5000),
			"start_date": start, "external_id": w.maybe(fmt.Sprintf("e/%d", i)),
			"end_date": "2032-01-01 00:00", "comments": w.maybe(comments), "support_id": w.maybe("5"),
		}
	}
	return map[string]any{
		"first_name": w.text(), "last_name": w.text(), "email": fmt.Sprintf("u%d@z.example", i), "role": "sales",
		"employee_number": fmt.Sprintf("00%d", i),
	}
}

// trips are the nouns that are exported and imported, in the order of their references, the first ID of new records, and
// the columns that an import keeps. Exports begin with the first events, so only those have other IDs.
var trips = []struct {
	noun    string
	first   int
	columns string
}{
	{"customer", 41, "id,company_name,full_name,email,phone,address,language,sales_id,external_id"},
	{"contact", 10, "id,customer_id,full_name,role,email,phone,first,external_id"},
	{"contract", 61, "id,customer_id,sales_id,total_amount,remaining_amount,status,external_id"},
	{"payment", 1, "contract_id,customer,paid_on,amount"},
	{
		"event", 46,
		"contract_id,name,location,attendees,start_date,end_date,comments,support_id,contact_id,external_id",
	},
	{"user", 7, "id,first_name,last_name,email,role,employee_number"},
}

// TestRoundTrip exports records with nasty texts in every format and imports them into another database: nothing is
// lost, and nothing is changed.
func TestRoundTrip(t *testing.T) {
	const records = 30
	keyset, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	const seed = 1 // another one is another trial
	w, dir := &nastyWorld{rand.New(rand.NewPCG(seed, 0)), 0}, t.TempDir()
	run := func(database string, lines ...string) {
		t.Helper()
		args := []string{"--login", "admin@epic.example", "--yes", "--quiet"}
		for _, line := range lines {
			args = append(args, "-c", line)
		}
		if out, err := command(t, database, keyset, args...).CombinedOutput(); err != nil {
			t.Fatalf("seed %d: %v: %s: %s", seed, err, lines, out)
		}
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	from := pgtest.Database(t, "crm_demo")
	var fill, read []string
	for _, trip := range trips {
		var lines bytes.Buffer
		for i := range records {
			line, err := json.Marshal(w.of(trip.noun, i))
			if err != nil {
				t.Fatal(err)
			}
			lines.Write(append(line, '\n'))
		}
		if err := os.WriteFile(file(trip.noun+".in"), lines.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		fill = append(fill, fmt.Sprintf("%s import %s%s", trip.noun, file(trip.noun+".in"), forced(trip.noun)))
		for name, flags := range formats(trip.noun) {
			read = append(read, fmt.Sprintf("%s export %s --where '%s' %s", trip.noun, file(trip.noun+"."+name),
				added(trip.noun, trip.first), flags))
		}
	}
	run(from, fill...)
	run(from, read...)
	for _, noun := range []string{"customer", "contact"} { // a card has the ID
		all := fmt.Sprintf("%s export %s", noun, file(noun+".all.vcf"))
		again := fmt.Sprintf("%s import %s --key id", noun, file(noun+".all.vcf"))
		crm := command(t, from, keyset, "--login", "admin@epic.example", "-c", all, "-c", again)
		out, err := crm.CombinedOutput()
		if err != nil || !strings.Contains(string(out), " already so)\nnothing changed\n") {
			t.Errorf("seed %d: %v: %s", seed, err, out)
		}
	}
	for name := range formats("customer") {
		to := pgtest.Database(t, "crm_demo")
		var lines []string
		for _, trip := range trips {
			source := trip.noun + "." + name
			if _, has := formats(trip.noun)[name]; !has {
				source = trip.noun + ".json"
			}
			lines = append(lines, fmt.Sprintf("%s import %s%s", trip.noun, file(source), forced(trip.noun)))
			if strings.Contains(name, "raw") {
				lines[len(lines)-1] += " --raw"
			}
		}
		for _, trip := range trips {
			lines = append(lines, fmt.Sprintf("%s export %s --force --where '%s'", trip.noun,
				file(trip.noun+".again.json"), added(trip.noun, trip.first)))
		}
		run(to, lines...)
		for _, trip := range trips {
			columns := strings.Split(trip.columns, ",")
			if name == "vcf" && trip.noun == "customer" { // a card has no other columns
				columns = columns[:7]
			}
			want, got := values(t, file(trip.noun+".json"), columns), values(t, file(trip.noun+".again.json"), columns)
			for i := range min(len(want), len(got)) {
				if want[i] != got[i] {
					t.Errorf("seed %d, %s, %s %d:\n got %s\nwant %s", seed, name, trip.noun, i, got[i], want[i])
				}
			}
			if len(want) != records || len(got) != records {
				t.Errorf("seed %d, %s: %d and %d %ss, want %d", seed, name, len(want), len(got), trip.noun, records)
			}
		}
	}
}

// added is the condition for the records that the test adds, from the first ID on.
func added(noun string, first int) string {
	if noun == "payment" {
		return "contract_id >= 61"
	}
	return fmt.Sprintf("id >= %d", first)
}

// formats returns the flags of an export by the end of the file's name.
func formats(noun string) map[string]string {
	all := map[string]string{
		"csv": "", "excel.csv": "--excel", "tsv": "", "json": "", "ndjson": "", "xlsx": "", "md": "",
		"raw.csv": "--raw", "raw.tsv": "--raw",
	}
	if noun == "customer" {
		all["vcf"] = ""
	}
	return all
}

// forced is the flag that imports customers that are like others.
func forced(noun string) string {
	if noun == "customer" {
		return " --force"
	}
	return ""
}

// values returns the columns of each record of a file.
func values(t *testing.T, file string, columns []string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var records []map[string]any
	if err := json.Unmarshal(text, &records); err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		var cells []string
		for _, c := range columns {
			value, has := r[c]
			if !has {
				t.Fatalf("%s has no column %s", file, c)
			}
			cells = append(cells, fmt.Sprintf("%s=%q", c, fmt.Sprint(value)))
		}
		all = append(all, strings.Join(cells, " "))
	}
	return all
}
