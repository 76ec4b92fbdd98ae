package main

import (
	"encoding/xml"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/cases"
)

// casesJUnit is a suite for each folder that holds cases.
func casesJUnit(results []*cases.Result) ([]byte, error) {
	report := junitReport{Name: "sidecar-injector templates test"}
	for _, r := range results {
		folder, name := path.Split(r.Case.Name)
		folder = strings.TrimSuffix(folder, "/")
		if n := len(report.Suites); n == 0 || report.Suites[n-1].Name != folder {
			report.Suites = append(report.Suites, junitSuite{Name: folder})
		}
		suite := &report.Suites[len(report.Suites)-1]
		one := junitCase{Class: folder, Name: name}
		for _, f := range r.Failures {
			one.Failures = append(one.Failures, junitFailure{f.Message, "", placeOfFailure(f) + ": " + f.Message + "\n" + f.Diff})
		}
		suite.Cases = append(suite.Cases, one)
		suite.Tests, report.Tests = suite.Tests+1, report.Tests+1
		if len(one.Failures) > 0 {
			suite.Failures, report.Failures = suite.Failures+1, report.Failures+1
		}
	}
	text, err := xml.MarshalIndent(report, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("JUnit report: %w", err)
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}

// casesGitHub are workflow commands, which GitHub shows beside the lines.
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
