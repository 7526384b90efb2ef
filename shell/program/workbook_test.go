//go:build linux

package program

import (
	"bytes"
	"encoding/csv"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"crm/repo/embedded/pgtest"
)

// TestWorkbookOpens exports every list as a workbook and opens it with LibreOffice if it is installed, and with excelize
// otherwise: it has the header, every row, and the texts of the CSV export.
func TestWorkbookOpens(t *testing.T) {
	keyset, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	database, dir := pgtest.Database(t, "crm_demo"), t.TempDir()
	for _, noun := range []string{"customer", "contact", "contract", "event", "payment", "note", "user"} {
		book, text := filepath.Join(dir, noun+".xlsx"), filepath.Join(dir, noun+".csv")
		crm := command(t, database, keyset, "--login", "admin@epic.example", "-c", noun+" export '"+book+"'",
			"-c", noun+" export '"+text+"' --raw")
		if out, err := crm.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		got, want := opened(t, book), records(t, text)
		if len(got) != len(want) {
			t.Errorf("%s: %d rows, want %d", noun, len(got), len(want))
			continue
		}
		for i, row := range want {
			for j, cell := range row {
				if words.MatchString(cell) && (j >= len(got[i]) || !strings.EqualFold(got[i][j], cell)) {
					t.Errorf("%s, row %d: %q, want %q", noun, i+1, got[i], cell)
				}
			}
		}
	}
}

// words matches a cell that is the same text in every program, but for the case of true and false: no date or number.
var words = regexp.MustCompile(`^\D+$`)

// opened returns the rows of a workbook.
func opened(t *testing.T, book string) [][]string {
	t.Helper()
	if office, err := exec.LookPath("soffice"); err == nil {
		convert := exec.Command(office, "--headless", "--convert-to",
			"csv:Text - txt - csv (StarCalc):44,34,76", "--outdir", filepath.Join(filepath.Dir(book), "office"), book)
		convert.Env = append(os.Environ(), "HOME="+t.TempDir())
		if out, err := convert.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		name := strings.TrimSuffix(filepath.Base(book), ".xlsx") + ".csv"
		return records(t, filepath.Join(filepath.Dir(book), "office", name))
	}
	file, err := excelize.OpenFile(book)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := file.GetRows("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func records(t *testing.T, file string) [][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestFormulaWithoutResult imports a workbook of a program that does not calculate: the error names the cell. Without
// the column, the import works.
func TestFormulaWithoutResult(t *testing.T) {
	keyset, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	database, book := pgtest.Database(t, "crm_demo"), filepath.Join(t.TempDir(), "new.xlsx")
	file := excelize.NewFile()
	defer file.Close()
	for row, cells := range [][]any{
		{"company", "name", "address"}, {"New SARL", "Ada New", "1 rue"}, {"Old SARL", "Al Old"},
	} {
		if err := file.SetSheetRow("Sheet1", []string{"A1", "A2", "A3"}[row], &cells); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.SetCellFormula("Sheet1", "C3", `=CONCATENATE("2 ","rue")`); err != nil {
		t.Fatal(err)
	}
	if err := file.SaveAs(book); err != nil {
		t.Fatal(err)
	}
	run := func(line string) string {
		out, _ := command(t, database, keyset, "--login", "admin@epic.example", "-c", line).CombinedOutput()
		return string(out)
	}
	if out := run("customer import '" + book + "'"); !strings.Contains(out, "error: the cell C3 of "+book+
		" has a formula whose result was not saved\n") || !strings.Contains(out, "--map address=") {
		t.Error(out)
	}
	if out := run("customer import '" + book + "' --map address="); !strings.Contains(out, "2 customers (2 added)") {
		t.Error(out)
	}
}
