//go:build linux

package shell

import (
	"testing"
	"time"
)

// An idle prompt does not keep the memory that its sign-in took: here 256 MiB, to raise the cost of the password.
func TestPromptGivesMemoryBack(t *testing.T) {
	d := sit(t, deskConfig{bin: build(t, "crm"), login: "sales1", env: []string{
		"CRM_PASSWORD_MEMORY_MIB=256", "CRM_PASSWORD_ITERATIONS=3",
	}})
	const most = 64 << 20
	patience := time.Now().Add(time.Minute)
	for rss := d.usage().rss; rss > most; rss = d.usage().rss {
		if time.Now().After(patience) {
			t.Fatalf("the idle prompt keeps %d MiB", rss>>20)
		}
	}
	if kept := d.number("select memory_kib from crm.credential where collaborator_id = "+
		"(select id from crm.collaborator where email = $1)", "sales1@epic.example"); kept != 256<<10 {
		t.Fatalf("the sign-in took %d KiB: the test tests nothing", kept)
	}
}
