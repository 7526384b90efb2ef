package commands

// This file splits text into words: quotes, backslashes and comments as in a POSIX shell (POSIX.1-2017, Shell Command
// Language, 2.2 Quoting), and nothing more: there are no variables, patterns or substitutions. It differs from a
// shell where names of people and companies would suffer (D13):
//
//   - A quote opens only at the beginning of a word or right after --flag=. In a word that began without one, ' and "
//     are characters, as in L'Oréal. In a word that began with a quote, POSIX rules apply to its end: 'it'\''s'.
//   - Typographic quotes “…” «…» „…“ ‘…’ open at the same places.
//   - No-break spaces separate words, except inside an amount: 8 450,50 €.
//   - A semicolon at the end of the text is dropped.

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrIncomplete is wrapped by errors of text that another line might complete.
var ErrIncomplete = errors.New("incomplete")

// Incomplete is the error of text that ends inside a quote or with a backslash. It is an
// ErrIncomplete and, where no more text comes, an ErrUsage.
type Incomplete struct {
	Open rune // the quote or backslash that is open
	Line int  // of the text, from 1, where that begins
}

// Error names the quote that is open.
func (e Incomplete) Error() string {
	if e.Open == '\\' {
		return `a \ at the end joins the next line, and there is none`
	}
	return fmt.Sprintf("the quote %c is not closed", e.Open)
}

// Is reports that the error is an ErrIncomplete and an ErrUsage.
func (e Incomplete) Is(target error) bool { return target == ErrIncomplete || target == ErrUsage }

// MayEnd reports whether a further line could end what is open. Without the closing quote it cannot, so a long text
// need not be split again for it.
func (e Incomplete) MayEnd(line string) bool {
	return e.Open == '\\' || strings.ContainsAny(line, closers(e.Open))
}

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
	if l.open != 0 && l.open != '#' {
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
	first, _ := utf8.DecodeRuneInString(value)
	misread := strings.HasPrefix(value, "#") || strings.HasPrefix(value, "--") ||
		strings.HasPrefix(value, byteOrderMark) ||
		strings.HasSuffix(value, ";") || closers(first) != ""
	switch {
	case value != "" && !misread && !strings.ContainsAny(value, " \t\r\n\\\u00a0\u202f"):
		return value
	case !strings.Contains(value, "'"):
		return "'" + value + "'"
	}
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(value) + `"`
}

const byteOrderMark = "\ufeff"

// FirstLine returns the first line of a text, such as the content of a password file, without its end and without the
// byte order mark that editors on Windows write before it.
func FirstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimPrefix(text, byteOrderMark), "\n")
	return strings.TrimSuffix(line, "\r")
}

// closers returns the characters that close the quote which r opens; empty for all other characters.
func closers(r rune) string {
	switch r {
	case '\'', '"':
		return string(r)
	case '“':
		return "”"
	case '«':
		return "»"
	case '„':
		return "“”" // German and Polish
	case '‘':
		return "’"
	}
	return ""
}

// lexer holds the words so far, and how the text ended.
type lexer struct {
	text    string
	at      int
	words   []Word
	open    rune // what the end of the text is inside of: a quote, \ or #; 0 for none
	opened  int  // where that begins, in bytes
	ignored int  // length of the semicolons at the end of the last word
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
	l.dropSemicolons()
	return l, nil
}

func checkCharacters(text string) error {
	for i, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return usagef("the line is not UTF-8 text: byte %d is %#x", i+1, text[i])
			}
		}
		if unicode.IsControl(r) && !isBlank(r) {
			return usagef("the line has the control character %U at byte %d: leave it out", r, i+1)
		}
	}
	return nil
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }

func isNoBreakSpace(r rune) bool { return r == '\u00a0' || r == '\u202f' }

// next is the character here and its length in bytes.
func (l *lexer) next() (rune, int) { return utf8.DecodeRuneInString(l.text[l.at:]) }

// separates reports whether the character here ends a word: a blank, or a no-break space that groups no digits and
// stands before no currency.
func (l *lexer) separates() bool {
	r, size := l.next()
	if isBlank(r) || !isNoBreakSpace(r) {
		return isBlank(r)
	}
	before, _ := utf8.DecodeLastRuneInString(l.text[:l.at])
	after := l.text[l.at+size:]
	symbol, _ := utf8.DecodeRuneInString(after)
	return !unicode.IsDigit(before) || !startsGroup(after) && !unicode.Is(unicode.Sc, symbol)
}

