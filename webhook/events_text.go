package webhook

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	eventnames "k8s.io/client-go/tools/record/util"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

const (
	// reasonInjected is the reason of the event about an injection. It is not one of inject.Reasons: those
	// would say by which annotation or label the sidecar was chosen, and the reader wants to know what
	// happened.
	reasonInjected = "Injected"
	// maxEventMessage is the API server's limit for an event's message, in bytes.
	maxEventMessage = 1024
	// maxEventFaults is the largest number of faults that one message lists.
	maxEventFaults = 5
)

// occurrence is the content of one event.
type occurrence struct{ eventType, reason, message string }

// complaintsOf returns the events about what the workload's author has to fix: pods that are refused, or
// that are admitted without something they ask for. A pod that asks for nothing has none.
func complaintsOf(result *inject.Result) []occurrence {
	var all []occurrence
	if len(result.Faults) > 0 {
		for _, ignored := range []bool{false, true} {
			if o, ok := faulty(result, ignored); ok {
				all = append(all, o)
			}
		}
	}
	if result.Outcome == inject.Skipped && len(result.Instances) == 0 && len(result.Warnings) > 0 {
		all = append(all, occurrence{corev1.EventTypeWarning, string(result.Reason), "no sidecar is injected: " + explained(result.Reason, "")})
	}
	for i := range result.Instances {
		if in := &result.Instances[i]; in.Outcome == inject.Skipped && in.AskedBy != inject.TemplateMatch {
			all = append(all, occurrence{corev1.EventTypeWarning, string(in.Reason),
				fmt.Sprintf("sidecar %s is not injected: %s", in.Name, explained(in.Reason, in.TemplateName))})
		}
	}
	return all
}

// faulty returns one event for the faults for which the pod is refused or, if ignored is true, for those
// for which it is admitted without a sidecar. It returns false if there are none.
func faulty(result *inject.Result, ignored bool) (occurrence, bool) {
	var reason inject.Reason
	var texts []string
	more, asked := 0, false
	for i := range result.Faults {
		fault := &result.Faults[i]
		if fault.Ignored != ignored {
			continue
		}
		asked = asked || fault.Index < 0 || result.Instances[fault.Index].AskedBy != inject.TemplateMatch
		switch {
		case len(texts) == maxEventFaults:
			more++
			continue
		case reason == "":
			reason = fault.Reason
		}
		texts = append(texts, faultText(result, fault))
	}
	if len(texts) == 0 {
		return occurrence{}, false
	}
	what := "the pod is refused: "
	switch {
	case ignored && asked:
		what = "the pod is admitted without what it asks for: "
	case ignored:
		what = "the pod is admitted without a sidecar whose template matches it: "
	}
	message := what + strings.Join(texts, "; ")
	if more > 0 {
		message += fmt.Sprintf("; and %d more", more)
	}
	return occurrence{corev1.EventTypeWarning, string(reason), message}, true
}

// faultText returns the place and the reason of a fault. More people may read events than pods, so the only
// values it repeats are names of templates. The complete text is in the refusal itself, which the pod's
// controller reports.
func faultText(result *inject.Result, fault *inject.Fault) string {
	switch fault.Reason {
	case inject.UnknownTemplate, inject.BadRequest:
		return fault.String()
	}
	template := ""
	if fault.Index >= 0 {
		template = result.Instances[fault.Index].TemplateName
	}
	return fault.Place + ": " + explained(fault.Reason, template)
}

// explained returns the general description of a reason and how to fix it.
func explained(reason inject.Reason, template string) string {
	info := reason.Info()
	if template != "" {
		info.Fix = strings.ReplaceAll(info.Fix, "TEMPLATE", template)
	}
	return strings.TrimSpace(cmp.Or(info.Text, string(reason)) + " " + info.Fix)
}

// injectedKey identifies what was injected: the instances and the revisions of their templates. It is "" if
// nothing was injected, also for a pod that already has its sidecars.
func injectedKey(result *inject.Result) string {
	var key []byte
	for i := range result.Instances {
		if in := &result.Instances[i]; in.Outcome == inject.Injected && in.Template != nil {
			for _, part := range []string{in.Name, "=", in.Template.Kind, "/", in.Template.Name, "@", in.Template.Revision, ","} {
				key = append(key, part...)
			}
		}
	}
	return string(key)
}

// injectedOccurrence returns the event that lists the injected sidecars.
func injectedOccurrence(result *inject.Result) *occurrence {
	var texts []string
	for i := range result.Instances {
		in := &result.Instances[i]
		if in.Outcome != inject.Injected || in.Template == nil {
			continue
		}
		var names []string
		for _, c := range in.Containers {
			names = append(names, message.Quote(c.Name))
		}
		text := fmt.Sprintf("%s from template %s@%s", in.Name, in.TemplateName, in.Template.Revision)
		if len(names) > 0 {
			text += " as " + strings.Join(names, ", ")
		}
		texts = append(texts, text)
	}
	return &occurrence{corev1.EventTypeNormal, reasonInjected, "pods get " + strings.Join(texts, "; ")}
}

// nameFor returns the name of an event on object that is the same for every call with the key once.
func nameFor(object, once string) string {
	hash := sha256.Sum256([]byte(once))
	return fmt.Sprintf("%s.%x", strings.TrimRight(object[:min(len(object), 200)], ".-"), hash[:8])
}

// event returns the occurrence as an event on owner.
func (o *occurrence) event(owner *corev1.ObjectReference, source corev1.EventSource, now time.Time) *corev1.Event {
	at := metav1.NewTime(now)
	return &corev1.Event{
		ObjectMeta:          metav1.ObjectMeta{Name: eventnames.GenerateEventName(owner.Name, now.UnixNano()), Namespace: owner.Namespace},
		InvolvedObject:      *owner,
		Source:              source,
		ReportingController: source.Component,
		ReportingInstance:   source.Host,
		Type:                o.eventType,
		Reason:              o.reason,
		Message:             inject.OneLine(o.message, maxEventMessage),
		FirstTimestamp:      at,
		LastTimestamp:       at,
		Count:               1,
	}
}

// referenceTo returns a reference to the controller that created a pod. The pod has not been validated yet,
// so every field may be arbitrary text; ok is false if it cannot name an object.
func referenceTo(owner *inject.Owner, namespace string) (*corev1.ObjectReference, bool) {
	if !ownerAPIVersion.MatchString(owner.APIVersion) || !ownerKind.MatchString(owner.Kind) ||
		!ownerUID.MatchString(owner.UID) || len(validation.IsDNS1123Subdomain(owner.Name)) > 0 {
		return nil, false
	}
	return &corev1.ObjectReference{
		APIVersion: owner.APIVersion, Kind: owner.Kind, Namespace: namespace, Name: owner.Name, UID: types.UID(owner.UID),
	}, true
}

// The syntax of the fields of an object reference.
var (
	ownerAPIVersion = regexp.MustCompile(`^[a-z0-9.-]{1,190}(/[a-z0-9]{1,63})?$`)
	ownerKind       = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,62}$`)
	ownerUID        = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
)
