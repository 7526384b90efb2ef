package commands

import (
	"context"

	"crm/repo"
	"crm/security"
)

var customerFields = fieldsOf[repo.Customer]()

// CustomerID is the kind of a customer's ID.
var CustomerID = customerKind("customer", "")

// ownCustomerID is the kind of the ID of a customer that the session may change.
var ownCustomerID = customerKind("own customer", action("customer", "update"))

// customerKind returns the kind of a customer's ID. Completion offers the customers on which the session may do the
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

// deletedCustomerID is the kind of the ID of a deleted customer that the session may restore.
var deletedCustomerID = deletedKind(CustomerID,
	func(ctx context.Context, s *Session, p repo.Page) (repo.List[repo.Customer], error) {
		return s.DB.Customers(ctx, repo.CustomerFilter{Page: p, SalesID: s.owner(action("customer", "delete"))})
	}, plainly(customerChoice))

// owner returns the user's ID if they may do the action on their own records only, and 0 otherwise.
func (s *Session) owner(needed security.Action) int64 {
	if s.Me == nil || needed == "" || s.Matrix.Scope(needed) != security.Own {
		return 0
	}
	return s.Me.ID
}

// recent is the page of the newest records, for completion.
var recent = repo.Page{Limit: 200, Desc: true}

// live converts records to choices.
func live[T any](found []T, err error, choice func(T) Choice) ([]Choice, error) {
	choices := make([]Choice, len(found))
	for i, f := range found {
		choices[i] = choice(f)
	}
	return choices, err
}

func customerCommands() Table {
	details := []Flag{
		{Name: "email", Kind: Email, Help: "the email; '' for none"},
		{Name: "phone", Kind: Phone, Help: "the phone number; '' for none"},
		{Name: "address", Kind: Address, Help: "the postal address; '' for none"},
		{Name: "language", Kind: Language, Help: "the language to write in, like fr or en-GB; '' for unknown"},
		{Name: "sales-id", Kind: OrNone(SalesID), Help: "the sales contact; '' for none"},
		externalID,
	}
	changes := append([]Flag{
		{Name: "company-name", Kind: Required(Text(nameLimit)), Help: "the company"},
		{Name: "full-name", Kind: Required(Text(nameLimit)), Help: "the person"},
	}, details...)
	return Table{
		customerList(),
		wholeCommand("customer", CustomerID, customerFields, (*repo.DB).WholeCustomer),
		{
			Name: "customer add", Short: "Add a customer; a sales collaborator becomes its sales contact",
			Needs: action("customer", "add"),
			Args: []Arg{
				{Name: "company-name", Kind: Required(Text(nameLimit)), Help: "the company"},
				{Name: "full-name", Kind: Required(Text(nameLimit)), Help: "the person"},
			},
			Flags: append(details[:len(details):len(details)], forceFlag),
			Examples: []string{
				`customer add "Vauban SARL" "Ines Vauban" --email ines@vauban.example --phone "+33 6 98 76 54 32"`,
			},
			Run: addCustomer,
		},
		updateCommand("customer", "Change a customer", ownCustomerID, changes, updateCustomer,
			"customer update 1 --phone 0612345678", forceFlag),
		deleteCommand("customer", CustomerID, customerFields, (*repo.DB).DeleteCustomer, aboutCustomer("delete")),
		restoreCommand(deletedCustomerID, customerFields, (*repo.DB).RestoreCustomer),
		historyCommand("customer", CustomerID),
		mergeCommand(),
		duplicatesCommand(),
	}
}

// customerList returns `customer list`.
func customerList() Command {
	return Command{
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
	}
}

// addCustomer adds a customer unless it is like another one.
func addCustomer(ctx context.Context, s *Session, in Input) (Output, error) {
	change := changeOf(customerFields, in)
	warnings, err := unlikeOthers(ctx, s, in, repo.Customer{}, change)
	if err != nil {
		return Output{}, err
	}
	c, err := s.DB.AddCustomer(ctx, change)
	out := done(customerFields, c, "customer", c.ID, "added")
	out.Warnings = warnings
	return out, err
}

// updateCustomer changes a customer unless that makes it like another one.
func updateCustomer(ctx context.Context, s *Session, in Input) (Output, error) {
	id := Value[int64](in, "id")
	change, same := updateOf(customerFields, in)
	var warnings []string
	if makesAlike(change) {
		was, err := s.DB.Customer(ctx, id)
		if err == nil {
			warnings, err = unlikeOthers(ctx, s, in, was, change)
		}
		if err != nil {
			return Output{}, named(err, "customer", id)
		}
	}
	c, err := s.DB.UpdateCustomer(ctx, id, change)
	out := updated(customerFields, c, "customer", id, *same)
	out.Warnings = warnings
	return out, named(err, "customer", id)
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
