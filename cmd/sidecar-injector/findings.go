package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/templates"
)

// findingsText returns findings as text: place, message, the line with a caret, hint.
func findingsText(findings []templates.Finding, p palette) string {
	var b strings.Builder
	for i, f := range findings {
		if i > 0 {
			b.WriteByte('\n')
		}
		severity := p.Yellow(string(f.Severity))
		if f.Severity == templates.SeverityError {
			severity = p.Red(string(f.Severity))
		}
		fmt.Fprintf(&b, "%s: %s: %s %s\n", p.Bold(placeOf(f)), severity, messageOf(f), p.Faint("["+string(f.Reason)+"]"))
		if f.Excerpt != "" {
			for _, line := range strings.Split(strings.TrimRight(f.Excerpt, "\n"), "\n") {
				fmt.Fprintf(&b, "    %s\n", line)
			}
		}
		if f.Hint != "" {
			fmt.Fprintf(&b, "  %s %s\n", p.Cyan("hint:"), f.Hint)
		}
	}
	return p.Printable(b.String())
}

func placeOf(f templates.Finding) string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
}

// messageOf returns the message after the field that it is about.
func messageOf(f templates.Finding) string {
	if f.Path == "" {
		return f.Message
	}
	return f.Path + ": " + f.Message
}

// findingJSON is the JSON form of a finding.
type findingJSON struct {
	File     string                  `json:"file"`
	Line     int                     `json:"line,omitempty"`
	Column   int                     `json:"column,omitempty"`
	Path     string                  `json:"path,omitempty"`
	Reason   templates.FindingReason `json:"reason"`
	Severity templates.Severity      `json:"severity"`
	Message  string                  `json:"message"`
	Hint     string                  `json:"hint,omitempty"`
	Excerpt  string                  `json:"excerpt,omitempty"`
}

func findingsJSON(c checked) ([]byte, error) {
	errors, warnings := c.count()
	list := []findingJSON{}
	for _, f := range c.findings() {
		list = append(list, findingJSON{f.File, f.Line, f.Column, f.Path, f.Reason, f.Severity, f.Message, f.Hint, f.Excerpt})
	}
	return structured(outputJSON, struct {
		Valid     bool          `json:"valid"`
		Templates int           `json:"templates"`
		Errors    int           `json:"errors"`
		Warnings  int           `json:"warnings"`
		Findings  []findingJSON `json:"findings"`
	}{c.valid(), len(c.entries), errors, warnings, list})
}

// The elements of a JUnit report: a suite per file, a case per template.
type (
	junitReport struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class    string         `xml:"classname,attr"`
		Name     string         `xml:"name,attr"`
		Failures []junitFailure `xml:"failure"`
		Output   string         `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// add appends a case to the suite of its class.
func (r *junitReport) add(c junitCase) {
	n := slices.IndexFunc(r.Suites, func(s junitSuite) bool { return s.Name == c.Class })
	if n < 0 {
		n = len(r.Suites)
		r.Suites = append(r.Suites, junitSuite{Name: c.Class})
	}
	suite := &r.Suites[n]
	suite.Cases = append(suite.Cases, c)
	suite.Tests, r.Tests = suite.Tests+1, r.Tests+1
	if len(c.Failures) > 0 {
		suite.Failures, r.Failures = suite.Failures+1, r.Failures+1
	}
}

func (r *junitReport) text() ([]byte, error) {
	text, err := xml.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("JUnit report: %w", err)
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}

func findingsJUnit(c checked) ([]byte, error) {
	report := junitReport{Name: "sidecar-injector validate"}
	for _, e := range c.entries {
		one := junitCase{Class: e.Origin.File, Name: entryName(e)}
		var passed []string
		for _, f := range e.Findings {
			if f.Severity != templates.SeverityError && !c.strict {
				passed = append(passed, f.String())
				continue
			}
			one.Failures = append(one.Failures, junitFailure{f.Message, string(f.Reason), findingsText([]templates.Finding{f}, palette{})})
		}
		one.Output = strings.Join(passed, "\n")
		report.add(one)
	}
	return report.text()
}

// entryName returns a template's name for a report, or its line if it has no name.
func entryName(e templates.Entry) string {
	switch {
	case e.Name == "":
		return fmt.Sprintf("line %d", e.Origin.Line)
	case e.Namespace != "":
		return e.Kind + " " + e.Namespace + "/" + e.Name
	}
	return e.Kind + " " + e.Name
}

func findingsSARIF(c checked) ([]byte, error) {
	type object = map[string]any
	var rules, results []object
	index := map[templates.FindingReason]int{}
	for i, r := range templates.FindingReasons() {
		index[r.Reason] = i
		rules = append(rules, object{"id": r.Reason, "shortDescription": object{"text": r.Text}, "help": object{"text": r.Cause + " " + r.Fix}})
	}
	for _, f := range c.findings() {
		text := messageOf(f)
		if f.Hint != "" {
			text += " (" + f.Hint + ")"
		}
		place := object{"artifactLocation": object{"uri": filepath.ToSlash(f.File)}}
		if f.Line > 0 {
			place["region"] = object{"startLine": f.Line, "startColumn": max(f.Column, 1)}
		}
		results = append(results, object{
			"ruleId": f.Reason, "ruleIndex": index[f.Reason], "level": f.Severity, "message": object{"text": text},
			"locations": []object{{"physicalLocation": place}},
		})
	}
	if results == nil {
		results = []object{}
	}
	text, err := json.Marshal(object{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
		"runs": []object{{
			"tool":       object{"driver": object{"name": "sidecar-injector", "version": readBuild().Version, "rules": rules}},
			"columnKind": "unicodeCodePoints",
			"results":    results,
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("SARIF report: %w", err)
	}
	return offline.Indented(text)
}

// findingsGitHub returns workflow commands, which GitHub shows beside the lines.
func findingsGitHub(findings []templates.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		text := messageOf(f)
		if f.Hint != "" {
			text += "\n" + f.Hint
		}
		b.WriteString(gitHubCommand(string(f.Severity), f.File, f.Line, max(f.Column, 1), string(f.Reason), text))
	}
	return b.String()
}

// gitHubCommand returns one workflow command. A line or column of 0 is left out.
func gitHubCommand(severity, file string, line, column int, title, text string) string {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	command := fmt.Sprintf("::%s file=%s", severity, property.Replace(filepath.ToSlash(file)))
	if line > 0 {
		command += fmt.Sprintf(",line=%d", line)
		if column > 0 {
			command += fmt.Sprintf(",col=%d", column)
		}
	}
	return command + fmt.Sprintf(",title=%s::%s\n", property.Replace(title), data.Replace(text))
}
