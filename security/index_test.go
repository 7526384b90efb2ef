package security_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"crm/security"
)

func newIndex(t testing.TB) *security.Index {
	t.Helper()
	content, err := security.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	index, err := security.LoadIndex(content)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// offers tells whether the index would offer the fields for the needle.
func offers(x *security.Index, sets [][]int32, fields ...string) bool {
	var tokens []int32
	for _, f := range fields {
		tokens = append(tokens, x.Tokens(f)...)
	}
	return slices.ContainsFunc(sets, func(set []int32) bool {
		return !slices.ContainsFunc(set, func(t int32) bool { return !slices.Contains(tokens, t) })
	})
}

func TestScore(t *testing.T) {
	const none, in, start, all = security.NoMatch, security.MatchInside, security.MatchStart, security.MatchWhole
	bouzin := []string{"Bouzin SARL", "Lou Bouzin", "contact@loubouzin.example", "+33612345678"}
	casey := []string{"Cool Startup LLC", "Kevin Casey", "kevin@startup.io", "+67812345678"}
	long := strings.Repeat("abcdefghij", 25) + "klmno"
	x := newIndex(t)
	for _, c := range []struct {
		needle string
		fields []string
		want   int
	}{
		{"loubouzin", bouzin, start},
		{"Lou Bouzin", bouzin, start},
		{"BOUZIN", bouzin, start},
		{"bouzin lou", bouzin, start},
		{"loubouzin", []string{"Lou Bouzin"}, in},
		{"ouz", bouzin, in},
		{"uzin casey", bouzin, none},
		{"bo", bouzin, start},
		{"b", bouzin, start},
		{"uz", bouzin, none},
		{"CONTACT@loubouzin.example", bouzin, all},
		{"@loubouzin", bouzin, start},
		{"example", bouzin, start},
		{"0612345678", bouzin, all},
		{"06 12 34 56 78", bouzin, all},
		{"+33 6 12-34.56/78", bouzin, all},
		{"+33 (0)6 12 34 56 78", bouzin, all},
		{"3456", bouzin, in},
		{"345", bouzin, none},
		{"34 56", bouzin, in},
		{"bouzin 34 56", bouzin, in},
		{"0612", bouzin, start},
		{"4444", bouzin, none},
		{"kevin startup", casey, start},
		{"kevin@startup.io", casey, all},
		{"cool, casey!", casey, start},
		{"+678 123 456 78", casey, all},
		{"12345", []string{"+66612345"}, in},
		{"+666 12345", []string{"+66612345"}, all},
		{"strasse", []string{"Hauptstraße"}, in},
		{"HAUPTSTRASSE", []string{"Hauptstraße"}, start},
		{"straße", []string{"STRASSE"}, start},
		{"oresund", []string{"Øresund"}, start},
		{"øre", []string{"Oresund"}, start},
		{"fetes", []string{"Nova Fêtes"}, start},
		{"Fe\u0302tes", []string{"fetes"}, start},
		{"coeur", []string{"Cœur"}, start},
		{"cœur", []string{"COEUR"}, start},
		{"aesop", []string{"Æsop"}, start},
		{"office", []string{"Oﬃce"}, start},
		{"lodz", []string{"Łódź"}, start},
		{"dokovic", []string{"Đoković"}, start},
		{"jeanpierre", []string{"Jean-Pierre"}, in},
		{"o'brien", []string{"OBrien"}, in},
		{"obrien", []string{"O'Brien"}, in},
		{"東京", []string{"株式会社東京イベント"}, in},
		{"京イ", []string{"東京イベント"}, in},
		{"京", []string{"東京イベント"}, in},
		{"東京", []string{"東京イベント"}, start},
		{"大阪", []string{"東京イベント"}, none},
		{"한국", []string{"대한국제"}, in},
		{"🎉", []string{"Party 🎉🎊 Club"}, start},
		{"🎊", []string{"Party 🎉🎊 Club"}, in},
		{"👩\u200d🍳", []string{"Chef 👩\u200d🍳"}, start},
		{"a", []string{"A B C"}, start},
		{"c b", []string{"A B C"}, start},
		{"d", []string{"A B C"}, none},
		{long, []string{long}, start},
		{long[1:], []string{long}, in},
		{long + "p", []string{long}, none},
		{"", bouzin, none},
		{"---", bouzin, none},
		{"%", bouzin, none},
		{"1234", []string{"Studio 1234"}, start},
	} {
		if got := security.Score(c.needle, c.fields...); got != c.want {
			t.Errorf("%q in %q: %d, want %d", c.needle, c.fields, got, c.want)
		}
		exact, starts, anywhere := x.Needle(c.needle)
		if c.want != none && !offers(x, anywhere, c.fields...) || c.want == start && !offers(x, starts, c.fields...) ||
			c.want == all && strings.Contains(c.needle, "@") && !offers(x, exact, c.fields...) {
			t.Errorf("%q in %q: not offered by the index", c.needle, c.fields)
		}
	}
}

// TestNothingIsMissed searches random needles in random texts: whatever matches is offered by the index.
func TestNothingIsMissed(t *testing.T) {
	x, r := newIndex(t), rand.New(rand.NewPCG(1, 2))
	letters := []rune("abcAé ßøœŁ-'.@+0123 東京🎉ｱ한ﬁ\u0301")
	text := func(most int) string {
		var b strings.Builder
		for range r.IntN(most + 1) {
			b.WriteRune(letters[r.IntN(len(letters))])
		}
		return b.String()
	}
	found := 0
	for range 50_000 {
		fields, needle := []string{text(12), text(12), fmt.Sprintf("+%d", 1000+r.IntN(1_000_000))}, text(6)
		if r.IntN(2) == 0 {
			from := []rune(fields[r.IntN(3)])
			i := r.IntN(len(from) + 1)
			needle = string(from[i:min(len(from), i+1+r.IntN(6))])
		}
		score := security.Score(needle, fields...)
		_, starts, anywhere := x.Needle(needle)
		if score > security.NoMatch && !offers(x, anywhere, fields...) || score == security.MatchStart && !offers(x, starts, fields...) {
			t.Fatalf("%q in %q: score %d, not offered", needle, fields, score)
		}
		if score > security.NoMatch {
			found++
		}
	}
	if found < 1000 {
		t.Errorf("only %d needles were found: the test tests nothing", found)
	}
}

func TestIndexKey(t *testing.T) {
	x, y := newIndex(t), newIndex(t)
	if slices.Equal(x.Tokens("Bouzin"), y.Tokens("Bouzin")) {
		t.Error("two keys give the same tokens")
	}
	if !slices.Equal(x.Tokens("Bouzin"), x.Tokens("BOUZÏN")) {
		t.Error("tokens depend on case and accents")
	}
	if got := fmt.Sprintf("%v %+v %#v %s", x, x, x, must(json.Marshal(x))); strings.Count(got, "blind index (HMAC-SHA256)") != 4 {
		t.Errorf("printed as %s", got)
	}
	good := string(newKeyset(t))
	for _, c := range []struct{ content, want string }{
		{strings.Replace(good, `"hmac_sha256"`, `"other"`, 1), `keyset member "index" holds no key of 32 bytes`},
		{strings.Replace(good, `"index"`, `"search"`, 1), `keyset has a member "search" that this version does not know`},
		{`{"sealing": {}}`, `keyset has no member "index", the key that sealed data is found with`},
	} {
		if _, err := security.LoadIndex([]byte(c.content)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func must(text []byte, err error) string {
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// What sealing and indexing one customer costs.
func BenchmarkSealAndIndex(b *testing.B) {
	content, err := security.NewKeyset()
	if err != nil {
		b.Fatal(err)
	}
	cipher, err := security.LoadCipher(content)
	if err != nil {
		b.Fatal(err)
	}
	index, err := security.LoadIndex(content)
	if err != nil {
		b.Fatal(err)
	}
	tokens := 0
	for b.Loop() {
		tokens = 0
		for column, text := range map[string]string{
			"customer.company_name": "Bouzin Événements SARL", "customer.full_name": "Lou Bouzin",
			"customer.email": "lou.bouzin@bouzin.example", "customer.phone": "+33612345678",
		} {
			if _, err := cipher.Seal(column, text); err != nil {
				b.Fatal(err)
			}
			tokens += len(index.Tokens(text))
		}
	}
	b.ReportMetric(float64(tokens), "tokens")
}
