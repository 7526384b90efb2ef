package commands

import (
	"context"

	"crm/repo"
	"crm/security"
)

var customerFields = fieldsOf[repo.Customer]()

// CustomerID is the kind of a customer's number.
var CustomerID = customerKind("customer", "")

// ownCustomerID is the kind of the number of a customer that the session may change.
var ownCustomerID = customerKind("own customer", action("customer", "update"))

// customerKind is the kind of a customer's number. Completion offers the customers for which the session has the
// action; all if it is "".
func customerKind(key string, needed security.Action) Kind {
	return Kind{
		Name: "CUSTOMER_ID", Key: key, Noun: "customer", Parse: ID.Parse, Search: searchCustomers,
		Live: func(ctx context.Context, s *Session) ([]Choice, error) {
			found, err := s.DB.Customers(ctx, repo.CustomerFilter{Page: recent, SalesID: s.owner(needed)})
			return live(found.Rows, err, customerChoice)
		},
	}
}

// owner returns the session's user if the action is permitted on their own records only, and 0 otherwise.
func (s *Session) owner(needed security.Action) int64 {
	if s.Me == nil || needed == "" || s.Matrix.Scope(needed) != security.Own {
		return 0
	}
	return s.Me.ID
}

// recent are the newest records, for completion.
var recent = repo.Page{Limit: 200, Desc: true}

// live turns records into choices.
func live[T any](found []T, err error, choice func(T) Choice) ([]Choice, error) {
	choices := make([]Choice, len(found))
	for i, f := range found {
		choices[i] = choice(f)
	}
	return choices, err
}

func customerCommands() Table {
	contact := []Flag{
		{Name: "email", Kind: Email, Help: "where to write to; '' for none"},
		{Name: "phone", Kind: Phone, Help: "where to call; '' for none"},
		{Name: "address", Kind: Text(textLimit), Help: "the postal address; '' for none"},
		{Name: "language", Kind: Language, Help: "the language to write in, like fr or en-GB; '' for unknown"},
		{Name: "sales-id", Kind: OrNone(SalesID), Help: "the sales contact; '' for none"},
	}
	changes := append([]Flag{
		{Name: "company-name", Kind: Required(Text(nameLimit)), Help: "the company"},
		{Name: "full-name", Kind: Required(Text(nameLimit)), Help: "the person"},
	}, contact...)
	return Table{
		{
			Name: "customer list", Short: "List customers", Needs: action("customer", "view"),
			Flags: listFlags(customerFields, repo.SortKeys[repo.Customer](),
				Flag{Name: "mine", Kind: Switch, Help: "only those whose sales contact you are"},
				Flag{Name: "sales-id", Kind: SalesID, Help: "only those with this sales contact"},
				tagFlag,
				searchFlag("company, name, email, phone, address or a contact")),
			Examples: []string{
				"customer list", "customer list --search bouzin",
				"customer list --mine --columns id,company_name,phone",
			},
			Run: listCustomers,
		},
		getCommand("customer", CustomerID, customerFields, (*repo.DB).Customer),
		{
			Name: "customer add", Short: "Add a customer; a sales collaborator becomes its sales contact",
			Needs: action("customer", "add"),
			Args: []Arg{
				{Name: "company-name", Kind: Required(Text(nameLimit)), Help: "the company"},
				{Name: "full-name", Kind: Required(Text(nameLimit)), Help: "the person"},
			},
			Flags: contact,
			Examples: []string{
				`customer add "Bouzin SARL" "Lou Bouzin" --email lou@bouzin.example --phone "+33 6 12 34 56 78"`,
			},
			Run: func(ctx context.Context, s *Session, in Input) (Output, error) {
				c, err := s.DB.AddCustomer(ctx, changeOf(customerFields, in))
				return done(customerFields, c, "customer", c.ID, "added"), err
			},
		},
		{
			Name: "customer update", Short: "Change a customer", Needs: action("customer", "update"),
			Args: []Arg{idArg(ownCustomerID)}, Flags: changes,
			Examples: []string{"customer update 1 --phone 0612345678"},
			Run: func(ctx context.Context, s *Session, in Input) (Output, error) {
				id := Value[int64](in, "id")
				if err := nothingToChange(in, changes); err != nil {
					return Output{}, err
				}
				c, err := s.DB.UpdateCustomer(ctx, id, changeOf(customerFields, in))
				return done(customerFields, c, "customer", id, "updated"), named(err, "customer", id)
			},
		},
		deleteCommand("customer", CustomerID, customerFields, (*repo.DB).DeleteCustomer, aboutCustomer("delete")),
		restoreCommand("customer", customerFields, (*repo.DB).RestoreCustomer),
		historyCommand("customer", CustomerID),
	}
}

func listCustomers(ctx context.Context, s *Session, in Input) (Output, error) {
	f := repo.CustomerFilter{SalesID: Value[int64](in, "sales-id"), Tag: Value[string](in, "tag")}
	if in.Has("mine") {
		if f.SalesID != 0 && f.SalesID != s.Me.ID {
			return list(customerFields, nil), nil // filters combine with AND
		}
		f.SalesID = s.Me.ID
	}
	return pages(ctx, s, in, customerFields, func(ctx context.Context, p repo.Page) (repo.List[repo.Customer], error) {
		f.Page = p
		return s.DB.Customers(ctx, f)
	})
}
