//go:build linux

package shell

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"crm/repo/embedded"
	"crm/seed"
)

// BenchmarkScript measures a command of a script: the built program with a script of commands, in turns with psql and
// a script of the same work as the superuser, without the guard. The time of starting and signing in, a script of one
// command, is subtracted. The server keeps its data through a power cut. x-psql is the median of the ratios. How long
// a disk takes to flush a commit is the same for both; add-1ms measures it on one that takes a millisecond longer
// (commit_delay), as many do that keep what they have confirmed.
func BenchmarkScript(b *testing.B) {
	server, err := embedded.Start(context.Background(), embedded.Config{Dir: shortDir(b)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = server.Close() })
	w, err := fillWarehouse(func(database string) string { return server.URL(database, "") })
	if err != nil {
		b.Fatal(err)
	}
	r := scripted{b, w, b.TempDir(), build(b, "crm")}
	r.psql("create table plain (id bigint generated always as identity primary key, company_name text, " +
		"full_name text, email text)")
	added := 0
	command := func() string {
		added++
		return fmt.Sprintf("customer add 'Firm %[1]d' 'Person %[1]d' --email p%[1]d@firm.example", added)
	}
	insert := func() string {
		return "insert into plain (company_name, full_name, email) values ('Firm', 'Person', 'p@firm.example');"
	}
	for _, work := range []struct {
		name         string
		commands     int
		command, sql func() string
		flush        int // µs that a flush takes longer
	}{
		{
			"get", 1000, func() string { return "contract get 1" },
			func() string { return "select * from crm.contract where id = 1;" }, 0,
		},
		{"add", 500, command, insert, 0},
		{"add-1ms", 500, command, insert, 1000},
	} {
		b.Run(work.name, func(b *testing.B) {
			r.psql("alter system set commit_siblings = 0")
			r.psql(fmt.Sprintf("alter system set commit_delay = %d", work.flush))
			r.psql("select pg_reload_conf()")
			lines := func(line func() string, n int) string {
				all := make([]string, n)
				for i := range all {
					all[i] = line()
				}
				return strings.Join(all, "\n") + "\n"
			}
			each := func(run func(string) time.Duration, line func() string) float64 {
				one, all := run(lines(line, 1)), run(lines(line, work.commands))
				return float64((all - one).Microseconds()) / float64(work.commands-1)
			}
			var crm, psql, ratios []float64
			for b.Loop() {
				c, p := each(r.crm, work.command), each(r.psql, work.sql)
				crm, psql, ratios = append(crm, c), append(psql, p), append(ratios, c/p)
			}
			middle := func(all []float64) float64 { slices.Sort(all); return all[len(all)/2] }
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(middle(crm), "µs-crm")
			b.ReportMetric(middle(psql), "µs-psql")
			b.ReportMetric(middle(ratios), "x-psql")
		})
	}
}

// scripted runs scripts of both programs.
type scripted struct {
	b *testing.B
	warehouse
	home, bin string
}

func (r scripted) crm(script string) time.Duration {
	return r.run(script, r.bin, "--login", "admin@epic.example", "--format", "json", "--quiet", "-f")
}

func (r scripted) psql(script string) time.Duration {
	return r.run(script, "psql", "-X", "-q", r.url(stock), "-f")
}

// run runs a program with a script as its last argument, and returns how long it took.
func (r scripted) run(script, program string, args ...string) time.Duration {
	r.b.Helper()
	file := filepath.Join(r.home, "script")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		r.b.Fatal(err)
	}
	cmd := exec.Command(program, append(args, file)...)
	cmd.Env = append(os.Environ(), "HOME="+r.home, "XDG_CONFIG_HOME="+r.home, "XDG_DATA_HOME="+r.home, "XDG_STATE_HOME="+r.home,
		"CRM_DATABASE_URL="+r.app(stock), "CRM_KEYSET="+r.keyset, "CRM_PASSWORD="+seed.DemoPassword)
	var words strings.Builder
	cmd.Stderr = &words
	began := time.Now()
	if err := cmd.Run(); err != nil {
		r.b.Fatalf("%s: %v\n%s", program, err, words.String())
	}
	return time.Since(began)
}
