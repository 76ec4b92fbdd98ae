package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// TemplatesPath is where the API server posts templates.
const TemplatesPath = "/validate-templates"

// TemplateReview tells whoever applies a template what validate would: one with
// errors is refused with all of them, and warnings become admission warnings. It
// looks at a template by itself, so that its answer depends on nothing else.
type TemplateReview struct {
	intake
	turns  *turns
	loader *load.Loader
}

// The results of template reviews in the metrics.
const (
	reviewAccepted  = "accepted"
	reviewRefused   = "refused"
	reviewUnchanged = "unchanged" // an update of metadata alone
	reviewFailed    = "failed"    // the injector could not tell
)

const (
	// maxReviewMessage is where a refusal's text stops listing findings, in bytes, as for pods.
	maxReviewMessage = 1024
	// maxCauses bounds the findings of a refusal, of which kubectl prints each, in bytes.
	maxCauses = 16 << 10
)

// NewTemplateReview makes a handler that answers on TemplatesPath, and any other path
// with 404. Of the options it uses metrics, log, limits and, of the settings, the release of Kubernetes.
func NewTemplateReview(options Options) *TemplateReview {
	return &TemplateReview{intake: newIntake(TemplatesPath, options, sideLimits(options.Limits)), loader: load.NewLoader().For(options.Settings.Kubernetes), turns: newTurns(reviewAllowance())}
}

// ServeHTTP answers one request.
func (t *TemplateReview) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.serve(w, r, time.Now(), func(ctx context.Context, b *buffers) (body []byte, err error) {
		err = t.turns.do(ctx, func() error {
			body, err = t.answerTo(b)
			return err
		})
		return body, err
	}, func(err error) {
		t.Metrics.templates.WithLabelValues(reviewFailed).Inc()
		t.Log.Error(err, "template not answered")
	})
}

func (t *TemplateReview) answerTo(b *buffers) ([]byte, error) {
	review, err := decodeObjects(b.received)
	if err != nil {
		return nil, &callError{http.StatusBadRequest, err}
	}
	if !review.changesTemplate() {
		return allowed(review.uid), nil
	}
	return t.decide(b, review)
}

// changesTemplate says whether somebody creates or changes a template.
func (r *review) changesTemplate() bool {
	return (r.operation == "CREATE" || r.operation == "UPDATE") && r.subResource == "" && r.object != nil &&
		r.kind.group == v1alpha1.GroupVersion.Group &&
		(r.kind.name == v1alpha1.ClusterSidecarTemplateKind || r.kind.name == v1alpha1.SidecarTemplateKind)
}

func (t *TemplateReview) decide(b *buffers, r *review) ([]byte, error) {
	content, err := load.ResourceContent(r.object)
	if err != nil {
		return nil, &callError{http.StatusBadRequest, fmt.Errorf("admission review: request.object: %w", err)}
	}
	// A template that came in broken can still be labelled, annotated, and deleted
	// through its finalizers.
	if old, err := oldContent(r); err != nil {
		return nil, err
	} else if bytes.Equal(content, old) {
		t.Metrics.templates.WithLabelValues(reviewUnchanged).Inc()
		return allowed(r.uid), nil
	}
	name, err := templateName(r)
	if err != nil {
		return nil, err
	}
	entry := t.loader.LoadResource(load.Resource{Kind: r.kind.name, Namespace: r.namespace, Name: name, Content: content})
	t.Metrics.TellBroken(t.Log, &entry)
	var faults []templates.Finding
	var warnings []string
	for _, f := range entry.Findings {
		if f.Severity == templates.SeverityError {
			faults = append(faults, f)
		} else {
			warnings = append(warnings, templates.Summarize([]templates.Finding{f}, maxReviewMessage))
		}
	}
	result := reviewAccepted
	if len(faults) > 0 {
		result = reviewRefused
	}
	t.Metrics.templates.WithLabelValues(result).Inc()
	t.Log.Info("template reviewed", "kind", r.kind.name, "namespace", r.namespace, "template", name, "uid", r.uid, "dryRun", r.dryRun,
		"result", result, "errors", len(faults), "warnings", len(warnings))
	if len(faults) == 0 {
		return allowedWith(b, r.uid, fit(warnings)), nil
	}
	return refusedWith(b, r.uid, faultyTemplate(r.kind.name, name, faults), fit(warnings))
}

// oldContent is what the template was before an update; nil for a creation.
func oldContent(r *review) ([]byte, error) {
	if r.operation != "UPDATE" || r.oldObject == nil {
		return nil, nil
	}
	content, err := load.ResourceContent(r.oldObject)
	if err != nil {
		return nil, &callError{http.StatusBadRequest, fmt.Errorf("admission review: request.oldObject: %w", err)}
	}
	return content, nil
}

// templateName is the object's own: the request has none where the API server makes it up.
func templateName(r *review) (string, error) {
	var object struct{ Metadata struct{ Name string } }
	if err := json.Unmarshal(r.object, &object); err != nil {
		return "", &callError{http.StatusBadRequest, fmt.Errorf("admission review: request.object: %w", err)}
	}
	if object.Metadata.Name == "" {
		return "", &callError{http.StatusBadRequest, errors.New("admission review: request.object.metadata.name: missing")}
	}
	return object.Metadata.Name, nil
}

// faultyTemplate is the status of a template that its author has to mend. kubectl
// prints the causes, other clients the message.
func faultyTemplate(kind, name string, faults []templates.Finding) *metav1.Status {
	var causes []metav1.StatusCause
	size := 0
	for i := range faults {
		f := &faults[i]
		if size += len(f.Reason) + len(f.Path) + len(f.Message) + len(f.Hint); size > maxCauses {
			break
		}
		causes = append(causes, metav1.StatusCause{Type: metav1.CauseType(f.Reason), Field: f.Path, Message: f.Detail()})
	}
	return &metav1.Status{
		Status:  metav1.StatusFailure,
		Message: templates.Summarize(faults, maxReviewMessage),
		Reason:  metav1.StatusReasonInvalid,
		Code:    http.StatusUnprocessableEntity,
		Details: &metav1.StatusDetails{Group: v1alpha1.GroupVersion.Group, Kind: kind, Name: name, Causes: causes},
	}
}