// startsGroup reports whether a text begins with exactly three digits.
func startsGroup(text string) bool {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	return digits == 3
}

// skip moves to the next word, over blanks, joined lines and comments, and tells whether
// there is one.
func (l *lexer) skip() bool {
	for l.at < len(l.text) {
		switch r, size := l.next(); {
		case isBlank(r), isNoBreakSpace(r):
			l.at += size
		case r == '#':
			l.comment()
		case r == '\\' && l.joint() > 0:
			l.at += l.joint()
		case r == '\\' && l.at == len(l.text)-1:
			l.leaveOpen(r)
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
func (l *lexer) leaveOpen(open rune) { l.open, l.opened, l.at = open, l.at, len(l.text) }

// joint is the length of a backslash and line break here, 0 if there is none.
func (l *lexer) joint() int {
	for _, s := range []string{"\\\n", "\\\r\n"} {
		if strings.HasPrefix(l.text[l.at:], s) {
			return len(s)
		}
	}
	return 0
}

// word reads one word. quoting is true from the first quote on, if that stands where a quote may open.
func (l *lexer) word() {
	var value strings.Builder
	start, quoting, opening := l.at, false, l.at // a quote opens at opening, from the first = on behind --name=
	mayAssign := strings.HasPrefix(l.text[l.at:], "--")
	l.ignored = 0
	for l.at < len(l.text) && !l.separates() {
		r, size := l.next()
		opens := l.at == opening && closers(r) != ""
		plain := l.ignored
		l.ignored = 0
		switch {
		case r == '\\':
			l.escape(&value, "")
		case opens, quoting && (r == '\'' || r == '"'):
			quoting = true
			l.quoted(&value, r, size)
		default:
			if r == ';' {
				l.ignored = plain + 1
			}
			if r == '=' && mayAssign {
				mayAssign, opening = false, l.at+size
			}
			value.WriteString(l.text[l.at : l.at+size])
			l.at += size
		}
	}
	first, _ := utf8.DecodeRuneInString(l.text[start:])
	l.words = append(l.words, Word{
		Value:  value.String(),
		Raw:    l.text[start:l.at],
		Quoted: first == '\\' || closers(first) != "",
		Start:  start,
		End:    l.at,
	})
}

// dropSemicolons takes the semicolons off the end of the last word, and the word if it is nothing else.
func (l *lexer) dropSemicolons() {
	last := len(l.words) - 1
	if last < 0 || l.ignored == 0 || l.open != 0 && l.open != '#' {
		return
	}
	w := &l.words[last]
	w.Value, w.Raw, w.End = w.Value[:len(w.Value)-l.ignored], w.Raw[:len(w.Raw)-l.ignored], w.End-l.ignored
	if w.Raw == "" {
		l.words = l.words[:last]
	}
}

// quoted reads from the opening quote behind the closing one. Single quotes keep everything as it is; in the others a
// backslash protects itself and the closing quote.
func (l *lexer) quoted(value *strings.Builder, open rune, size int) {
	start, close := l.at, closers(open)
	l.at += size
	for l.at < len(l.text) {
		r, size := l.next()
		switch {
		case strings.ContainsRune(close, r) && (r != '’' || l.endsWord(size)):
			l.at += size
			return
		case r == '\\' && open != '\'':
			l.escape(value, close+`\`)
		default:
			value.WriteString(l.text[l.at : l.at+size])
			l.at += size
		}
	}
	l.open, l.opened = open, start
}

// endsWord reports whether the word ends behind the next size bytes: the closing ’ is also an apostrophe, as in
// ‘L’Oréal’.
func (l *lexer) endsWord(size int) bool {
	rest := l.text[l.at+size:]
	r, _ := utf8.DecodeRuneInString(rest)
	return rest == "" || isBlank(r) || isNoBreakSpace(r) || r == ';'
}

// escape reads a backslash and the character that it protects: any, or only those of a set; it
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
	r, size := utf8.DecodeRuneInString(l.text[l.at+1:])
	if set != "" && !strings.ContainsRune(set, r) {
		value.WriteByte('\\')
	}
	value.WriteString(l.text[l.at+1 : l.at+1+size])
	l.at += 1 + size
}
