//go:build failover

package repo_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crm/repo"
	"crm/repo/embedded/pgtest"
)

// A primary is killed under load and its synchronous standby promoted: whoever is signed in stays so and goes on with
// the same URL, every acknowledged payment is there, and none that was not sent.
func TestFailover(t *testing.T) {
	ctx, c := t.Context(), pgtest.StartCluster(t)
	w := worldOf(t, c)
	c.SQL(1, "alter role crm_app set synchronous_commit = off") // by whoever holds the config file
	c.Replicate()
	k := w.contract(w.customer("sales1").ID, 100_000, "signed").ID
	manage := w.as("manage")
	var acknowledged, uncertain, after atomic.Int64
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
				case errors.Is(err, repo.ErrUnavailable):
					uncertain.Add(1)
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
	if paid < acknowledged.Load() || paid > acknowledged.Load()+uncertain.Load() {
		t.Errorf("%d payments are there, %d acknowledged, %d uncertain", paid, acknowledged.Load(), uncertain.Load())
	}
	t.Logf("%d acknowledged, %d of them after the promotion, %d uncertain, %d there", acknowledged.Load(), after.Load(), uncertain.Load(), paid)
}
