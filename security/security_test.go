package security_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"crm/security"
)

// TestNothingPrintsASecret covers the types that hold one: no verb, encoder or logger
// shows more than their description, by value, by pointer or inside another value.
func TestNothingPrintsASecret(t *testing.T) {
	ends := time.Date(2026, 5, 4, 20, 0, 0, 0, time.UTC)
	key := bytes.Repeat([]byte{0xAB}, 32)
	session := security.Session{ID: 7, UserID: 3, Key: key, Ends: ends}
	signer := security.NewSigner(session, 10*time.Minute, func() time.Time { return ends.Add(-time.Hour) })
	if _, err := signer.Token(); err != nil {
		t.Fatal(err)
	}
	verifier := security.Verifier{Memory: 64, Iterations: 1, Parallelism: 4, Salt: key, KeyHash: key}
	content := newKeyset(t)
	cipher := loadCipher(t, content)

	tests := []struct {
		value fmt.Stringer
		want  string
	}{
		{session, "session 7 of user 3 until 2026-05-04T20:00:00Z"},
		{&session, "session 7 of user 3 until 2026-05-04T20:00:00Z"},
		{signer, "signer of session 7 of user 3 until 2026-05-04T20:00:00Z"},
		{verifier, "password verifier (argon2id, 64 KiB, 1 iterations, 4 lanes)"},
		{&verifier, "password verifier (argon2id, 64 KiB, 1 iterations, 4 lanes)"},
		{cipher, fmt.Sprintf("cipher (sealing with key %d, opening with keys [%[1]d])", cipher.PrimaryKeyID())},
	}
	for _, test := range tests {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			if got := fmt.Sprintf(verb, test.value); got != test.want {
				t.Errorf("%s of %T = %q, want %q", verb, test.value, got, test.want)
			}
		}
		if got := fmt.Sprintf("%v", []any{struct{ Inner any }{test.value}}); got != "[{"+test.want+"}]" {
			t.Errorf("nested %T = %q, want %q", test.value, got, test.want)
		}
		if got := encodeJSON(t, test.value); got != `"`+test.want+`"` {
			t.Errorf("JSON of %T = %s, want %q", test.value, got, test.want)
		}
		for name, got := range logged(test.value) {
			if !strings.Contains(got, test.want) {
				t.Errorf("%s log of %T = %s, want %q", name, test.value, got, test.want)
			}
		}
	}
}

func encodeJSON(t *testing.T, value any) string {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// logged returns what the handlers of slog write about value.
func logged(value any) map[string]string {
	var text, object bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("seen", "value", value)
	slog.New(slog.NewJSONHandler(&object, nil)).Info("seen", "value", value)
	return map[string]string{"text": text.String(), "JSON": object.String()}
}
