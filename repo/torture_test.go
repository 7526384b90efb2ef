package repo_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"crm/repo"
	"crm/repo/embedded/faultproxy"
)

// A lineClaim is what the program said of one line of a torture.
type lineClaim struct {
	line    int
	err     error
	made    bool
	request string // of an uncertain one
}

// tally counts claims as they come and in the end.
type tally struct {
	mu     sync.Mutex
	claims []lineClaim
}

func (c *tally) add(line int, err error) {
	var u repo.Uncertain
	_ = errors.As(err, &u)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.claims = append(c.claims, lineClaim{line, err, err == nil || errors.Is(err, repo.ErrUnanswered), u.Request})
}

// TestTorture has scripts pay and add while connections are cut, answers swallowed and server processes killed. At the
// end every claim is compared with what is there: none may be lost, doubled or untrue. With -tags soak it lasts for
// CRM_SOAK, else for 20 lines a script. CRM_SEED repeats a run as far as the machine lets it.
func TestTorture(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("CRM_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("CRM_SEED=%d", seed)
	ctx, f := t.Context(), newFaulty(t)
	k := f.contract(f.customer("sales1").ID, 9_000_000_00, "signed").ID
	db := f.as("sales1", 2*time.Second)
	const scripts, lines = 4, 20
	begin, seen := time.Now(), &tally{}
	more := func(line int) bool { return line < lines || soak > 0 && time.Since(begin) < soak }
	var work sync.WaitGroup
	for s := range scripts {
		work.Go(func() {
			for line := 0; more(line); line++ {
				n := 1000 + line*scripts + s
				seen.add(n, tortured(ctx, db, k, n))
			}
		})
	}
	stop := make(chan struct{})
	harmed := make(chan int)
	go func() { harmed <- f.harm(rand.New(rand.NewPCG(seed, 1)), stop) }()
	work.Wait()
	close(stop)
	faults := <-harmed
	f.judge(ctx, seen, db, faults)
}

// tortured is one line: it pays n cents or adds customer n.
func tortured(ctx context.Context, db *repo.DB, contract int64, n int) error {
	if n%3 == 0 {
		_, err := db.AddCustomer(ctx, repo.CustomerChange{CompanyName: text("T%d", n), FullName: text("T")})
		return err
	}
	_, err := db.PayContract(ctx, contract, repo.Money(n), nil)
	return err
}

// harm breaks something, again and again, until stop; it returns how often.
func (f faulty) harm(r *rand.Rand, stop chan struct{}) (faults int) {
	for {
		select {
		case <-stop:
			f.Arm(faultproxy.None, faultproxy.Up, 0)
			f.Refuse(false)
			return faults
		case <-time.After(time.Duration(r.IntN(100)) * time.Millisecond):
		}
		faults++
		switch d := faultproxy.Direction(r.IntN(2)); r.IntN(8) {
		case 0:
			f.Arm(faultproxy.Swallow, d, r.IntN(1000))
		case 1:
			f.Arm(faultproxy.HalfClose, d, r.IntN(1000))
		case 2:
			f.set("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'crm_app' and datname = current_database()")
		case 3:
			f.Refuse(r.IntN(3) == 0)
		default:
			f.Arm(faultproxy.Cut, d, r.IntN(2000))
		}
	}
}

// judge compares every claim with the data.
func (f faulty) judge(ctx context.Context, seen *tally, db *repo.DB, faults int) {
	f.t.Helper()
	customers := map[string]int{}
	for after, more := int64(0), true; more; {
		page := ok[[]repo.Customer](f.t)(db.Customers(ctx, repo.CustomerFilter{Page: repo.Page{Limit: 1000, After: after}}))
		if more = len(page) > 1000; more {
			page = page[:1000]
		}
		for _, c := range page {
			customers[c.CompanyName]++
			after = c.ID
		}
	}
	acknowledged, uncertain, resolved, lost, doubled, untrue := 0, 0, 0, 0, 0, 0
	for _, c := range seen.claims {
		n := customers[fmt.Sprint("T", c.line)]
		if c.line%3 != 0 {
			n = f.payments(c.line)
		}
		said := c.made
		if c.request != "" {
			uncertain++
			made, err := db.Fate(ctx, c.request)
			if err != nil {
				f.t.Errorf("line %d: %v", c.line, err)
			}
			said, resolved = made, resolved+1
		}
		switch {
		case n > 1:
			doubled++
		case said && n == 0:
			lost++
		case !said && n == 1:
			untrue++
			f.t.Logf("line %d: %v", c.line, c.err)
		}
		if c.made {
			acknowledged++
		}
	}
	f.t.Logf("%d faults, %d lines, %d acknowledged, %d told uncertain, %d resolved; %d lost, %d doubled, %d untrue",
		faults, len(seen.claims), acknowledged, uncertain, resolved, lost, doubled, untrue)
	if lost+doubled+untrue > 0 {
		f.t.Errorf("lost, doubled and untrue claims must be 0")
	}
}
