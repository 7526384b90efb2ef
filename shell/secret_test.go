package shell

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"crm/commands"
	"crm/repo"
)

func noTTY() (*os.File, error) { return nil, os.ErrNotExist }

func TestSecretFromFile(t *testing.T) {
	const mustBe = "its first line must be the secret, at most 1024 bytes"
	longest := strings.Repeat("x", longestSecret)
	for name, test := range map[string]struct{ content, want, problem string }{
		"plain":      {content: "pässword 1", want: "pässword 1"},
		"newline":    {content: "password\n", want: "password"},
		"windows":    {content: "password\r\n", want: "password"},
		"more lines": {content: "password\n# and more\n", want: "password"},
		"blanks":     {content: " pass word \n", want: " pass word "},
		"longest":    {content: longest + "\r\n", want: longest},
		"too long":   {content: longest + "x\n", problem: mustBe},
		"huge":       {content: strings.Repeat(longest, 1000), problem: mustBe},
		"empty":      {problem: mustBe},
		"empty line": {content: "\npassword\n", problem: mustBe},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := Secrets{TTY: noTTY}.Read(t.Context(), commands.SecretRequest{File: file})
			if got != test.want || (err != nil) != (test.problem != "") || err != nil &&
				!strings.Contains(err.Error(), test.problem) {
				t.Errorf("%q, %v; want %q, %q", got, err, test.want, test.problem)
			}
		})
	}
	for _, file := range []string{t.TempDir(), filepath.Join(t.TempDir(), "missing")} {
		_, err := Secrets{TTY: noTTY}.Read(t.Context(), commands.SecretRequest{File: file})
		if !errors.Is(err, repo.ErrInvalid) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestSecretSource reads from the request's file, else from --password-file, else from CRM_PASSWORD; the latter two are
// for the present password, not for a new one. A code is no password: it comes from its own file or CRM_CODE.
func TestSecretSource(t *testing.T) {
	write := func(text string) string {
		file := filepath.Join(t.TempDir(), text)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	asked, given := write("asked"), write("given")
	const both = "no terminal to ask for the password: use --password-file FILE or CRM_PASSWORD"
	for name, test := range map[string]struct {
		secrets       Secrets
		request       commands.SecretRequest
		want, problem string
	}{
		"request": {
			Secrets{File: given, Value: "variable"},
			commands.SecretRequest{File: asked, Env: true},
			"asked",
			"",
		},
		"flag":     {Secrets{File: given, Value: "variable"}, commands.SecretRequest{Env: true}, "given", ""},
		"variable": {Secrets{Value: "variable"}, commands.SecretRequest{Env: true}, "variable", ""},
		"none":     {Secrets{}, commands.SecretRequest{Question: "password", Env: true}, "", both},
		"code": {
			Secrets{File: given, Value: "variable", Code: "123456"},
			commands.SecretRequest{Env: true, Code: true},
			"123456", "",
		},
		"no code": {
			Secrets{File: given, Value: "variable"},
			commands.SecretRequest{Question: "code", Env: true, Code: true},
			"", "use --code-file FILE or CRM_CODE",
		},
		"another": {
			Secrets{File: given, Code: "123456"},
			commands.SecretRequest{Question: "code", Code: true},
			"",
			"for the code: use --code-file FILE",
		},
		"shown": {
			Secrets{Code: "123456"},
			commands.SecretRequest{Question: "code", Code: true, Notice: "x", QR: "x"},
			"",
			"no terminal to show the secret at",
		},
		"new": {
			Secrets{File: given, Value: "variable"},
			commands.SecretRequest{Question: "new password"},
			"",
			"use --new-password-file FILE",
		},
	} {
		test.secrets.TTY = noTTY
		got, err := test.secrets.Read(t.Context(), test.request)
		if got != test.want || (err != nil) != (test.problem != "") || err != nil &&
			(!errors.Is(err, commands.ErrUsage) || !strings.Contains(err.Error(), test.problem)) {
			t.Errorf("%s: %q, %v; want %q, %q", name, got, err, test.want, test.problem)
		}
	}
}
