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

// ErrIncomplete is wrapped by the error of a text that another line could complete.
var ErrIncomplete = errors.New("incomplete")

// Incomplete is the error of a text that ends inside a quote or with a backslash. It is both an ErrIncomplete and, for
// callers that have no more text, an ErrUsage.
type Incomplete struct {
	Open rune // the quote or backslash that is open
	Line int  // line of the text where the quote begins, from 1
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

// MayEnd reports whether a further line could complete the text. Without the closing quote it cannot, and the caller
// need not split a long text again.
func (e Incomplete) MayEnd(line string) bool {
	return e.Open == '\\' || strings.ContainsAny(line, closers(e.Open))
}

// A Word is one word of a line.
type Word struct {
	Value  string // without quotes and backslashes
	Raw    string // as typed
	Quoted bool   // begins with a quote or backslash, so it is never a flag
	Start  int    // where Raw begins in the text, in bytes
	End    int    // where Raw ends
}

// IsFlag reports whether the word is a flag, or the -- that ends flags.
func (w Word) IsFlag() bool { return !w.Quoted && strings.HasPrefix(w.Value, "--") }

// begins reports whether the word begins with a sign, | or >, that is no text.
func (w Word) begins(sign string) bool { return !w.Quoted && strings.HasPrefix(w.Value, sign) }

// Split returns the words of a text. It returns ErrUsage for text that is not UTF-8 and for control characters other
// than tabs and line breaks, and Incomplete if a quote or a backslash is left open. It skips a byte order mark at the
// beginning.
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

// Open reports whether the text ends inside a quote or with a backslash, so that the next line belongs to it.
func Open(text string) bool {
	_, err := Split(text)
	return errors.Is(err, ErrIncomplete)
}

// A lexer holds the words read so far, and how the text ended.
type lexer struct {
	text    string
	at      int
	words   []Word
	open    rune // what is still open at the end of the text: a quote, \ or #; 0 for none
	opened  int  // where it begins, in bytes
	ignored int  // length of the semicolons at the end of the last word
}

// lex reads all words of a text, even if it ends inside a quote.
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

// next returns the current character and its length in bytes.
func (l *lexer) next() (rune, int) { return utf8.DecodeRuneInString(l.text[l.at:]) }

// separates reports whether the current character ends a word: a blank, or a no-break space that is not inside an
// amount.
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

// skip moves over blanks, joined lines and comments to the next word, and reports whether there is one.
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

// leaveOpen ends the lexing inside the quote, backslash or comment that begins at the current character.
func (l *lexer) leaveOpen(open rune) { l.open, l.opened, l.at = open, l.at, len(l.text) }

// joint returns the length of a backslash and line break at the current position; 0 if there is none.
func (l *lexer) joint() int {
	for _, s := range []string{"\\\n", "\\\r\n"} {
		if strings.HasPrefix(l.text[l.at:], s) {
			return len(s)
		}
	}
	return 0
}

// word reads one word. quoting becomes true at the first quote in a place where a quote may open.
func (l *lexer) word() {
	var value strings.Builder
	start, quoting, opening := l.at, false, l.at // a quote may open only at opening: the start, or after --name=
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

// dropSemicolons removes semicolons from the end of the last word, and the word if nothing is left.
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

// quoted reads a quoted text up to and including the closing quote. In quotes other than single ones, a backslash
// escapes itself and the closing quote.
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

// endsWord reports whether the word ends after the next size bytes. It distinguishes a closing ’ from an apostrophe,
// as in ‘L’Oréal’.
func (l *lexer) endsWord(size int) bool {
	rest := l.text[l.at+size:]
	r, _ := utf8.DecodeRuneInString(rest)
	return rest == "" || isBlank(r) || isNoBreakSpace(r) || r == ';'
}

// escape reads a backslash and the escaped character. If set is not empty, only its characters can be escaped; before
// others the backslash is an ordinary character.
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
