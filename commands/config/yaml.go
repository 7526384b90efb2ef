package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

var yamlLine = regexp.MustCompile(`line \d+`)

// CheckYAML returns an error with the line if the content of a config file is not YAML with keys, or has a key twice.
// Keys are compared without regard to case, as they are read. The error quotes no value: it may be a password.
func CheckYAML(content []byte) error {
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		if line := yamlLine.FindString(err.Error()); line != "" {
			return fmt.Errorf("is not YAML, %s", line)
		}
		return errors.New("is not YAML")
	}
	if len(document.Content) == 0 {
		return nil // empty, or comments only
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("is not YAML with keys, line %d: want lines like format: json", root.Line)
	}
	return checkKeys(root, "", map[string]int{})
}

// checkKeys looks for a key that is in lines already. prefix is the section with its dot.
func checkKeys(section *yaml.Node, prefix string, lines map[string]int) error {
	for i := 0; i+1 < len(section.Content); i += 2 {
		name, value := section.Content[i], section.Content[i+1]
		key := prefix + strings.ToLower(name.Value)
		if first, twice := lines[key]; twice {
			return fmt.Errorf("has the key %s twice, in lines %d and %d: keep one", key, first, name.Line)
		}
		lines[key] = name.Line
		if value.Kind == yaml.MappingNode {
			if err := checkKeys(value, key+".", lines); err != nil {
				return err
			}
		}
	}
	return nil
}
