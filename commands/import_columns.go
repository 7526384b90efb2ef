package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"crm/repo"
	"crm/security/finding"
)

// This file finds out which column of a file means which column of the records, and which record a row changes.

// headersOf are names by which other programs, in English and French, call a column, as plainHeader writes them. The
// column's own name is one too, and so is customer for customer_id and sales_contact for sales_id.
var headersOf = map[string][]string{
	"company_name": {
		"company", "organization", "organisation", "organization name", "account", "account name", "associated company",
		"business",
		"societe", "nom de la societe", "entreprise", "raison sociale", "organization 1 name",
	},
	"full_name": {
		"name", "contact", "contact name", "person", "display name", "nom", "nom complet", "nom du contact",
		"interlocuteur",
	},
	"first_name": {"given name", "first", "forename", "prenom"},
	"last_name":  {"family name", "last", "surname", "nom de famille", "nom"},
	"email": {
		"e mail", "mail", "email address", "e mail address", "e mail 1 value", "courriel",
		"adresse email", "adresse e mail", "adresse de messagerie", "adresse mail",
	},
	"phone": {
		"phone number", "telephone", "tel", "mobile", "mobile phone", "business phone", "phone 1 value",
		"mobile phone number", "telephone bureau", "tel mobile", "telephone mobile", "portable", "numero de telephone",
	},
	"address": {
		"postal address", "street address", "complete address", "address 1 formatted", "adresse",
		"adresse postale", "business street",
	},
	"language": {"lang", "preferred language", "langue"},
	"sales_id": {
		"sales", "sales person", "salesperson", "contact owner", "owner", "account manager",
		"commercial", "vendeur", "responsable commercial",
	},
	"customer_id": {
		"client", "customer name", "company", "company name", "account", "societe", "entreprise",
		"email", "customer email",
	},
	"contract_id":  {"contrat", "contract number", "numero de contrat"},
	"contact_id":   {"contact", "contact name", "interlocuteur"},
	"support_id":   {"support", "assistance"},
	"total_amount": {"total", "amount", "price", "value", "montant", "montant total", "prix", "prix total"},
	"amount":       {"total", "value", "payment", "paid", "montant", "paiement", "reglement", "montant paye"},
	"paid_on":      {"date", "day", "payment date", "date de paiement", "date du paiement", "regle le", "paye le"},
	"status":       {"state", "stage", "statut", "etat"},
	"name": {
		"event", "title", "subject", "event name", "nom", "evenement", "titre", "objet",
		"nom de l evenement",
	},
	"start_date": {"start", "begin", "from", "start time", "debut", "date de debut", "date debut", "du"},
	"end_date":   {"end", "until", "to", "end time", "fin", "date de fin", "date fin", "au"},
	"location":   {"place", "venue", "where", "lieu", "endroit", "emplacement", "salle"},
	"attendees": {
		"guests", "people", "participants", "number of attendees", "invites", "nombre d invites",
		"nombre de participants", "convives",
	},
	"comments":        {"notes", "note", "comment", "description", "remarques", "commentaires", "commentaire"},
	"role":            {"department", "job", "job title", "title", "service", "departement", "fonction", "poste"},
	"employee_number": {"employee", "number", "employee id", "matricule", "numero", "numero d employe"},
}

// plainHeader returns a header in the form of headersOf: its folded words.
func plainHeader(header string) string { return strings.Join(finding.Words(header), " ") }

// means reports whether a header, as plainHeader writes it, is another name of a column.
func means(header, column string) bool {
	short, isID := strings.CutSuffix(column, "_id")
	return isID && (header == short || header == short+" contact") || slices.Contains(headersOf[column], header)
}

// A source is where the values of a column are.
type source struct {
	target *target
	at     []int // the cells, which are joined
}

// text returns the value in a row, without the apostrophe that keeps a spreadsheet from running it.
func (s source) text(cells []string) string {
	var parts []string
	for _, at := range s.at {
		if at < len(cells) {
			if text := strings.TrimSpace(revived(cells[at])); text != "" {
				parts = append(parts, text)
			}
		}
	}
	return strings.Join(parts, " ")
}

// idTarget stands for the number of a record, which no row sets.
var idTarget = target{column: "id", kind: ID}

// match finds the sources of the columns. own is what --map says.
func (i *importing) match(own map[string]string) error {
	headers, place := i.file.Header.Cells, map[string]int{}
	for at, h := range headers {
		plain := plainHeader(h)
		if before, twice := place[plain]; twice && plain != "" {
			return &worded{fmt.Sprintf("%s has the header %s twice: in columns %d and %d", i.path, show(h), before+1,
				at+1), "give each column a name of its own", repo.ErrInvalid}
		}
		place[plain] = at
	}
	taken := map[int]bool{}
	if err := i.matchOwn(own, place, taken); err != nil {
		return err
	}
	i.matchNames(place, taken)
	if err := i.matchRest(headers, taken); err != nil {
		return err
	}
	for at, h := range headers {
		plain := strings.ReplaceAll(plainHeader(h), " ", "_")
		known := slices.ContainsFunc(repo.ColumnsOfNoun(i.noun), func(c repo.Column) bool { return c.Name == plain })
		if !taken[at] && plain != "" && !known && i.file.Header.Line > 0 {
			i.unused = append(i.unused, show(h))
		}
	}
	return i.complete()
}

