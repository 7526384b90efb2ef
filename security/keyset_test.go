package security_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/mac"

	"crm/security"
)

// secretInKeyset finds the key material in a keyset file.
var secretInKeyset = regexp.MustCompile(`"value":\s*"([^"]+)"`)

func TestNewKeysetIsFresh(t *testing.T) {
	first, second := newKeyset(t), newKeyset(t)
	if bytes.Equal(secretInKeyset.FindSubmatch(first)[1], secretInKeyset.FindSubmatch(second)[1]) {
		t.Error("two keysets hold the same key")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(first, &members); err != nil || len(members) != 2 || members["sealing"] == nil ||
		members["index"] == nil {
		t.Errorf("members %v, %v; want sealing and index", members, err)
	}
}

func TestLoadCipherErrors(t *testing.T) {
	good := string(newKeyset(t))
	secret := secretInKeyset.FindStringSubmatch(good)[1]
	tests := []struct {
		name, content, message string
	}{
		{"empty", "", "keyset is empty"},
		{"blank", " \n\t", "keyset is empty"},
		{"not JSON", "sealing: " + secret, "keyset is not a JSON object"},
		{"cut short", strings.TrimRight(good, "}\n "), "keyset is not a JSON object"},
		{"more after it", good + good, "keyset is not a JSON object"},
		{"a list", "[" + good + "]", "keyset is not a JSON object"},
		{"null", "null", `keyset has no member "sealing"`},
		{"no sealing", `{}`, `keyset has no member "sealing"`},
		{"a bare keyset of Tink", `{"primaryKeyId": 1, "key": []}`, `keyset has no member "sealing"`},
		{
			"from a newer version", strings.Replace(good, "{", `{"searching": {},`, 1),
			`keyset has a member "searching" that this version does not know`,
		},
		{
			"null sealing", `{"sealing": null}`,
			`keyset member "sealing" is not a keyset of Tink: insecurecleartextkeyset: invalid keyset`,
		},
		{
			"sealing is text", `{"sealing": "` + secret + `"}`,
			`keyset member "sealing" is not a keyset of Tink: insecurecleartextkeyset: invalid keyset`,
		},
		{
			"no keys", `{"sealing": {"key": []}}`,
			`keyset member "sealing" is not a keyset of Tink: insecurecleartextkeyset: invalid keyset`,
		},
		{
			"unknown field", strings.Replace(good, `"key"`, `"clef"`, 1),
			`keyset member "sealing" is not a keyset of Tink: insecurecleartextkeyset: invalid keyset`,
		},
		{
			"disabled primary", strings.Replace(good, "ENABLED", "DISABLED", 1),
			`keyset member "sealing" is not a keyset of Tink: ` +
				`invalid keyset: keyset contains a non-ENABLED primary key`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cipher, err := security.LoadCipher([]byte(test.content))
			if cipher != nil || message(err) != test.message {
				t.Errorf("got %v, %v; want %s", cipher, err, test.message)
			}
		})
	}
}

func TestLoadCipherRefusesOtherKeys(t *testing.T) {
	tests := []struct {
		name    string
		content []byte
		message string // after "holds key <id>"
	}{
		{"MAC", keysetOf(t, mac.HMACSHA256Tag256KeyTemplate()), "of the wrong kind: HmacKey, want AesGcmKey"},
		{
			"other AEAD", keysetOf(t, aead.ChaCha20Poly1305KeyTemplate()),
			"of the wrong kind: ChaCha20Poly1305Key, want AesGcmKey",
		},
		{"no prefix", keysetOf(t, aead.AES256GCMNoPrefixKeyTemplate()), "with the output prefix RAW, want TINK"},
	}
	for _, test := range tests {
		id := regexp.MustCompile(`"primaryKeyId":\s*(\d+)`).FindSubmatch(test.content)[1]
		want := fmt.Sprintf(`keyset member "sealing" holds key %s %s`, id, test.message)
		if cipher, err := security.LoadCipher(test.content); cipher != nil || message(err) != want {
			t.Errorf("%s: %v, %v; want %s", test.name, cipher, err, want)
		}
	}
}

// TestLoadCipherNeverQuotesKeys damages a keyset at every byte.
func TestLoadCipherNeverQuotesKeys(t *testing.T) {
	good := newKeyset(t)
	secret := secretInKeyset.FindSubmatch(good)[1]
	for i := range good {
		broken := bytes.Clone(good)
		broken[i] = '~'
		_, err := security.LoadCipher(broken)
		for start := 0; err != nil && start+8 <= len(secret); start++ {
			if strings.Contains(err.Error(), string(secret[start:start+8])) {
				t.Fatalf("broken at byte %d: %v", i, err)
			}
		}
	}
}

func TestKeysetFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "crm")
	path := filepath.Join(dir, "keyset.json")
	if err := security.WriteKeyset(path); err != nil {
		t.Fatal(err)
	}
	checkMode(t, dir, 0o700)
	checkMode(t, path, 0o600)
	content, err := security.ReadKeysetFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cipher := loadCipher(t, content)
	if got, err := cipher.Open("customer.email", seal(t, cipher, "customer.email", "x")); got != "x" || err != nil {
		t.Errorf("Open = %q, %v", got, err)
	}

	err = security.WriteKeyset(path)
	want := "keyset file is kept, because only it opens what it sealed: open " + path + ": file exists"
	if message(err) != want || !errors.Is(err, fs.ErrExist) {
		t.Errorf("writing again: %v, want %s", err, want)
	}
	if again, err := security.ReadKeysetFile(path); err != nil || !bytes.Equal(again, content) {
		t.Errorf("writing again changed the file (%v)", err)
	}
}

func TestKeysetFileOpenToOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyset.json")
	if err := security.WriteKeyset(path); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o644, 0o604, 0o620, 0o601, 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("keyset file %s is open to others (mode %#o)\nhint: chmod 600 %s", path, mode, path)
		if content, err := security.ReadKeysetFile(path); content != nil || message(err) != want {
			t.Errorf("mode %#o: %d bytes, %v; want %s", mode, len(content), err, want)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := security.ReadKeysetFile(path); err != nil {
		t.Errorf("mode 0400: %v", err)
	}
}

func TestKeysetFileElsewhere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keyset.json")
	if _, err := security.ReadKeysetFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading a missing file: %v", err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := security.ReadKeysetFile(path); err == nil {
		t.Error("reading a directory: no error")
	}
	if err := security.WriteKeyset(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("writing over a directory: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := security.WriteKeyset(filepath.Join(file, "keyset.json")); err == nil {
		t.Error("writing below a file: no error")
	}
}

// A keyset that is shared through a symbolic link stays shared when it is replaced.
func TestKeysetFileIsALink(t *testing.T) {
	shared, link := filepath.Join(t.TempDir(), "keyset.json"), filepath.Join(t.TempDir(), "link.json")
	if err := security.WriteKeyset(shared); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(shared, link); err != nil {
		t.Fatal(err)
	}
	content, err := security.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	if err := security.ReplaceKeysetFile(link, content); err != nil {
		t.Fatal(err)
	}
	if got, err := security.ReadKeysetFile(shared); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the file that the link led to holds another keyset (%v)", err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is none any more: %v, %v", info, err)
	}
	checkMode(t, shared, 0o600)
}

func checkMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %#o, want %#o", path, got, want)
	}
}
