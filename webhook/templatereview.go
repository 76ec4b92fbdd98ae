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

// TemplatesPath is the path to which the API server posts reviews of templates.
const TemplatesPath = "/validate-templates"

// TemplateReview is the handler that validates templates as they are applied, like the command validate: a
// template with errors is refused with all of them, and warnings become admission warnings. Each template
// is checked by itself, so that the answer depends on no other object.
type TemplateReview struct {
	intake
	loader *load.Loader
}

// The results of template reviews in the metrics.
const (
	reviewAccepted  = "accepted"
	reviewRefused   = "refused"
	reviewUnchanged = "unchanged" // an update of metadata alone
	reviewFailed    = "failed"    // internal error
)

const (
	// maxReviewMessage is the length in bytes at which the message of a refusal stops listing findings, as
	// for pods.
	maxReviewMessage = 1024
	// maxCauses bounds the total size of a refusal's causes in bytes; kubectl prints each of them.
	maxCauses = 16 << 10
)

// NewTemplateReview returns a handler that answers on TemplatesPath and responds with 404 on any other
// path. Of options it uses Metrics, Log, Limits and Settings.Kubernetes.
func NewTemplateReview(options Options) *TemplateReview {
	return &TemplateReview{
		intake: intake{Options: options, path: TemplatesPath, limits: sideLimits(options.Limits), turns: newTurns(reviewAllowance())},
		loader: load.NewLoader().For(options.Settings.Kubernetes),
	}
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
		return nil, err
	}
	if !review.changesTemplate() {
		return allowed(review.uid), nil
	}
	return t.decide(b, review)
}

// changesTemplate reports whether the request creates or updates a template.
func (r *review) changesTemplate() bool {
	return (r.operation == "CREATE" || r.operation == "UPDATE") && r.subResource == "" && r.object != nil &&
		r.kind.group == v1alpha1.GroupVersion.Group &&
		(r.kind.name == v1alpha1.ClusterSidecarTemplateKind || r.kind.name == v1alpha1.SidecarTemplateKind)
}

func (t *TemplateReview) decide(b *buffers, r *review) ([]byte, error) {
	content, err := load.ResourceContent(r.object)
	if err != nil {
		return nil, malformed(fmt.Errorf("request.object: %w", err))
	}
	// A template that is already stored with errors can still be labelled, annotated, and deleted through
	// its finalizers.
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
	t.Log.Info("template reviewed", "kind", r.kind.name, "namespace", r.namespace, "template", logged(name), "uid", logged(r.uid), "dryRun", r.dryRun,
		"result", result, "errors", len(faults), "warnings", len(warnings))
	if len(faults) == 0 {
		return allowedWith(b, r.uid, fit(warnings)), nil
	}
	details := &metav1.StatusDetails{Group: v1alpha1.GroupVersion.Group, Kind: r.kind.name, Name: name, Causes: causes(faults)}
	return refusedWith(b, r.uid, templates.Summarize(faults, maxReviewMessage), details, fit(warnings))
}

// oldContent returns the template's content before an update; nil for a creation.
func oldContent(r *review) ([]byte, error) {
	if r.operation != "UPDATE" || r.oldObject == nil {
		return nil, nil
	}
	content, err := load.ResourceContent(r.oldObject)
	if err != nil {
		return nil, malformed(fmt.Errorf("request.oldObject: %w", err))
	}
	return content, nil
}

// templateName returns the name in the object: request.name is empty if the API server generates the name.
func templateName(r *review) (string, error) {
	var object struct{ Metadata struct{ Name string } }
	if err := json.Unmarshal(r.object, &object); err != nil {
		return "", malformed(fmt.Errorf("request.object: %w", err))
	}
	if object.Metadata.Name == "" {
		return "", malformed(errors.New("request.object.metadata.name: missing"))
	}
	return object.Metadata.Name, nil
}

// causes returns as many of the faults as fit into maxCauses.
func causes(faults []templates.Finding) []metav1.StatusCause {
	var listed []metav1.StatusCause
	size := 0
	for i := range faults {
		f := &faults[i]
		if size += len(f.Reason) + len(f.Path) + len(f.Message) + len(f.Hint); size > maxCauses {
			break
		}
		listed = append(listed, metav1.StatusCause{Type: metav1.CauseType(f.Reason), Field: f.Path, Message: f.Detail()})
	}
	return listed
}
