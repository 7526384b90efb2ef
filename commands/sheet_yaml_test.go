package commands

import (
	"testing"

	"go.yaml.in/yaml/v3"
)

// Texts are read back as they were written, and emoji stay emoji.
func TestInYAML(t *testing.T) {
	for value, want := range map[string]string{
		"":                                 "\"\"\n",
		"Réunion":                          "Réunion\n",
		"Réunion 🎉":                        "\"Réunion 🎉\"\n",
		`a "b" \ 🎉`:                        "\"a \\\"b\\\" \\\\ 🎉\"\n",
		"Réunion 🎉\nligne 2: \"x\"\n\n  c": "|2-\n  Réunion 🎉\n  ligne 2: \"x\"\n  \n    c\n",
		"# 🎉\n- b":                         "|2-\n  # 🎉\n  - b\n",
		"a\x01🎉":                           "\"a\\x01\\U0001F389\"\n",
	} {
		text := inYAML(value)
		var read map[string]string
		if err := yaml.Unmarshal([]byte("key: "+text+"next: x\n"), &read); err != nil || read["key"] != value ||
			read["next"] != "x" {
			t.Errorf("%q is written as %q and read as %q, %v", value, text, read, err)
		}
		if text != want {
			t.Errorf("%q is written as %q, want %q", value, text, want)
		}
	}
}
