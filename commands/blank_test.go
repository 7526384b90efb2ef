package commands

import "testing"

// The kind of a missing argument is decided by the one before it: on the line, or in the answer before.
func TestMissingKinds(t *testing.T) {
	s := farmSession(t)
	c := Command{Name: "barn note", Needs: "barn.view", Args: recordArgs(false)}
	for line, want := range map[string]string{"customer": "CUSTOMER_ID", "event": "EVENT_ID"} {
		words, err := Split(line)
		if err != nil {
			t.Fatal(err)
		}
		if blanks := c.Missing(s, words); len(blanks) != 1 || blanks[0].Kind.Name != want {
			t.Errorf("behind %s: %+v, want the kind %s", line, blanks, want)
		}
	}
	blanks := c.Missing(s, nil)
	if len(blanks) != 2 || blanks[1].Kind.behind("contract").Name != "CONTRACT_ID" {
		t.Errorf("nothing given: %+v", blanks)
	}
}
