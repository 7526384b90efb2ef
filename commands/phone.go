package commands

// This file parses phone numbers (D10). A number must be possible in the numbering plan of its country, as
// libphonenumber knows it. The plans lack recently assigned numbers, so a possible number that is not known to be
// assigned is accepted with a warning.

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// Phone is the kind of a phone number, which may be empty. Its value is a string in E.164: + and digits. A number
// without a country code belongs to the session's region. For other countries, + or the region's 00 and 4 to 15 digits
// are accepted with a warning even if their plan does not have such numbers: the company uses numbers such as
// +666 12345.
var Phone = Kind{Name: "PHONE", Parse: readPhone, Cell: firstOf(readPhone), Doubt: doubtPhone}

var errPhone = errors.New("want a phone number, with + and the country code if it is abroad")

func readPhone(s *Session, text string) (any, error) {
	text, err := cleanText(text, 255)
	if err != nil || text == "" {
		return "", err
	}
	if strings.Trim(text, "+0123456789 \u00a0\u202f.-/()") != "" || strings.LastIndexByte(text, '+') > 0 {
		return "", errPhone
	}
	number, err := phonenumbers.Parse(text, s.Locale.Region)
	if err == nil && isPossible(number) {
		return phonenumbers.Format(number, phonenumbers.E164), nil
	}
	home := phonenumbers.GetCountryCodeForRegion(s.Locale.Region)
	if err == nil && int(number.GetCountryCode()) == home {
		wrong := fmt.Sprintf("has too %s digits for the region %s", fewOrMany(number), s.Locale.Region)
		if fewOrMany(number) == "many" && !strings.HasPrefix(text, "+") {
			wrong += "; a number of another country begins with +"
		}
		return "", errors.New(wrong)
	}
	digits := strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, text)
	abroad := text[0] == '+'
	if dialled, is := strings.CutPrefix(digits, "00"); is && !abroad && dialsDoubleZero(s.Locale.Region) {
		digits, abroad = dialled, true
	}
	if !abroad || digits == "" || digits[0] == '0' || len(digits) < 4 || len(digits) > 15 {
		return "", errPhone
	}
	return "+" + digits, nil
}

// dialsDoubleZero reports whether 00 stands for + in a region, as in most.
func dialsDoubleZero(region string) bool {
	number, err := phonenumbers.Parse("00442079460958", region)
	return err == nil && number.GetCountryCode() == 44
}

// isPossible reports whether the numbering plan has numbers of that length, including the area code. A number that
// lacks a digit keeps its trunk prefix when it is parsed and would seem long enough.
func isPossible(number *phonenumbers.PhoneNumber) bool {
	if strings.HasPrefix(phonenumbers.GetNationalSignificantNumber(number), "0") &&
		!phonenumbers.IsValidNumber(number) {
		return false
	}
	return phonenumbers.IsPossibleNumberWithReason(number) == phonenumbers.IS_POSSIBLE
}

// fewOrMany returns what is wrong with the length of a number that is not possible.
func fewOrMany(number *phonenumbers.PhoneNumber) string {
	if phonenumbers.IsPossibleNumberWithReason(number) == phonenumbers.TOO_LONG {
		return "many"
	}
	return "few"
}

// doubtPhone returns the warning for a number that is not known to be assigned.
func doubtPhone(value any) string {
	text := value.(string)
	number, err := phonenumbers.Parse(text, "")
	switch {
	case text == "" || err == nil && phonenumbers.IsValidNumber(number):
		return ""
	case err == nil && isPossible(number):
		return fmt.Sprintf("no operator is known to use the number %s: is it right?", text)
	}
	return fmt.Sprintf("the number %s is in no numbering plan: is it right?", text)
}
