//go:build linux && failover

package shell

import (
	"fmt"
	"strings"
	"testing"

	"crm/repo/embedded/pgtest"
)

// An open prompt survives the promotion of a standby after its primary died: the user stays signed in, and all
// acknowledged writes are stored.
func TestPromptFailover(t *testing.T) {
	crmBinary = build(t, "crm")
	c := pgtest.StartCluster(t)
	w, err := fillWarehouse(func(database string) string {
		return fmt.Sprintf("postgres://postgres@/%s?host=%[2]s,%[2]s&port=1,2&target_session_attrs=read-write",
			database, c.Dir)
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Replicate()
	d := sit(t, deskConfig{login: "sales1", at: &w})
	d.run("customer add Kept Always", "customer 31 added")
	c.Fail()
	if out := d.run("customer get 31", "Kept"); strings.Contains(out, "error") {
		t.Errorf("after the failover: %s", out)
	}
	d.run("customer update 31 --full-name Still", "customer 31 updated")
	d.run("whoami", "sales1@epic.example")
}
