package playground

import (
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/templates"
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
func (a *Answer) addFaults(of *offline.Answer) {
	for i := range of.Result.Faults {
		f := &of.Result.Faults[i]
		finding := Finding{Severity: severity(f.Ignored), Reason: string(f.Reason), Message: f.Message, Hint: f.Fix}
		finding.File, finding.Line, finding.Column = of.LocateFault(f)
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
