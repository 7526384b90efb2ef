package security_test

import (
	"slices"
	"strings"
	"testing"

	"crm/security"
)

// TestGuessable refuses, for S11, the most common passwords, also with digits, signs or capitals added, and accepts
// others.
func TestGuessable(t *testing.T) {
	const (
		common = "be one of the most common passwords"
		known  = "contain your name or email"
	)
	ada := []string{"Ada", "Lovelace-Bÿron", "countess.of1815@epic.example"}
	for password, want := range map[string][]string{
		"Password123!":               {common},
		"P@ssw0rd2024!!":             {common},
		"Qwertyuiop1!":               {common},
		"!!2024Sunshine2024!!":       {common},
		"$unsh1ne-2026":              {common},
		"Pr1ncess!2026":              {common},
		"PÁSSWÖRD-2026":              {common},
		"11Michael!!11":              {common},
		"Tr0ub4dor&3-Tr0ub4dor":      nil,
		"Epic-Events-2026!":          nil,
		"Correct-Horse-Battery-1":    nil,
		"My-Sunshine-At-Night-7":     nil,
		"Lovelace-1815-London!":      {known},
		"l0v3lace-Was-Here-2":        {known},
		"1-LÖVELÂCE-1":               {known},
		"Love-Lace-Shop-99":          {known},
		"My-byron-2026!":             {known},
		"Countess-2026!!":            {known},
		"Count-Ess-Of-1815":          {known},
		"Adamantium-2026!":           nil, // three letters stand in many words
		"Epic.Example-2026":          nil,
		"":                           nil,
		"1234567890!!":               nil, // CheckPolicy wants letters
		strings.Repeat("1", 100_000): nil,
	} {
		if got := security.Guessable(password, ada...); !slices.Equal(got, want) {
			t.Errorf("%.30q: %q, want %q", password, got, want)
		}
	}
	if got := security.Guessable("Lovelace-1815-London!"); got != nil {
		t.Errorf("of nobody: %q", got)
	}
}

// TestOneTimePassword checks that every one meets the rules, and that none is repeated.
func TestOneTimePassword(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		p := security.OneTimePassword()
		if seen[p] || len(p) != 23 || security.CheckPolicy(p) != nil || security.Guessable(p) != nil ||
			strings.ContainsAny(p, "lI1O0") {
			t.Fatalf("%s", p)
		}
		seen[p] = true
	}
}

func BenchmarkGuessable(b *testing.B) {
	for b.Loop() {
		security.Guessable("1111111111111111111111111111111111111a1111111111111111111111111111111111111111111!", "Ada",
			"Lovelace")
	}
}
