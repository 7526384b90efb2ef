package security_test

import (
	"testing"

	"crm/security"
)

func TestMatrix(t *testing.T) {
	sales := security.Matrix{
		"customer.add":    security.All,
		"customer.update": security.Own,
		"customer.delete": security.None,
		"":                security.All, // a row that must open nothing
		"customer.seize":  security.Scope(9),
	}
	empty := security.Matrix{}
	tests := []struct {
		name   string
		matrix security.Matrix
		action security.Action
		scope  security.Scope
		allows bool
	}{
		{"every record", sales, "customer.add", security.All, true},
		{"own records", sales, "customer.update", security.Own, true},
		{"listed as none", sales, "customer.delete", security.None, false},
		{"not listed", sales, "user.add", security.None, false},
		{"other case", sales, "Customer.Add", security.None, false},
		{"zero action", sales, "", security.None, false},
		{"scope that does not exist", sales, "customer.seize", security.Scope(9), false},
		{"signed in", sales, security.SignedIn, security.All, true},
		{"signed in, with a duty", empty, security.Limited, security.All, true},
		{"signed in, to enrol", empty, security.Enrol, security.All, true},
		{"not signed in, with a duty", nil, security.Limited, security.None, false},
		{"not signed in, to enrol", nil, security.Enrol, security.None, false},
		{"public, signed in", sales, security.Public, security.All, true},
		{"role without permissions", empty, "customer.add", security.None, false},
		{"role without permissions, signed in", empty, security.SignedIn, security.All, true},
		{"not signed in", nil, "customer.add", security.None, false},
		{"not signed in, signed-in action", nil, security.SignedIn, security.None, false},
		{"not signed in, public", nil, security.Public, security.All, true},
		{"not signed in, zero action", nil, "", security.None, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.matrix.Scope(test.action); got != test.scope {
				t.Errorf("Scope(%q) = %v, want %v", test.action, got, test.scope)
			}
			if got := test.matrix.Allows(test.action); got != test.allows {
				t.Errorf("Allows(%q) = %v, want %v", test.action, got, test.allows)
			}
		})
	}
}

func TestZeroScopeIsNone(t *testing.T) {
	var zero security.Scope
	if zero != security.None {
		t.Errorf("the zero scope is %v", zero)
	}
}

func TestParseScope(t *testing.T) {
	tests := []struct {
		text    string
		want    security.Scope
		message string
	}{
		{"own", security.Own, ""},
		{"all", security.All, ""},
		{"none", security.None, `scope "none": want own or all`},
		{"", security.None, `scope "": want own or all`},
		{"All", security.None, `scope "All": want own or all`},
		{"all ", security.None, `scope "all ": want own or all`},
	}
	for _, test := range tests {
		got, err := security.ParseScope(test.text)
		if got != test.want || message(err) != test.message {
			t.Errorf("ParseScope(%q) = %v, %v; want %v, %s", test.text, got, err, test.want, test.message)
		}
		if err == nil && got.String() != test.text {
			t.Errorf("%q reads as a scope that prints as %q", test.text, got)
		}
	}
}

// message returns the text of an error, "" for none.
func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
