package commands

import (
	"fmt"
	"regexp"

	"crm/repo"
)

// unopened matches the placeholders of values that cannot be decrypted: repo.Unreadable and repo.SealedWith.
var unopened = regexp.MustCompile(`‹(unreadable|sealed with key (\d+))›`)

// warnOfUnopened adds one warning if the answer has values that could not be decrypted.
func (o *Output) warnOfUnopened() {
	if warning := Unopened(*o); warning != "" {
		o.Warnings = append(o.Warnings, warning)
	}
}

// Unopened returns a warning about the values of an answer that could not be decrypted; "" if there are none.
func Unopened(o Output) string {
	count, key := 0, ""
	look := func(text string) {
		for _, found := range unopened.FindAllStringSubmatch(text, -1) {
			count++
			if found[2] != "" {
				key = found[2]
			}
		}
	}
	look(o.Text)
	look(o.Message)
	for _, row := range o.Rows {
		for _, cell := range row {
			switch v := cell.(type) {
			case string:
				look(v)
			case Nested:
				look(v.String())
			}
		}
	}
	switch {
	case count == 0:
		return ""
	case key != "":
		return fmt.Sprintf("%s cannot be opened: copy the keyset with key %s from a machine that has it, "+
			"or ask an administrator for crm keyset import", Plural(int64(count), "value"), key)
	}
	return fmt.Sprintf(
		"%s cannot be opened: %s was altered in the database; correct the record, or restore it from a backup",
		Plural(int64(count), "value"), repo.Unreadable)
}
