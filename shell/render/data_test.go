package render

import (
	"encoding/csv"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"crm/commands"
	"crm/repo"
)

// TestDataComesBack parses random records back from json, csv and tsv.
func TestDataComesBack(t *testing.T) {
	locale := paris(t)
	unescape := strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r")
	for seed := range uint64(1000) {
		out := randomOutput(rand.New(rand.NewPCG(seed, 2)))
		for i := range out.Columns {
			out.Columns[i].Name += string(rune('a' + i)) // keys of an object differ
		}
		var fromCSV, fromTSV [][]string
		var err error
		fromCSV, err = csv.NewReader(
			strings.NewReader(render(t, out, Style{Format: "csv", Raw: true, Locale: locale}))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(render(t, out, Style{Format: "tsv", Raw: true, Locale: locale})) {
			cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			for i := range cells {
				cells[i] = unescape.Replace(cells[i])
			}
			fromTSV = append(fromTSV, cells)
		}
		objects, lines := expectedData(out, locale.Zone)
		if !reflect.DeepEqual(fromCSV, lines) {
			t.Fatalf("seed %d, csv: got %q, want %q", seed, fromCSV, lines)
		}
		if !reflect.DeepEqual(fromTSV, lines) {
			t.Fatalf("seed %d, tsv: got %q, want %q", seed, fromTSV, lines)
		}
		if got := parseJSON(t, render(t, out, Style{Format: "json", Locale: locale}),
			out.Single); !reflect.DeepEqual(got, objects) {
			t.Fatalf("seed %d, json: got %v, want %v", seed, got, objects)
		}
	}
}

func parseJSON(t *testing.T, text string, single bool) []map[string]any {
	t.Helper()
	list := make([]map[string]any, 1)
	var target any = &list
	if single {
		target = &list[0]
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(target); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return list
}

// expectedData returns the values that json and the line formats must contain, computed independently.
func expectedData(out commands.Output, zone *time.Location) (objects []map[string]any, lines [][]string) {
	lines = append(lines, columnNames(out))
	for _, row := range out.Rows {
		object, line := map[string]any{}, make([]string, len(row))
		for i, cell := range row {
			var value any
			switch v := cell.(type) {
			case string:
				line[i], value = v, string([]rune(v)) // invalid bytes replaced
			case time.Time:
				line[i] = v.In(zone).Format("2006-01-02T15:04:05-07:00")
				value = line[i]
			case repo.Money:
				line[i] = v.String()
				value = line[i]
			case bool:
				line[i], value = map[bool]string{true: "true", false: "false"}[v], v
			case int64:
				encoded, _ := json.Marshal(v)
				line[i], value = string(encoded), json.Number(encoded)
			}
			object[out.Columns[i].Name] = value
		}
		objects, lines = append(objects, object), append(lines, line)
	}
	return objects, lines
}

func TestJSONString(t *testing.T) {
	tests := []struct{ in, want string }{
		{"<a href='x'>&</a>", `"<a href='x'>&</a>"`},
		{"\x1b\x7f\u009b\u202e\u2028", `"\u001b\u007f\u009b\u202e\u2028"`},
		{"👨‍👩‍👧 \U000e0041", `"👨‍👩‍👧 \udb40\udc41"`},
	}
	for _, tt := range tests {
		got := jsonString(tt.in)
		var back string
		if err := json.Unmarshal([]byte(got), &back); err != nil || got != tt.want || back != tt.in {
			t.Errorf("%q: got %s, back %q, %v, want %s", tt.in, got, back, err, tt.want)
		}
	}
}

// TestCSVOneColumn guards the line of an empty value, which readers would skip.
func TestCSVOneColumn(t *testing.T) {
	out := commands.Output{Columns: []commands.Column{{Name: "phone"}}, Rows: [][]any{{"=1+2"}, {nil}, {"+33 1"}}}
	if got, want := render(t, out, Style{Format: "csv"}), "phone\n'=1+2\n\"\"\n+33 1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A cell with parts is JSON inside JSON, and its JSON as one line of text in other formats. Control characters are
// escaped.
func TestNestedCell(t *testing.T) {
	parts := commands.Nested{Value: map[string]any{
		"n": json.Number("12"), "text": "a<b\x1b[1m\u202e\n\u0085",
		"none": nil, "list": []any{true},
	}}
	out := commands.Output{Columns: []commands.Column{{Name: "before"}}, Rows: [][]any{{parts}}}
	const want = `{"list":[true],"n":12,"none":null,"text":"a<b\u001b[1m\u202e\n\u0085"}`
	if got := render(t, out, Style{Format: "json"}); got != "[\n{\"before\":"+want+"}\n]\n" {
		t.Errorf("json: %s", got)
	}
	if got := render(t, out, Style{Format: "csv"}); got != "before\n\""+strings.ReplaceAll(want, `"`, `""`)+"\"\n" {
		t.Errorf("csv: %s", got)
	}
	if got := render(t, out, Style{Format: "table"}); !strings.Contains(got, want) {
		t.Errorf("table: %s", got)
	}
}

// A text that a spreadsheet would evaluate gets an apostrophe; numbers, amounts and phone numbers do not; --raw changes
// nothing. All output can be parsed back.
func TestFormulas(t *testing.T) {
	p := newPainter(Style{Format: "csv"})
	raw := newPainter(Style{Format: "csv", Raw: true})
	for text, want := range map[string]string{
		"=cmd|' /C calc'!A0": "'=cmd|' /C calc'!A0", "+1+cmd()": "'+1+cmd()", "-2+3": "'-2+3", "@SUM(1)": "'@SUM(1)",
		"\t=1": "'\t=1", "\r=1": "'\r=1", "＝1+1": "'＝1+1",
		"'=1": "''=1", "''+x": "'''+x", "+33612345678": "+33612345678", "-12.50": "-12.50", "L'Oréal": "L'Oréal",
		"'tis": "'tis", "": "", "a=b": "a=b", "--x": "'--x",
	} {
		if got := p.inert(text); got != want {
			t.Errorf("%q is written %q, want %q", text, got, want)
		}
		if got := raw.inert(text); got != text {
			t.Errorf("%q is written %q with --raw", text, got)
		}
		back := p.inert(text)
		if strings.HasPrefix(back, "'") && commands.Inert(back[1:]) == back {
			back = back[1:]
		}
		if back != text {
			t.Errorf("%q is read back as %q", text, back)
		}
	}
}
