package line

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hinshun/vt10x"
)

// What drawings write one after the other leaves the window as drawing the last one whole does: for lines and boxes with
// and without colours, which grow, shrink, move, scroll, and touch the right edge and the end of the window.
func TestDrawingsShowTheLast(t *testing.T) {
	for _, fills := range []bool{true, false} {
		for seed := range uint64(100) {
			drawAtRandom(t, seed, fills)
		}
	}
}

func drawAtRandom(t *testing.T, seed uint64, fills bool) {
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
	alphabet := []string{"a", "b", " ", "é", "…", "Ω", "          "}
	r := rand.New(rand.NewPCG(seed, 1))
	text := func(most int) (s []rune) {
		for range r.IntN(most + 1) {
			s = append(s, []rune(alphabet[r.IntN(len(alphabet))])...)
		}
		return s[:min(len(s), most)]
	}
	window, d := vt10x.New(vt10x.WithSize(cols, rows)), &drawing{fills: fills}
	above, right := r.IntN(rows), cols-1
	if seed%2 == 0 { // go-prompt ends a full row with a line feed, which would scroll
		above, right = r.IntN(rows-6), cols
	}
	_, _ = window.Write(crlf([]byte(strings.Repeat("\n", above))))
	room, at, line, box := 0, 0, text(cols-6), make([][]rune, 5)
	for i := range box {
		box[i] = text(cols)
	}
	for step := range 20 {
		switch x := r.IntN(len(line) + 1); r.IntN(6) {
		case 0:
			line = text(cols - 6)
		case 1:
			line = slices.Concat(line[:x], text(2), line[x:])
		case 2:
			box = append(box[1:], text(cols))
		case 3:
			box = slices.Concat([][]rune{text(cols)}, box[:4])
		case 4:
			box[r.IntN(5)] = text(cols)
		case 5:
			at = r.IntN(8)
		}
		line = line[:min(len(line), cols-6)]
		shown, cursor := r.IntN(6), r.IntN(6+len(line))
		draw := func(d *drawing, room int) []byte {
			paint := rand.New(rand.NewPCG(seed, uint64(step)/2)) // colours that often stay
			d.move(0, -d.next.x)
			d.begin(cols, true)
			d.ink = ink{fg: 96}
			d.write("crm> ")
			d.ink = ink{}
			d.write(string(line))
			d.eraseDown()
			if shown > room {
				d.makeRoom(shown)
			}
			for _, row := range box[:shown] {
				d.newLine()
				d.move(0, at)
				d.ink = inks[paint.IntN(len(inks))]
				d.write(string(row[:min(len(row), right-at-1)]) + "|")
				d.ink = ink{}
				if d.next.x == cols { // as go-prompt ends a full row
					d.newLine()
					d.move(-1, 0)
				}
			}
			d.move(-shown, cursor-d.next.x)
			return d.flush()
		}
		fresh := vt10x.New(vt10x.WithSize(cols, rows))
		_, _ = fresh.Write(crlf([]byte(strings.Repeat("\n", window.Cursor().Y))))
		out, all := draw(d, room), draw(&drawing{}, 0)
		room = max(room, shown)
		_, _ = window.Write(crlf(out))
		_, _ = fresh.Write(crlf(all))
		if got, want := shownBy(window, cols, rows), shownBy(fresh, cols, rows); got != want {
			t.Fatalf("seed %d, step %d: %q shows\n%s\nwant\n%s", seed, step, out, got, want)
		}
		if r.IntN(10) == 0 {
			d.forget()
			room = 0
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

// shownBy returns what is seen of a window: the characters, their colours and the cursor.
func shownBy(window vt10x.Terminal, cols, rows int) (all string) {
	for y := range rows {
		for x := range cols {
			g := window.Cell(x, y)
			if g.Char == ' ' {
				g.FG, g.Mode = 0, 0 // a reversed cell has its colours swapped
			}
			all += fmt.Sprintf("%c/%d/%d/%d ", g.Char, g.FG, g.BG, g.Mode)
		}
		all += "\n"
	}
	return all + fmt.Sprint(window.Cursor().X, window.Cursor().Y)
}

// A key writes what it changes: itself, and of the box what moving it there does not do.
func TestDrawingOfOneKey(t *testing.T) {
	d := &drawing{fills: true}
	draw := func(line string, at int, box ...string) string {
		d.move(0, -d.next.x)
		d.begin(80, true)
		d.write(line)
		d.eraseDown()
		for _, row := range box {
			d.newLine()
			d.move(0, at)
			d.ink = ink{fg: 97, bg: 100}
			d.write(row)
			d.ink = ink{}
		}
		d.move(-len(box), len(line)-d.next.x)
		return string(d.flush())
	}
	draw("crm> custome", 5, " the first  ", " the second ", " the third  ")
	for _, key := range []struct {
		what, line string
		at         int
		box        []string
		want       string
	}{
		{"a character", "crm> customer", 5, []string{" the first  ", " the second ", " the third  "}, "r"},
		{"one row less", "crm> customers", 5, []string{" the second ", " the third  "}, "s\x1b7\n\x1b[M\x1b8"},
		{
			"one row more", "crm> customers", 5,
			[]string{" the fourth ", " the second ", " the third  "},
			"\x1b7\n\x1b[L\x1b[5C\x1b[97;100m the fourth \x1b8",
		},
		{
			"rows that scroll", "crm> customers", 5,
			[]string{" the second ", " the third  ", "the last"},
			"\x1b7\n\x1b[M\n\n\x1b[5C\x1b[97;100mthe last\x1b8",
		},
		{
			"a box that moves", "crm> customers ", 6,
			[]string{" the second ", " the third  ", "the last"},
			"\x1b[C\x1b7\n\x1b[5C\x1b[@\x1bD\x1b[@\x1bD\x1b[@\x1b8",
		},
		{"no box", "crm> customers g", 6, nil, "g\x1b[J"},
		{"the end of the line", "crm> customers", 6, nil, "\b \b\b"},
	} {
		if got := draw(key.line, key.at, key.box...); got != key.want {
			t.Errorf("%s: wrote %q, want %q", key.what, got, key.want)
		}
	}
	d.forget()
	if got := draw("crm> customers ", 0); got == " " {
		t.Error("wrote only the key into a window that something else has changed")
	}
}
