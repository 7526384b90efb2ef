package commands

import "testing"

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
		"mfa enable --otp 123456":                              true,
		"customer list --search 'the password of the printer'": false,
		"logout": false, "find login": false, "": false, "# login a b": false,
	} {
		if got := HoldsSecret(line); got != want {
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
