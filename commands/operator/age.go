package operator

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"

	"filippo.io/age"

	"crm/commands"
)

// This file encrypts and decrypts backups with age.

const ageMagic = "age-encryption.org/v1\n"

// A Lock is how a backup is encrypted, or opened again; the zero value is not at all.
type Lock struct {
	Recipients     []string // age's public keys
	IdentityFile   string   // age's private keys
	PassphraseFile string   // its first line
}

// recipients are nil where nothing is to be encrypted.
func (l Lock) recipients() ([]age.Recipient, error) {
	if l.PassphraseFile != "" {
		phrase, err := l.passphrase()
		if err != nil {
			return nil, err
		}
		recipient, err := age.NewScryptRecipient(phrase)
		return []age.Recipient{recipient}, err
	}
	var all []age.Recipient
	for _, text := range l.Recipients {
		found, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil || len(found) != 1 {
			return nil, say(ErrUsage, "--recipient: want a public key of age, age1…, as age-keygen prints it")
		}
		all = append(all, found...)
	}
	return all, nil
}

// identities returns nil if no key is given.
func (l Lock) identities() ([]age.Identity, error) {
	if l.PassphraseFile != "" {
		phrase, err := l.passphrase()
		if err != nil {
			return nil, err
		}
		identity, err := age.NewScryptIdentity(phrase)
		return []age.Identity{identity}, err
	}
	if l.IdentityFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(l.IdentityFile)
	if err != nil {
		return nil, say(ErrUsage, "--identity: %v", err)
	}
	identities, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil { // the error's text may quote the key
		return nil, say(ErrUsage,
			"--identity: %s holds no private key of age, AGE-SECRET-KEY-1…, as age-keygen writes it", l.IdentityFile)
	}
	return identities, nil
}

func (l Lock) passphrase() (string, error) {
	text, err := os.ReadFile(l.PassphraseFile)
	if err != nil {
		return "", say(ErrUsage, "--passphrase-file: %v", err)
	}
	line := commands.FirstLine(string(text))
	if line == "" {
		return "", say(ErrUsage, "--passphrase-file: the first line of %s is empty", l.PassphraseFile)
	}
	return line, nil
}

// seal returns a writer that encrypts to out. Closing it ends the encryption but does not close out.
func (l Lock) seal(out io.Writer) (io.WriteCloser, error) {
	recipients, err := l.recipients()
	if err != nil {
		return nil, err
	}
	if recipients == nil {
		return plain{out}, nil
	}
	return age.Encrypt(out, recipients...)
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }

// open returns the content of a file, decrypted if necessary. A passphrase is derived, which takes 256 MiB and a
// second, only once, even if the content is read twice.
func open(file io.ReaderAt, size int64, identities []age.Identity) (*io.SectionReader, error) {
	start := make([]byte, len(ageMagic))
	n, err := file.ReadAt(start, 0)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case string(start[:n]) != ageMagic:
		return io.NewSectionReader(file, 0, size), nil
	case identities == nil:
		return nil, errEncrypted
	}
	content, length, err := age.DecryptReaderAt(file, size, identities...)
	var other *age.NoIdentityMatchError
	switch {
	case errors.As(err, &other):
		return nil, errOtherKey
	case err != nil:
		return nil, errDamaged
	}
	return io.NewSectionReader(content, 0, length), nil
}
