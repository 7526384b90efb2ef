package commands

import (
	"slices"
	"strings"
	"testing"

	"crm/repo"
)

// A line that may hold a password is not kept; one that names a file is.
func TestHoldsSecret(t *testing.T) {
	for line, want := range map[string]bool{
		"login a@b.example":                                    false,
		"login a@b.example Secret-2027!":                       true,
		"login a@b.example --password Secret-2027!":            true,
		"login a@b.example --password=Secret-2027!":            true,
		"login a@b.example 'Secret with an open quote":         true,
		"login a@b.example --password-file f --format json":    false,
		"login a@b.example --code 123456":                      true,
		"logi a@b.example Secret-2027!":                        true,
		"lgoin a@b.example Secret-2027!":                       true,
		"password Secret-2027!":                                true,
		"pasword Secret-2027! Other-2027!":                     true,
		"password":                                             false,
		"password --password-file a --new-password-file b":     false,
		"user add a@b.example A B sales --password S":          true,
		"user add a@b.example A B sales --password-file f":     false,
		"user add a@b.example A B sales":                       false,
		"user add a@b.example A B sales Secret-2027!":          true,
		"user ad a@b.example A B sales Secret-2027!":           true,
		"user add a@b.example 'A B' C sales":                   false,
		"user reset-password 3 Secret-2027!":                   true,
		"user reset-password 3 --yes Secret-2027!":             true,
		"user reset-password 3 --yes":                          false,
		"user update 3 --last-name Add Secret":                 false,
		"mfa enable 123456":                                    true,
		"mfa disable --password-file f":                        false,
		"mfa enable --otp 123456":                              true,
		"customer list --search 'the password of the printer'": false,
		"logout": false, "find login": false, "": false, "# login a b": false,
	} {
		if got := All().HoldsSecret(line); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

// What is like no command may be a password, and is not stored.
func TestMayStore(t *testing.T) {
	s := &Session{Table: All(), Aliases: &Aliases{list: []alias{{"unpaid", "contract list --unpaid"}}}}
	for line, want := range map[string]bool{
		"customer list": true, "cust l": true, "custmer list": true, "unpaid --mine": true, "? find": true, "help": true,
		"customer add \"an open quote": true, "# tomorrow": true,
		"Secret-2027!": false, "'Secret 2027!": false, "Secret-2027! ": false, "login a@b.example Secret-2027!": false,
	} {
		if got := s.MayStore(line); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

// No error of a command that reads or makes a password shows a word after its arguments.
func TestSecretNotShown(t *testing.T) {
	s := &Session{Table: All(), Aliases: &Aliases{}, Me: &repo.User{ID: 1, Role: "admin"}}
	secretive := 0
	for _, c := range All() {
		reads := slices.ContainsFunc(c.Flags, func(f Flag) bool {
			return strings.HasSuffix(f.Name, "password-file") || f.Name == "code-file"
		})
		if reads && c.Secret == "" {
			t.Errorf("%s reads a password or code and has no Secret", c.Name)
		}
		if c.Secret == "" {
			continue
		}
		secretive++
		words, err := Split(strings.Repeat("x@y.example ", len(c.Args)) + "Hunter2-Hunter2 another")
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Parse(s, words)
		text, hint := Describe(err)
		if !strings.Contains(text, "takes no password on the line") || strings.Contains(text+hint, "Hunter2") {
			t.Errorf("%s: %s; %s", c.Name, text, hint)
		}
	}
	if secretive < 6 {
		t.Errorf("%d commands have a Secret", secretive)
	}
}
