package intake

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/emersion/go-vcard"
	"golang.org/x/text/transform"
)

// This file reads vCards: versions 3 and 4 (RFC 2426, RFC 6350), and 2.1 as phones write it.

// Cards describes a file of vCards.
type Cards struct {
	// IDs is the prefix of the UIDs that name a record; what follows it is the cell of the column id. Other UIDs are
	// not read.
	IDs string

	Properties []string // the property that each column is read from
	Unread     []string // what else had a value in the rows up to here, such as NOTE or "second EMAIL"
	Skipped    int      // cards up to here that are no persons, such as groups
	SkippedAt  int      // the line of the first of these
	Broken     int      // cards up to here with a line that names no property, and is not read
	BrokenAt   int      // the line where the first of these begins
	BrokenLine string   // its first such line
}

// cardColumns are the columns of a vCard file, and cardProperties the properties that they are read from.
var (
	cardColumns    = []string{"id", "company_name", "full_name", "email", "phone", "address", "language", "role"}
	cardProperties = []string{"UID", "ORG", "FN", "EMAIL", "TEL", "ADR", "LANG", "TITLE"}
)

const mostCard = 8 << 20 // bytes of one card: it may hold a picture

// semicolon stands for an escaped semicolon, which does not separate the parts of a value. The decoder would leave the
// escape.
const semicolon = "\x01"

// escapes replaces the escapes that the decoder does not know.
var escapes = strings.NewReplacer(`\\`, `\\`, `\;`, semicolon, `\N`, `\n`, `\:`, ":")

// readCards reads a file of vCards, one row each. A file that is not UTF-16 may have a different encoding in each
// value: see textOf.
func (f *File) readCards(head []byte) error {
	var text io.Reader = f.file
	if from := marked(head); from != nil {
		text = transform.NewReader(text, from.NewDecoder())
	}
	if bytes.ContainsRune(head, '\r') && !bytes.ContainsRune(head, '\n') {
		text = oldLines{text}
	}
	limited := &limitedReader{r: text}
	cards := &cardReader{limited: limited, lines: bufio.NewReader(limited)}
	f.Header, f.Cards = Row{Cells: cardColumns}, &Cards{Properties: cardProperties}
	f.next = func() (Row, error) {
		for {
			begin, card, err := cards.next()
			if err != nil {
				return Row{}, err
			}
			if !isPerson(card) {
				if f.Cards.Skipped++; f.Cards.Skipped == 1 {
					f.Cards.SkippedAt = begin
				}
				continue
			}
			if cards.broken != "" {
				if f.Cards.Broken++; f.Cards.Broken == 1 {
					f.Cards.BrokenAt, f.Cards.BrokenLine = begin, cards.broken
				}
			}
			cells, err := f.Cards.cellsOf(card)
			if errors.Is(err, errCharset) {
				return Row{}, problem("export it as UTF-8", "has a vCard on line %d in %v", begin, err)
			}
			return Row{Line: begin, Cells: cells}, err
		}
	}
	return nil
}

// A cardReader reads cards from lines of text.
type cardReader struct {
	limited *limitedReader // below lines
	lines   *bufio.Reader
	line    int    // the number of the last line
	broken  string // the first line of the card that names no property; empty: all do
}

// next returns the next card and the line where it begins.
func (r *cardReader) next() (begin int, card vcard.Card, err error) {
	r.limited.left = mostCard
	begin, text, err := r.text()
	switch {
	case errors.Is(err, errLong):
		return 0, nil, problem("", "has a vCard on line %d that is too large", max(begin, 1))
	case err != nil:
		return 0, nil, err
	}
	r.broken = brokenLine(text)
	if card, err = vcard.NewDecoder(strings.NewReader(escapes.Replace(text))).Decode(); err != nil {
		return 0, nil, problem("", "has a vCard on line %d that cannot be read", begin)
	}
	return begin, card, nil
}

// folds matches the breaks inside a line.
var folds = regexp.MustCompile("\r\n[ \t]")

