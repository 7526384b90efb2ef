package commands

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"crm/repo"
)

// This file matches the headers of a file to columns.

// escapes are those of an export as tsv.
var escapes = strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r", `\"`, `"`)

// plain returns the text of a cell without what an export has added: the escapes of tsv and, unless --raw is given, the
// apostrophe that stops a spreadsheet from evaluating it. Other programs write no such escapes, so a file has them only
// if all its headers are names of columns.
func (i *importing) plain(cell string) string {
	if !i.file.Delimited {
		return cell
	}
	if i.escaped {
		was := cell
		cell = escapes.Replace(cell)
		i.unescaped = i.unescaped || cell != was
	}
	if i.in.Has("raw") {
		return cell
	}
	return revived(cell)
}

// isExport reports whether all headers of the file are names of columns.
func (i *importing) isExport() bool {
	return !slices.ContainsFunc(i.file.Header.Cells, func(h string) bool {
		return !slices.ContainsFunc(repo.ColumnsOfNoun(i.noun), func(c repo.Column) bool { return c.Name == h })
	})
}

// idTarget is the target for the ID of a record, which no row sets.
var idTarget = target{column: "id", kind: ID}

// match finds the sources of the columns. own is the value of --map.
func (i *importing) match(own map[string]string) error {
	headers, place := i.file.Header.Cells, map[string]int{}
	for at, h := range headers {
		plain := plainHeader(h)
		i.names = append(i.names, strings.ReplaceAll(plain, " ", "_"))
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
	i.matchParts(place, taken)
	if err := i.matchRest(headers, taken); err != nil {
		return err
	}
	for at, name := range i.names {
		known := slices.ContainsFunc(repo.ColumnsOfNoun(i.noun), func(c repo.Column) bool { return c.Name == name })
		if !taken[at] && !known {
			i.unused = append(i.unused, at)
		}
	}
	i.skipped = map[int]bool{}
	for at, h := range headers {
		column, named := own[plainHeader(h)]
		i.skipped[at] = named && column == ""
	}
	i.findCustomer(taken)
	i.unused = slices.DeleteFunc(i.unused, func(at int) bool { // they are read: see foreign and unlikeNamed
		return at == i.customerAt || slices.Contains(unitHeaders, plainHeader(headers[at]))
	})
	i.filled, i.further = make([]bool, len(headers)), make([]bool, len(headers))
	i.escaped = i.file.Tabs && i.isExport()
	last := len(headers) - 1
	i.refused.hasReasons = strings.Contains(i.path, ".rejected") && slices.Contains(reasonHeaders, headers[last]) &&
		!taken[last]
	for _, check := range []func() error{i.complete, i.unsure, i.sameCurrency, i.saved} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// saved returns the error of a workbook with formulas without a saved result in a column that is imported: they would
// count as empty cells.
func (i *importing) saved() error {
	for _, src := range i.sources {
		for _, at := range slices.Concat(src.at...) {
			u := i.file.Unsaved[at]
			if u.Count == 0 {
				continue
			}
			which := fmt.Sprintf("the cell %s of %s has", u.First, i.path)
			if u.Count > 1 {
				which = fmt.Sprintf("the cell %s of %s, and %d more below it, have", u.First, i.path, u.Count-1)
			}
			return &worded{
				which + " a formula whose result was not saved",
				"open it in a spreadsheet program and save it, or leave the column out: --map " +
					Quote(i.file.Header.Cells[at]+"="), repo.ErrInvalid,
			}
		}
	}
	return nil
}

// matchOwn takes the headers of --map.
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
			i.sources = append(i.sources, source{target: t, at: [][]int{{at}}})
		}
		taken[at] = true
	}
	return nil
}

// matchParts takes columns that are in several parts, such as the first and the last name of a person.
func (i *importing) matchParts(place map[string]int, taken map[int]bool) {
	for _, c := range composed {
		t, is := i.target(c.column), i.source(c.column)
		_, whole := place[plainHeader(c.column)]
		whole = whole && !slices.Contains(c.parts[0], plainHeader(c.column)) // else it is one of the parts
		if t == nil || whole || i.target("first_name") != nil || is != nil && is.join != c.join {
			continue
		}
		group := c.find(place, taken)
		switch {
		case group == nil:
			continue
		case is == nil:
			i.sources = append(i.sources, source{t, [][]int{group}, c.join})
		default:
			is.at = append(is.at, group)
		}
		for _, at := range group {
			taken[at] = true
		}
	}
}

// find returns the places of the parts; nil if a required one is missing.
func (c composite) find(place map[string]int, taken map[int]bool) (group []int) {
	for n, names := range c.parts {
		found := slices.IndexFunc(names, func(name string) bool {
			at, there := place[name]
			return there && !taken[at] && !slices.Contains(group, at)
		})
		switch {
		case found >= 0:
			group = append(group, place[names[found]])
		case n < c.needed:
			return nil
		}
	}
	return group
}

// matchRest takes headers that are names of columns, then headers with another name of a missing column.
func (i *importing) matchRest(headers []string, taken map[int]bool) error {
	targets := []*target{&idTarget}
	for n := range i.targets {
		targets = append(targets, &i.targets[n])
	}
	for _, fits := range []func(header, column string) bool{
		func(header, column string) bool {
			return header == plainHeader(column) || slices.Contains(several, column) && usual(header, column) >= 0
		},
		func(header, column string) bool { return usual(header, column) >= 0 },
	} {
		for _, t := range targets {
			if i.source(t.column) != nil {
				continue
			}
			var found []int
			for at, h := range headers {
				plain := plainHeader(h)
				if t.isAmount() && !fits(plain, t.column) {
					plain = amountHeader(h)
				}
				if !taken[at] && fits(plain, t.column) {
					found = append(found, at)
				}
			}
			if err := i.matchFound(t, headers, found, taken); err != nil {
				return err
			}
		}
	}
	return nil
}

// matchFound takes one of the headers that match a column: the usual one of a person's details, otherwise the only one.
// For columns of which people have several values, it takes the first cell with a value.
func (i *importing) matchFound(t *target, headers []string, found []int, taken map[int]bool) error {
	if len(found) == 0 {
		return nil
	}
	if len(found) > 1 && !slices.Contains(details, t.column) {
		a, b := headers[found[0]], headers[found[1]]
		return &worded{
			fmt.Sprintf("the headers %s and %s may both be %s", show(a), show(b), t.column),
			fmt.Sprintf("say which one is: --map %s", Quote(a+"="+t.column)), repo.ErrInvalid,
		}
	}
	slices.SortStableFunc(found, func(a, b int) int {
		return usual(plainHeader(headers[a]), t.column) - usual(plainHeader(headers[b]), t.column)
	})
	if !slices.Contains(several, t.column) {
		found = found[:1]
	}
	own := source{target: t}
	for _, at := range found {
		own.at = append(own.at, []int{at})
		taken[at] = true
	}
	i.sources = append(i.sources, own)
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

// complete returns the error of a file without a required column.
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
