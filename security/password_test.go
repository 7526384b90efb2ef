package security_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"testing"

	"crm/security"
)

// quick is the least memory cost.
var quick = security.Params{Memory: 7 << 10, Iterations: 5, Parallelism: 2}

func TestDefaultParams(t *testing.T) {
	want := security.Params{Memory: 65536, Iterations: 3, Parallelism: 4}
	if got := security.DefaultParams(); got != want {
		t.Errorf("DefaultParams() = %+v, want %+v", got, want)
	}
}

// TestDeriveKeyVector compares with a test vector of the argon2 reference implementation.
func TestDeriveKeyVector(t *testing.T) {
	p := security.Params{Memory: 1 << 16, Iterations: 2, Parallelism: 1}
	want := "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
	if got := hex.EncodeToString(deriveKey(t, "password", p, []byte("somesalt"))); got != want {
		t.Errorf("derived %s, want %s", got, want)
	}
}

// TestVerifier covers R25: the stored verifier is salted, and proves the password's key.
func TestVerifier(t *testing.T) {
	for _, password := range []string{
		"Correct-horse-42", "Élan-vital-2026!", "パスワード-Aa1", "",
		"\xff\x00 not UTF-8",
	} {
		v := newVerifier(t, password)
		keyHash := sha256.Sum256(deriveKey(t, password, quick, v.Salt))
		want := security.Verifier{
			Memory: quick.Memory, Iterations: quick.Iterations, Parallelism: quick.Parallelism,
			Salt: v.Salt, KeyHash: keyHash[:],
		}
		if !reflect.DeepEqual(v, want) || len(v.Salt) != 16 {
			t.Errorf("the verifier of %q does not match the key that signs in", password)
		}
		other := sha256.Sum256(deriveKey(t, password+"x", quick, v.Salt))
		if bytes.Equal(v.KeyHash, other[:]) {
			t.Errorf("the verifier of %q matches another password", password)
		}
		if again := newVerifier(t, password); bytes.Equal(again.Salt, v.Salt) || bytes.Equal(again.KeyHash, v.KeyHash) {
			t.Errorf("two verifiers of %q share their salt or hash", password)
		}
	}
}

func TestUnicodeFormsDeriveTheSameKey(t *testing.T) {
	salt := []byte("0123456789abcdef")
	tests := []struct{ composed, decomposed string }{
		{"\u00c9lan-vital-2026!", "E\u0301lan-vital-2026!"},
		{"\u1ec7", "e\u0323\u0302"},
		{"\uac00", "\u1100\u1161"},
	}
	for _, test := range tests {
		if !bytes.Equal(deriveKey(t, test.composed, quick, salt), deriveKey(t, test.decomposed, quick, salt)) {
			t.Errorf("%q and %q derive different keys", test.composed, test.decomposed)
		}
	}
	if bytes.Equal(deriveKey(t, "Password", quick, salt), deriveKey(t, "password", quick, salt)) {
		t.Error("case is ignored")
	}
	if bytes.Equal(deriveKey(t, "ﬁ", quick, salt), deriveKey(t, "fi", quick, salt)) {
		t.Error("a ligature and its letters are the same password")
	}
}

func TestParamsOutOfBounds(t *testing.T) {
	salt := make([]byte, 16)
	cheap := security.ErrCheap.Error()
	tests := []struct {
		params  security.Params
		message string
	}{
		{security.Params{Memory: 64, Iterations: 1}, "argon2id parallelism 0: want 1 to 255"},
		{security.Params{Memory: 64, Parallelism: 1}, "argon2id iterations 0: want 1 to 100"},
		{security.Params{Memory: 64, Iterations: 101, Parallelism: 1}, "argon2id iterations 101: want 1 to 100"},
		{
			security.Params{Memory: 1<<20 + 1, Iterations: 1, Parallelism: 1},
			"argon2id memory 1048577 KiB: want 8 to 1048576",
		},
		{
			security.Params{Memory: 1<<32 - 1, Iterations: 1, Parallelism: 1},
			"argon2id memory 4294967295 KiB: want 8 to 1048576",
		},
		{security.Params{Memory: 31, Iterations: 1, Parallelism: 4}, "argon2id memory 31 KiB: want 32 to 1048576"},
		{
			security.Params{Memory: 2039, Iterations: 1, Parallelism: 255},
			"argon2id memory 2039 KiB: want 2040 to 1048576",
		},
		{
			security.Params{Memory: 46<<10 - 1, Iterations: 1, Parallelism: 1},
			"argon2id memory 47103 KiB, iterations 1: " +
				cheap,
		},
		{
			security.Params{Memory: 19<<10 - 1, Iterations: 2, Parallelism: 1},
			"argon2id memory 19455 KiB, iterations 2: " +
				cheap,
		},
		{
			security.Params{Memory: 7<<10 - 1, Iterations: 100, Parallelism: 1},
			"argon2id memory 7167 KiB, iterations 100: " + cheap,
		},
	}
	for _, test := range tests {
		if key, err := security.DeriveKey("p", test.params, salt); key != nil || message(err) != test.message {
			t.Errorf("DeriveKey with %+v: %v, %v; want %s", test.params, key, err, test.message)
		}
		if v, err := security.NewVerifier("p", test.params); !reflect.DeepEqual(v, security.Verifier{}) ||
			message(err) != test.message {
			t.Errorf("NewVerifier with %+v: %v, %v; want %s", test.params, v, err, test.message)
		}
	}
}

