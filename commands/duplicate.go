package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"crm/repo"
)

// This file finds duplicate customers.

var forceFlag = Flag{Name: "force", Kind: Switch, Help: "even if another customer has this email or phone"}

// mostLikenesses is the number of customers that a question or an error names.
const mostLikenesses = 5

// makesAlike reports whether a change sets one of the compared columns.
func makesAlike(change repo.Change) bool {
	for _, column := range []string{"company_name", "full_name", "email", "phone"} {
		if _, sets := change[column]; sets {
			return true
		}
	}
	return false
}

// after returns the compared columns of a customer after a change.
func after(c repo.Customer, change repo.Change) repo.Customer {
	for column, to := range map[string]*string{
		"company_name": &c.CompanyName, "full_name": &c.FullName,
		"email": &c.Email, "phone": &c.Phone,
	} {
		if text, sets := change[column].(string); sets {
			*to = text
		}
	}
	return c
}

// isAs reports whether two customers have the same values in the columns that are compared.
func isAs(a, b repo.Customer) bool {
	return a.CompanyName == b.CompanyName && a.FullName == b.FullName && a.Email == b.Email && a.Phone == b.Phone
}

// newLikenesses returns a line for each of the first customers that are like c and not like was, and whether any of
// them has the same email or phone. A negative ID is the place in an imported file, in units such as "row".
func newLikenesses(was, c repo.Customer, alike []repo.Likeness, unit string) (lines []string, strong bool) {
	more := 0
	sameNames := c.CompanyName == was.CompanyName && c.FullName == was.FullName
	for _, l := range alike {
		l.Email = l.Email && c.Email != was.Email
		l.Phone = l.Phone && c.Phone != was.Phone
		if !l.IsStrong() && (sameNames || !l.Names && !l.Typo) {
			continue
		}
		strong = strong || l.IsStrong()
		if len(lines) < mostLikenesses {
			other := fmt.Sprintf("customer %d", l.Customer.ID)
			if l.Customer.ID < 0 {
				other = fmt.Sprintf("%s %d", unit, -l.Customer.ID)
			}
			lines = append(lines, fmt.Sprintf("%s %s%s has %s", other, l.Customer.CompanyName,
				inBrackets(l.Customer.FullName), inLikeness(l)))
		} else {
			more++
		}
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return lines, strong
}

// unlikeOthers checks whether a change makes a customer like others. At the prompt it asks; in a script it returns an
// error for the same email or phone, and warnings for similar names.
func unlikeOthers(ctx context.Context, s *Session, in Input, was repo.Customer, change repo.Change) (warnings []string,
	err error,
) {
	c := after(was, change)
	if in.Has("force") || isAs(c, was) {
		return nil, nil
	}
	alike, err := s.DB.LikeCustomer(ctx, c)
	if err != nil {
		return nil, err
	}
	lines, strong := newLikenesses(was, c, alike, "")
	switch {
	case lines == nil:
		return nil, nil
	case s.Typed && s.Confirm != nil:
		return nil, s.Confirm(ctx, strings.Join(append(lines, "continue anyway?"), "\n"))
	case strong:
		return nil, &worded{strings.Join(lines, "; "), "--force does it anyway", repo.ErrConflict}
	}
	return lines, nil
}

// compare notes which customers a change of many makes like others, or like each other.
func (b *bulk) compare(ctx context.Context, s *Session, records Output, skip bool) error {
	var before, changed []repo.Customer
	for _, row := range records.Rows {
		stored := repo.Change{}
		for i, c := range records.Columns {
			stored[c.Name] = row[i]
		}
		id, _ := stored["id"].(int64)
		was := after(repo.Customer{ID: id}, stored)
		if c := after(was, b.changes[id]); !isAs(c, was) {
			before, changed = append(before, was), append(changed, c)
		}
	}
	alike, err := s.DB.LikeCustomers(ctx, changed)
	if err != nil {
		return err
	}
	for i, c := range changed {
		lines, strong := newLikenesses(before[i], c, alike[i], "")
		if strong && skip {
			delete(b.changes, c.ID)
			b.previews = slices.DeleteFunc(b.previews, func(p preview) bool { return p.id == c.ID })
			b.refused = append(b.refused, repo.RefusedRecord{
				ID: c.ID, Err: &worded{strings.Join(lines, "; ") + ": --force does it anyway", "", repo.ErrConflict},
			})
			continue
		}
		if b.strong = b.strong || strong; lines != nil {
			b.alike = append(b.alike,
				fmt.Sprintf("customer %d%s: %s", c.ID, inBrackets(c.CompanyName), lines[0]))
		}
	}
	return nil
}

// inShort returns the first lines about customers that would be alike.
func (b *bulk) inShort() []string {
	if len(b.alike) <= mostLikenesses {
		return b.alike
	}
	return append(slices.Clone(b.alike[:mostLikenesses]),
		fmt.Sprintf("%s more would be like others", grouped(int64(len(b.alike)-mostLikenesses))))
}

// inLikeness names the similarities: "the same email and phone, and similar names".
func inLikeness(l repo.Likeness) string {
	var same []string
	if l.Email {
		same = append(same, "email")
	}
	if l.Phone {
		same = append(same, "phone")
	}
	if l.Names {
		same = append(same, "names")
	}
	var parts []string
	if same != nil {
		parts = append(parts, "the same "+allOf(same))
	}
	if l.Typo && !l.Names {
		parts = append(parts, "similar names")
	}
	return strings.Join(parts, " and ")
}

var pairFields = []Field[repo.Pair]{
	{Column{Name: "id"}, func(p repo.Pair) any { return p.First.ID }},
	{Column{Name: "company_name"}, func(p repo.Pair) any { return orNil(p.First.CompanyName) }},
	{Column{Name: "full_name"}, func(p repo.Pair) any { return orNil(p.First.FullName) }},
	{Column{Name: "other_id"}, func(p repo.Pair) any { return p.Customer.ID }},
	{Column{Name: "other_company"}, func(p repo.Pair) any { return orNil(p.Customer.CompanyName) }},
	{Column{Name: "other_name"}, func(p repo.Pair) any { return orNil(p.Customer.FullName) }},
	{Column{Name: "alike", Long: true}, func(p repo.Pair) any { return inLikeness(p.Likeness) }},
}

// duplicatesCommand returns `customer duplicates`.
func duplicatesCommand() Command {
	return short(pairFields, Command{
		Name: "customer duplicates", Short: "List customers that may be one, the most alike first",
		Needs:    action("customer", "view"),
		Examples: []string{"customer duplicates"}, Run: listDuplicates,
	})
}

func listDuplicates(ctx context.Context, s *Session, _ Input) (Output, error) {
	pairs, err := s.DB.CustomerPairs(ctx)
	return list(pairFields, pairs), err
}