// brokenLine returns the first line of a card without a property and a value. The decoder leaves out such lines.
func brokenLine(card string) string {
	for line := range strings.SplitSeq(folds.ReplaceAllString(card, ""), "\r\n") {
		if strings.TrimSpace(line) != "" && !strings.Contains(line, ":") {
			return line
		}
	}
	return ""
}

const (
	beginMark = "BEGIN:VCARD"
	endMark   = "END:VCARD"
)

// agentMark matches the property whose value is the card of another person, on the lines below it in version 2.1.
var agentMark = regexp.MustCompile(`^([A-Z0-9-]+\.)?AGENT(;[^:]*)?:\s*(BEGIN:VCARD)?$`)

// text returns the text of the next card and the line where it begins. It leaves out the cards of agents in it.
func (r *cardReader) text() (begin int, card string, err error) {
	var b strings.Builder
	agents := 0       // open cards of agents, each inside the one before
	hasAgent := false // the card of an agent may follow
	joins := false    // the next line goes on this one
	for {
		line, mark, err := r.readLine()
		isAgent := agentMark.MatchString(mark)
		switch {
		case errors.Is(err, io.EOF) && begin > 0, mark == beginMark && begin > 0 && !hasAgent:
			return 0, "", problem("", "has a vCard on line %d without an end", begin)
		case err != nil:
			return begin, "", err
		case begin == 0 && strings.TrimSpace(line) == "":
			continue
		case begin == 0 && mark != beginMark:
			return 0, "", problem("", "has no vCard on line %d", r.line)
		case begin == 0:
			begin, line = r.line, mark
		case mark == beginMark, isAgent && strings.HasSuffix(mark, beginMark):
			if agents++; agents == 1 {
				b.WriteString("\r\nAGENT:VCARD\r\n")
			}
		case mark == endMark && agents > 0:
			agents--
			continue
		case mark == endMark:
			b.WriteString("\r\n" + endMark + "\r\n")
			return begin, b.String(), nil
		}
		if mark != "" {
			hasAgent = isAgent && !strings.HasSuffix(mark, beginMark)
		}
		if agents == 0 {
			joins = writeLine(&b, line, joins)
		}
	}
}

// readLine returns the next line, and in capitals what it marks if it is not the rest of a folded line.
func (r *cardReader) readLine() (line, mark string, err error) {
	line, err = r.lines.ReadString('\n')
	if line == "" {
		return "", "", err // a last line without an end is a line
	}
	r.line++
	line = strings.TrimPrefix(strings.TrimRight(line, "\r\n"), "\ufeff") // of files that were put together
	if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
		mark = strings.ToUpper(strings.TrimSpace(line))
	}
	return line, mark, nil
}

// writeLine adds a line to a card. It reports whether quoted-printable breaks the line, so that the next one goes on
// it.
func writeLine(card *strings.Builder, line string, joins bool) bool {
	isBroken := strings.HasSuffix(line, "=") && (joins || strings.Contains(strings.ToUpper(line), "QUOTED-PRINTABLE"))
	if !joins {
		line = withTypes(line)
	}
	if isBroken {
		card.WriteString(strings.TrimSuffix(line, "="))
	} else {
		card.WriteString(line + "\r\n")
	}
	return isBroken
}

// withTypes names the parameters of a line that version 2.1 leaves without a name: TEL;CELL:06 becomes
// TEL;TYPE=CELL:06.
func withTypes(line string) string {
	property, value, found := strings.Cut(line, ":")
	if !found || strings.HasPrefix(line, " ") || strings.ContainsAny(property, "\"\t") {
		return line
	}
	parts := strings.Split(property, ";")
	for i, p := range parts[1:] {
		name := "TYPE"
		if slices.Contains([]string{"QUOTED-PRINTABLE", "BASE64", "8BIT", "7BIT"}, strings.ToUpper(p)) {
			name = "ENCODING"
		}
		if !strings.Contains(p, "=") {
			parts[i+1] = name + "=" + p
		}
	}
	return strings.Join(parts, ";") + ":" + value
}
