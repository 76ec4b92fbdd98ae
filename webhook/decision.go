package webhook

import (
	"strings"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// auditAnnotation is one annotation of the API server's audit event. The API server prefixes the key with
// the webhook's name.
type auditAnnotation struct{ key, value string }

// maxAuditValue is the largest length of an annotation's value in bytes, so that one pod cannot fill the
// audit log.
const maxAuditValue = 1024

// audit returns the audit annotations of a decision: the outcome and reason of the pod, and the summaries
// of its instances.
func audit(result *inject.Result, instances []string) []auditAnnotation {
	annotations := []auditAnnotation{{"decision", string(result.Outcome) + " " + string(result.Reason)}}
	if len(instances) > 0 {
		annotations = append(annotations, auditAnnotation{"instances", inject.Shorten(strings.Join(instances, "; "), maxAuditValue)})
	}
	return annotations
}

// summarize returns one line for each instance: its name, template and revision, its outcome and reason,
// what asked for it if the reason does not say so, and the names of its parameters. Values of parameters
// are left out, since they may be secret.
func summarize(result *inject.Result) []string {
	if len(result.Instances) == 0 {
		return nil
	}
	summaries := make([]string, len(result.Instances))
	for i := range result.Instances {
		instance := &result.Instances[i]
		var b strings.Builder
		b.Grow(usualSummary)
		b.WriteString(instance.Name)
		b.WriteByte('=')
		b.WriteString(instance.TemplateName)
		if revision := instance.Revision(); revision != "" {
			b.WriteByte('@')
			b.WriteString(printed(revision))
		}
		b.WriteByte(' ')
		b.WriteString(string(instance.Outcome))
		b.WriteByte(' ')
		b.WriteString(string(instance.Reason))
		if instance.Reason != instance.AskedBy {
			b.WriteString(" by ")
			b.WriteString(string(instance.AskedBy))
		}
		for j, parameter := range instance.Parameters {
			if j == 0 {
				b.WriteString(" parameters ")
			} else {
				b.WriteByte(',')
			}
			b.WriteString(parameter.Name)
		}
		summaries[i] = b.String()
	}
	return summaries
}

// usualSummary is the usual length of a summary in bytes, for allocation.
const usualSummary = 128

// printed returns revision, or "?" if it is not a well-formed revision. The revision of an existing sidecar
// is read from the pod's status annotation, where the pod's author can write any text.
func printed(revision string) string {
	digit := func(r rune) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' }
	if len(revision) > maxRevision || strings.ContainsFunc(revision, func(r rune) bool { return !digit(r) }) {
		return "?"
	}
	return revision
}

// maxRevision is how many hexadecimal digits a template's revision has.
const maxRevision = 10

// logged cuts a name or UID for the log to the length of the longest name: nothing has validated it yet, and it
// may be as long as the request.
func logged(name string) string { return message.Cut(name, longestName) }

// logDecision writes the log line of a decision, one for each pod.
func logDecision(log logr.Logger, r *review, result *inject.Result, instances []string, duration time.Duration) {
	log.Info("pod decided",
		"namespace", r.namespace,
		"name", logged(r.podName()),
		"generateName", logged(r.pod.GenerateName()),
		"uid", logged(r.uid),
		"dryRun", r.dryRun,
		"outcome", string(result.Outcome),
		"reason", string(result.Reason),
		"instances", instances,
		"operations", len(result.Operations),
		"warnings", len(result.Warnings),
		"duration", duration,
	)
}
