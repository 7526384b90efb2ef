package seed

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// Every name gives a valid address, every range valid numbers.
func TestPeople(t *testing.T) {
	part := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	p := &plan{rand: rand.New(rand.NewPCG(1, 2))}
	for _, c := range countries() {
		for _, name := range append(append(append([]string{}, c.firsts...), c.lasts...), c.brands...) {
			if folded := mailbox(strings.ReplaceAll(name, "%", "x")); !part.MatchString(folded) || len(folded) > 50 {
				t.Errorf("%s is folded to %s", name, folded)
			}
		}
		for range 20 {
			number, err := phonenumbers.Parse(p.phone(c), "")
			if err != nil || !phonenumbers.IsValidNumber(number) {
				t.Errorf("%v: %v", number, err)
			}
		}
	}
}
