package security_test

import (
	"slices"
	"strings"
	"testing"

	"crm/security"
)

func keysOf(t *testing.T, content []byte) map[uint32]string {
	t.Helper()
	keys, err := security.Keys(content)
	if err != nil {
		t.Fatal(err)
	}
	uses := map[uint32]string{}
	for _, k := range keys {
		uses[k.ID] = k.Use
	}
	return uses
}

// Merging adds the missing keys, sealing and index keys alike, changes nothing else, and refuses files that are no
// keyset of crm.
func TestMergeKeysets(t *testing.T) {
	fresh := func() []byte {
		content, err := security.NewKeyset()
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	ours, theirs := fresh(), fresh()
	their, err := security.NewKeyring(theirs)
	if err != nil {
		t.Fatal(err)
	}
	sealed, tokens, err := their.Seal("customer.email", "lou@bouzin.example")
	if err != nil {
		t.Fatal(err)
	}
	merged, added, err := security.MergeKeysets(ours, theirs)
	if err != nil || !slices.Equal(added, []uint32{their.KeyID()}) {
		t.Fatalf("added %v, %v", added, err)
	}
	ring, err := security.NewKeyring(merged)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := ring.Open("customer.email", sealed); text != "lou@bouzin.example" || err != nil {
		t.Errorf("opened %q, %v", text, err)
	}
	exact, _, _ := ring.Needle("lou@bouzin.example")
	if !slices.ContainsFunc(exact, func(set []int32) bool {
		return !slices.ContainsFunc(set, func(token int32) bool { return !slices.Contains(tokens, token) })
	}) {
		t.Error("what the other keyset indexed is not found")
	}
	own, err := security.NewKeyring(ours)
	if err != nil {
		t.Fatal(err)
	}
	if ring.KeyID() != own.KeyID() || keysOf(t, merged)[their.KeyID()] != "opens" || keysOf(t,
		merged)[own.KeyID()] != "seals" {
		t.Errorf("keys: %v", keysOf(t, merged))
	}
	if next, err := security.NextKey(merged); next != 0 || err != nil {
		t.Errorf("the next key is %d, %v", next, err)
	}
	if _, added, err := security.MergeKeysets(merged, theirs); len(added) != 0 || err != nil {
		t.Errorf("merged twice: %v, %v", added, err)
	}
	for name, content := range map[string]string{
		"empty": "", "no JSON": "x", "another object": "{}", "a list": "[]", "no index": `{"sealing":{}}`,
		"unknown member": strings.Replace(string(theirs), `"index"`, `"other"`, 1),
		"half":           string(theirs[:len(theirs)/2]),
	} {
		if _, _, err := security.MergeKeysets(ours, []byte(content)); err == nil {
			t.Errorf("%s was imported", name)
		}
	}
}

// Equal keysets have equal fingerprints, however they are written; others have different ones. No fingerprint reveals a
// key.
func TestFingerprint(t *testing.T) {
	content, err := security.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	print := func(content []byte) string {
		text, err := security.Fingerprint(content)
		if err != nil || len(text) != 19 {
			t.Fatalf("%q, %v", text, err)
		}
		return text
	}
	next, err := security.AddKey(content)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := security.NextKey(next)
	used, err := security.UseKey(next, id)
	if err != nil {
		t.Fatal(err)
	}
	compact := strings.NewReplacer("\n", "", "  ", "").Replace(string(content))
	if print(content) != print([]byte(compact)) {
		t.Error("written in another form the keyset has another fingerprint")
	}
	if print(content) == print(next) || print(next) == print(used) || print(content) == print(used) {
		t.Error("different keysets have one fingerprint")
	}
}