// matchOwn takes what --map says.
func (i *importing) matchOwn(own map[string]string, place map[string]int, taken map[int]bool) error {
	for _, header := range slices.Sorted(maps.Keys(own)) {
		column := own[header]
		at, there := place[header]
		t := i.target(column)
		if column == "id" {
			t = &idTarget
		}
		switch {
		case !there:
			return usagef("--map names the header %s, which %s does not have: its headers are %s", show(header), i.path,
				i.headers())
		case column != "" && t == nil:
			return usagef("--map: there is no column %s to import: want one of %s", show(column),
				strings.Join(i.columns(), ", "))
		case column != "" && i.source(column) != nil:
			return usagef("--map names %s twice", column)
		case column != "":
			i.sources = append(i.sources, source{t, []int{at}})
		}
		taken[at] = true
	}
	return nil
}

// matchNames takes the first and the last name of a person who has one name here.
func (i *importing) matchNames(place map[string]int, taken map[int]bool) {
	t := i.target("full_name")
	if _, whole := place["full name"]; t == nil || whole || i.source("full_name") != nil ||
		i.target("first_name") != nil {
		return
	}
	find := func(column string) int {
		for header, at := range place {
			if !taken[at] && (header == plainHeader(column) || means(header, column)) {
				return at
			}
		}
		return -1
	}
	if first, last := find("first_name"), find("last_name"); first >= 0 && last >= 0 {
		i.sources = append(i.sources, source{t, []int{first, last}})
		taken[first], taken[last] = true, true
	}
}

// matchRest takes headers by their names, and where none is a column's own name by another one.
func (i *importing) matchRest(headers []string, taken map[int]bool) error {
	targets := []*target{&idTarget}
	for n := range i.targets {
		targets = append(targets, &i.targets[n])
	}
	fits := []func(header, column string) bool{
		func(header, column string) bool { return header == plainHeader(column) },
		means,
	}
	for _, fit := range fits {
		for _, t := range targets {
			if i.source(t.column) != nil {
				continue
			}
			var found []int
			for at, h := range headers {
				if !taken[at] && fit(plainHeader(h), t.column) {
					found = append(found, at)
				}
			}
			if len(found) > 1 {
				a, b := headers[found[0]], headers[found[1]]
				return &worded{
					fmt.Sprintf("the headers %s and %s may both be %s", show(a), show(b), t.column),
					fmt.Sprintf("say which one is: --map %s", Quote(a+"="+t.column)), repo.ErrInvalid,
				}
			}
			if len(found) == 1 {
				i.sources = append(i.sources, source{t, found})
				taken[found[0]] = true
			}
		}
	}
	return nil
}

func (i *importing) source(column string) *source {
	for n := range i.sources {
		if i.sources[n].target.column == column {
			return &i.sources[n]
		}
	}
	return nil
}

// complete returns the error of a file without a column that a record needs.
func (i *importing) complete() error {
	hint := fmt.Sprintf(`its headers are %s; --map "HEADER=COLUMN,…" says what they mean`, i.headers())
	if i.key != "" && i.source(i.key) == nil {
		return &worded{fmt.Sprintf("%s has no column %s for --key", i.path, i.key), hint, repo.ErrInvalid}
	}
	var without []string
	for _, t := range i.targets {
		if t.required && i.key == "" && i.source(t.column) == nil {
			without = append(without, t.column)
		}
	}
	if without != nil {
		return &worded{
			fmt.Sprintf("%s has no column %s, which every %s needs", i.path, allOf(without), i.noun), hint,
			repo.ErrInvalid,
		}
	}
	if len(i.sources) == 0 || len(i.sources) == 1 && i.sources[0].target.column == i.key {
		return &worded{fmt.Sprintf("%s has no column that can be imported: want some of %s", i.path,
			strings.Join(i.columns(), ", ")), hint, repo.ErrInvalid}
	}
	return nil
}

func (i *importing) headers() string {
	shown := make([]string, len(i.file.Header.Cells))
	for n, h := range i.file.Header.Cells {
		shown[n] = show(h)
	}
	return some(shown)
}

func (m importable) columns() (names []string) {
	for _, t := range m.targets {
		names = append(names, t.column)
	}
	return names
}

// known are the records that a key finds.
type known struct {
	place map[string]int // of a column in a record
	rows  map[string][][]any
}

// index reads the records that a key may find.
func (i *importing) index(ctx context.Context) error {
	i.seen, i.refs = map[string]int{}, map[string]referred{}
	i.known = known{map[string]int{}, map[string][][]any{}}
	if i.key == "" {
		return nil
	}
	// json: whole
	found, err := i.list.Run(ctx, i.s, Input{values: map[string]any{"format": "json"}, resolved: map[string]any{}})
	if err != nil {
		return err
	}
	for n, c := range found.Columns {
		i.known.place[c.Name] = n
	}
	for {
		for _, row := range found.Rows {
			if value := row[i.known.place[i.key]]; value != nil {
				key := finding.Fold(fmt.Sprint(value))
				i.known.rows[key] = append(i.known.rows[key], row)
			}
		}
		if found.Rest == nil {
			return nil
		}
		if found.Rows, err = found.Rest(ctx); err != nil || len(found.Rows) == 0 {
			return err
		}
	}
}

// record returns the record that a row changes, nil for none.
func (i *importing) record(cells []string, line int) ([]any, error) {
	if i.key == "" {
		return nil, nil
	}
	text := i.source(i.key).text(cells)
	if text == "" {
		return nil, nil
	}
	key := finding.Fold(text)
	if before, twice := i.seen[key]; twice {
		return nil, fmt.Errorf("%s %s: is on %s %d too", i.key, show(text), i.file.Unit, before)
	}
	i.seen[key] = line
	found := i.known.rows[key]
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf("%s %s: fits %s: want --key id", i.key, show(text), Plural(int64(len(found)), i.noun))
	case i.key == "id":
		return nil, fmt.Errorf("id %s: there is no such %s", show(text), i.noun)
	}
	return nil, nil
}
