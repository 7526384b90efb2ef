package commands_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"crm/commands"
	"crm/repo"
)

// whereOf returns the kind of a noun's --where.
func whereOf(t testing.TB, noun string) commands.Kind {
	t.Helper()
	all := commands.All()
	list := all[slices.IndexFunc(all, func(c commands.Command) bool { return c.Name == noun+" list" })]
	return list.Flags[slices.IndexFunc(list.Flags, func(f commands.Flag) bool { return f.Name == "where" })].Kind
}

func whereSession() *commands.Session {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	return &commands.Session{Locale: commands.Locale{
		Zone: time.UTC, Region: "FR", Currency: "EUR", Language: "fr",
		Now: func() time.Time { return now },
	}}
}

// and binds tighter than or, not tighter than and; parentheses change that. Values end before and, or and parentheses.
func TestWherePrecedence(t *testing.T) {
	s, kind := whereSession(), whereOf(t, "event")
	for text, want := range map[string]string{
		`name = a or name = b and name = c`:        `(name=a or (name=b and name=c))`,
		`(name = a or name = b) and name = c`:      `((name=a or name=b) and name=c)`,
		`not name = a and name = b`:                `(not name=a and name=b)`,
		`NOT (name = a AND name = b)`:              `not (name=a and name=b)`,
		`name = Salle Pleyel and location = x y`:   `(name=Salle Pleyel and location=x y)`,
		`name = "this and that" or name='a "b" )'`: `(name=this and that or name=a "b" ))`,
		`name!=a`:       `not name=a`,
		`name !~ a`:     `not name~a`,
		`name is empty`: `name empty `,
		`name = ''`:     `name empty `,
		`name = “a b” or name=«c»or name = „d “`: `(name=a b or name=c or name=d )`,
		`name is not empty`:                 `not name empty `,
		`name is null or name is NOT NULL`:  `(name empty  or not name empty )`,
		`name = null or name <> null`:       `(name empty  or not name empty )`,
		`name = "null" or name = null void`: `(name=null or name=null void)`,
		`name<>a and name == b`:             `(not name=a and name=b)`,
	} {
		value, err := kind.Parse(s, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := written(value.(repo.Where)); got != want {
			t.Errorf("%s is read as %s, want %s", text, got, want)
		}
	}
}

func written(w repo.Where) string {
	if w.Op == "not" {
		return "not " + written(w.Parts[0])
	}
	if len(w.Parts) > 0 {
		parts := make([]string, len(w.Parts))
		for i, p := range w.Parts {
			parts[i] = written(p)
		}
		return "(" + strings.Join(parts, " "+w.Op+" ") + ")"
	}
	text, _ := w.Value.(string)
	if w.Op == "empty" {
		return w.Column + " empty " + text
	}
	return w.Column + w.Op + text
}

// Completion goes from fields to operators to values to what joins conditions, and keeps what is typed before.
func TestWhereCompletion(t *testing.T) {
	s, kind := whereSession(), whereOf(t, "contract")
	for word, want := range map[string][]string{
		"":                                 {"", "status"},
		"sta":                              {"", "status"},
		"status ":                          {"status ", "!="},
		"status = p":                       {"status = ", "pending"},
		"status = pending ":                {"status = pending ", "and"},
		"status = pending and total_a":     {"status = pending and ", "total_amount"},
		"status = pending and (not total_": {"status = pending and (not ", "total_amount"},
		"signed_at ":                       {"signed_at ", "is not empty"},
		"signed_at is ":                    {"signed_at is ", "not empty"},
		"signed_at is n":                   {"signed_at is ", "not empty"},
		"signed_at is not ":                {"signed_at is not ", "empty"},
	} {
		base, next, _ := kind.Clauses(s, word)
		if base != want[0] || !slices.ContainsFunc(next, func(c commands.Choice) bool { return c.Text == want[1] }) {
			t.Errorf("%q keeps %q and offers %v, want %q and %q", word, base, next, want[0], want[1])
		}
	}
}

// Whatever is typed is read or refused with the place of the mistake; conditions have known fields and operators only.
func FuzzWhere(f *testing.F) {
	for _, seed := range []string{
		`status = pending and total_amount < 500`, `not (a`, `((((`, `id = 1 or id != 2`, `signed_at >= today`,
		`customer ~ "x"`, `'`, `status = 'é`, "id\x00=1",
		strings.Repeat("not ", 300) + "id = 1", strings.Repeat("(", 3000), "status is not", "!", "=", "id = 1)",
		"\xff = 1",
	} {
		f.Add(seed)
	}
	s, kind := whereSession(), whereOf(f, "contract")
	columns := repo.ColumnsOfNoun("contract")
	f.Fuzz(func(t *testing.T, text string) {
		value, err := kind.Parse(s, text)
		base, _, _ := kind.Clauses(s, text)
		if !strings.HasPrefix(text, base) {
			t.Errorf("%q is not the beginning of %q", base, text)
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "at character ") && !strings.HasPrefix(err.Error(), "has ") ||
				utf8.RuneCountInString(err.Error()) > 5000 {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		var check func(w repo.Where)
		check = func(w repo.Where) {
			known := slices.ContainsFunc(columns, func(c repo.Column) bool { return c.Name == w.Column })
			if isLeaf := len(w.Parts) == 0; isLeaf != known ||
				!slices.Contains([]string{"and", "or", "not", "=", "<", "<=", ">", ">=", "~", "empty"}, w.Op) {
				t.Errorf("%q is read as %+v", text, w)
			}
			for _, p := range w.Parts {
				check(p)
			}
		}
		check(value.(repo.Where))
	})
}
