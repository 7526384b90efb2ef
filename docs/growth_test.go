package docs

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// grown are the kinds of work whose growth docs/pictures/growth.svg shows.
var grown = []string{
	"get/customer", "list/customers", "list/contracts/mine", "list/events/from", "inbox/unpaid", "audit/all",
	"search/customers/bou", "search/events/bouzin_b", "complete/customer/bou", "find/bou", "find/nowhere",
}

// tabled are the rows of the table of docs/performance.md: what they say, and the work in docs/growth.tsv.
var tabled = [][2]string{
	{"`customer list`", "list/customers"},
	{"`customer list --mine`", "list/customers/mine"},
	{"… `--sort created_at:desc`", "list/customers/by-created"},
	{"… `--sort sales_contact`", "list/customers/by-contact"},
	{"… `--deleted`", "list/customers/deleted"},
	{"`contract list`", "list/contracts"},
	{"… `--mine`, of one who has 1 %", "list/contracts/mine"},
	{"… `--mine`, of one who has 99 %", "list/contracts/theirs"},
	{"… `--status signed`", "list/contracts/status"},
	{"… `--unsigned`", "list/contracts/unsigned"},
	{"… `--unpaid`", "list/contracts/unpaid"},
	{"… `--sort total_amount:desc`", "list/contracts/by-total"},
	{"… `--deleted`", "list/contracts/deleted"},
	{"`event list`", "list/events/by-start"},
	{"… `--from today`", "list/events/from"},
	{"… `--from today --to today`", "list/events/day"},
	{"… `--mine`", "list/events/mine"},
	{"… `--no-support`", "list/events/no-support"},
	{"… `--customer-id 4000`", "list/events/customer"},
	{"… `--deleted`", "list/events/deleted"},
	{"`inbox`: coming events", "inbox/coming"},
	{"… events without support", "inbox/unassigned"},
	{"… contracts to be paid", "inbox/unpaid"},
	{"… contracts to be signed", "inbox/unsigned"},
	{"… follow-ups", "inbox/notes"},
	{"`audit list`", "audit/all"},
	{"… `--user`", "audit/user"},
	{"… `--entity event`", "audit/entity"},
	{"… `--action update`", "audit/action"},
	{"… `--since -1h`", "audit/since"},
	{"`customer get`", "get/customer"},
	{"`contract get`", "get/contract"},
	{"`event get`", "get/event"},
	{"`customer list --search bou`", "search/customers/bou"},
	{"… `\"bouzin b\"`", "search/customers/bouzin_b"},
	{"`contract list --search bou`", "search/contracts/bou"},
	{"… `\"bouzin b\"`", "search/contracts/bouzin_b"},
	{"`event list --search bou`", "search/events/bou"},
	{"… `\"bouzin b\"`", "search/events/bouzin_b"},
	{"completing `bou`", "complete/customer/bou"},
	{"`find bou`", "find/bou"},
	{"`find \"bouzin b\"`", "find/bouzin_b"},
	{"`find xylophon`, in one record", "find/xylophon"},
	{"`find nowhere`", "find/nowhere"},
}

// A measurement is a row of docs/growth.tsv: milliseconds at a number of customers.
type measurement struct{ customers, p50, p99, raw50, raw99 float64 }

// docs/performance.md has a table and a picture of docs/growth.tsv, the measurements of .ci/size. -update writes both.
func TestGrowth(t *testing.T) {
	data, err := os.ReadFile("docs/growth.tsv")
	if err != nil {
		t.Fatal(err)
	}
	measured, err := measurements(string(data))
	if err != nil {
		t.Fatal(err)
	}
	picture, err := drawGrowth(measured)
	if err != nil {
		t.Fatal(err)
	}
	const document = "docs/performance.md"
	page, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	part := regexp.MustCompile(`(?s)(<!-- generated from growth.tsv.*?-->\n).*?(\n<!-- end of the generated part -->)`)
	table := part.ReplaceAllString(string(page), "${1}"+growthTable(measured)+"${2}")
	for file, want := range map[string]string{"docs/pictures/growth.svg": string(picture), document: table} {
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s is not of docs/growth.tsv (%v): go test ./docs -run TestGrowth -update", file, err)
		}
	}
}

// measurements returns the measurements of each work, by its name.
func measurements(data string) (map[string][]measurement, error) {
	all := map[string][]measurement{}
	for _, line := range strings.Split(strings.TrimSpace(data), "\n")[1:] {
		name, numbers, _ := strings.Cut(line, "\t")
		var m measurement
		_, err := fmt.Sscan(numbers, &m.customers, &m.p50, &m.p99, &m.raw50, &m.raw99)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		all[name] = append(all[name], m)
	}
	return all, nil
}

// growthTable returns the table of docs/performance.md.
func growthTable(measured map[string][]measurement) string {
	pair := func(p50, p99 float64) string { return short(p50) + ", " + short(p99) + " | " }
	table, rule := "| p50, p99 in ms | ", "|---|"
	for _, m := range measured[tabled[0][1]] {
		table += message.NewPrinter(language.English).Sprintf("%d | ", int(m.customers))
		rule += "---|"
	}
	table += "raw at the largest |\n" + rule + "---|\n"
	for _, row := range tabled {
		table += "| " + row[0] + " | "
		var last measurement
		for _, last = range measured[row[1]] {
			table += pair(last.p50, last.p99)
		}
		table += strings.TrimSpace(pair(last.raw50, last.raw99)) + "\n"
	}
	return table
}

// short returns milliseconds with two digits.
func short(ms float64) string {
	switch {
	case ms >= 10:
		return strconv.FormatFloat(ms, 'f', 0, 64)
	case ms >= 1:
		return strconv.FormatFloat(ms, 'f', 1, 64)
	}
	return strconv.FormatFloat(ms, 'f', 2, 64)
}

// drawGrowth draws the medians over the number of customers, both on logarithmic axes.
func drawGrowth(measured map[string][]measurement) ([]byte, error) {
	points := map[string]plotter.XYs{}
	for name, all := range measured {
		for _, m := range all {
			points[name] = append(points[name], plotter.XY{X: m.customers, Y: m.p50})
		}
	}
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = "customers", "median in ms"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	p.Legend.Left, p.Legend.Top = true, true
	p.Legend.TextStyle.Font.Size = font.Points(9)
	p.Add(plotter.NewGrid())
	var lines []any
	for _, name := range grown {
		lines = append(lines, name, points[name])
	}
	if err := plotutil.AddLinePoints(p, lines...); err != nil {
		return nil, err
	}
	p.X.Max *= 1.2
	canvas := vgsvg.New(8*vg.Inch, 6*vg.Inch)
	p.Draw(draw.New(canvas))
	var out bytes.Buffer
	_, err := canvas.WriteTo(&out)
	return out.Bytes(), err
}
