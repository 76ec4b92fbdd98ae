package explain

import (
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// unknownOutcome is the outcome for a pod whose templates the user may not read, while the injector may
// have them.
const unknownOutcome inject.Outcome = "unknown"

// becomeUnknown replaces a refusal that is uncertain by unknownOutcome.
func (e *Explanation) becomeUnknown(a *offline.Answer) {
	e.Outcome, e.Reason, e.Detail = unknownOutcome, "", ""
	for i := range e.Instances {
		in := &e.Instances[i]
		in.Missing = false
		if in.Outcome != inject.Refused {
			continue
		}
		in.Outcome, in.Reason, in.Detail = unknownOutcome, "", a.Doubts[in.Name]
		if in.Detail != "" {
			in.Notes = append(in.Notes, in.Detail)
		}
	}
	e.Missing = nil
}

// doubted adds the doubts about a decision that is not a refusal to its instances.
func (e *Explanation) doubted(a *offline.Answer) {
	for i := range e.Instances {
		in := &e.Instances[i]
		if why := a.Doubts[in.Name]; why != "" {
			in.Notes = append(in.Notes, "whether the injector decides the same is unknown: "+why)
		}
	}
}
