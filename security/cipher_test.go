package security_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"

	"crm/security"
)

// FuzzSealOpen covers S10: a sealed value opens for its column and for no other.
func FuzzSealOpen(f *testing.F) {
	f.Add("customer.email", "kevin@startup.io", "customer.phone")
	f.Add("customer.full_name", "", "customer.full_name ")
	f.Add("", "\x00\xff not UTF-8", "x")
	f.Add("a", "Zoë Ōtani 😀", "a\x00")
	cipher := loadCipher(f, newKeyset(f))
	f.Fuzz(func(t *testing.T, column, plaintext, other string) {
		sealed := seal(t, cipher, column, plaintext)
		if got, err := cipher.Open(column, sealed); got != plaintext || err != nil {
			t.Errorf("Open = %q, %v; want %q", got, err, plaintext)
		}
		if len(plaintext) > 3 && bytes.Contains(sealed, []byte(plaintext)) {
			t.Error("the sealed value shows the plaintext")
		}
		if bytes.Equal(sealed, seal(t, cipher, column, plaintext)) {
			t.Error("two sealed values are equal")
		}
		if other == column {
			return
		}
		want := "cannot unseal " + other + ": was altered, or sealed for another column"
		if got, err := cipher.Open(other, sealed); got != "" || message(err) != want || !errors.Is(err,
			security.ErrUnsealed) {
			t.Errorf("Open for another column = %q, %v", got, err)
		}
	})
}

// FuzzOpen opens arbitrary bytes: an error, never a panic.
func FuzzOpen(f *testing.F) {
	cipher := loadCipher(f, newKeyset(f))
	f.Add([]byte(nil))
	f.Add([]byte{1})
	f.Add([]byte{1, 0, 0, 0, 9})
	f.Add(seal(f, cipher, "customer.email", "x"))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if got, err := cipher.Open("customer.phone", sealed); got != "" || !errors.Is(err, security.ErrUnsealed) {
			t.Errorf("Open = %q, %v", got, err)
		}
	})
}

func TestOpenRefusesEveryFlippedBit(t *testing.T) {
	cipher := loadCipher(t, newKeyset(t))
	sealed := seal(t, cipher, "customer.email", "kevin@startup.io")
	for bit := range len(sealed) * 8 {
		altered := bytes.Clone(sealed)
		altered[bit/8] ^= 1 << (bit % 8)
		want := "cannot unseal customer.email: was altered, or sealed for another column"
		if id := keyID(altered); 8 <= bit && bit < 40 {
			want = fmt.Sprintf("cannot unseal customer.email: sealed with key %d, which this keyset does not hold", id)
		}
		if got, err := cipher.Open("customer.email", altered); got != "" || message(err) != want {
			t.Fatalf("bit %d: %q, %v; want %s", bit, got, err, want)
		}
	}
}

func TestOpenRefusesEveryTruncation(t *testing.T) {
	cipher := loadCipher(t, newKeyset(t))
	sealed := seal(t, cipher, "customer.email", "kevin@startup.io")
	want := "cannot unseal customer.email: was altered, or sealed for another column"
	for length := range len(sealed) {
		if got, err := cipher.Open("customer.email", sealed[:length]); got != "" || message(err) != want {
			t.Errorf("%d bytes: %q, %v", length, got, err)
		}
	}
	if got, err := cipher.Open("customer.email", append(sealed, 0)); got != "" || message(err) != want {
		t.Errorf("a byte more: %q, %v", got, err)
	}
}

