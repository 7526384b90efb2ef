package finding_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"crm/security/finding"
)

// BenchmarkFalseOffers counts the rows that the index offers and that do not match, by the width of a token: for thirty
// thousand customers with names of random syllables, and needles of each length, half of them cut out of names, half
// invented. An offered row has all tokens of the needle; one that does not match is dropped after decryption, so false
// offers only cost time.
func BenchmarkFalseOffers(b *testing.B) {
	const customers, needles = 30_000, 100
	r := rand.New(rand.NewPCG(1, 2))
	syllables := []string{
		"ba", "ron", "mi", "chel", "tou", "le", "gar", "nier", "pa", "vi", "dor", "sen", "ka", "zel", "quin",
		"lo", "fre", "mont", "bel", "ri", "an", "e", "stru", "ph",
	}
	word := func() (w string) {
		for range 2 + r.IntN(3) {
			w += syllables[r.IntN(len(syllables))]
		}
		return w
	}
	x := newIndex(b)
	texts := make([][]string, customers)
	tokens := make([][]int32, customers)
	for i := range texts {
		last := word()
		texts[i] = []string{
			word() + " " + word(), word() + " " + last, last + "@" + word() + ".example",
			fmt.Sprintf("+336%08d", r.IntN(100_000_000)),
		}
		for _, t := range texts[i] {
			tokens[i] = append(tokens[i], x.Tokens(t)...)
		}
	}
	for _, width := range []int{16, 20, 24, 32} {
		rows := map[uint32][]int32{} // in ascending order
		cut := func(token int32) uint32 { return uint32(token) >> (32 - width) }
		for i, all := range tokens {
			for _, t := range all {
				if list := rows[cut(t)]; len(list) == 0 || list[len(list)-1] != int32(i) {
					rows[cut(t)] = append(list, int32(i))
				}
			}
		}
		for _, length := range []int{2, 3, 5, 8} {
			b.Run(fmt.Sprintf("%d bits/%d letters", width, length), func(b *testing.B) {
				offered, wrong := 0, 0
				for b.Loop() {
					offered, wrong = 0, 0
					r = rand.New(rand.NewPCG(uint64(length), 3)) // the same needles for every width
					for i := range needles {
						source := word() + word() + word() + word()
						if i%2 == 0 {
							source = texts[r.IntN(customers)][0] + "        "
						}
						needle := source[:length]
						_, _, sets := x.Needle(needle)
						if len(sets) != 1 {
							continue
						}
						for _, row := range holders(rows, sets[0], cut) {
							offered++
							if finding.Score(needle, texts[row]...) == finding.NoMatch {
								wrong++
							}
						}
					}
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(offered)/needles, "offered/needle")
				b.ReportMetric(float64(wrong)/needles, "false/needle")
			})
		}
	}
}

// holders returns the rows that have all of the tokens.
func holders(rows map[uint32][]int32, tokens []int32, cut func(int32) uint32) []int32 {
	left := rows[cut(tokens[0])]
	for _, t := range tokens[1:] {
		var both []int32
		other := rows[cut(t)]
		for i, j := 0, 0; i < len(left) && j < len(other); {
			switch {
			case left[i] == other[j]:
				both = append(both, left[i])
				i, j = i+1, j+1
			case left[i] < other[j]:
				i++
			default:
				j++
			}
		}
		left = both
	}
	return left
}
