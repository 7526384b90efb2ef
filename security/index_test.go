package security_test

import (
	"strings"
	"testing"

	"crm/security"
)

// A keyset without a usable index key is refused, and the error names the fault.
func TestIndexKey(t *testing.T) {
	good := string(newKeyset(t))
	for _, c := range []struct{ content, want string }{
		{strings.Replace(good, `"hmac_sha256"`, `"other"`, 1), `keyset member "index" holds no key of 32 bytes`},
		{
			strings.Replace(good, `"index"`, `"search"`, 1),
			`keyset has a member "search" that this version does not know`,
		},
		{`{"sealing": {}}`, `keyset has no member "index", the key that sealed data is found with`},
	} {
		if _, err := security.LoadIndex([]byte(c.content)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// The cost of sealing and indexing one customer.
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
