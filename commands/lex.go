package commands

// This file turns text into words as a POSIX shell does with quotes, backslashes and
// comments, and nothing more: there are no variables, patterns or substitutions, so text
// from a stranger stays text.

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrIncomplete is wrapped by errors of text that another line might complete.
var ErrIncomplete = errors.New("incomplete")

// Incomplete is the error of text that ends inside a quote or with a backslash. It is an
// ErrIncomplete and, where no more text comes, an ErrUsage.
type Incomplete struct {
	Open byte // what is open: ' or " or \
	Line int  // of the text, from 1, where that begins
}

// Error says what is open.
func (e Incomplete) Error() string {
	if e.Open == '\\' {
		return `a \ at the end joins the next line, and there is none`
	}
	return "the quote " + string(e.Open) + " is not closed"
}

// Is reports that the error is an ErrIncomplete and an ErrUsage.
func (e Incomplete) Is(target error) bool { return target == ErrIncomplete || target == ErrUsage }

// A Word is one word of a line.
type Word struct {
	Value  string // without quotes and backslashes
	Raw    string // as typed
	Quoted bool   // begins with a quote or backslash, so it is a value whatever it says
	Start  int    // where Raw begins in the text, in bytes
	End    int    // where Raw ends
}

// IsFlag reports whether the word is a flag, or the -- that ends flags.
func (w Word) IsFlag() bool { return !w.Quoted && strings.HasPrefix(w.Value, "--") }

// Split returns the words of a text. It fails with ErrUsage on control characters other
// than tabs and line breaks and on text that is not UTF-8, with Incomplete if the text ends
// too early. A byte-order mark at the beginning is skipped.
func Split(text string) ([]Word, error) {
	l, err := lex(text)
	if err != nil {
		return nil, err
	}
	if l.open == '\'' || l.open == '"' || l.open == '\\' {
		return nil, Incomplete{l.open, 1 + strings.Count(text[:l.opened], "\n")}
	}
	return l.words, nil
}

// Open reports whether the text ends inside a quote or with a backslash, so that another
// line belongs to it.
func Open(text string) bool {
	_, err := Split(text)
	return errors.Is(err, ErrIncomplete)
}

// Quote returns the value as one word for Split, never taken for a flag or a comment: as
// it is where possible, else in quotes. Values that Split refuses stay refused.
func Quote(value string) string {
	misread := strings.HasPrefix(value, "#") || strings.HasPrefix(value, "--") || strings.HasPrefix(value, byteOrderMark)
	switch {
	case value != "" && !misread && !strings.ContainsAny(value, " \t\r\n'\"\\"):
		return value
	case !strings.Contains(value, "'"):
		return "'" + value + "'"
	}
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(value) + `"`
}

const byteOrderMark = "\ufeff"

// lexer holds the words so far, and how the text ended.
type lexer struct {
	text   string
	at     int
	words  []Word
	open   byte // what the end of the text is inside of: ' " \ or #; 0 for none
	opened int  // where that begins, in bytes
}

// lex reads all the words of a text, also of one that ends inside a quote.
func lex(text string) (lexer, error) {
	if err := checkCharacters(text); err != nil {
		return lexer{}, err
	}
	l := lexer{text: text}
	if strings.HasPrefix(text, byteOrderMark) {
		l.at = len(byteOrderMark)
	}
	for l.skip() {
		l.word()
	}
	return l, nil
}

func checkCharacters(text string) error {
	for i, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return usagef("the line is not UTF-8 text: byte %d is %#x", i+1, text[i])
			}
		}
		if unicode.IsControl(r) && (r > ' ' || !isBlank(byte(r))) {
			return usagef("the line has the control character %U at byte %d: leave it out", r, i+1)
		}
	}
	return nil
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// skip moves to the next word, over blanks, joined lines and comments, and tells whether
// there is one.
func (l *lexer) skip() bool {
	for l.at < len(l.text) {
		switch c := l.text[l.at]; {
		case isBlank(c):
			l.at++
		case c == '#':
			l.comment()
		case c == '\\' && l.joint() > 0:
			l.at += l.joint()
		case c == '\\' && l.at == len(l.text)-1:
			l.leaveOpen(c)
		default:
			return true
		}
	}
	return false
}

func (l *lexer) comment() {
	length := strings.IndexByte(l.text[l.at:], '\n')
	if length < 0 {
		l.leaveOpen('#')
		return
	}
	l.at += length
}

// leaveOpen ends the text inside of what begins here.
func (l *lexer) leaveOpen(open byte) { l.open, l.opened, l.at = open, l.at, len(l.text) }

// joint is the length of a backslash and line break here, 0 if there is none.
func (l *lexer) joint() int {
	for _, s := range []string{"\\\n", "\\\r\n"} {
		if strings.HasPrefix(l.text[l.at:], s) {
			return len(s)
		}
	}
	return 0
}

func (l *lexer) word() {
	var value strings.Builder
	start := l.at
	for l.at < len(l.text) && !isBlank(l.text[l.at]) {
		switch c := l.text[l.at]; c {
		case '\'':
			l.single(&value)
		case '"':
			l.double(&value)
		case '\\':
			l.escape(&value, "")
		default:
			value.WriteByte(c)
			l.at++
		}
	}
	l.words = append(l.words, Word{
		Value:  value.String(),
		Raw:    l.text[start:l.at],
		Quoted: strings.IndexByte(`'"\`, l.text[start]) >= 0,
		Start:  start,
		End:    l.at,
	})
}

func (l *lexer) single(value *strings.Builder) {
	inside := l.text[l.at+1:]
	if length := strings.IndexByte(inside, '\''); length >= 0 {
		value.WriteString(inside[:length])
		l.at += length + 2
		return
	}
	value.WriteString(inside)
	l.leaveOpen('\'')
}

func (l *lexer) double(value *strings.Builder) {
	start := l.at
	l.at++
	for l.at < len(l.text) {
		switch c := l.text[l.at]; c {
		case '"':
			l.at++
			return
		case '\\':
			l.escape(value, `"\`)
		default:
			value.WriteByte(c)
			l.at++
		}
	}
	l.open, l.opened = '"', start
}

// escape reads a backslash and what it protects: any character, or only those of a set; it
// stays a backslash before others.
func (l *lexer) escape(value *strings.Builder, set string) {
	if joint := l.joint(); joint > 0 {
		l.at += joint
		return
	}
	if l.at == len(l.text)-1 {
		l.leaveOpen('\\')
		return
	}
	next := l.text[l.at+1]
	if set != "" && strings.IndexByte(set, next) < 0 {
		value.WriteByte('\\')
	}
	value.WriteByte(next)
	l.at += 2
}
