package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/test/markdown"
)

// target is one fuzz target.
type target struct{ folder, name string }

var declaration = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(\w+ \*testing\.F\)`)

// findTargets returns the fuzz targets below a folder, sorted by folder and name.
func findTargets(root string) ([]target, error) {
	var found []target
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, m := range declaration.FindAllSubmatch(text, -1) {
			folder, err := filepath.Rel(root, filepath.Dir(file))
			if err != nil {
				return err
			}
			found = append(found, target{filepath.ToSlash(folder), string(m[1])})
		}
		return nil
	})
	return found, err
}

// result is one run of a target, a line of the log: commit, folder, target, executions, seconds.
type result struct {
	target
	commit              string
	executions, seconds int
}

// record appends the run to the log.
func (r result) record(file string) error {
	log, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(log, "%s %s %s %d %d\n", r.commit, r.folder, r.name, r.executions, r.seconds)
	return cmp.Or(err, log.Close())
}

func readLog(file string) ([]result, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var results []result
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		fields := strings.Fields(line)
		if len(fields) != 5 {
			return nil, fmt.Errorf("%s:%d: want commit, folder, target, executions and seconds, got %q", file, i+1, line)
		}
		executions, err := strconv.Atoi(fields[3])
		seconds, err2 := strconv.Atoi(fields[4])
		if err := cmp.Or(err, err2); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
		}
		results = append(results, result{target{fields[1], fields[2]}, fields[0], executions, seconds})
	}
	return results, nil
}

// table returns the totals of each target.
func table(results []result) string {
	sums := map[target]result{}
	all := result{}
	for _, r := range results {
		sum := sums[r.target]
		sum.target = r.target
		sum.executions += r.executions
		sum.seconds += r.seconds
		sums[r.target] = sum
		all.executions += r.executions
		all.seconds += r.seconds
	}
	var rows []result
	for _, sum := range sums {
		rows = append(rows, sum)
	}
	slices.SortFunc(rows, func(a, b result) int {
		return cmp.Or(strings.Compare(a.folder, b.folder), strings.Compare(a.name, b.name))
	})
	var b strings.Builder
	b.WriteString("\n| room | target | executions | minutes |\n|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %.1f |\n", r.folder, r.name, markdown.Thousands(r.executions), float64(r.seconds)/60)
	}
	fmt.Fprintf(&b, "| all | | %s | %.1f |\n\n", markdown.Thousands(all.executions), float64(all.seconds)/60)
	return b.String()
}
