//go:build linux

package shell

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// These benchmarks measure the delays that a user feels: the built program in a terminal, on a real database. They only
// print:
//
//	go test ./shell -run '^$' -bench 'Keystroke|Idle|Memory' -benchtime 1x
//
// CRM_COMMANDS is the number of commands of BenchmarkMemory, 1,000 if it is not set.

// BenchmarkKeystroke takes the time from a key to its line on the screen, while a customer's number is completed, and
// first in psql, which completes nothing by itself. x-psql is the ratio of the medians in one run.
func BenchmarkKeystroke(b *testing.B) {
	bin := build(b, "crm")
	var psql time.Duration
	b.Run("psql", func(b *testing.B) {
		w, err := shared()
		if err != nil {
			b.Fatal(err)
		}
		s := openConsole(b, "", consoleConfig{args: []string{"psql", "-X", "-v", "PROMPT1=crm> ", w.url(stock)}})
		took, written := s.keys(300, "crm> ", func() { s.send("\x05\x15"); s.waitLine("crm>") })
		psql = reportKeys(b, took, written)
	})
	for _, blocked := range []bool{true, false} {
		b.Run(map[bool]string{true: "blocked", false: "answering"}[blocked], func(b *testing.B) {
			d := sit(b, deskConfig{login: "sales1", bin: bin})
			if blocked {
				d.lock("customer")
			}
			took, written := d.keys(300, d.prompt+" ", d.clean)
			ours := reportKeys(b, took, written)
			if psql > 0 {
				b.ReportMetric(float64(ours)/float64(psql), "x-psql")
			}
		})
	}
}

// boxBytes checks the number of bytes that a key writes to the terminal, which over a slow connection is what is
// felt. Most of what is left are the letters of the rows of the box; see docs/performance.md.
func boxBytes(t *testing.T) {
	for _, state := range []struct {
		blocked bool
		most    int
	}{{true, 75}, {false, 150}} {
		d := sit(t, deskConfig{login: "sales1"})
		if state.blocked {
			d.lock("customer")
		}
		took, written := d.keys(1, d.prompt+" ", d.clean)
		if each := written / len(took); each > state.most {
			t.Errorf("blocked %t: %d bytes a key, want at most %d", state.blocked, each, state.most)
		}
	}
}

// keys types a command until it has typed so many keys, cleans the line after each, and returns the time of each key and
// the number of bytes that were written for all of them.
func (s *console) keys(most int, prompt string, clean func()) (took []time.Duration, written int) {
	for len(took) < most {
		since, typed := len(s.output()), prompt
		for _, key := range "customer get 1234" {
			typed += string(key)
			time.Sleep(15 * time.Millisecond) // a fast typist
			began := time.Now()
			s.send(string(key))
			for want := strings.TrimRight(typed, " "); s.line() != want || s.cursor().X != len(typed); {
				select {
				case <-s.news:
				case <-time.After(5 * time.Second):
					s.t.Fatalf("no %q: %q", typed, s.line())
				}
			}
			took = append(took, time.Since(began))
		}
		written += len(s.output()) - since
		clean()
	}
	return took, written
}

func reportKeys(b *testing.B, took []time.Duration, written int) (median time.Duration) {
	slices.Sort(took)
	at := func(share float64) time.Duration { return took[int(share*float64(len(took)-1))] }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(at(0.5).Microseconds())/1000, "ms/median")
	b.ReportMetric(float64(at(0.99).Microseconds())/1000, "ms/p99")
	b.ReportMetric(float64(written)/float64(len(took)), "B/key")
	b.ReportMetric(float64(len(took)), "keys")
	return at(0.5)
}

// BenchmarkIdle measures the program while no key is pressed, with the box open, after a sign-in that took 64 MiB.
func BenchmarkIdle(b *testing.B) {
	d := sit(b, deskConfig{login: "sales1", bin: build(b, "crm"), env: []string{
		"CRM_PASSWORD_MEMORY_MIB=64", "CRM_PASSWORD_ITERATIONS=3",
	}})
	d.send("customer get ")
	d.wait("Callaghan")
	time.Sleep(6 * time.Second) // until the completion's values are loaded and garbage is collected
	const span = 10 * time.Second
	before := d.usage()
	time.Sleep(span)
	after := d.usage()
	b.ReportMetric(100*(after.cpu-before.cpu).Seconds()/span.Seconds(), "%cpu")
	b.ReportMetric(float64(after.switches-before.switches)/span.Seconds(), "wakeups/s")
	b.ReportMetric(float64(after.rss)/(1<<20), "MB")
}

// BenchmarkMemory measures the memory that is still used after many commands.
func BenchmarkMemory(b *testing.B) {
	commands, err := strconv.Atoi(cmp.Or(os.Getenv("CRM_COMMANDS"), "1000"))
	if err != nil {
		b.Fatal(err)
	}
	d := sit(b, deskConfig{login: "sales1", bin: build(b, "crm")})
	d.do(100)
	before := d.usage()
	d.do(commands)
	after := d.usage()
	b.ReportMetric(float64(after.rss)/(1<<20), "MB")
	b.ReportMetric(float64(before.rss)/(1<<20), "MB-after-100")
	b.ReportMetric(float64(after.descriptors-before.descriptors), "descriptors-more")
	b.ReportMetric(float64(after.threads-before.threads), "threads-more")
	b.ReportMetric(float64(commands), "commands")
}

// do pastes and runs so many commands that read.
func (d *desk) do(commands int) {
	d.t.Helper()
	for left := commands; left > 0; left -= 500 {
		paste := ""
		for i := range min(left, 500) {
			paste += []string{
				"customer get 1", "customer list --limit 5", "event list --limit 2",
				"contract get 1",
			}[i%4] + "\n"
		}
		since := len(d.output())
		d.send("\x1b[200~" + paste + "customer get 29\r\x1b[201~")
		for end := time.Now().Add(2 * time.Minute); !strings.Contains(d.output()[since:], "│ 29"); {
			if time.Now().After(end) {
				d.t.Fatal(d.screen())
			}
			<-d.news
		}
		d.idle()
		d.forget()
	}
}

// forget drops the output so far.
func (s *console) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.Reset()
}

// A usage is the resources that a process has used so far, and those that it holds.
type usage struct {
	cpu                                time.Duration
	switches                           int // voluntary, of all threads
	rss, threads, descriptors, sockets int
}

func (s *console) usage() (u usage) {
	s.t.Helper()
	proc := fmt.Sprintf("/proc/%d", s.cmd.Process.Pid)
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		return string(text)
	}
	stat := read(proc + "/stat")
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	for _, ticks := range fields[11:13] {
		n, _ := strconv.Atoi(ticks)
		u.cpu += time.Duration(n) * 10 * time.Millisecond
	}
	tasks, _ := filepath.Glob(proc + "/task/*/status")
	for _, task := range tasks {
		u.switches += counted(read(task), "voluntary_ctxt_switches:")
	}
	u.threads = len(tasks)
	u.rss = counted(read(proc+"/status"), "VmRSS:") << 10
	fds, _ := filepath.Glob(proc + "/fd/*")
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:") {
			u.sockets++
		}
	}
	u.descriptors = len(fds)
	return u
}

// counted returns the number behind a key in a text of /proc.
func counted(text, key string) int {
	_, rest, _ := strings.Cut("\n"+text, "\n"+key)
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(fields[0])
	return n
}
