package commands

import (
	"fmt"
	"slices"
	"strings"

	"crm/repo"
)

// This file makes the commands that import records: customer import FILE. They are made from the add and update of a
// noun, whose arguments and flags say what the columns of a file may be and how they are read.

// An importable is a noun whose records can be imported.
type importable struct {
	noun    string
	list    Command // finds the records for --key
	needs   Command
	targets []target
}

// forImport adds an import for every noun whose add takes columns only, and for payments.
func forImport(t Table) Table {
	for _, noun := range repo.Nouns() {
		add, _ := t.named(noun + " add")
		update, _ := t.named(noun + " update")
		list, _ := t.named(noun + " list")
		m := importable{noun: noun, needs: add, list: list}
		m.targets = targetsOf(noun, add, nil)
		if len(m.targets) == 0 || slices.ContainsFunc(add.Args,
			func(a Arg) bool { return !a.Optional && m.target(columnOf(a.Name)) == nil }) {
			continue
		}
		changeable := targetsOf(noun, update, nil)
		for i, own := range m.targets {
			m.targets[i].fixed = !slices.ContainsFunc(changeable, func(c target) bool { return c.column == own.column })
		}
		for _, c := range changeable {
			if m.target(c.column) == nil {
				c.required, c.later = false, true
				m.targets = append(m.targets, c)
			}
		}
		at := slices.IndexFunc(t, func(c Command) bool { return c.Name == noun+" update" })
		t = slices.Insert(t, at+1, m.command())
	}
	pay, _ := t.named("contract pay")
	ledger, _ := t.named("payment list")
	payment := importable{noun: "payment", needs: pay, list: ledger}
	payment.targets = targetsOf(payment.noun, pay, map[string]string{"id": "contract_id", "on": "paid_on"})
	payment.target("amount").kind = money(-repo.MaxMoney) // a correction is below zero
	for i := range payment.targets {
		payment.targets[i].fixed = true // entries of a ledger do not change
	}
	at := slices.IndexFunc(t, func(c Command) bool { return c.Noun() == "event" })
	return slices.Insert(t, at, payment.command())
}

func (m importable) command() Command {
	c := Command{
		Name: m.noun + " import", Short: fmt.Sprintf("Add the %ss of a file: CSV, XLSX, JSON or Markdown, all or none",
			m.noun), Needs: m.needs.Needs,
		Args: []Arg{{Name: "file", Kind: Path, Help: "a file with one record a row and the names of columns first"}},
		Flags: []Flag{
			{
				Name: "map", Kind: headerMap,
				Help: `columns of headers that are not recognized: "Société=company_name,…", or the name of a saved ` +
					`map; "Code=" skips a column`,
			},
			{Name: "save-map", Kind: newName, Help: "save what --map says under this name"},
			{Name: "dry-run", Kind: Switch, Help: "write nothing; show what an import would do"},
			{Name: "skip-bad", Kind: Switch, Help: "import the other rows if some are refused"},
			{Name: "raw", Kind: Switch, Help: "csv, tsv: read texts as they are, as an export with --raw writes them"},
		},
		Run: m.run,
	}
	key := Flag{
		Name: "key", Kind: Enum("COLUMN", m.keys()...),
		Help: "change the record with the same value in this column, instead of adding one",
	}
	if m.noun == "payment" {
		key.Help = "add no payment again that has the same value in this column; one that differs is refused"
	}
	c.Flags = append(c.Flags, key)
	switch m.noun {
	case "payment":
		c.Flags = append(c.Flags, Flag{
			Name: "force", Kind: Switch, Help: "also payments whose contract has one of the same day and amount",
		})
	case "customer":
		c.Flags = append(c.Flags, forceFlag)
	}
	if k, has := kins[m.noun]; has {
		parent := strings.TrimSuffix(k.parent, "_id")
		c.Flags = append(c.Flags, Flag{
			Name: "force", Kind: Switch,
			Help: fmt.Sprintf("also %ss whose %s has one of the same %s", m.noun, parent, k.same),
		})
	}
	if m.target("full_name") != nil {
		c.Short = fmt.Sprintf("Add the %ss of a file: CSV, XLSX, JSON, Markdown or vCard, all or none", m.noun)
	}
	return c
}

// headerMap is the kind of --map; its value is a headerPairs.
var headerMap = Kind{Name: "HEADER=COLUMN,…", Live: mapChoices, Parse: func(s *Session, text string) (any, error) {
	if plainName.MatchString(text) {
		return headerPairs{name: strings.ToLower(text)}, nil
	}
	pairs, before := map[string]string{}, ""
	for part := range strings.SplitSeq(text, ",") {
		part = before + part
		last := strings.LastIndex(part, "=") // a header may have commas and equals signs, a column has none
		if last < 0 {
			before = part + ","
			continue
		}
		header, column := plainHeader(part[:last]), columnOf(strings.TrimSpace(part[last+1:]))
		if _, twice := pairs[header]; header == "" || twice {
			return nil, fmt.Errorf("want HEADER=COLUMN, not %s", show(part))
		}
		pairs[header], before = column, ""
	}
	if before != "" {
		return nil, fmt.Errorf("want HEADER=COLUMN, not %s", show(strings.TrimSuffix(before, ",")))
	}
	return headerPairs{text: text, columns: pairs}, nil
}}
