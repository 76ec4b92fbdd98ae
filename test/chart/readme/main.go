// Command readme writes the table of values into the chart's README, from the comments of values.yaml; make
// generate runs it.
//
//	go run ./test/chart/readme charts/sidecar-injector
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The table is between these lines.
const begin, end = "<!-- values: make generate -->\n", "<!-- end of values -->\n"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: readme CHART")
		os.Exit(2)
	}
	if err := rewrite(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "readme:", err)
		os.Exit(1)
	}
}

func rewrite(chart string) error {
	values, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		return err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(values, &document); err != nil {
		return fmt.Errorf("values.yaml: %w", err)
	}
	rows, err := table("", document.Content[0])
	if err != nil {
		return fmt.Errorf("values.yaml: %w", err)
	}
	file := filepath.Join(chart, "README.md")
	readme, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, opened := strings.Cut(string(readme), begin)
	_, after, closed := strings.Cut(rest, end)
	if !opened || !closed {
		return fmt.Errorf("%s: no lines %q and %q", file, begin, end)
	}
	text := before + begin + "\n| value | default | meaning |\n|---|---|---|\n" + rows + "\n" + end + after
	return os.WriteFile(file, []byte(text), 0o644)
}

// table has a row for each value that is no mapping, or an empty one.
func table(prefix string, mapping *yaml.Node) (string, error) {
	var rows strings.Builder
	var faults []error
	for i := 0; i < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		name := prefix + key.Value
		if value.Kind == yaml.MappingNode && len(value.Content) > 0 {
			inner, err := table(name+".", value)
			rows.WriteString(inner)
			faults = append(faults, err)
			continue
		}
		if key.HeadComment == "" {
			faults = append(faults, fmt.Errorf("line %d: %s has no comment", key.Line, name))
		}
		var plain any
		if err := value.Decode(&plain); err != nil {
			faults = append(faults, err)
		}
		shown, err := json.Marshal(plain)
		faults = append(faults, err)
		meaning := strings.Join(strings.Fields(strings.ReplaceAll(key.HeadComment, "# ", "")), " ")
		fmt.Fprintf(&rows, "| `%s` | `%s` | %s |\n", name, shown, strings.ReplaceAll(meaning, "|", `\|`))
	}
	return rows.String(), errors.Join(faults...)
}
