package security

// This file reports what a role may do, according to the matrix in the database (S4). It only serves the user
// interface; the database decides. Unknown actions are not allowed.

import "fmt"

// Action is an operation that a role may or may not perform, such as "customer.add". The zero value is never allowed.
type Action string

// Actions that the matrix does not list.
const (
	Public   Action = "*"         // for everyone, signed in or not
	SignedIn Action = "signed-in" // for every signed-in user
	Limited  Action = "limited"   // the same, also for users who must first choose a password or enrol a second factor
	Enrol    Action = "enrol"     // the same, also for users who must first enrol a second factor
)

// Scope is how far an action is allowed. The zero value is None.
type Scope int

// The scopes, from the narrowest to the widest.
const (
	None Scope = iota // not at all
	Own               // on records of the user's own
	All               // on every record
)

// ParseScope parses a scope as stored in the table permission: "own" or "all". An action that is not allowed has no
// row, so every other text is an error, and None.
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

// Matrix has the permissions of one role, read from the table permission at sign-in. A nil matrix is that of a
// signed-out user; an empty one is that of a role without permissions.
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

// Allows reports whether a is allowed on some record at least.
func (m Matrix) Allows(a Action) bool {
	scope := m.Scope(a)
	return scope == Own || scope == All
}
