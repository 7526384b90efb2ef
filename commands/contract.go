package commands

import (
	"context"
	"fmt"
	"slices"

	"crm/repo"
	"crm/security"
)

var contractFields = fieldsOf[repo.Contract]()

// The kinds of a contract's ID. They differ in the contracts that completion and names find.
var (
	ContractID     = contractKind("contract", "", repo.ContractFilter{}, nil)
	openContractID = contractKind("open contract", action("contract", "update"), repo.ContractFilter{},
		hasStatus("to_send", "pending", "signed"))
	unsignedContractID = contractKind("unsigned contract", action("contract", "update"),
		repo.ContractFilter{Unsigned: true}, hasStatus("to_send", "pending"))
	signableContractID = contractKind("contract to sign", action("contract", "update"),
		repo.ContractFilter{Unsigned: true},
		func(c repo.Contract) bool { return hasStatus("to_send", "pending")(c) && c.TotalAmount > 0 })
	unpaidContractID = contractKind("unpaid contract", action("contract", "update"),
		repo.ContractFilter{Status: "signed", Unpaid: true},
		func(c repo.Contract) bool { return c.Status == "signed" && c.RemainingAmount > 0 })
	paidContractID = contractKind("paid contract", action("contract", "update"), repo.ContractFilter{Status: "signed"},
		func(c repo.Contract) bool { return c.Status == "signed" && c.RemainingAmount == 0 })
	signedContractID = contractKind("signed contract", action("event", "add"), repo.ContractFilter{Status: "signed"},
		hasStatus("signed"))
)

func hasStatus(statuses ...string) func(repo.Contract) bool {
	return func(c repo.Contract) bool { return slices.Contains(statuses, c.Status) }
}

// contractKind returns the kind of a contract's ID. Completion offers the contracts that match the filter and fit, and
// on which the session may do the action. A name finds contracts that fit.
func contractKind(key string, needed security.Action, f repo.ContractFilter, fit func(repo.Contract) bool) Kind {
	unfit, finds := func(repo.Contract) bool { return false }, ""
	if fit != nil {
		unfit, finds = func(c repo.Contract) bool { return !fit(c) }, key
	}
	return Kind{
		Name: "CONTRACT_ID", Key: key, Noun: "contract", Finds: finds, Parse: ID.Parse,
		Search: func(ctx context.Context, s *Session, text string) ([]Choice, error) {
			return searchContracts(ctx, s, text, unfit)
		},
		Live: func(ctx context.Context, s *Session) ([]Choice, error) {
			f := f
			f.Page, f.Mine = recent, s.owner(needed)
			found, err := s.DB.Contracts(ctx, f)
			return live(slices.DeleteFunc(found.Rows, unfit), err,
				func(c repo.Contract) Choice { return contractChoice(s, c) })
		},
	}
}

// Status is the kind of a contract's state.
var Status = Enum("STATUS", repo.ContractStatuses()...)

func contractCommands() Table {
	amounts := []Flag{
		{Name: "total-amount", Kind: Amount, Help: "the price"},
		{Name: "status", Kind: Status, Help: "its state"},
		externalID,
	}
	changes := append([]Flag{
		{Name: "customer-id", Kind: CustomerID, Help: "the customer"},
		{Name: "sales-id", Kind: OrNone(SalesID), Help: "the sales contact; '' for none"},
		{Name: "remaining-amount", Kind: Amount, Help: "the remaining amount: adds the missing payment"},
	}, amounts...)
	update := updateCommand("contract", "Change a contract", openContractID, changes, updateContract,
		"contract update 1 --total-amount 90000",
		Flag{Name: "yes", Kind: Switch, Help: "move it to another's customer, or change many, without asking"})
	update.Pays = func(in Input) bool { // as contract pay and contract cancel do
		return in.Has("remaining-amount") || Value[string](in, "status") == "canceled"
	}
	return Table{
		contractList(),
		getContract(),
		{
			Name: "contract payments", Short: "List the payments of a contract", Needs: action("contract", "view"),
			Args: []Arg{idArg(ContractID)}, Examples: []string{"contract payments 1"},
			Run: listPayments,
		},
		{
			Name: "contract add", Short: "Add a contract", Needs: action("contract", "add"),
			Args: []Arg{
				{Name: "customer-id", Kind: CustomerID, Help: "the customer"},
				{
					Name: "sales-id", Kind: SalesID, Help: "the sales contact; the customer's if left out",
					Optional: true,
				},
			},
			Flags:    amounts,
			Examples: []string{"contract add 1 --total-amount 12500.50"},
			Run:      addContract,
		},
		update,
		statusCommand("sign", signableContractID, "Mark a contract as signed", "signed", false),
		payCommand(),
		statusCommand("cancel", unsignedContractID, "Cancel a contract that is not signed yet", "canceled", true),
		statusCommand("finish", paidContractID, "Mark a signed and fully paid contract as finished", "finished", false),
		historyCommand("contract", ContractID),
		paymentList(),
	}
}

