package operator

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"crm/commands"
	"crm/repo"
	"crm/security"
)

func TestTell(t *testing.T) {
	all := repo.Counts{Users: 5, Customers: 40, Contracts: 60, Payments: 2, Events: 45}
	for _, test := range []struct {
		got, want string
	}{
		{Tell(all), "40 customers, 60 contracts, 2 payments, 45 events, 5 accounts"},
		{Tell(repo.Counts{Users: 1, Customers: 1}), "1 customer, 1 account"},
		{Tell(repo.Counts{}), "nothing"},
		{TellPurged(repo.Purged{}), "no fictional data to remove"},
		{TellPurged(repo.Purged{Removed: repo.Counts{Events: 1}}), "removed 1 event"},
		{
			TellPurged(repo.Purged{Removed: repo.Counts{Events: 2}, Kept: repo.Counts{Customers: 1}}),
			"removed 2 events; kept 1 customer, because real records build on them",
		},
		{TellPurged(repo.Purged{Kept: repo.Counts{Customers: 1}}), "removed nothing; kept 1 customer, because real " +
			"records build on them"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}

// TestFirstAdmin: at a terminal a wrong answer is asked for again, at once.
func TestFirstAdmin(t *testing.T) {
	var dialogue []string
	answers := []string{"boss", "boss@epic.example", "", "Bo", "Ss"}
	c := Setup{
		Cost: security.Params{Memory: 7 << 10, Iterations: 5, Parallelism: 1},
		Ask: func(_ context.Context, question string) (string, error) {
			answer := answers[0]
			answers = answers[1:]
			dialogue = append(dialogue, question+answer)
			return answer, nil
		},
		Say:    func(message string) { dialogue = append(dialogue, message) },
		Secret: func(context.Context, commands.SecretRequest) (string, error) { return "Quite-Secret-2026!", nil },
	}
	u, p, err := c.firstAdmin(t.Context(), false)
	want := []string{
		"email of the first administrator: boss", "invalid: want an address like ada@example.com",
		"email of the first administrator: boss@epic.example",
		"first name: ", "invalid: may not be empty", "first name: Bo", "last name: Ss",
	}
	if err != nil || p == nil || u.Email != "boss@epic.example" || u.FirstName != "Bo" ||
		!slices.Equal(dialogue, want) {
		t.Errorf("%+v, %v: %q, want %q", u, err, dialogue, want)
	}
	c.First.Email, answers = "boss", []string{"Bo", "Ss"}
	if _, _, err := c.firstAdmin(t.Context(), false); !errors.Is(err, repo.ErrInvalid) {
		t.Errorf("a flag that is wrong: %v", err)
	}
}

func TestWriteConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "config.yaml")
	keys := [][2]string{{"database.url", "postgres://it's"}, {"database.schema", "s"}, {"encryption.keyset_file", "/k"}}
	if err := WriteConfig(file, keys); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	const want = "# crm's config; config.yaml.example explains every key\ndatabase:\n  url: 'postgres://it''s'\n  " +
		"schema: 's'\nencryption:\n  keyset_file: '/k'\n"
	if err != nil || string(text) != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
	for path, mode := range map[string]fs.FileMode{file: 0o600, filepath.Dir(file): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, mode)
		}
	}
	if err := WriteConfig(file, nil); !errors.Is(err, commands.ErrUsage) || !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another file: %v", err)
	}
}
