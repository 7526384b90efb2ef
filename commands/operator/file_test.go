package operator

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"

	"crm/repo"
)

// written is a backup of a dump with that many bytes.
func written(t *testing.T, size int, m repo.Manifest, l Lock) []byte {
	t.Helper()
	var file bytes.Buffer
	sealed, err := l.seal(&file)
	if err != nil {
		t.Fatal(err)
	}
	w := newBackupWriter(sealed)
	if _, err := io.WriteString(w, dumpMagic+strings.Repeat("\ncrm-backup 1\nx", size/15+1)[:size]); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.finish(m), sealed.Close()); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

var manifest = repo.Manifest{
	Format: 1, Program: "0.1.0", SchemaVersion: "3", Keys: []uint32{1, 4294967295},
	Rows: map[string]int64{"customer": 1},
}

// TestBackupFile wants what was written to be read again, whatever the sizes of dump and reads.
func TestBackupFile(t *testing.T) {
	for _, size := range []int{0, 100, trailerLimit, 3 * trailerLimit} {
		file := written(t, size, manifest, Lock{})
		c, err := examine(iotest.HalfReader(bytes.NewReader(file)))
		if err != nil || !reflect.DeepEqual(c.manifest, manifest) || c.dump != int64(size+len(dumpMagic)) {
			t.Fatalf("%d bytes: %+v, %v", size, c, err)
		}
		a := newArchive(bytes.NewReader(file), c)
		dump, err := io.ReadAll(a)
		if err := errors.Join(err, a.whole()); err != nil || !bytes.Equal(dump, file[:c.dump]) {
			t.Errorf("%d bytes: read %d, %v", size, len(dump), err)
		}
		changed := bytes.Clone(file)
		changed[len(changed)-100] ^= 1
		a = newArchive(bytes.NewReader(changed), c)
		_, _ = io.ReadAll(a)
		if err := a.whole(); !errors.Is(err, errDamaged) {
			t.Errorf("%d bytes, changed after it was examined: %v", size, err)
		}
	}
}

// TestDamagedFile changes every byte and cuts the file off at every one, plain and encrypted.
func TestDamagedFile(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]Lock{
		"plain":     {},
		"encrypted": {Recipients: []string{identity.Recipient().String()}},
	} {
		file := written(t, 300, manifest, l)
		read := func(file []byte) error {
			in, err := open(bytes.NewReader(file), int64(len(file)), []age.Identity{identity})
			if err == nil {
				_, err = examine(in)
			}
			return err
		}
		if err := read(file); err != nil {
			t.Fatal(err)
		}
		for i := range file {
			changed := bytes.Clone(file)
			changed[i] ^= 1
			if read(changed) == nil {
				t.Errorf("%s: byte %d is changed unnoticed", name, i)
			}
			if read(file[:i]) == nil {
				t.Errorf("%s: cut off unnoticed at byte %d", name, i)
			}
		}
		if read(append(bytes.Clone(file), 'x')) == nil {
			t.Errorf("%s: a byte more is unnoticed", name)
		}
	}
}

// TestForeignFile says what is wrong with a file.
func TestForeignFile(t *testing.T) {
	good := written(t, 30, manifest, Lock{})
	resum := func(text string) []byte {
		var b bytes.Buffer
		w := newBackupWriter(&b)
		_, _ = io.WriteString(w, text)
		_, _ = b.WriteString(sumLabel + hex.EncodeToString(w.digest.Sum(nil)) + "\n")
		return b.Bytes()
	}
	for name, test := range map[string]struct {
		file []byte
		want error
	}{
		"empty":         {nil, errForeign},
		"text":          {[]byte("customers\n"), errForeign},
		"tar":           {append([]byte("manifest.json"), make([]byte, 1024)...), errForeign},
		"pg_dump alone": {good[:100], errDamaged},
		"newer":         {resum(dumpMagic + "\ncrm-backup 2\nother\n"), errNewFormat},
		"no manifest":   {resum(dumpMagic), errDamaged},
		"no dump":       {resum("\ncrm-backup 1\n{}\n"), errDamaged},
	} {
		if _, err := examine(bytes.NewReader(test.file)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// TestLock opens with the right key alone, and shows no key in its errors.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	mine, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	identity := Lock{IdentityFile: file("mine", "# mine\n"+mine.String()+"\n")}
	phrase := Lock{PassphraseFile: file("phrase", "it's long\r\nmore\n")}
	both := written(t, 30, manifest, Lock{Recipients: []string{theirs.Recipient().String(), mine.Recipient().String()}})
	byPhrase := written(t, 30, manifest, phrase)
	for name, test := range map[string]struct {
		file []byte
		lock Lock
		want error
	}{
		"identity":         {both, identity, nil},
		"another identity": {both, Lock{IdentityFile: file("theirs", theirs.String())}, nil},
		"a stranger's": {
			written(t, 3, manifest, Lock{Recipients: []string{theirs.Recipient().String()}}),
			identity, errOtherKey,
		},
		"phrase":               {byPhrase, phrase, nil},
		"another phrase":       {byPhrase, Lock{PassphraseFile: file("wrong", "short")}, errOtherKey},
		"phrase for a key":     {both, phrase, errOtherKey},
		"key for a phrase":     {byPhrase, identity, errOtherKey},
		"nothing":              {both, Lock{}, errEncrypted},
		"plain with a key":     {written(t, 3, manifest, Lock{}), identity, nil},
		"no file":              {both, Lock{IdentityFile: filepath.Join(dir, "none")}, ErrUsage},
		"no phrase":            {both, Lock{PassphraseFile: file("empty", "\nx")}, ErrUsage},
		"no identity":          {both, Lock{IdentityFile: file("typo", mine.String()[:40])}, ErrUsage},
		"a public key instead": {both, Lock{IdentityFile: file("public", mine.Recipient().String())}, ErrUsage},
	} {
		identities, err := test.lock.identities()
		if err == nil {
			var in *io.SectionReader
			if in, err = open(bytes.NewReader(test.file), int64(len(test.file)), identities); err == nil {
				_, err = examine(in)
			}
		}
		if !errors.Is(err, test.want) || err != nil && strings.Contains(err.Error(), "AGE-SECRET-KEY-1"+
			mine.String()[16:20]) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	for _, text := range []string{"", "age1x", mine.String()} {
		if _, err := (Lock{Recipients: []string{text}}).recipients(); !errors.Is(err, ErrUsage) || len(text) > 9 &&
			strings.Contains(err.Error(), text) {
			t.Errorf("the recipient %q: %v", text, err)
		}
	}
}
