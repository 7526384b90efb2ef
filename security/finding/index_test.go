package finding_test

import (
	rand2 "crypto/rand"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"crm/security/finding"
)

func newIndex(t testing.TB) *finding.Index {
	t.Helper()
	secret := make([]byte, 32)
	_, _ = rand2.Read(secret)
	return finding.NewIndex(secret)
}

// offers reports whether the index would offer the fields for the needle.
func offers(x *finding.Index, sets [][]int32, fields ...string) bool {
	var tokens []int32
	for _, f := range fields {
		tokens = append(tokens, x.Tokens(f)...)
	}
	return slices.ContainsFunc(sets, func(set []int32) bool {
		return !slices.ContainsFunc(set, func(t int32) bool { return !slices.Contains(tokens, t) })
	})
}

func TestScore(t *testing.T) {
	const none, in, start, all = finding.NoMatch, finding.MatchInside, finding.MatchStart, finding.MatchWhole
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
		{"mueller", []string{"Müller"}, start},
		{"MUELLER", []string{"Mu\u0308ller"}, start},
		{"muller", []string{"Müller"}, start},
		{"müller", []string{"Mueller"}, start},
		{"muller", []string{"Mueller"}, none},
		{"ueller", []string{"Müller"}, in},
		{"koeln", []string{"Messe Köln"}, start},
		{"koe", []string{"Köln"}, start},
		{"soerensen", []string{"Sørensen"}, start},
		{"aarhus", []string{"Århus"}, start},
		{"aerzteoel", []string{"Ärzteöl"}, start},
		{"mueller queen", []string{"Müller", "Queen"}, start},
		{"queen", []string{"Fréquence"}, none},
		{"hue", []string{"Kuhü"}, none},
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
		if got := finding.Score(c.needle, c.fields...); got != c.want {
			t.Errorf("%q in %q: %d, want %d", c.needle, c.fields, got, c.want)
		}
		exact, starts, anywhere := x.Needle(c.needle)
		if c.want != none && !offers(x, anywhere, c.fields...) || c.want == start && !offers(x, starts, c.fields...) ||
			c.want == all && strings.Contains(c.needle, "@") && !offers(x, exact, c.fields...) {
			t.Errorf("%q in %q: not offered by the index", c.needle, c.fields)
		}
	}
}

// TestNothingIsMissed searches random needles in random texts: the index offers every match.
func TestNothingIsMissed(t *testing.T) {
	x, r := newIndex(t), rand.New(rand.NewPCG(1, 2))
	letters := []rune("abcAéaeouüöäåØ ßøœŁ-'.@+0123 東京🎉ｱ한ﬁ\u0301")
	text := func(most int) string {
		var b strings.Builder
		for range r.IntN(most + 1) {
			b.WriteRune(letters[r.IntN(len(letters))])
		}
		return b.String()
	}
	found := 0
	for range 20_000 {
		fields, needle := []string{text(12), text(12), fmt.Sprintf("+%d", 1000+r.IntN(1_000_000))}, text(6)
		if r.IntN(2) == 0 {
			from := []rune(fields[r.IntN(3)])
			i := r.IntN(len(from) + 1)
			needle = string(from[i:min(len(from), i+1+r.IntN(6))])
		}
		score := finding.Score(needle, fields...)
		_, starts, anywhere := x.Needle(needle)
		missed := score > finding.NoMatch && !offers(x, anywhere, fields...)
		if missed || score == finding.MatchStart && !offers(x, starts, fields...) {
			t.Fatalf("%q in %q: score %d, not offered", needle, fields, score)
		}
		if score > finding.NoMatch {
			found++
		}
	}
	if found < 1000 {
		t.Errorf("only %d needles were found: the test tests nothing", found)
	}
}

// TestTranscriptions writes random names with umlauts and transcribed: each finds the other by every part of it that is
// long enough, through the index too, however many umlauts it has.
func TestTranscriptions(t *testing.T) {
	x, r := newIndex(t), rand.New(rand.NewPCG(3, 4))
	letters := []string{"b", "l", "n", "t", "ä", "ö", "ü", "å", "ø", "æ", "œ", "ß", "Ä", "Ö", "Ü", "Å", "Ø"}
	plain := strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "å", "aa", "ø", "oe",
		"æ", "ae", "œ", "oe", "ß", "ss", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "Å", "Aa", "Ø", "Oe")
	check := func(needle, field string, least int) {
		score := finding.Score(needle, field)
		_, starts, anywhere := x.Needle(needle)
		if score < least {
			t.Fatalf("%q in %q: score %d, want %d", needle, field, score, least)
		}
		if !offers(x, anywhere, field) || score == finding.MatchStart && !offers(x, starts, field) {
			t.Fatalf("%q in %q: not offered", needle, field)
		}
	}
	for range 2_000 {
		var name []string
		for range 5 + r.IntN(5) {
			name = append(name, letters[r.IntN(len(letters))])
		}
		whole := strings.Join(name, "")
		from := r.IntN(len(name) - 4)
		part := strings.Join(name[from:from+4+r.IntN(len(name)-from-3)], "")
		check(plain.Replace(whole), whole, finding.MatchStart)
		check(whole, plain.Replace(whole), finding.MatchStart)
		check(strings.ToUpper(plain.Replace(whole)), whole, finding.MatchStart)
		check(plain.Replace(part), whole, finding.MatchInside)
		check(part, plain.Replace(whole), finding.MatchInside)
		if !finding.Same(whole, plain.Replace(whole)) || !finding.Same(strings.ToUpper(plain.Replace(whole)), whole) {
			t.Fatalf("%q is not the same as its transcription", whole)
		}
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
	got := fmt.Sprintf("%v %+v %#v %s", x, x, x, must(json.Marshal(x)))
	if strings.Count(got, "blind index (HMAC-SHA256)") != 4 {
		t.Errorf("printed as %s", got)
	}
}

func must(text []byte, err error) string {
	if err != nil {
		return err.Error()
	}
	return string(text)
}
