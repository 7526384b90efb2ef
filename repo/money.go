package repo

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// Money is an amount in hundredths of the company's currency: exact, never a float.
// In the database it is numeric(12,2).
type Money int64

// MaxMoney is the largest amount that numeric(12,2) holds.
const MaxMoney Money = 999_999_999_999

// ErrTooLarge is the error for an amount above MaxMoney.
var ErrTooLarge = fmt.Errorf("at most %s is possible", MaxMoney)

var errMoney = errors.New("want an amount like 1200 or 1200.50, with at most two decimals")

// ParseMoney parses 1200, 1200.50, 1 200,50, 1'200.50, 1,200.50 and 1.200,50: spaces and apostrophes group thousands; a
// point or a comma groups them if the other of the two is the decimal sign. It never rounds. It refuses 1,200, which is
// ambiguous.
func ParseMoney(text string) (Money, error) {
	digits := strings.TrimSpace(text)
	negative := strings.HasPrefix(digits, "-")
	digits = strings.TrimPrefix(digits, "-")
	whole, cents, hasCents := digits, "", false
	if i := strings.LastIndexAny(digits, ".,"); i >= 0 {
		whole, cents, hasCents = digits[:i], digits[i+1:], true
		if digits[i] == '.' {
			whole = strings.ReplaceAll(whole, ",", "'")
		} else {
			whole = strings.ReplaceAll(whole, ".", "'")
		}
	}
	whole, err := ungroup(whole)
	if err != nil || (hasCents && (cents == "" || len(cents) > 2)) {
		return 0, errMoney
	}
	n, err := strconv.ParseUint(whole+(cents + "00")[:2], 10, 63)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errMoney
	}
	if err != nil || Money(n) > MaxMoney {
		return 0, ErrTooLarge
	}
	if negative {
		return -Money(n), nil
	}
	return Money(n), nil
}

// ungroup removes the separators from 1 200 000. It refuses 12 00 and numbers with different separators.
func ungroup(whole string) (string, error) {
	var sign rune
	mixed := false
	groups := strings.FieldsFunc(whole, func(r rune) bool {
		if !strings.ContainsRune(" \u00a0\u202f'’", r) {
			return false
		}
		mixed = mixed || sign != 0 && r != sign
		sign = r
		return true
	})
	if len(groups) == 0 || len(groups) > 1 && len(groups[0]) > 3 || mixed || strings.HasPrefix(whole, "'") ||
		strings.HasSuffix(whole, "'") {
		return "", errMoney
	}
	for _, g := range groups[1:] {
		if len(g) != 3 {
			return "", errMoney
		}
	}
	joined := strings.Join(groups, "")
	if strings.Trim(joined, "0123456789") != "" {
		return "", errMoney
	}
	return joined, nil
}

// String returns the amount with two decimals, a point and no grouping: "1200.50".
func (m Money) String() string {
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	return fmt.Sprintf("%s%d.%02d", sign, m/100, m%100)
}

// MarshalJSON writes the amount as a string, because many readers parse numbers as floats.
func (m Money) MarshalJSON() ([]byte, error) { return []byte(`"` + m.String() + `"`), nil }

// Value passes the amount to PostgreSQL as text.
func (m Money) Value() (driver.Value, error) { return m.String(), nil }

// ScanNumeric reads a numeric of PostgreSQL. It refuses values with fractions of a hundredth.
func (m *Money) ScanNumeric(n pgtype.Numeric) error {
	n.Exp += 2 // hundredths
	cents, err := n.Int64Value()
	if err != nil || !cents.Valid {
		return errors.New("not an amount in hundredths")
	}
	*m = Money(cents.Int64)
	return nil
}
