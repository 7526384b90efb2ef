package security

// This file answers what a role may do, from the one matrix that the database holds
// (S4). It is a courtesy to the user; the database decides. Every doubt means no.

import "fmt"

// Action is something a role may or may not do, such as "customer.add". The zero value
// is allowed to nobody.
type Action string

// Actions that the matrix does not list.
const (
	Public   Action = "*"         // for anybody, signed in or not
	SignedIn Action = "signed-in" // for anybody signed in, whatever the role
	Limited  Action = "limited"   // the same, also for whoever must first choose a password or enrol a second factor
	Enrol    Action = "enrol"     // the same, also for whoever must first enrol a second factor
)

// Scope is how far an action is allowed. The zero value is None.
type Scope int

// The scopes, from the narrowest to the widest.
const (
	None Scope = iota // not at all
	Own               // on records that one is responsible for
	All               // on every record
)

// ParseScope reads a scope as the table permission spells it: "own" or "all". What is
// not allowed has no row, so every other text is an error, and None.
func ParseScope(s string) (Scope, error) {
	switch s {
	case "own":
		return Own, nil
	case "all":
		return All, nil
	}
	return None, fmt.Errorf("scope %q: want own or all", s)
}

// String returns the scope as ParseScope reads it, and "none" for None.
func (s Scope) String() string {
	switch s {
	case Own:
		return "own"
	case All:
		return "all"
	}
	return "none"
}

// Matrix is what one role may do, read from the table permission at sign-in. A nil
// matrix is that of somebody who is not signed in; an empty one, of a role without
// permissions.
type Matrix map[Action]Scope

// Scope returns how far a is allowed. The zero action and actions that the matrix does
// not list are None.
func (m Matrix) Scope(a Action) Scope {
	switch a {
	case "":
		return None
	case Public:
		return All
	case SignedIn, Limited, Enrol:
		if m == nil {
			return None
		}
		return All
	}
	return m[a]
}

// Allows tells whether a is allowed on some record at least.
func (m Matrix) Allows(a Action) bool {
	scope := m.Scope(a)
	return scope == Own || scope == All
}
