package security_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"testing"

	"crm/security"
)

// TestProveVector compares with RFC 7677 section 3: SCRAM-SHA-256 with the password "pencil".
func TestProveVector(t *testing.T) {
	// ClientKey = HMAC(SaltedPassword, "Client Key"); SaltedPassword = PBKDF2("pencil", W22ZaJ0SNY7soEsUEjb6gQ==,
	// 4096).
	salted, err := hex.DecodeString("c4a49510323ab4f952cac1fa99441939e78ea74d6be81ddf7096e87513dc615d")
	if err != nil {
		t.Fatal(err)
	}
	key := security.NewSecret(salted).Derive("Client Key", nil)
	auth := []byte("n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," +
		"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
	const want = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	if got := base64.StdEncoding.EncodeToString(security.NewSecret(key).Prove(auth)); got != want {
		t.Errorf("proof %s, want %s", got, want)
	}
}

// A proof reveals the secret to the holder of the hash only. The derived value depends on label and message.
func TestProve(t *testing.T) {
	for _, length := range []int{0, 6, 20, 32} {
		secret := bytes.Repeat([]byte{7}, length)
		s := security.NewSecret(secret)
		hash := sha256.Sum256(secret)
		if !bytes.Equal(s.Hash(), hash[:]) {
			t.Errorf("%d bytes: another hash", length)
		}
		proof := s.Prove([]byte("message"))
		m := hmac.New(sha256.New, hash[:])
		m.Write([]byte("message"))
		for i, b := range m.Sum(nil) {
			proof[i] ^= b
		}
		if !bytes.Equal(proof[:length], secret) || !bytes.Equal(proof[length:], make([]byte, 32-length)) {
			t.Errorf("%d bytes: recovered %x", length, proof)
		}
		if bytes.Equal(s.Derive("a", []byte("m")), s.Derive("b", []byte("m"))) ||
			bytes.Equal(s.Derive("a", []byte("m")),
				s.Derive("a", []byte("n"))) {
			t.Errorf("%d bytes: two derived values are equal", length)
		}
	}
}
