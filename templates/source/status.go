package source

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// LoadedReason is the reason of the Ready condition of a template whose newest version is
// in force. Of one that is broken it is the first finding's.
const LoadedReason = "Loaded"

// maxConditionMessage is how many bytes of findings a condition holds: dozens of them.
// The API's own bound is 32,768, and a person reads none of that.
const maxConditionMessage = 8 << 10

// status is what a resource's status has to say; found is what the template is warned of only beside the others. The
// transition time is that of the status before, where Ready was the same.
func (r *record) status(now time.Time, found []templates.Finding) v1alpha1.SidecarTemplateStatus {
	status := v1alpha1.SidecarTemplateStatus{ObservedGeneration: r.generation}
	if t := r.entry.Template; t != nil {
		status.Revision = t.Revision
		status.Parameters = t.Spec.ParameterSummary()
	}
	ready := metav1.Condition{
		Type: v1alpha1.ReadyCondition, Status: metav1.ConditionTrue, ObservedGeneration: r.generation,
		LastTransitionTime: metav1.NewTime(now).Rfc3339Copy(),
		Reason:             LoadedReason, Message: r.message(),
	}
	switch {
	case r.entry.Broken():
		ready.Status, ready.Reason = metav1.ConditionFalse, string(r.entry.Findings[0].Reason)
	case len(found) > 0:
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, string(found[0].Reason), templates.Summarize(found, maxConditionMessage)
	}
	for _, before := range r.observed.Conditions {
		if before.Type == ready.Type && before.Status == ready.Status {
			ready.LastTransitionTime = before.LastTransitionTime
		}
	}
	status.Conditions = []metav1.Condition{ready}
	return status
}

// message says what is in force, and then what was found, errors first.
func (r *record) message() string {
	findings := templates.Summarize(r.entry.Findings, maxConditionMessage)
	place := ""
	if t := r.entry.Template; t != nil && t.Canary != nil {
		place = fmt.Sprintf(" in the place of %s for %s", t.Name, t.Canary.Scope())
	}
	switch {
	case !r.entry.Broken() && findings == "":
		return fmt.Sprintf("revision %s is in force%s", r.entry.Template.Revision, place)
	case !r.entry.Broken():
		return fmt.Sprintf("revision %s is in force%s, with warnings: %s", r.entry.Template.Revision, place, findings)
	case r.inForce != 0:
		return fmt.Sprintf("%s. The version of generation %d stays in force until the injector restarts", findings, r.inForce)
	default:
		return findings + ". No version is in force: pods that ask for it are answered TemplateInvalid"
	}
}

// sameStatus compares what the injector writes; other conditions are not its own.
func sameStatus(a, b *v1alpha1.SidecarTemplateStatus) bool {
	return a.ObservedGeneration == b.ObservedGeneration && a.Revision == b.Revision && a.Parameters == b.Parameters &&
		readyOf(a) == readyOf(b)
}

// readyOf is the Ready condition without its times.
func readyOf(s *v1alpha1.SidecarTemplateStatus) metav1.Condition {
	for _, c := range s.Conditions {
		if c.Type == v1alpha1.ReadyCondition {
			c.LastTransitionTime = metav1.Time{}
			return c
		}
	}
	return metav1.Condition{}
}
