package render

import (
	"bytes"
	"slices"
	"strings"

	"github.com/emersion/go-vcard"

	"crm/commands"
)

// vcardFields maps columns of people to the properties of a vCard (RFC 6350, 6).
var vcardFields = map[string]string{
	"id": vcard.FieldUID, "company_name": vcard.FieldOrganization, "customer": vcard.FieldOrganization,
	"full_name": vcard.FieldFormattedName, "name": vcard.FieldFormattedName, "email": vcard.FieldEmail,
	"phone": vcard.FieldTelephone, "language": vcard.FieldLanguage, "role": vcard.FieldTitle,
}

// semicolon stands for a semicolon that does not separate the parts of a value: the encoder does not escape it.
const semicolon = "\x01"

// vcards writes one vCard 4.0 per person (RFC 6350).
func (p painter) vcards(page *bytes.Buffer, out commands.Output) error {
	names := columnNames(out)
	if !slices.Contains(names, "full_name") && !slices.Contains(names, "name") || !slices.Contains(names, "email") {
		return commands.Explain("a vCard is a person's, and these records have no name and email address of one",
			"customers and contacts can be written as vCards", commands.ErrUsage)
	}
	var cards bytes.Buffer
	encoder := vcard.NewEncoder(&cards)
	for _, row := range out.Rows {
		card := vcard.Card{}
		for i, name := range names {
			text := p.bare(row[i])
			if text == "" {
				continue
			}
			switch property := vcardFields[name]; {
			case property == vcard.FieldUID: // an import with --key id finds the record by it
				card.SetValue(property, commands.CardUID(out.Noun, text))
			case property == vcard.FieldOrganization:
				card.SetValue(property, strings.ReplaceAll(text, ";", semicolon))
			case property != "":
				card.SetValue(property, text)
			case name == "address": // the whole address is written as the street (RFC 6350, 6.3.1)
				card.SetValue(vcard.FieldAddress, ";;"+strings.ReplaceAll(text, ";", semicolon)+";;;;")
			}
		}
		vcard.ToV4(card)
		if err := encoder.Encode(card); err != nil {
			return err
		}
	}
	page.Write(bytes.ReplaceAll(cards.Bytes(), []byte(semicolon), []byte(`\;`)))
	return nil
}
