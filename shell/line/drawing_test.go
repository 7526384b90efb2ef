package line

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hinshun/vt10x"
)

// What drawings write one after the other leaves the window as drawing the last one in an empty window does: for lines
// and boxes with and without colours, which grow, shrink, move, and touch the right edge.
func TestDrawingsShowTheLast(t *testing.T) {
	const cols, rows = 24, 12
	inks := []ink{
		{},
		{fg: 96},
		{fg: 97, bg: 100},
		{fg: 37, bg: 100},
		{fg: 30, bg: 106, bold: true},
		{reverse: true},
		{bg: 47},
	}
	alphabet := []string{"a", "b", " ", "é", "…", "Ω"}
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		text := func(most int) (s string) {
			for range r.IntN(most + 1) {
				s += alphabet[r.IntN(len(alphabet))]
			}
			return s
		}
		window, d := vt10x.New(vt10x.WithSize(cols, rows)), &drawing{}
		for step := range 20 {
			line := "crm> " + text(cols-6)
			box, at := make([]string, r.IntN(5)), r.IntN(8)
			for i := range box {
				box[i] = text(cols - at - 1)
			}
			draw := func(d *drawing) []byte {
				paint := rand.New(rand.NewPCG(seed, uint64(step)/2)) // colours that often stay
				d.move(0, -d.next.x)
				d.begin(cols, true)
				d.ink = ink{fg: 96}
				d.write(line)
				d.ink = ink{}
				d.eraseDown()
				if len(box) > 0 {
					d.makeRoom(len(box))
				}
				for _, row := range box {
					d.newLine()
					d.move(0, at)
					d.ink = inks[paint.IntN(len(inks))]
					d.write(row + "|")
					d.ink = ink{}
					if d.next.x == cols { // as go-prompt ends a full row
						d.newLine()
						d.move(-1, 0)
					}
				}
				d.move(-len(box), 2-d.next.x)
				return d.flush()
			}
			out := draw(d)
			fresh, all := vt10x.New(vt10x.WithSize(cols, rows)), draw(&drawing{})
			_, _ = window.Write(crlf(out))
			_, _ = fresh.Write(crlf(all))
			if got, want := shownBy(window, cols, rows), shownBy(fresh, cols, rows); got != want {
				t.Fatalf("seed %d, step %d: %q shows\n%s\nwant\n%s", seed, step, out, got, want)
			}
			if r.IntN(10) == 0 {
				d.forget()
			}
		}
	}
}

// crlf does what the terminal's line discipline does.
func crlf(b []byte) (out []byte) {
	for _, c := range b {
		if c == '\n' {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	return out
}

// shownBy returns the characters, colours and cursor of a window.
func shownBy(window vt10x.Terminal, cols, rows int) (all string) {
	for y := range rows {
		for x := range cols {
			g := window.Cell(x, y)
			all += fmt.Sprintf("%c/%d/%d/%d ", g.Char, g.FG, g.BG, g.Mode)
		}
		all += "\n"
	}
	return all + fmt.Sprint(window.Cursor().X, window.Cursor().Y)
}

// A key that changes one character of the line writes that character and nothing else.
func TestDrawingOfOneKey(t *testing.T) {
	d := &drawing{}
	draw := func(line string) string {
		d.move(0, -d.next.x)
		d.begin(80, true)
		d.write(line)
		d.eraseDown()
		d.newLine()
		d.ink = ink{fg: 97, bg: 100}
		d.write("a box")
		d.ink = ink{}
		d.move(-1, len(line)-d.next.x)
		return string(d.flush())
	}
	draw("crm> custome")
	if got := draw("crm> customer"); got != "r" {
		t.Errorf("wrote %q for r", got)
	}
	d.forget()
	if got := draw("crm> customer "); got == " " {
		t.Error("wrote only the key into a window that something else has changed")
	}
}
