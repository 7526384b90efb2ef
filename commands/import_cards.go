package commands

import "fmt"

// This file has what an import of vCards does otherwise than those of other files.

// CardUID returns the UID of the vCard of a record (RFC 6350, 6.7.6).
func CardUID(noun, id string) string { return "urn:crm:" + noun + ":" + id }

// ownCompany makes the person of a vCard without a company their own one, so that they can be added as a customer.
func (i *importing) ownCompany(cells []string) {
	company, person := i.source("company_name"), i.source("full_name")
	if i.file.Cards != nil && company != nil && person != nil && company.text(cells, i.plain) == "" {
		cells[company.at[0][0]] = person.text(cells, i.plain)
	}
}

// headerOf returns the header of a column as the file has it: of vCards the property.
func (i *importing) headerOf(at int) string {
	if i.file.Cards != nil {
		return i.file.Cards.Properties[at]
	}
	return i.file.Header.Cells[at]
}

// unreadCards lists the properties of vCards that are not imported and belong to no column.
func (i *importing) unreadCards() (properties []string) {
	if i.file.Cards != nil {
		for _, property := range i.file.Cards.Unread {
			properties = append(properties, show(property))
		}
	}
	return properties
}

// doubtfulCards returns the warnings about vCards that are no persons, and about lines that are no properties.
func (i *importing) doubtfulCards() (lines []string) {
	cards := i.file.Cards
	if cards == nil {
		return nil
	}
	if cards.Skipped > 0 {
		lines = append(lines, fmt.Sprintf("%s not imported, because groups, places and devices are no persons: the "+
			"first one is on line %d", isAre(int64(cards.Skipped), "vCard"), cards.SkippedAt))
	}
	if cards.Broken > 0 {
		lines = append(lines, fmt.Sprintf("%s lines that are no property with a value and are not imported: the first "+
			"one is on line %d, with %s", has(int64(cards.Broken), "vCard"), cards.BrokenAt, show(cards.BrokenLine)))
	}
	return lines
}
