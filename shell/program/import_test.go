//go:build linux

package program

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo/embedded/pgtest"
)

// TestImportEnds changes a file while an import of it waits for a lock, and interrupts and kills the import: nothing
// is stored, and nothing but the file is left.
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
			rows := strings.Repeat("New SARL,Ada New\n", 10)
			if err := os.WriteFile(file, []byte("company,name\n"+rows), 0o600); err != nil {
				t.Fatal(err)
			}
			crm := command(t, database, keyset, "--login", "admin@epic.example", "-c", "customer import '"+file+"'")
			var words bytes.Buffer
			crm.Stderr = &words
			whileLocked(t, database, func() error { return crm.Start() }, func() error {
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

// whileLocked calls start, waits until a program waits to write a customer, and calls act while it does.
func whileLocked(t *testing.T, database string, start, act func() error) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, pgtest.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "begin; lock table crm.customer in share mode"); err != nil {
		t.Fatal(err)
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	for waits := false; !waits; time.Sleep(10 * time.Millisecond) {
		if err := conn.QueryRow(ctx, `select exists (select from pg_locks where not granted
				and relation = 'crm.customer'::regclass)`).Scan(&waits); err != nil {
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

// memory runs a program and returns the most memory that it used.
func memory(t *testing.T, crm *exec.Cmd, status int) (bytes int64, words string) {
	t.Helper()
	var said strings.Builder
	crm.Stderr = &said
	crm.Env = append(crm.Env, "GOGC=20") // less garbage, so that growth is seen
	_ = crm.Run()
	if got := crm.ProcessState.ExitCode(); got != status {
		t.Fatalf("status %d, want %d: %s", got, status, said.String())
	}
	return crm.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10, said.String()
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
		used, words := memory(t, command(t, database, keyset, "--login", "admin@epic.example", "-c",
			"customer import '"+file+"'"), 1)
		want := fmt.Sprintf("nothing was imported: %[1]d,000 of %[1]d,000 rows are refused\n", count/1000)
		if !strings.Contains(words, want) || strings.Count(words, "\n") > 30 {
			t.Errorf("said %s, want %s", words, want)
		}
		if first == 0 {
			first = used
		}
		if used > first*5/4 {
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
			used, _ := memory(t, command(t, database, keyset, "--login", "admin@epic.example", "-c",
				"customer export '"+file+"'"), 0)
			if first[format] == 0 {
				first[format] = used
			}
			t.Logf("%s × %d: %d MiB", format, times, used>>20)
			if used > first[format]*6/5 {
				t.Errorf("%s: × %d takes %d MiB, few customers %d MiB", format, times, used>>20, first[format]>>20)
			}
		}
	}
}
