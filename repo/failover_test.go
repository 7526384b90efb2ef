//go:build failover

package repo_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crm/repo"
	"crm/repo/embedded/pgtest"
	"crm/security"
)

// A primary is killed under load and its synchronous standby promoted: whoever is signed in stays so and goes on with
// the same URL, every acknowledged payment is there, and none that was not sent.
func TestFailover(t *testing.T) {
	ctx, c := t.Context(), pgtest.StartCluster(t)
	admin := repo.NewAdmin(c.URL(1, "postgres"), names("crm"))
	if _, err := admin.Setup(ctx, schemaSQL(), ""); err != nil {
		t.Fatal(err)
	}
	keyring := newKeyring(t)
	if _, err := admin.RegisterKey(ctx, keyring.KeyID()); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, database: "crm", admin: admin, ids: map[string]int64{}, signers: map[string]*security.Signer{}, vault: vault{keyring}}
	url := fmt.Sprintf("postgres://crm_app@/crm?host=%[1]s,%[1]s&port=1,2&target_session_attrs=read-write", c.Dir)
	w.db = w.through(t, front{url: url})
	w.add("admin", "admin")
	w.add("sales1", "sales")
	w.add("manage", "manage")
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
