//go:build unix

package repo_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crm/repo"
	"crm/repo/embedded/faultproxy"
	"crm/repo/embedded/pgtest"
	"crm/security"
)

// A lineClaim is the result that the program reported for one line of a torture.
type lineClaim struct {
	line    int
	err     error
	made    bool
	request string // of an uncertain one
}

// tally counts claims as they come and at the end.
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

// A rack is a cluster's database behind a proxy that breaks connections, and the means to break more.
type rack struct {
	*world
	*faultproxy.Proxy
	servers *pgtest.Cluster
	faults  atomic.Int64
	count   [3]int // of faults of the server: killed processes, restarts, failovers
}

// worldOf returns a world in a cluster, reached at the present primary.
func worldOf(t testing.TB, c *pgtest.Cluster) *world {
	t.Helper()
	admin := repo.NewAdmin(c.URL(c.Primary(), "postgres"), names("crm"))
	if _, err := admin.Setup(t.Context(), schemaSQL(), ""); err != nil {
		t.Fatal(err)
	}
	keyring := newKeyring(t)
	if _, err := admin.RegisterKey(t.Context(), keyring.KeyID()); err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, database: "crm", admin: admin, ids: map[string]int64{}, signers: map[string]*security.Signer{},
		vault: vault{keyring},
	}
	w.db = w.through(t, front{
		url: fmt.Sprintf("postgres://crm_app@/crm?host=%[1]s,%[1]s&port=1,2&target_session_attrs=read-write", c.Dir),
	})
	for _, p := range people {
		w.add(p, roleOf(p))
	}
	return w
}

// TestTorture lets scripts pay and add while connections are cut, answers swallowed, server processes killed and the
// server restarted; with -tags soak, it also fails over to a standby. At the end every claim is compared with the data:
// no write may be lost, made twice, or reported wrongly. It lasts for some lines and faults, with -tags soak for
// CRM_SOAK. CRM_SEED repeats a run as far as the machine permits.
func TestTorture(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("CRM_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("CRM_SEED=%d", seed)
	ctx, c := t.Context(), pgtest.StartCluster(t)
	w := worldOf(t, c)
	if soak > 0 {
		c.Replicate()
	}
	r := &rack{world: w, servers: c, Proxy: faultproxy.Listen(t, func() (net.Conn, error) {
		return net.Dial("unix", fmt.Sprintf("%s/.s.PGSQL.%d", c.Dir, c.Primary()))
	})}
	k := w.contract(w.customer("sales1").ID, 9_000_000_000_00, "signed").ID
	f := faulty{w, r.Proxy, fmt.Sprintf("postgres://crm_app@127.0.0.1:%s/crm?sslmode=disable", r.Port()), w.vault}
	db := f.as("sales1", 2*time.Second)
	const scripts, lines, faults = 4, 50, 4 * cycle
	begin, seen := time.Now(), &tally{}
	more := func(line int) bool {
		return ctx.Err() == nil && (line < lines || r.faults.Load() < faults || time.Since(begin) < soak)
	}
	var work sync.WaitGroup
	for s := range scripts {
		work.Go(func() {
			for line := 0; more(line); line++ {
				n := 1000 + line*scripts + s
				seen.add(n, tortured(ctx, db, k, n))
			}
		})
	}
	done := make(chan struct{})
	go func() { work.Wait(); close(done) }()
	r.harm(rand.New(rand.NewPCG(seed, 1)), done)
	w.owner = rawPool(t, c.URL(c.Primary(), "crm"))
	w.judge(ctx, seen, db)
	t.Logf("%d faults, %d of them kills of a process, %d restarts, %d failovers", r.faults.Load(), r.count[0],
		r.count[1], r.count[2])
}

// tortured is one line: it pays n cents or adds customer n.
func tortured(ctx context.Context, db *repo.DB, contract int64, n int) error {
	if n%3 == 0 {
		_, err := db.AddCustomer(ctx, repo.Change{"company_name": text("T%d", n), "full_name": text("T")})
		return err
	}
	_, err := db.PayContract(ctx, contract, repo.Money(n), nil)
	return err
}

// cycle is the number of faults of connections between two faults of a server.
const cycle = 12

// harm breaks something, again and again, until done.
func (r *rack) harm(random *rand.Rand, done chan struct{}) {
	for {
		select {
		case <-done:
			r.Arm(faultproxy.None, faultproxy.Up, 0)
			r.Refuse(false)
			return
		case <-time.After(time.Duration(random.IntN(100)) * time.Millisecond):
		}
		n := int(r.faults.Load())
		if n%cycle == cycle-1 {
			r.harmServer(n / cycle)
		} else {
			r.harmConnection(random)
		}
		r.faults.Add(1)
	}
}

func (r *rack) harmConnection(random *rand.Rand) {
	switch d := faultproxy.Direction(random.IntN(2)); random.IntN(8) {
	case 0:
		r.Arm(faultproxy.Swallow, d, random.IntN(1000))
	case 1:
		r.Arm(faultproxy.HalfClose, d, random.IntN(1000))
	case 2:
		r.CutAll()
	case 3:
		r.Refuse(random.IntN(3) == 0)
	default:
		r.Arm(faultproxy.Cut, d, random.IntN(2000))
	}
}

// harmServer kills a process, restarts the server or, in the soak, fails over and makes a new standby.
func (r *rack) harmServer(n int) {
	kinds := 2
	if soak > 0 {
		kinds = 3
	}
	switch n % kinds {
	case 0:
		r.servers.KillOne("crm")
	case 1:
		r.servers.Restart()
	case 2:
		r.servers.Await()
		r.servers.Fail()
		r.servers.Replicate()
	}
	r.count[n%kinds]++
}

// judge compares every claim with the data.
func (w *world) judge(ctx context.Context, seen *tally, db *repo.DB) {
	w.t.Helper()
	customers := map[string]int{}
	for after, more := int64(0), true; more; {
		page := ok[repo.List[repo.Customer]](w.t)(
			db.Customers(ctx, repo.CustomerFilter{Page: repo.Page{Limit: 1000, After: after}})).Rows
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
			n = w.payments(c.line)
		}
		said := c.made
		if c.request != "" {
			uncertain++
			made, err := db.Fate(ctx, c.request)
			if err != nil {
				w.t.Errorf("line %d: %v", c.line, err)
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
			w.t.Logf("line %d: %v", c.line, c.err)
		}
		if c.made {
			acknowledged++
		}
	}
	w.t.Logf("%d lines, %d acknowledged, %d told uncertain, %d resolved; %d lost, %d doubled, %d untrue",
		len(seen.claims), acknowledged, uncertain, resolved, lost, doubled, untrue)
	if lost+doubled+untrue > 0 {
		w.t.Errorf("lost, doubled and untrue claims must be 0")
	}
}
