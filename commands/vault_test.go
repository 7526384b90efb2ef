package commands

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestUnseal(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "keyset.json")
	for _, test := range []struct {
		content, file, want, hint string
	}{
		{
			"", missing, "there is no keyset " + missing,
			"crm init makes it with the database; on another machine, copy it there or set CRM_KEYSET",
		},
		{"secret", "", "keyset is not a JSON object", ""},
	} {
		_, err := Unseal([]byte(test.content), test.file)
		if text, hint := Describe(err); !errors.Is(err, ErrUsage) || text != test.want || hint != test.hint {
			t.Errorf("%q, %q; want %q, %q", text, hint, test.want, test.hint)
		}
	}
}
