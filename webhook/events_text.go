package webhook

import (
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
	// reasonInjected is the one reason of an event that is not of the closed list: whoever
	// reads it wants to know what happened, not by which annotation.
	reasonInjected = "Injected"
	// maxEventMessage is what the API server takes, in bytes.
	maxEventMessage = 1024
	// maxEventFaults bounds the faults of one message.
	maxEventFaults = 5
)

// occurrence is one thing worth an event.
type occurrence struct{ eventType, reason, message string }

// complaintsOf are what a workload's author has to mend: pods are refused, or do
// without what was asked for. Pods that want nothing have none.
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

// faulty sums up the faults for which pods are refused, or those for which they are admitted without something.
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

// faultText says where and what. More people read events than pods, so that of
// values only names of templates are told; the refusal itself, which the pod's
// controller reports, has the rest.
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

// explained is a reason in general words, and what to do.
func explained(reason inject.Reason, template string) string {
	for _, info := range inject.Reasons() {
		if info.Reason == reason {
			fix := info.Fix
			if template != "" {
				fix = strings.ReplaceAll(fix, "TEMPLATE", template)
			}
			return strings.TrimSpace(info.Text + " " + fix)
		}
	}
	return string(reason)
}

// injectedKey identifies what was injected: the instances, and the revisions of their
// templates; "" for nothing. A pod that was sent before has nothing injected.
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

// injectedOccurrence tells what was injected.
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

// nameFor is the name of an event on an object that is told once by that key.
func nameFor(object, once string) string {
	hash := sha256.Sum256([]byte(once))
	return fmt.Sprintf("%s.%x", strings.TrimRight(object[:min(len(object), 200)], ".-"), hash[:8])
}

// event is the occurrence as an event on a pod's owner.
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

// referenceTo refers to the controller that made a pod. The pod has not been validated
// yet, so that the controller may be any text: what cannot be an object is none.
func referenceTo(owner *inject.Owner, namespace string) (*corev1.ObjectReference, bool) {
	if !ownerAPIVersion.MatchString(owner.APIVersion) || !ownerKind.MatchString(owner.Kind) ||
		!ownerUID.MatchString(owner.UID) || len(validation.IsDNS1123Subdomain(owner.Name)) > 0 {
		return nil, false
	}
	return &corev1.ObjectReference{
		APIVersion: owner.APIVersion, Kind: owner.Kind, Namespace: namespace, Name: owner.Name, UID: types.UID(owner.UID),
	}, true
}

// Of what an object's reference is made of.
var (
	ownerAPIVersion = regexp.MustCompile(`^[a-z0-9.-]{1,190}(/[a-z0-9]{1,63})?$`)
	ownerKind       = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,62}$`)
	ownerUID        = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
)
