package line

import (
	"reflect"
	"strings"
	"testing"
)

func TestTokens(t *testing.T) {
	for _, c := range []struct {
		in    string
		quiet bool
		want  []token
	}{
		{in: "abc\rde\tf", want: []token{{text: "abc"}, {key: "\r"}, {text: "de"}, {key: "\t"}, {text: "f"}}},
		{
			in:   "\x1b[A\x1b[1;5Cx\x1bOH\x1bb",
			want: []token{{key: "\x1b[A"}, {key: "\x1b[1;5C"}, {text: "x"}, {key: "\x1bOH"}, {key: "\x1bb"}},
		},
		{in: "\x1b[[Ax", want: []token{{key: "\x1b[[A"}, {text: "x"}}},
		{in: "\x1b"},
		{in: "\x1b", quiet: true, want: []token{{key: "\x1b"}}},
		{in: "\x1b\x1b[A", want: []token{{key: "\x1b"}, {key: "\x1b[A"}}},
		{in: "\x1bé", want: []token{{key: "\x1b"}, {text: "é"}}},
		{in: "\x1b["},
		{in: "\x1b[1;", quiet: true, want: []token{{text: "1;"}}},
		{in: "\x1bO"},
		{in: "\x1b[1\rx", want: []token{{key: "\r"}, {text: "x"}}},
		{in: "\x18"},
		{in: "\x18\x05", want: []token{{key: "\x18\x05"}}},
		{in: "\x18", quiet: true, want: []token{{key: "\x18"}}},
		{in: "\x1b]0;title\x07a\x1bP1$r\x1b\\b", want: []token{{text: "a"}, {text: "b"}}},
		{in: "\x1b]" + strings.Repeat("x", maxEscape), want: []token{{text: strings.Repeat("x", maxEscape)}}},
		{in: "a\xffb\u0085\u202ec\ufeff\u2028", want: []token{{text: "abc"}}},
		{in: "a\xe6\x97", want: []token{{text: "a"}}},
		{in: "a\xe6\x97", quiet: true, want: []token{{text: "a"}}},
		{in: "\xff\xc0x", want: []token{{text: "x"}}},
		{
			in:   "\x1b[200~one\r\ntwo\rthree\tx\x1b[31m\x00\n\x1b[201~y",
			want: []token{{paste: []string{"one", "two", "three x[31m", ""}}, {text: "y"}},
		},
		{in: "\x1b[200~one\x1b[201"},
		{in: "\x1b[200~one\x1b[201", quiet: true, want: []token{{paste: []string{"one[201"}}}},
		{in: "\x1b[200~\x1b[201~", want: []token{{paste: []string{""}}}},
		{in: "\x1b[201~x", want: []token{{key: PasteEnd}, {text: "x"}}},
	} {
		var whole tokenizer
		whole.add([]byte(c.in))
		if got := drain(&whole, c.quiet); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
		var single tokenizer // whatever the pieces are, the tokens are the same
		var got []token
		for _, b := range []byte(c.in) {
			single.add([]byte{b})
			got = append(got, drain(&single, false)...)
		}
		got = append(got, drain(&single, c.quiet)...)
		if !reflect.DeepEqual(joined(got), joined(c.want)) {
			t.Errorf("%q by bytes: got %q, want %q", c.in, got, c.want)
		}
	}
}

func drain(t *tokenizer, quiet bool) (all []token) {
	for tok, ok := t.next(quiet); ok; tok, ok = t.next(quiet) {
		all = append(all, tok)
	}
	return all
}

// joined makes one token of texts that follow each other.
func joined(all []token) (out []token) {
	for _, tok := range all {
		if n := len(out); n > 0 && tok.text != "" && out[n-1].text != "" {
			out[n-1].text += tok.text
			continue
		}
		out = append(out, tok)
	}
	return out
}

func TestTokensOfLargePaste(t *testing.T) {
	var tok tokenizer
	tok.add([]byte(PasteStart))
	for range 1000 {
		tok.add([]byte(strings.Repeat("x", 1000) + "\n"))
		if got, ok := tok.next(false); ok {
			t.Fatalf("a part of a paste: %.40q", got)
		}
	}
	tok.add([]byte(PasteEnd))
	got, ok := tok.next(false)
	if !ok || len(got.paste) != 1001 || tok.partial() {
		t.Errorf("got %d lines, want 1001", len(got.paste))
	}
}

func FuzzTokens(f *testing.F) {
	f.Add([]byte("a\x1b[200~x\n\x1b[201~\x1b[A\xff"), uint8(3))
	f.Fuzz(func(t *testing.T, in []byte, at uint8) {
		var tok tokenizer
		n := min(int(at), len(in))
		tok.add(in[:n])
		all := drain(&tok, false)
		tok.add(in[n:])
		all = append(all, drain(&tok, false)...)
		for range len(in) + 1 {
			all = append(all, drain(&tok, true)...)
		}
		if tok.partial() {
			t.Fatalf("%q stays in the queue", tok.buf)
		}
		for _, x := range all {
			for _, s := range append([]string{x.text}, x.paste...) {
				if s != printable(s) {
					t.Fatalf("%q would be inserted", s)
				}
			}
		}
	})
}
