package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDefaults wants every default to be possible, and every key to be explained and the only one of its name.
func TestDefaults(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range Options() {
		if err := o.Check(o.Default); err != nil {
			t.Errorf("%s: %v", o.Key, err)
		}
		if seen[o.Key] || seen[o.Env()] || o.Flag != "" && seen["--"+o.Flag] || o.Help == "" ||
			!strings.Contains(Example(), "# "+o.Help+"\n") {
			t.Errorf("%s: twice, or not explained", o.Key)
		}
		seen[o.Key], seen[o.Env()], seen["--"+o.Flag] = true, true, true
	}
}

func TestUnknownVariable(t *testing.T) {
	for _, test := range []struct{ environment, want string }{
		{"PATH=x CRM_FORMAT=csv CRM_PASSWORD=x CRM_KEYSET=x CRM_CONFIG=x CRM_DATABASE_URL=a=b", ""},
		{"CRM_FORMAT=csv CRM_FROMAT=csv", "CRM_FROMAT"},
		{"CRM_FROMAT= XCRM_A=b CRM=1", ""},
	} {
		if got := UnknownVariable(strings.Fields(test.environment)); got != test.want {
			t.Errorf("%s: %q, want %q", test.environment, got, test.want)
		}
	}
}

func TestWritten(t *testing.T) {
	for want, value := range map[string]any{
		`""`: "", "crm": "crm", "50": 50, "false": false, "10s": 10 * time.Second,
		"10m": 10 * time.Minute, "12h": 12 * time.Hour, "1h30m": 90 * time.Minute,
	} {
		if got := written(value); got != want {
			t.Errorf("%v: %s, want %s", value, got, want)
		}
	}
}

func TestParseLine(t *testing.T) {
	l, err := Parse([]string{"seed", "--customers", "3"})
	if err != nil || l.Command != "seed" || *l.Number("customers") != 3 || l.Number("contracts") != nil ||
		l.Is("purge") || l.Text("config") != "" || l.Help {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := Parse([]string{"-c", "a", "-c", "b,c", "--demo"}); err != nil || l.Command != "" ||
		!slices.Equal(l.Scripts, []Script{{Text: "a"}, {Text: "b,c"}}) || !l.Is("demo") {
		t.Errorf("%+v, %v", l, err)
	}
	l, err = Parse([]string{"backup", "--force", "a b.crm", "--recipient", "age1x", "--recipient", "age1y"})
	if err != nil || l.Command != "backup" || l.File != "a b.crm" || !l.Is("force") || len(l.Texts("recipient")) != 2 {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := Parse([]string{"restore", "f", "--passphrase-file", "p"}); err != nil || l.Command != "restore" ||
		l.File != "f" || l.Text("passphrase-file") != "p" {
		t.Errorf("%+v, %v", l, err)
	}
	l, err = Parse([]string{"--help", "nonsense"})
	if err != nil || !l.Help || !strings.Contains(l.Usage(), "--admin-email") {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := Parse([]string{"help"}); err != nil || !l.Help || len(l.Scripts) > 0 {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := Parse([]string{"version"}); err != nil || !l.Is("version") || len(l.Scripts) > 0 {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := Parse([]string{"help", "customer"}); err != nil || l.Help || len(l.Scripts) != 1 {
		t.Errorf("%+v, %v", l, err)
	}
	for line := range strings.Lines(l.Usage()) {
		if len(line) > 81 {
			t.Errorf("wider than 80: %s", line)
		}
	}
}
