package seed_test

import (
	"context"
	"testing"
	"time"
	"crm/security"
	"crm/seed"
)

// The first start of a demo.
func BenchmarkFill(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		w, c := newWorld(b), demo()
		c.Params = security.Params{}
		b.StartTimer()
		w.fill(c)
	}
}

func TestX(t *testing.T) {
	w := newWorld(t)
	n := 0
	at := time.Now()
	made, err := seed.Fill(context.Background(), w.admin, w.db, demo(), func(d, tot int) { n = tot })
	t.Log(made, err, n, time.Since(at))
	all := w.everything()
	for _, c := range all.customers { t.Log(c.ID, c.CompanyName, c.FullName, c.Email, c.Phone, *c.SalesContact, c.CreatedAt.Format(time.DateTime), c.UpdatedAt.Format(time.DateOnly)) }
	for _, c := range all.contracts { t.Log(c.ID, c.CustomerID, c.TotalAmount, c.RemainingAmount, c.Status, c.SignedAt, c.CreatedAt.Format(time.DateTime), c.UpdatedAt.Format(time.DateOnly)) }
	s := func(x *string) string { if x==nil {return "--"}; return *x }
	for _, c := range all.events { t.Log(c.ID, c.ContractID, s(c.Name), c.StartDate.In(paris()).Format("Mon 2006-01-02 15:04"), c.EndDate.In(paris()).Format("Mon 2006-01-02 15:04"), s(c.Location), *c.Attendees, s(c.Comments), s(c.SupportContact), c.CreatedAt.Format(time.DateOnly)) }
}
