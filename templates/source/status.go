package source

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// loadedReason is the reason of the Ready condition of a template whose newest version is in use. For a
// broken one it is the reason of the first finding.
const loadedReason = "Loaded"

// maxConditionMessage is the maximum size of the findings in a condition's message, in bytes: dozens of
// findings. The API allows 32,768 bytes, which is more than a user reads.
const maxConditionMessage = 8 << 10

// status returns the status to write for a resource; found are the warnings that depend on other templates.
// The transition time is kept from the previous status if Ready is the same.
func (r *record) status(now time.Time, found []templates.Finding) v1alpha1.SidecarTemplateStatus {
	status := v1alpha1.SidecarTemplateStatus{ObservedGeneration: r.generation}
	if t := r.entry.Template; t != nil {
		status.Revision = t.Revision
		status.Parameters = t.Spec.ParameterSummary()
	}
	ready := metav1.Condition{
		Type: v1alpha1.ReadyCondition, Status: metav1.ConditionTrue, ObservedGeneration: r.generation,
		LastTransitionTime: metav1.NewTime(now).Rfc3339Copy(),
		Reason:             loadedReason, Message: r.message(),
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

// message says which version is in use, followed by the findings, errors first.
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

// sameStatus compares the fields that the injector writes; conditions of other writers are ignored.
func sameStatus(a, b *v1alpha1.SidecarTemplateStatus) bool {
	return a.ObservedGeneration == b.ObservedGeneration && a.Revision == b.Revision && a.Parameters == b.Parameters &&
		readyOf(a) == readyOf(b)
}

// readyOf returns the Ready condition without its times.
func readyOf(s *v1alpha1.SidecarTemplateStatus) metav1.Condition {
	for _, c := range s.Conditions {
		if c.Type == v1alpha1.ReadyCondition {
			c.LastTransitionTime = metav1.Time{}
			return c
		}
	}
	return metav1.Condition{}
}
