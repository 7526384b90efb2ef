package commands

import (
	"context"
	"fmt"
	"slices"
	"time"

	"crm/repo"
)

// paymentList returns `payment list`.
func paymentList() Command {
	flags := listFlags(ledgerFields, repo.SortKeys[repo.Payment](),
		Flag{Name: "contract-id", Kind: ContractID, Help: "only those of this contract"},
		Flag{Name: "from", Kind: Day, Help: "only those of this day or later"},
		Flag{Name: "to", Kind: DayEnd, Help: "only those of this day or earlier"},
		searchFlag("the company, or with this number"))
	flags = slices.DeleteFunc(flags, func(f Flag) bool { return f.Name == "deleted" })
	return Command{
		Name: "payment list", Short: "List the payments of all contracts", Needs: action("contract", "view"),
		Flags: append(flags, Flag{
			Name: "where", Kind: whereKind("payment", flags),
			Help: `only those for which this holds: "FIELD = VALUE and …"`,
		}),
		Examples: []string{"payment list --from 2026-01-01 --to 2026-03-31"},
		Run: func(ctx context.Context, s *Session, in Input) (Output, error) {
			from, to, err := in.period(s, "from", "to")
			if err != nil {
				return Output{}, err
			}
			f := repo.PaymentFilter{ContractID: Value[int64](in, "contract-id"), From: from, Before: to}
			fetch := func(ctx context.Context, p repo.Page) (repo.List[repo.Payment], error) {
				f.Page = p
				return s.DB.Ledger(ctx, f)
			}
			return pages(ctx, s, in, ledgerFields, fetch)
		},
	}
}

// paymentFields are the fields of a payment of a known contract.
var paymentFields = slices.DeleteFunc(slices.Clone(ledgerFields),
	func(f Field[repo.Payment]) bool { return f.Name == "contract_id" || f.Name == "customer" })

func listPayments(ctx context.Context, s *Session, in Input) (Output, error) {
	id := Value[int64](in, "id")
	payments, err := s.DB.Payments(ctx, id)
	return list(paymentFields, payments), named(err, "contract", id)
}

var ledgerFields = fieldsOf[repo.Payment]()

// addPayments adds messages with the last three payments of a contract.
func (o *Output) addPayments(s *Session, contract int64, payments []repo.Payment) {
	if len(payments) == 0 {
		return
	}
	f, most := NewAmountFormat(s.Locale), 3
	if n := len(payments); n > most {
		o.addMessage(fmt.Sprintf("the last %d of %d payments; contract payments %d lists all", most, n, contract))
	}
	for _, p := range payments[max(0, len(payments)-most):] {
		o.addMessage(fmt.Sprintf("%s paid on %s", f.Format(p.Amount), p.PaidOn.Format(time.DateOnly)))
	}
}

// payCommand returns `contract pay`.
func payCommand() Command {
	return Command{
		Name: "contract pay", Short: "Record a payment", Needs: action("contract", "update"),
		Pays:  func(Input) bool { return true },
		Args:  []Arg{idArg(unpaidContractID), {Name: "amount", Kind: Payment, Help: "the amount paid"}},
		Flags: []Flag{{Name: "on", Kind: Day, Help: "the day of the payment (default today)"}},
		Run:   payContract,
	}
}

// payContract records a payment of today or of an earlier day.
func payContract(ctx context.Context, s *Session, in Input) (Output, error) {
	id, amount := Value[int64](in, "id"), Value[repo.Money](in, "amount")
	on := Given[time.Time](in, "on")
	if on == nil {
		today := s.Locale.Now().In(s.Locale.Zone)
		on = &today
	}
	if on.After(s.Locale.Now()) {
		return Output{}, repo.Invalid{Problems: []repo.Problem{{Field: "--on", Text: "is in the future"}}}
	}
	c, err := s.DB.PayContract(ctx, id, amount, on)
	out := done(contractFields, c, "contract", id, "paid")
	f := NewAmountFormat(s.Locale)
	out.Message = fmt.Sprintf("contract %d: %s paid, %s left to pay", id, f.Format(amount), f.Format(c.RemainingAmount))
	return out, named(err, "contract", id)
}
