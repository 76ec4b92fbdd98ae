package main

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/cases"
)

// casesJUnit returns a JUnit report with a suite for each folder of cases.
func casesJUnit(results []*cases.Result) ([]byte, error) {
	report := junitReport{Name: "sidecar-injector templates test"}
	for _, r := range results {
		folder, name := path.Split(r.Case.Name)
		folder = strings.TrimSuffix(folder, "/")
		one := junitCase{Class: folder, Name: name}
		for _, f := range r.Failures {
			one.Failures = append(one.Failures, junitFailure{f.Message, "", placeOfFailure(f) + ": " + f.Message + "\n" + f.Diff})
		}
		report.add(one)
	}
	return report.text()
}

// casesGitHub returns workflow commands, which GitHub shows beside the lines.
func casesGitHub(results []*cases.Result) string {
	var b strings.Builder
	for _, r := range results {
		for _, f := range r.Failures {
			text := f.Message
			if f.Diff != "" {
				text += "\n" + f.Diff
			}
			b.WriteString(gitHubCommand("error", f.File, f.Line, 0, "case "+filepath.ToSlash(r.Case.Name), text))
		}
	}
	return b.String()
}
