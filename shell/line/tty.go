package line

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file splits the bytes of a terminal into keys, text and pastes, regardless of their timing. go-prompt takes
// each read for one key, which corrupts fast typing, type-ahead and pastes (go-prompt #145, #278), and it inserts
// unknown sequences as text.

const (
	PasteStart = "\x1b[200~"
	PasteEnd   = "\x1b[201~"
	maxPaste   = 8 << 20 // bytes; the rest of a longer paste is read as typed
	maxEscape  = 4 << 10 // bytes of an unfinished control string
	lineBreak  = '␤'     // represents a line feed in the edited line, even if it is typed
)

// A token is one unit of input: a key, a run of text or a paste.
type token struct {
	key   string   // bytes of a key that inserts no text
	text  string   // printable text
	paste []string // lines of a paste, the last one without a line end; nil for other tokens
}

// A tokenizer holds the input that is not used yet.
type tokenizer struct {
	buf     []byte
	pasting bool
	seen    int // number of bytes of buf searched for the end of a paste
}

// add appends input.
func (t *tokenizer) add(b []byte) { t.buf = append(t.buf, b...) }

// partial reports whether a timeout decides if the input is complete: a single escape byte may be the key Esc or the
// beginning of another key. Of a character the rest always comes.
func (t *tokenizer) partial() bool { return t.pasting || len(t.buf) > 0 && t.buf[0] < utf8.RuneSelf }

// next removes and returns a token; ok is false if more bytes are needed. quiet means that the timeout has passed, so
// the input is complete.
func (t *tokenizer) next(quiet bool) (tok token, ok bool) {
	for {
		if t.pasting {
			return t.paste(quiet)
		}
		n, tok := cut(t.buf, quiet)
		if n == 0 {
			return token{}, false
		}
		t.buf = t.buf[n:]
		if len(t.buf) == 0 {
			t.buf = nil // frees the memory of a large paste
		}
		switch {
		case tok.key == PasteStart:
			t.pasting, t.seen = true, 0
		case tok.key != "" || tok.text != "":
			return tok, true
		}
	}
}

// line removes and returns a complete line, if the input begins with one that is only text.
func (t *tokenizer) line() (text string, ok bool) {
	n := bytes.IndexAny(t.buf, "\r\n")
	if t.pasting || n < 0 || n > maxLine {
		return "", false
	}
	for _, b := range t.buf[:n] {
		if b < 0x20 || b == 0x7f {
			return "", false
		}
	}
	text, t.buf = printable(string(t.buf[:n])), t.buf[n+1:]
	return text, true
}

// paste removes and returns the input up to the end of the paste; nothing while the end is missing.
func (t *tokenizer) paste(quiet bool) (token, bool) {
	rest := 0
	end := bytes.Index(t.buf[t.seen:], []byte(PasteEnd))
	switch {
	case end >= 0:
		end += t.seen
		rest = end + len(PasteEnd)
	case quiet || len(t.buf) > maxPaste:
		end, rest = len(t.buf), len(t.buf)
	default:
		t.seen = max(0, len(t.buf)-len(PasteEnd))
		return token{}, false
	}
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\t", " ").Replace(string(t.buf[:end]))
	t.buf, t.pasting = t.buf[rest:], false
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return token{paste: lines}, true
}

// cut returns the first token of b and its length n; n is 0 if more bytes are needed. Meaningless bytes yield an empty
// token.
func cut(b []byte, quiet bool) (n int, tok token) {
	switch {
	case len(b) == 0:
		return 0, token{}
	case b[0] == 0x1b:
		n, known := cutEscape(b, quiet)
		if !known {
			return n, token{}
		}
		return n, token{key: string(b[:n])}
	case b[0] == 0x18: // Ctrl-X is the first key of a pair
		if len(b) == 1 && !quiet {
			return 0, token{}
		}
		return min(2, len(b)), token{key: string(b[:min(2, len(b))])}
	case b[0] < 0x20 || b[0] == 0x7f:
		return 1, token{key: string(b[:1])}
	}
	for n < len(b) && b[n] >= 0x20 && b[n] != 0x7f && utf8.FullRune(b[n:]) {
		_, size := utf8.DecodeRune(b[n:])
		n += size
	}
	return n, token{text: printable(string(b[:n]))}
}

// cutEscape returns the length of an escape sequence; known is false if it must be ignored.
func cutEscape(b []byte, quiet bool) (n int, known bool) {
	switch {
	case len(b) == 1 && quiet:
		return 1, true
	case len(b) == 1:
		return 0, false
	case b[1] == '[':
		n, known = cutControl(b)
	case b[1] == 'O' && len(b) > 2:
		n, known = 3, true
	case b[1] == 'O':
		n = 0
	case b[1] == ']' || b[1] == 'P' || b[1] == '_' || b[1] == '^': // a reply of the terminal, up to BEL or ST
		if i := bytes.IndexByte(b, 0x07); i >= 0 {
			n = i + 1
		}
		if i := bytes.Index(b, []byte("\x1b\\")); i >= 0 && (n == 0 || i+2 < n) {
			n = i + 2
		}
	case b[1] == 0x1b || b[1] >= utf8.RuneSelf:
		return 1, true
	default:
		return 2, true
	}
	if n == 0 && (quiet || len(b) > maxEscape) {
		return 2, false
	}
	return n, known
}

// cutControl returns the length of "ESC [ parameters final" or of the Linux console's "ESC [ [ letter".
func cutControl(b []byte) (n int, known bool) {
	i := 2
	if i < len(b) && b[i] == '[' {
		i++
	}
	for i < len(b) && b[i] >= 0x20 && b[i] < 0x40 {
		i++
	}
	switch {
	case i == len(b):
		return 0, false
	case b[i] < 0x40 || b[i] > 0x7e: // interrupted by another key
		return i, false
	}
	return i + 1, true
}

// printable removes characters that must not get into a line: control characters, invalid UTF-8, and invisible
// characters that reorder or break text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, unicode.IsControl(r), r == 0x2028, r == 0x2029, r == 0xfeff,
			r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, s)
}

// onScreen returns the text on one line, with line feeds shown as ␤.
func onScreen(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\t", " "), "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, string(lineBreak))
}

// asTyped returns the text of a line on the screen, the inverse of onScreen.
func asTyped(s string) string { return strings.ReplaceAll(s, string(lineBreak), "\n") }
