//go:build failover

package repo_test

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crm/repo"
	"crm/repo/embedded/faultproxy"
	"crm/repo/embedded/pgtest"
)

// A primary is killed under load and its synchronous standby promoted: users stay signed in and continue with the same
// URL; every acknowledged payment is stored, and no payment that was not sent.
func TestFailover(t *testing.T) {
	ctx, c := t.Context(), pgtest.StartCluster(t)
	w := worldOf(t, c)
	c.SQL(1, "alter role crm_app set synchronous_commit = off") // by a thief of the config file
	c.Replicate()
	k := w.contract(w.customer("sales1").ID, 100_000, "signed").ID
	manage := w.as("manage")
	var acknowledged, after atomic.Int64
	requests := make(chan string, 1000) // of uncertain payments
	promoted := make(chan struct{})
	enough := make(chan struct{})
	var payers sync.WaitGroup
	for range 4 {
		payers.Go(func() {
			for done := 0; done < 25; {
				_, err := manage.PayContract(ctx, k, 1, nil)
				switch {
				case err == nil:
					if acknowledged.Add(1) == 40 {
						close(enough)
					}
					select {
					case <-promoted:
						after.Add(1)
						done++
					default:
					}
				case errors.As(err, new(repo.Uncertain)):
					var u repo.Uncertain
					_ = errors.As(err, &u)
					requests <- u.Request
				case errors.Is(err, repo.ErrUnavailable): // it was not made
				default:
					t.Errorf("a payment: %v", err)
					return
				}
			}
		})
	}
	<-enough
	begin := time.Now()
	c.Fail()
	t.Logf("killed and promoted in %v", time.Since(begin).Round(time.Millisecond))
	close(promoted)
	payers.Wait()
	if _, _, _, err := manage.Whoami(ctx); err != nil {
		t.Errorf("the session after it: %v", err)
	}
	there := ok[repo.Contract](t)(manage.Contract(ctx, k))
	paid := int64(there.TotalAmount - there.RemainingAmount)
	uncertain, made := len(requests), int64(0)
	for range uncertain {
		if ok[bool](t)(manage.Fate(ctx, <-requests)) {
			made++
		}
	}
	if paid != acknowledged.Load()+made {
		t.Errorf("%d payments are there, %d acknowledged, %d uncertain ones were made", paid, acknowledged.Load(), made)
	}
	t.Logf("%d acknowledged, %d of them after the promotion, %d uncertain, %d of them made, %d there",
		acknowledged.Load(), after.Load(), uncertain, made, paid)
}

// The new primary knows the result of a change whose answer the old one could not send.
func TestFailoverFate(t *testing.T) {
	ctx, c := t.Context(), pgtest.StartCluster(t)
	w := worldOf(t, c)
	c.Replicate()
	p := faultproxy.Listen(t, func() (net.Conn, error) {
		return net.Dial("unix", fmt.Sprintf("%s/.s.PGSQL.%d", c.Dir, c.Primary()))
	})
	k := w.contract(w.customer("sales1").ID, 100_000, "signed").ID
	db := faulty{w, p, fmt.Sprintf("postgres://crm_app@127.0.0.1:%s/crm?sslmode=disable", p.Port()), w.vault}.as(
		"sales1", time.Minute)
	var requests []string
	for i, d := range []faultproxy.Direction{faultproxy.Down, faultproxy.Up} {
		ok[repo.Contract](t)(db.PayContract(ctx, k, 1, nil))
		p.Refuse(true)
		p.Arm(faultproxy.Cut, d, 1)
		_, err := db.PayContract(ctx, k, repo.Money(200+i), nil)
		p.Refuse(false)
		var u repo.Uncertain
		if !errors.As(err, &u) {
			t.Fatalf("direction %d: %v", d, err)
		}
		requests = append(requests, u.Request)
	}
	c.Await() // the old primary is in the midst of nothing
	c.Fail()
	w.owner = rawPool(t, c.URL(c.Primary(), "crm"))
	for i, request := range requests {
		made := ok[bool](t)(db.Fate(ctx, request))
		if n := w.payments(200 + i); made != (n == 1) || made != (i == 0) {
			t.Errorf("payment %d: fate says %v, made %d times", i, made, n)
		}
	}
}
