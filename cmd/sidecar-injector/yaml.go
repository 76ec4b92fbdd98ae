package main

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// plainOrQuoted is a text as a YAML scalar on one line.
func plainOrQuoted(text string) string {
	const longest = 160
	out, err := yaml.Marshal(text)
	if line := strings.TrimSuffix(string(out), "\n"); err == nil && len(line) <= longest && !strings.ContainsAny(line, "\n|>") {
		return line
	}
	return fmt.Sprintf("%.*q", longest, text)
}