func TestOpenNamesTheKeyThatIsMissing(t *testing.T) {
	ours, theirs := loadCipher(t, newKeyset(t)), loadCipher(t, newKeyset(t))
	_, err := ours.Open("customer.phone", seal(t, theirs, "customer.phone", "+33 1 23 45 67 89"))
	want := fmt.Sprintf("cannot unseal customer.phone: sealed with key %d, which this keyset does not hold",
		theirs.PrimaryKeyID())
	if message(err) != want || !errors.Is(err, security.ErrUnsealed) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestRotation covers a keyset with an older key, still in use and then disabled.
func TestRotation(t *testing.T) {
	manager := keyset.NewManager()
	older := addPrimary(t, manager)
	before := managedCipher(t, manager)
	sealed := seal(t, before, "customer.email", "kevin@startup.io")
	newer := addPrimary(t, manager)

	both := managedCipher(t, manager)
	if got, err := both.Open("customer.email", sealed); got != "kevin@startup.io" || err != nil {
		t.Errorf("with the older key: %q, %v", got, err)
	}
	if id := keyID(seal(t, both, "customer.email", "x")); id != newer {
		t.Errorf("sealed with key %d, want %d", id, newer)
	}
	checkKeys(t, both, newer, older)

	if err := manager.Disable(older); err != nil {
		t.Fatal(err)
	}
	after := managedCipher(t, manager)
	want := fmt.Sprintf("cannot unseal customer.email: sealed with key %d, which this keyset has disabled", older)
	if got, err := after.Open("customer.email", sealed); got != "" || message(err) != want {
		t.Errorf("with the older key disabled: %q, %v; want %s", got, err, want)
	}
	checkKeys(t, after, newer)
}

// checkKeys compares the keys of a cipher: the primary one first, in any order then.
func checkKeys(t *testing.T, c *security.Cipher, want ...uint32) {
	t.Helper()
	if c.PrimaryKeyID() != want[0] {
		t.Errorf("PrimaryKeyID() = %d, want %d", c.PrimaryKeyID(), want[0])
	}
	slices.Sort(want)
	if got := c.KeyIDs(); !slices.Equal(got, want) {
		t.Errorf("KeyIDs() = %d, want %d", got, want)
	}
}

// BenchmarkSealCustomer seals the four personal columns of one customer.
func BenchmarkSealCustomer(b *testing.B) {
	cipher := loadCipher(b, newKeyset(b))
	b.ReportAllocs()
	for b.Loop() {
		sealCustomer(b, cipher)
	}
}

// BenchmarkOpenCustomer opens the four personal columns of one customer.
func BenchmarkOpenCustomer(b *testing.B) {
	cipher := loadCipher(b, newKeyset(b))
	sealed := sealCustomer(b, cipher)
	b.ReportAllocs()
	for b.Loop() {
		for column, value := range sealed {
			if _, err := cipher.Open(column, value); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func sealCustomer(tb testing.TB, c *security.Cipher) map[string][]byte {
	return map[string][]byte{
		"customer.company_name": seal(tb, c, "customer.company_name", "Cool Startup LLC"),
		"customer.full_name":    seal(tb, c, "customer.full_name", "Kevin Casey"),
		"customer.email":        seal(tb, c, "customer.email", "kevin@startup.io"),
		"customer.phone":        seal(tb, c, "customer.phone", "+67812345678"),
	}
}

func seal(tb testing.TB, c *security.Cipher, column, plaintext string) []byte {
	tb.Helper()
	sealed, err := c.Seal(column, plaintext)
	if err != nil {
		tb.Fatal(err)
	}
	return sealed
}

// keyID returns the key ID in the prefix of a sealed value.
func keyID(sealed []byte) uint32 {
	return uint32(sealed[1])<<24 | uint32(sealed[2])<<16 | uint32(sealed[3])<<8 | uint32(sealed[4])
}

func newKeyset(tb testing.TB) []byte {
	tb.Helper()
	content, err := security.NewKeyset()
	if err != nil {
		tb.Fatal(err)
	}
	return content
}

func loadCipher(tb testing.TB, content []byte) *security.Cipher {
	tb.Helper()
	cipher, err := security.LoadCipher(content)
	if err != nil {
		tb.Fatal(err)
	}
	return cipher
}

// addPrimary gives the keyset a new key to seal with, and returns its id.
func addPrimary(t *testing.T, manager *keyset.Manager) uint32 {
	t.Helper()
	id, err := manager.Add(aead.AES256GCMKeyTemplate())
	if err == nil {
		err = manager.SetPrimary(id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func managedCipher(t *testing.T, manager *keyset.Manager) *security.Cipher {
	t.Helper()
	handle, err := manager.Handle()
	if err != nil {
		t.Fatal(err)
	}
	return loadCipher(t, keysetFile(t, handle))
}

// keysetFile returns the content of a keyset file that seals with the keys of handle.
func keysetFile(t *testing.T, handle *keyset.Handle) []byte {
	t.Helper()
	var tinkJSON bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&tinkJSON)); err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, `{"sealing": %s}`, tinkJSON.Bytes())
}

// keysetOf returns the content of a keyset file with one key of the given kind.
func keysetOf(t *testing.T, kind *tinkpb.KeyTemplate) []byte {
	t.Helper()
	handle, err := keyset.NewHandle(kind)
	if err != nil {
		t.Fatal(err)
	}
	return keysetFile(t, handle)
}