func TestSaltOutOfBounds(t *testing.T) {
	tests := []struct {
		length  int
		message string
	}{
		{0, "argon2id salt of 0 bytes: want 8 to 64"},
		{7, "argon2id salt of 7 bytes: want 8 to 64"},
		{8, ""},
		{64, ""},
		{65, "argon2id salt of 65 bytes: want 8 to 64"},
	}
	for _, test := range tests {
		if _, err := security.DeriveKey("p", quick, make([]byte, test.length)); message(err) != test.message {
			t.Errorf("salt of %d bytes: %v, want %s", test.length, err, test.message)
		}
	}
}

// TestCheckPolicy covers S11.
func TestCheckPolicy(t *testing.T) {
	const (
		short = "at least 12 characters"
		long  = "at most 128 characters"
		upper = "an upper-case letter"
		lower = "a lower-case letter"
		digit = "a digit"
		punct = "a punctuation mark"
	)
	tests := []struct {
		name, password string
		want           []string
	}{
		{"good", "Correct-horse-42", nil},
		{"twelve characters", "Abcdefghi-12", nil},
		{"eleven characters", "Abcdefgh-12", []string{short}},
		{"empty", "", []string{short, upper, lower, digit, punct}},
		{"no upper case", "correct-horse-42", []string{upper}},
		{"no lower case", "CORRECT-HORSE-42", []string{lower}},
		{"no digit", "Correct-horse-battery", []string{digit}},
		{"no punctuation", "Correcthorse42", []string{punct}},
		{"a space is no punctuation", "Correct horse 42", []string{punct}},
		{"only digits", "123456789012", []string{upper, lower, punct}},
		{"128 characters", "Aa1-" + strings.Repeat("x", 124), nil},
		{"129 characters", "Aa1-" + strings.Repeat("x", 125), []string{long}},
		{"128 characters of 4 bytes", "Aa1-" + strings.Repeat("😀", 124), nil},
		{"eleven characters, more bytes", "Éàü-ßœ1234é", []string{short}},
		{"accented letters", "ÉTÉ-à-la-mer-1", nil},
		{"Greek", "Καλημέρα-κόσμε-1", nil},
		{"Arabic digits", "Correct-horse-٤٢", nil},
		{"scripts without case need letters that have it", "パスワード-パスワード1", []string{upper, lower}},
		{"accents count with their letter", "E\u0301te\u0301-E\u0301te\u0301-1a", []string{short}},
		{"not UTF-8", "Correct-horse-42\xff", nil},
	}
	for _, symbol := range "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~€§" {
		tests = append(tests, struct {
			name, password string
			want           []string
		}{"symbol " + string(symbol), "Abcdefghij1" + string(symbol), nil})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := security.CheckPolicy(test.password); !slices.Equal(got, test.want) {
				t.Errorf("CheckPolicy(%q) = %q, want %q", test.password, got, test.want)
			}
		})
	}
}

func BenchmarkDeriveKeyDefault(b *testing.B) {
	salt := make([]byte, 16)
	for b.Loop() {
		if _, err := security.DeriveKey("Correct-horse-42", security.DefaultParams(), salt); err != nil {
			b.Fatal(err)
		}
	}
}

func newVerifier(t *testing.T, password string) security.Verifier {
	t.Helper()
	v, err := security.NewVerifier(password, quick)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func deriveKey(t *testing.T, password string, p security.Params, salt []byte) []byte {
	t.Helper()
	key, err := security.DeriveKey(password, p, salt)
	if err != nil {
		t.Fatal(err)
	}
	if len(key) != 32 {
		t.Fatalf("key of %d bytes, want 32", len(key))
	}
	return key
}