// contractList returns `contract list`.
func contractList() Command {
	return Command{
		Name: "contract list", Short: "List contracts", Needs: action("contract", "view"),
		Flags: listFlags(contractFields, repo.SortKeys[repo.Contract](),
			Flag{Name: "mine", Kind: Switch, Help: "only those whose sales contact, or whose customer's, you are"},
			Flag{Name: "customer-id", Kind: CustomerID, Help: "only those of this customer"},
			Flag{Name: "status", Kind: Status, Help: "only those in this state"},
			Flag{Name: "unsigned", Kind: Switch, Help: "only those that wait for a signature"},
			Flag{
				Name: "unpaid", Aliases: []string{"notpaid"}, Kind: Switch,
				Help: "only those with something left to pay",
			},
			tagFlag,
			searchFlag("number, customer, state, sales contact or total")),
		Examples: []string{
			"contract list --unsigned",
			"contract list --unpaid --mine --sort remaining_amount:desc",
		},
		Run: listContracts,
	}
}

// getContract returns `contract get`.
func getContract() Command {
	c := wholeCommand("contract", ContractID, contractFields, (*repo.DB).WholeContract)
	c.Short = "Show one contract, with its last payments"
	return c
}

func addContract(ctx context.Context, s *Session, in Input) (Output, error) {
	c, err := s.DB.AddContract(ctx, changeOf(contractFields, in))
	out := done(contractFields, c, "contract", c.ID, "added")
	return reached(out, c, in), err
}

func updateContract(ctx context.Context, s *Session, in Input) (Output, error) {
	id := Value[int64](in, "id")
	if err := givesAway(ctx, s, in); err != nil {
		return Output{}, err
	}
	change, same := updateOf(contractFields, in)
	c, err := s.DB.UpdateContract(ctx, id, change)
	out := updated(contractFields, c, "contract", id, *same)
	if !*same {
		out = reached(out, c, in)
	}
	return out, named(err, "contract", id)
}

// givesAway asks before a sales collaborator moves their own contract to a customer of another collaborator, who may
// change it from then on. In a script it returns an error without --yes. PostgreSQL permits the change.
func givesAway(ctx context.Context, s *Session, in Input) error {
	to := Value[int64](in, "customer-id")
	if to == 0 || in.Has("yes") || s.Matrix.Scope(action("contract", "update")) != security.Own {
		return nil
	}
	was, err := s.DB.Contract(ctx, Value[int64](in, "id"))
	if err != nil {
		return named(err, "contract", Value[int64](in, "id"))
	}
	c, err := s.DB.Customer(ctx, to)
	if err != nil || was.CustomerID == to || c.SalesID != nil && *c.SalesID == s.Me.ID {
		return named(err, "customer", to)
	}
	contact := "none"
	if c.SalesContact != nil {
		contact = *c.SalesContact
	}
	if s.Confirm == nil {
		return usageHint("--yes does it", "contract update gives contract %d away: the contact of customer %d is %s",
			was.ID, to, contact)
	}
	return s.Confirm(ctx, fmt.Sprintf("give contract %d to customer %d, whose contact is %s?", was.ID, to, contact))
}

// statusCommand returns the command that moves a contract to a status.
func statusCommand(verb string, kind Kind, short, status string, destructive bool) Command {
	return Command{
		Name: "contract " + verb, Short: short, Needs: action("contract", "update"),
		Args: []Arg{idArg(kind)}, Destructive: destructive, Question: aboutContract(verb),
		Run: func(ctx context.Context, s *Session, in Input) (Output, error) {
			id := Value[int64](in, "id")
			was, err := s.DB.Contract(ctx, id)
			if err != nil {
				return Output{}, named(err, "contract", id)
			}
			if was.Status == status {
				return Output{}, &worded{fmt.Sprintf("contract %d is %s already", id, status), "", repo.ErrConflict}
			}
			c, err := s.DB.UpdateContract(ctx, id, repo.Change{"status": status})
			return done(contractFields, c, "contract", id, status), named(err, "contract", id)
		},
	}
}

// reached adds the event of the status that --status set, so that it is reported like contract sign (R31).
func reached(out Output, c repo.Contract, in Input) Output {
	if status := Value[string](in, "status"); status != "" {
		out.Events = append(out.Events, happened("contract", c.ID, status))
	}
	return out
}

func listContracts(ctx context.Context, s *Session, in Input) (Output, error) {
	f := repo.ContractFilter{
		Tag:        Value[string](in, "tag"),
		CustomerID: Value[int64](in, "customer-id"), Status: Value[string](in, "status"),
		Unsigned: in.Has("unsigned"), Unpaid: in.Has("unpaid"),
	}
	if in.Has("mine") {
		f.Mine = s.Me.ID
	}
	return pages(ctx, s, in, contractFields, func(ctx context.Context, p repo.Page) (repo.List[repo.Contract], error) {
		f.Page = p
		return s.DB.Contracts(ctx, f)
	})
}
