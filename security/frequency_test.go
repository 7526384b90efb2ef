package security_test

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"crm/security"
)

// surnames are the 30 most frequent in France and the number of their bearers in thousands: approximate figures for
// births from 1891 to 1990, after INSEE's published file of surnames.
var surnames = []struct {
	name    string
	bearers int
}{
	{"Martin", 236},
	{"Bernard", 105},
	{"Thomas", 96},
	{"Robert", 92},
	{"Richard", 91},
	{"Durand", 84},
	{"Dubois", 79},
	{"Moreau", 78},
	{"Laurent", 75},
	{"Simon", 75},
	{"Michel", 75},
	{"Lefebvre", 75},
	{"Leroy", 69},
	{"Roux", 62},
	{"David", 62},
	{"Bertrand", 60},
	{"Morel", 60},
	{"Fournier", 58},
	{"Girard", 55},
	{"Bonnet", 52},
	{"Dupont", 52},
	{"Lambert", 51},
	{"Fontaine", 51},
	{"Rousseau", 50},
	{"Vincent", 49},
	{"Muller", 48},
	{"Lefevre", 46},
	{"Faure", 46},
	{"Andre", 46},
	{"Mercier", 45},
}

// TestFrequencyAttack is the attack of a holder of a dump without the keyset: it counts the sets of tokens, and guesses
// that the n-th most frequent set is the n-th most frequent name of the list. It prints the share of customers whose
// name is right; docs/security.md states it.
func TestFrequencyAttack(t *testing.T) {
	t.Parallel()
	keyset, err := security.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := security.NewKeyring(keyset)
	if err != nil {
		t.Fatal(err)
	}
	sets := make([]string, len(surnames))
	total := 0
	for i, s := range surnames {
		_, tokens, err := keyring.Seal("customer.full_name", s.name)
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range tokens {
			sets[i] = string(binary.BigEndian.AppendUint32([]byte(sets[i]), uint32(token)))
		}
		total += s.bearers
	}
	for _, customers := range []int{1_000, 10_000, 100_000} {
		source, counts := rand.New(rand.NewPCG(1, 2)), map[string]int{}
		for range customers {
			n, i := source.IntN(total), 0
			for ; n >= surnames[i].bearers; i++ {
				n -= surnames[i].bearers
			}
			counts[sets[i]]++
		}
		ranked := slices.Clone(sets)
		slices.SortFunc(ranked, func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) })
		names, fallen := 0, 0
		for i, set := range ranked {
			if set == sets[i] {
				names++
				fallen += counts[set]
			}
		}
		t.Logf("%d customers: %d of %d names, %d %% of the customers", customers, names, len(sets),
			100*fallen/customers)
		if counts[sets[0]] < counts[ranked[0]] {
			t.Error("the commonest name is not the commonest set")
		}
	}
}
