package playground

import (
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// maxFindings is the largest number of findings of one answer.
const maxFindings = 100

func (a *Answer) add(f Finding) {
	if len(a.Findings) < maxFindings {
		a.Findings = append(a.Findings, f)
	}
}

// addFaults adds the faults of one answer: at the place in the pod or namespace, or in the text of the
// template if an expression failed.
func (a *Answer) addFaults(of *offline.Answer, namespaces *manifest.Stream) {
	for _, f := range of.Result.Faults {
		finding := Finding{File: PodFile, Severity: severity(f.Ignored), Reason: string(f.Reason), Message: f.Message, Hint: f.Fix}
		if place, ok := strings.CutPrefix(f.Place, "namespace "+message.Quote(of.Namespace.Name)+": "); ok {
			finding.File = NamespaceFile
			finding.Line, finding.Column = placeOfNamespace(namespaces, of.Namespace.Name, place)
		} else {
			finding.Line, finding.Column = of.Locate(f.Place)
		}
		a.add(finding)
	}
	for i := range of.Result.Instances {
		for _, e := range of.Result.Instances[i].Evaluations {
			if e.Message != "" && e.File == TemplatesFile {
				a.add(Finding{File: TemplatesFile, Line: e.Line, Column: e.Column, Severity: string(templates.SeverityError), Reason: string(inject.TemplateInvalid),
					Message: "instance " + of.Result.Instances[i].Name + ": " + e.Message})
			}
		}
	}
	for i := range of.Misplaced {
		m := &of.Misplaced[i]
		line, column := m.Position()
		a.add(Finding{File: PodFile, Line: line, Column: column, Severity: string(templates.SeverityWarning), Message: m.Text()})
	}
}

func severity(ignored bool) string {
	if ignored {
		return string(templates.SeverityWarning)
	}
	return string(templates.SeverityError)
}

// placeOfNamespace returns the position of a field in the text of a Namespace.
func placeOfNamespace(stream *manifest.Stream, name, place string) (line, column int) {
	if stream == nil {
		return 0, 0
	}
	for _, document := range stream.Documents {
		if at := manifest.At(document.Root, "/metadata/name"); at == nil || at.Value != name {
			continue
		}
		n := document.Root
		for _, token := range manifest.Tokens(place) {
			key, value := manifest.Member(n, token)
			if key == nil {
				break
			}
			line, column, n = key.Line, key.Column, value
		}
	}
	return line, column
}
