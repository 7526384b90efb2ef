package repo

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
)

func TestParseMoney(t *testing.T) {
	const form = "want an amount like 1200 or 1200.50, with at most two decimals"
	for _, test := range []struct {
		text string
		want Money
		err  string
	}{
		{"0", 0, ""},
		{"-0", 0, ""},
		{"1200", 120000, ""},
		{"1200.5", 120050, ""},
		{"1200.50", 120050, ""},
		{"1200,50", 120050, ""},
		{"1 200,50", 120050, ""},
		{"1\u00a0200\u00a0000,05", 120000005, ""},
		{"1\u202f200.50", 120050, ""},
		{" 7 ", 700, ""},
		{"007", 700, ""},
		{"0.01", 1, ""},
		{"-12.34", -1234, ""},
		{"9999999999.99", MaxMoney, ""},
		{"-9999999999.99", -MaxMoney, ""},
		{"10000000000", 0, "at most 9999999999.99 is possible"},
		{"9223372036854775808", 0, "at most 9999999999.99 is possible"},
		{strings.Repeat("9", 1<<20), 0, "at most 9999999999.99 is possible"},
		{"", 0, form},
		{" ", 0, form},
		{"-", 0, form},
		{"--1", 0, form},
		{"+1", 0, form},
		{".5", 0, form},
		{"5.", 0, form},
		{"1.005", 0, form},
		{"1.200,50", 120050, ""},
		{"1,200.50", 120050, ""},
		{"1'200.50", 120050, ""},
		{"1’200’000", 120000000, ""},
		{"12,345,678.90", 1234567890, ""},
		{"1,200,000", 0, form},
		{"1'200 000", 0, form},
		{"1.200.50", 0, form},
		{"12,00.50", 0, form},
		{",200.50", 0, form},
		{"1,200", 0, form},
		{"12 00", 0, form},
		{"1200 000", 0, form},
		{"1 2000", 0, form},
		{"1.-5", 0, form},
		{"1.+5", 0, form},
		{"1. 5", 0, form},
		{"1..5", 0, form},
		{"1e3", 0, form},
		{"1e309", 0, form},
		{"0x10", 0, form},
		{"1_000", 0, form},
		{"NaN", 0, form},
		{"Infinity", 0, form},
		{"١٢", 0, form},
		{"1.٥", 0, form},
		{"12 €", 0, form},
		{"1\x00", 0, form},
		{"1;drop table contract", 0, form},
	} {
		got, err := ParseMoney(test.text)
		if got != test.want || message(err) != test.err {
			t.Errorf("ParseMoney(%.40q) = %v, %q; want %v, %q", test.text, got, message(err), test.want, test.err)
		}
	}
}

func FuzzParseMoney(f *testing.F) {
	for _, seed := range []string{"1 200,50", "-1.5", "9999999999.99", "1\u202f000", "1e309"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMoney(text)
		if err != nil {
			return
		}
		again, err := ParseMoney(m.String())
		if again != m || err != nil {
			t.Errorf("%q is %v, which reads as %v, %v", text, m, again, err)
		}
	})
}

func TestMoneyWritten(t *testing.T) {
	for _, test := range []struct {
		m    Money
		want string
	}{{0, "0.00"}, {5, "0.05"}, {-5, "-0.05"}, {120050, "1200.50"}, {MaxMoney, "9999999999.99"}} {
		value, err := test.m.Value()
		data, jsonErr := json.Marshal(test.m)
		if test.m.String() != test.want || value != any(test.want) || string(data) != `"`+test.want+`"` || err != nil ||
			jsonErr != nil {
			t.Errorf("%d is written %s, %v, %s; want %s", int64(test.m), test.m, value, data, test.want)
		}
	}
}

func TestMoneyScanned(t *testing.T) {
	numeric := func(n, exp int64) pgtype.Numeric {
		return pgtype.Numeric{Int: big.NewInt(n), Exp: int32(exp), Valid: true}
	}
	const refused = "not an amount in hundredths"
	for name, test := range map[string]struct {
		n    pgtype.Numeric
		want Money
		err  string
	}{
		"whole":               {numeric(12, 0), 1200, ""},
		"thousands":           {numeric(12, 3), 1200000, ""},
		"tenths":              {numeric(125, -1), 1250, ""},
		"hundredths":          {numeric(-1250, -2), -1250, ""},
		"thousandths of zero": {numeric(1250, -3), 125, ""},
		"thousandths":         {numeric(1251, -3), 0, refused},
		"too large":           {numeric(1, 18), 0, refused},
		"null":                {pgtype.Numeric{}, 0, refused},
		"NaN":                 {pgtype.Numeric{NaN: true, Valid: true}, 0, refused},
		"infinity":            {pgtype.Numeric{InfinityModifier: pgtype.Infinity, Valid: true}, 0, refused},
	} {
		t.Run(name, func(t *testing.T) {
			var got Money
			if err := got.ScanNumeric(test.n); got != test.want || message(err) != test.err {
				t.Errorf("got %v, %q; want %v, %q", got, message(err), test.want, test.err)
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
