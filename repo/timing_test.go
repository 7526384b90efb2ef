package repo_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"crm/repo"
)

// quartiles returns the lower one, the median and the upper one.
func quartiles(all []time.Duration) (lower, median, upper time.Duration) {
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	return sorted[n/4], sorted[n/2], sorted[3*n/4]
}

// R5: the time of a refusal does not reveal whether an address is known: the medians of many attempts, made in turns,
// differ by less than the interquartile range. By chance they may differ more; then more attempts decide.
func TestTiming(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	w.wrong(6) // both are locked from the start
	signIn := func(address string) time.Duration {
		began := time.Now()
		_, err := w.db.SignIn(ctx, claim(address, key("wrong"), ""), time.Hour, nil)
		took := time.Since(began)
		if !errors.Is(err, repo.ErrCredentials) {
			t.Fatal(err)
		}
		return took
	}
	const unknown = "salesx@epic.example"
	for range 6 {
		signIn(unknown)
	}
	var known, made []time.Duration
	for range 5 {
		for i := range 200 {
			if i%2 == 0 {
				known, made = append(known, signIn(email)), append(made, signIn(unknown))
			} else {
				made, known = append(made, signIn(unknown)), append(known, signIn(email))
			}
		}
		l1, m1, u1 := quartiles(known)
		l2, m2, u2 := quartiles(made)
		apart, noise := (m1 - m2).Abs(), max(u1-l1, u2-l2)
		t.Logf("%d tries each: known %v, unknown %v, apart %v, noise %v", len(known), m1, m2, apart, noise)
		if apart < noise {
			return
		}
	}
	t.Error("a known address is told from an unknown one by the time that it takes")
}
