package render

import (
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clipperhouse/displaywidth"
	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"crm/commands"
	"crm/repo"
)

// randomText mixes characters whose width is hard to measure.
func randomText(r *rand.Rand) string {
	pieces := []string{
		"a", "word", " ", "  ", "\n", "\t", "é", "e\u0301", "日本", "한", "👨‍👩‍👧", "❤️", "🇫🇷", "1️⃣", "👍🏿", "नमस्ते",
		"\x1b[31m", "\u202e", "\u200d", "\ufe0f", "\u0301", "\xff", "|", "Donaudampfschifffahrtsgesellschaft", "…", "“",
		"مرحبا",
	}
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

func randomCell(r *rand.Rand, kind int) any {
	if r.IntN(6) == 0 {
		return nil
	}
	switch kind {
	case 0:
		return r.Int64N(1_000_000)
	case 1:
		return repo.Money(r.Int64N(int64(repo.MaxMoney)) - int64(repo.MaxMoney)/2)
	case 2:
		return time.Unix(r.Int64N(2_000_000_000), 0)
	case 3:
		return []string{"to_send", "pending", "signed"}[r.IntN(3)]
	case 4:
		return r.IntN(2) == 0
	}
	return randomText(r)
}

func randomOutput(r *rand.Rand) commands.Output {
	out := commands.Output{Single: r.IntN(3) == 0, Rows: make([][]any, 1+r.IntN(5))}
	if out.Single {
		out.Rows = out.Rows[:1]
	}
	names := []string{"id", "remaining_amount", "a_rather_long_name_of_a_column", "status", "name", "comments"}
	for range 1 + r.IntN(9) {
		kind := r.IntN(8)
		out.Columns = append(out.Columns, commands.Column{
			Name: names[r.IntN(len(names))], Status: kind == 3, Detail: r.IntN(5) == 0,
		})
		for i := range out.Rows {
			out.Rows[i] = append(out.Rows[i], randomCell(r, kind))
		}
	}
	return out
}

// TestRenderFits checks that no line is wider than the terminal, whether it joins emoji sequences or not, that all
// lines of a table are equally wide, and that the only control sequences are our own colours.
func TestRenderFits(t *testing.T) {
	ours := regexp.MustCompile(`\x1b\[[0-9]+m`)
	locale := paris(t)
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 0))
		out, width := randomOutput(r), 20+r.IntN(181)
		for _, format := range []string{"table", "vertical"} {
			st := Style{Format: format, Width: width, Color: r.IntN(2) == 0, Locale: locale}
			got := ours.ReplaceAllString(render(t, out, st), "")
			lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
			for _, line := range lines {
				cells, joined := twwidth.WidthNoCache(line), displaywidth.String(line)
				if cells > width || joined > width {
					t.Fatalf("seed %d, %s: %d or %d cells in %d: %q", seed, format, cells, joined, width, line)
				}
				if strings.HasPrefix(got, "┌") && cells != twwidth.WidthNoCache(lines[0]) {
					t.Fatalf("seed %d, %s: a ragged table:\n%s", seed, format, got)
				}
				if i := strings.IndexFunc(line, isControl); i >= 0 {
					t.Fatalf("seed %d, %s: a control character: %q", seed, format, line[i:])
				}
			}
		}
	}
}

// TestRenderKeeps checks that a table that shrinks still shows IDs, amounts, dates and statuses in full, at every
// width.
func TestRenderKeeps(t *testing.T) {
	out := contracts()
	locale := paris(t)
	for width := 20; width <= 200; width++ {
		for _, format := range []string{"table", "vertical"} {
			got := render(t, out, Style{Format: format, Width: width, Locale: locale})
			for _, want := range []string{"7", "130", "1 200,50 €", "-0,05 €", "to_send", "2026-07-02 00:30", "yes"} {
				if !strings.Contains(got, want) {
					t.Fatalf("%s of width %d lost %q:\n%s", format, width, want, got)
				}
			}
		}
	}
}

// TestWrapKeeps checks that wrapping loses nothing but spaces.
func TestWrapKeeps(t *testing.T) {
	bare := strings.NewReplacer(" ", "", "\n", "")
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 1))
		text, width := Escape(randomText(r)), minTextWidth+r.IntN(40)
		if got, want := bare.Replace(strings.Join(Wrap(text, width), "")), bare.Replace(text); got != want {
			t.Fatalf("seed %d at %d: got %q, want %q", seed, width, got, want)
		}
	}
}

func manyRows(n int) commands.Output {
	out := contracts()
	out.Rows = make([][]any, n)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range out.Rows {
		out.Rows[i] = []any{
			int64(i), fmt.Sprintf("Société Générale des Événements n° %d", i), repo.Money(i * 1234), "pending",
			start.Add(time.Duration(i) * time.Minute), i, i%2 == 0, fmt.Sprintf("comment %d on several words", i),
		}
	}
	return out
}

func BenchmarkRender10000(b *testing.B) {
	out, locale := manyRows(10_000), paris(b)
	for _, format := range []string{"table", "vertical", "markdown", "json", "csv", "tsv"} {
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				st := Style{Format: format, Width: 100, Color: true, Locale: locale}
				if err := Write(io.Discard, out, st); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestColumnsGrow widens the window of random lists: a layout that fits continues to fit, and no column gets narrower
// or is lost.
func TestColumnsGrow(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		out := randomOutput(r)
		out.Single = false
		for i := range out.Columns {
			out.Columns[i] = commands.Column{
				Name: fmt.Sprintf("column_%d", i), Wide: r.IntN(3), Whole: r.IntN(4) == 0, Long: r.IntN(4) == 0,
			}
		}
		p, before := newPainter(Style{Locale: paris(t)}), map[string]int{}
		for width := 20; width <= 250; width++ {
			columns, fits := fitColumns(p.tableColumns(out), width)
			if !fits && len(before) > 0 {
				t.Fatalf("seed %d: no table at %d", seed, width)
			}
			now := map[string]int{}
			for _, c := range columns {
				now[c.spec.Name] = min(c.width, c.full)
				if c.spec.Wide > 0 && !c.spec.Long && c.width < c.full {
					t.Fatalf("seed %d at %d: %s is optional and cut", seed, width, c.spec.Name)
				}
				if c.spec.Whole && c.width < c.full {
					t.Fatalf("seed %d at %d: %s is cut", seed, width, c.spec.Name)
				}
			}
			for name, cells := range before {
				if now[name] < cells {
					t.Fatalf("seed %d at %d: %s has %d cells, %d at %d", seed, width, name, now[name], cells, width-1)
				}
			}
			before = now
		}
	}
}

// Of two columns with long texts the first does not take the width of the second.
func TestLongColumnsShare(t *testing.T) {
	text := strings.Repeat("word ", 60)
	out := commands.Output{
		Columns: []commands.Column{{Name: "from", Long: true}, {Name: "to", Long: true}},
		Rows:    [][]any{{text, text}},
	}
	columns, _ := fitColumns(newPainter(Style{Locale: paris(t)}).tableColumns(out), 7+2*64)
	if columns[0].width != 64 || columns[1].width != 64 {
		t.Errorf("widths %d and %d, want 64 each", columns[0].width, columns[1].width)
	}
}
