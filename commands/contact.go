package commands

import (
	"context"

	"crm/repo"
	"crm/security"
)

var contactFields = fieldsOf[repo.Contact]()

// ContactID is the kind of a contact's ID.
var ContactID = contactKind("contact", "")

// ownContactID is the kind of the ID of a contact that the session may change.
var ownContactID = contactKind("own contact", action("contact", "update"))

// contactKind returns the kind of a contact's ID. Completion offers the contacts on which the session may do the
// action; all if it is "".
func contactKind(key string, needed security.Action) Kind {
	return Kind{
		Name: "CONTACT_ID", Key: key, Noun: "contact", Parse: ID.Parse, Search: searchContacts,
		Live: func(ctx context.Context, s *Session) ([]Choice, error) {
			found, err := s.DB.Contacts(ctx, repo.ContactFilter{Page: recent, SalesID: s.owner(needed)})
			return live(found.Rows, err, contactChoice)
		},
	}
}

// deletedContactID is the kind of the ID of a deleted contact that the session may restore.
var deletedContactID = deletedKind(ContactID,
	func(ctx context.Context, s *Session, p repo.Page) (repo.List[repo.Contact], error) {
		return s.DB.Contacts(ctx, repo.ContactFilter{Page: p, SalesID: s.owner(action("contact", "delete"))})
	}, plainly(contactChoice))

func contactCommands() Table {
	details := []Flag{
		{Name: "role", Kind: Text(nameLimit), Help: "their role at the customer; '' for unknown"},
		{Name: "email", Kind: Email, Help: "the email; '' for none"},
		{Name: "phone", Kind: Phone, Help: "the phone number; '' for none"},
		{Name: "first", Kind: Switch, Help: "make it the customer's first contact"},
		externalID,
	}
	changes := append([]Flag{{Name: "full-name", Kind: Required(Text(nameLimit)), Help: "the person"}}, details...)
	return Table{
		{
			Name: "contact list", Short: "List the contacts of customers", Needs: action("contact", "view"),
			Flags: listFlags(contactFields, repo.SortKeys[repo.Contact](),
				Flag{Name: "customer-id", Kind: CustomerID, Help: "only those of this customer"},
				Flag{Name: "first", Kind: Switch, Help: "only the first one of each customer"},
				searchFlag("name, role, email or phone")),
			Examples: []string{"contact list --customer-id 3", "contact list --search quick"},
			Run:      listContacts,
		},
		getCommand("contact", ContactID, contactFields, (*repo.DB).Contact),
		{
			Name: "contact add", Short: "Add a contact to a customer", Needs: action("contact", "add"),
			Args: []Arg{
				{Name: "customer-id", Kind: contactCustomerID, Help: "the customer"},
				{Name: "full-name", Kind: Required(Text(nameLimit)), Help: "the person"},
			},
			Flags:    details,
			Examples: []string{`contact add 1 "Ada Casey" --role accounting --email ada@startup.example`},
			Run:      addContact,
		},
		updateCommand("contact", "Change a contact", ownContactID, changes, updateContact, "contact update 1 --first"),
		deleteCommand("contact", ownContactID, contactFields, (*repo.DB).DeleteContact, aboutContact("delete")),
		restoreCommand(deletedContactID, contactFields, (*repo.DB).RestoreContact),
		historyCommand("contact", ContactID),
	}
}

func listContacts(ctx context.Context, s *Session, in Input) (Output, error) {
	f := repo.ContactFilter{CustomerID: Value[int64](in, "customer-id"), First: in.Has("first")}
	return pages(ctx, s, in, contactFields, func(ctx context.Context, p repo.Page) (repo.List[repo.Contact], error) {
		f.Page = p
		return s.DB.Contacts(ctx, f)
	})
}

func addContact(ctx context.Context, s *Session, in Input) (Output, error) {
	c, err := s.DB.AddContact(ctx, changeOf(contactFields, in))
	return done(contactFields, c, "contact", c.ID, "added"), named(err, "customer", Value[int64](in, "customer-id"))
}

func updateContact(ctx context.Context, s *Session, in Input) (Output, error) {
	id := Value[int64](in, "id")
	change, same := updateOf(contactFields, in)
	c, err := s.DB.UpdateContact(ctx, id, change)
	return updated(contactFields, c, "contact", id, *same), named(err, "contact", id)
}

// contactCustomerID is the kind of the ID of a customer to which the session may add a contact.
var contactCustomerID = customerKind("customer of a contact", action("contact", "add"))
