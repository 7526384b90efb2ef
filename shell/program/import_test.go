//go:build linux

package program

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo/embedded/pgtest"
)

// TestImportEnds changes a file while an import of it waits for a lock, and interrupts and kills the import: nothing
// is stored, and nothing but the file is left, not even the refused row, whose file would say that the others are in.
func TestImportEnds(t *testing.T) {
	keyset, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		act    func(file string, crm *exec.Cmd) error
		status int
		said   string
	}{
		"changed": {func(file string, _ *exec.Cmd) error {
			return os.WriteFile(file, []byte("company,name\nOther,One\n"), 0o600)
		}, 1, "was changed while it was read: nothing was imported\nhint: import it again"},
		"interrupted": {func(_ string, crm *exec.Cmd) error {
			err := crm.Process.Signal(os.Interrupt)
			_ = crm.Wait() // it must not get the lock before it gets the signal
			return err
		}, 130, "cancelled\n0 commands ran"},
		"killed": {func(_ string, crm *exec.Cmd) error { return crm.Process.Kill() }, -1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			database := pgtest.Database(t, "crm_demo")
			file := filepath.Join(t.TempDir(), "new.csv")
			rows := strings.Repeat("New SARL,Ada New\n", 10) + "Refused SARL,\n"
			if err := os.WriteFile(file, []byte("company,name\n"+rows), 0o600); err != nil {
				t.Fatal(err)
			}
			crm := command(t, database, keyset, "--login", "admin@epic.example", "-c",
				"customer import '"+file+"' --skip-bad")
			var words bytes.Buffer
			crm.Stderr = &words
			whileLocked(t, database, "lock table customer in share mode", 1, crm.Start, func() error {
				return test.act(file, crm)
			})
			_ = crm.Wait()
			if got := crm.ProcessState.ExitCode(); got != test.status || !strings.Contains(words.String(), test.said) {
				t.Errorf("status %d, want %d: %s", got, test.status, words.String())
			}
			var out strings.Builder
			if err := query(&out, pgtest.URL(database), "select count(*), max(id) from customer"); err != nil ||
				out.String() != "40\t40\n" {
				t.Errorf("customers, the last one: %s, %v", out.String(), err)
			}
			if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 1 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

// whileLocked holds a lock and calls start, waits until so many programs wait for the lock, and calls act while they do.
func whileLocked(t *testing.T, database, lock string, programs int, start, act func() error) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, pgtest.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "begin; set local search_path to crm; "+lock); err != nil {
		t.Fatal(err)
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	for waiting := 0; waiting < programs; time.Sleep(10 * time.Millisecond) {
		if err := conn.QueryRow(ctx, `select count(*) from pg_locks l
				where pg_backend_pid() = any (pg_blocking_pids(l.pid)) and not l.granted`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	if err := act(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, "rollback"); err != nil {
		t.Fatal(err)
	}
}

// TestPaidTogether imports one file of payments twice at once: one of the imports is refused.
func TestPaidTogether(t *testing.T) {
	keyset, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	database := pgtest.Database(t, "crm_demo")
	file := filepath.Join(t.TempDir(), "paid.csv")
	if err := os.WriteFile(file, []byte("contract,amount,date\n1,7.77,2026-01-05\n1,7.77,2026-01-05\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var imports [2]*exec.Cmd
	var words [2]bytes.Buffer
	for i := range imports {
		imports[i] = command(t, database, keyset, "--login", "manage@epic.example", "-c", "payment import '"+file+"'")
		imports[i].Stderr = &words[i]
	}
	whileLocked(t, database, "lock table contract in exclusive mode", 2,
		func() error { return errors.Join(imports[0].Start(), imports[1].Start()) }, func() error { return nil })
	status := 0
	for i := range imports {
		_ = imports[i].Wait()
		status += imports[i].ProcessState.ExitCode()
	}
	said := words[0].String() + words[1].String()
	if status != 1 || strings.Count(said, " on 2026-01-05 already: --force") != 2 {
		t.Errorf("status %d in all: %s", status, said)
	}
	var out strings.Builder
	if err := query(&out, pgtest.URL(database), "select count(*) from payment where amount = 7.77"); err != nil ||
		out.String() != "2\n" {
		t.Errorf("payments: %s, %v", out.String(), err)
	}
}

// leastMemory repeats a run until it uses no more than the bound, up to five times, and returns the least. What is
// needed is the same each time; what garbage adds to it depends on how late its collector gets to run.
func leastMemory(bound int64, run func() (bytes int64, words string)) (least int64, words string) {
	for range 5 {
		used, said := run()
		if words == "" || used < least {
			least, words = used, said
		}
		if bound == 0 || least <= bound {
			break
		}
	}
	return least, words
}

// memory runs a line and returns the most memory that the program has used, and what it said. The program still waits
// for the next line then. What the system reports of a process that has ended begins with the memory of the test.
func memory(t *testing.T, crm *exec.Cmd, line string) (bytes int64, words string) {
	t.Helper()
	var said strings.Builder
	crm.Stderr = &said
	crm.Env = append(crm.Env, "GOGC=20") // less garbage, so that growth is seen
	in, err := crm.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := crm.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := crm.Start(); err != nil {
		t.Fatal(err)
	}
	_, wrote := io.WriteString(in, line+"\nwhoami --format json\n")
	_, read := bufio.NewReader(out).ReadString('\n')
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", crm.Process.Pid))
	if err := errors.Join(wrote, read, err, in.Close()); err != nil {
		t.Fatal(err)
	}
	_ = crm.Wait()
	_, most, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(most, &bytes); err != nil {
		t.Fatal(err)
	}
	return bytes << 10, said.String()
}

// TestImportMemory imports many bad rows: the counts are exact, the report is short, and memory does not grow.
func TestImportMemory(t *testing.T) {
	keyset, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	database := pgtest.Database(t, "crm_demo")
	var first int64
	for _, count := range []int{10_000, 200_000} {
		file := filepath.Join(t.TempDir(), "bad.csv")
		rows := strings.Repeat("Bad SARL,Ada Bad,x@\n", count)
		if err := os.WriteFile(file, []byte("company,name,email\n"+rows), 0o600); err != nil {
			t.Fatal(err)
		}
		used, words := leastMemory(first*125/100, func() (int64, string) {
			return memory(t, command(t, database, keyset, "--login", "admin@epic.example", "--keep-going"),
				"customer import '"+file+"'")
		})
		want := fmt.Sprintf("nothing was imported: %[1]d,000 of %[1]d,000 rows are refused\n", count/1000)
		if !strings.Contains(words, want) || strings.Count(words, "\n") > 30 {
			t.Errorf("said %s, want %s", words, want)
		}
		if first == 0 {
			first = used
		}
		if used > first*125/100 {
			t.Errorf("%d rows take %d MiB, the fewest %d MiB", count, used>>20, first>>20)
		}
		kept, err := os.ReadFile(file + ".rejected.csv")
		if err != nil || bytes.Count(kept, []byte("\n")) != count+1 {
			t.Errorf("%d lines are kept, %v", bytes.Count(kept, []byte("\n")), err)
		}
	}
}

// TestExportMemory exports few and many customers: memory does not grow.
func TestExportMemory(t *testing.T) {
	keyset, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	database, first := pgtest.Database(t, "crm_demo"), map[string]int64{}
	sizes := []int{25, 500} // 1,000 and 20,000 customers in all
	if more, err := strconv.Atoi(os.Getenv("CRM_BENCH_CUSTOMERS")); err == nil {
		sizes = append(sizes, more/40)
	}
	for _, times := range sizes {
		execute(t, pgtest.URL(database), fmt.Sprintf(`set search_path to crm; set session_replication_role to replica;
			insert into customer (company_name, full_name, email, phone, sales_id, created_at, updated_at)
				select company_name, full_name, email, phone, sales_id, created_at, updated_at
				from customer, generate_series(1, %d) where id <= 40`, times-1))
		for _, format := range []string{"csv", "json", "xlsx", "vcf"} {
			file := filepath.Join(t.TempDir(), "all."+format)
			used, words := leastMemory(first[format]*120/100, func() (int64, string) {
				return memory(t, command(t, database, keyset, "--login", "admin@epic.example"),
					"customer export --force '"+file+"'")
			})
			if !strings.Contains(words, "written to "+file) {
				t.Fatal(words)
			}
			if first[format] == 0 {
				first[format] = used
			}
			t.Logf("%s × %d: %d MiB", format, times, used>>20)
			if used > first[format]*120/100 {
				t.Errorf("%s: × %d takes %d MiB, few customers %d MiB", format, times, used>>20, first[format]>>20)
			}
		}
	}
}
