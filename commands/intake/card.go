package intake

import (
	"bufio"
	"errors"
	"io"
	"mime/quotedprintable"
	"strings"

	"github.com/emersion/go-vcard"
)

// This file reads vCards: versions 3 and 4 (RFC 2426, RFC 6350), and 2.1 as phones write it.

// cardColumns are the columns of a vCard file.
var cardColumns = []string{"company_name", "full_name", "email", "phone", "address", "language", "role"}

const mostCard = 8 << 20 // bytes of one card: it may hold a picture

// semicolon stands for an escaped semicolon, which does not separate the parts of a value. The decoder would leave the
// escape.
const semicolon = "\x01"

var semicolons = strings.NewReplacer(`\\`, `\\`, `\;`, semicolon)

// readCards reads a file of vCards, one row each.
func (f *File) readCards(head []byte) error {
	text, err := decoded(f.file, head)
	if err != nil {
		return err
	}
	limited := &limitedReader{r: text}
	lines, line := bufio.NewReader(limited), 0
	f.Header = Row{Cells: cardColumns}
	f.next = func() (Row, error) {
		limited.left = mostCard
		begin, card, err := nextCard(lines, &line)
		if errors.Is(err, errLong) {
			err = problem("", "has a vCard on line %d that is too large", max(begin, 1))
		}
		if err != nil {
			return Row{}, err
		}
		read, err := vcard.NewDecoder(strings.NewReader(semicolons.Replace(card))).Decode()
		if err != nil {
			return Row{}, problem("", "has a vCard on line %d that cannot be read", begin)
		}
		return Row{Line: begin, Cells: cellsOf(read)}, nil
	}
	return nil
}

// nextCard returns the text of the next card and the line where it begins. Lines that quoted-printable breaks are
// joined.
func nextCard(lines *bufio.Reader, line *int) (begin int, card string, err error) {
	var b strings.Builder
	joins := false
	for {
		text, err := lines.ReadString('\n')
		if text == "" && err != nil {
			if errors.Is(err, io.EOF) && b.Len() > 0 {
				return 0, "", problem("", "has a vCard on line %d without an end", begin)
			}
			return begin, "", err
		}
		*line++
		text = strings.TrimRight(text, "\r\n")
		isMark := func(mark string) bool { return strings.EqualFold(strings.TrimSpace(text), mark) }
		if b.Len() == 0 {
			if text == "" {
				continue
			}
			if !isMark("BEGIN:VCARD") {
				return 0, "", problem("", "has no vCard on line %d", *line)
			}
			begin = *line
		}
		soft := strings.HasSuffix(text, "=") && (joins || strings.Contains(strings.ToUpper(text), "QUOTED-PRINTABLE"))
		if !joins {
			text = withTypes(text)
		}
		joins = soft
		b.WriteString(strings.TrimSuffix(text, map[bool]string{true: "="}[soft]))
		if !soft {
			b.WriteString("\r\n")
		}
		if isMark("END:VCARD") {
			return begin, b.String(), nil
		}
	}
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
		if strings.EqualFold(p, "QUOTED-PRINTABLE") {
			name = "ENCODING"
		}
		if !strings.Contains(p, "=") {
			parts[i+1] = name + "=" + p
		}
	}
	return strings.Join(parts, ";") + ":" + value
}

// cellsOf returns the values of a card in the order of cardColumns. A person without a company is their own.
func cellsOf(card vcard.Card) []string {
	value := func(name string) string {
		field := card.Preferred(name)
		if field == nil {
			return ""
		}
		text := field.Value
		if strings.EqualFold(field.Params.Get("ENCODING"), "QUOTED-PRINTABLE") {
			if plain, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(text))); err == nil {
				text = string(plain)
			}
		}
		switch name {
		case vcard.FieldTelephone:
			text = strings.TrimPrefix(text, "tel:")
		case vcard.FieldEmail:
			text = strings.TrimPrefix(text, "mailto:")
		}
		return text
	}
	parts := func(text, separator string, order ...int) string {
		all, found := strings.Split(text, ";"), []string{}
		for _, n := range order {
			if n < len(all) && strings.TrimSpace(all[n]) != "" {
				found = append(found, strings.TrimSpace(strings.ReplaceAll(all[n], "\n", ", ")))
			}
		}
		return strings.Join(found, separator)
	}
	name := value(vcard.FieldFormattedName)
	if name == "" {
		name = parts(value(vcard.FieldName), " ", 1, 2, 0) // given, further and family names
	}
	company := parts(value(vcard.FieldOrganization), ", ", 0)
	if company == "" {
		company = name
	}
	cells := []string{
		company, name, value(vcard.FieldEmail), value(vcard.FieldTelephone),
		parts(value(vcard.FieldAddress), ", ", 0, 1, 2, 5, 3, 4, 6), value(vcard.FieldLanguage),
		value(vcard.FieldTitle),
	}
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, semicolon, ";")
	}
	return cells
}
