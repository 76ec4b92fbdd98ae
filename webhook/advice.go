package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// AdvicePath is the path to which the API server posts reviews of workloads.
const AdvicePath = "/advise"

// Advice is the handler that warns the user who creates or changes a workload about what will happen to its
// pods. It never rejects a request: every answer is "allowed", and an internal error yields no warnings.
type Advice struct {
	intake
	memory memory
}

// The results of advice in the metrics.
const (
	adviceNone     = "none"     // no warnings: the pods get what they ask for, if anything
	adviceWarned   = "warned"   // at least one warning
	adviceNotAsked = "notAsked" // an update that changes nothing relevant, or the workload has a controller
	adviceFailed   = "failed"   // internal error; answered without warnings
)

// sideLimits returns the limits for advice and template reviews, which are lower than those for pods so
// that most of the memory is left to pods. An update carries two objects of at most 3 MiB, hence a body
// twice as large as a pod's, and MaxBytes has room for two bodies. Of the 16 concurrent requests most wait
// for their turn (see turns).
func sideLimits(l Limits) Limits {
	l.MaxBody = cmp.Or(l.MaxBody, 8<<20)
	l.MaxRequests = cmp.Or(l.MaxRequests, 16)
	l.MaxBytes = cmp.Or(l.MaxBytes, 16<<20)
	return l.withDefaults()
}

// NewAdvice returns a handler that answers on AdvicePath and responds with 404 on any other path. It has the
// Options of the handler of pods, and shares with it the memory for large pods.
func NewAdvice(pods *Handler) *Advice {
	return &Advice{
		intake: intake{Options: pods.Options, path: AdvicePath, limits: sideLimits(pods.Limits), turns: newTurns(adviceAllowance())},
		memory: pods.memory,
	}
}

// ServeHTTP answers one request.
func (a *Advice) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.serve(w, r, time.Now(), func(ctx context.Context, b *buffers) ([]byte, error) {
		var review *review
		err := a.turns.do(ctx, func() (err error) {
			review, err = decodeObjects(b.received)
			return err
		})
		if err != nil {
			return nil, err
		}
		if !review.changesWorkload() {
			return allowed(review.uid), nil
		}
		warnings, err := a.advise(ctx, review)
		if err != nil {
			return nil, err
		}
		return allowedWith(b, review.uid, warnings), nil
	}, func(err error) { a.Log.Error(err, "workload not answered") })
}

// changesWorkload reports whether the request creates or updates a workload that makes pods.
func (r *review) changesWorkload() bool {
	return (r.operation == "CREATE" || r.operation == "UPDATE") && r.subResource == "" &&
		adviseOn(r.resource) && r.object != nil && r.namespace != ""
}

// advise returns the warnings. An internal error is logged and yields no warnings, because the user who
// changes a workload can do nothing about it. Only a *callError is returned: the client has to retry later,
// or has disconnected.
func (a *Advice) advise(ctx context.Context, r *review) ([]string, error) {
	warnings, result, err := a.tryAdvise(ctx, r)
	if call := (*callError)(nil); errors.As(err, &call) {
		return nil, err
	}
	if err != nil {
		result, warnings = adviceFailed, nil
		a.Log.Error(err, "no advice on a workload", "kind", logged(r.kind.name), "namespace", r.namespace, "name", logged(r.name), "uid", logged(r.uid))
	}
	a.Metrics.advice.WithLabelValues(result).Inc()
	return warnings, nil
}

func (a *Advice) tryAdvise(ctx context.Context, r *review) (warnings []string, result string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v: %s", p, debug.Stack())
		}
	}()
	var w *workload
	err = a.turns.do(ctx, func() (err error) {
		w, err = readChange(r)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if w == nil {
		return nil, adviceNotAsked, nil
	}
	if warnings, err = a.warnings(ctx, r.namespace, w); err != nil {
		return nil, "", err
	}
	if len(warnings) == 0 {
		return nil, adviceNone, nil
	}
	return warnings, adviceWarned, nil
}

// readChange reads the workload of a review. It returns nil if there is nothing to advise on: the workload
// has a controller or no pod template, or the update changes nothing that advice depends on.
func readChange(r *review) (*workload, error) {
	w, err := readWorkload(r.kind.name, r.object)
	if err != nil {
		return nil, fmt.Errorf("request.object: %w", err)
	}
	if w.owned || w.template == nil {
		return nil, nil
	}
	if r.operation == "UPDATE" {
		old, err := readWorkload(r.kind.name, rawOrNull(r.oldObject))
		if err != nil {
			return nil, fmt.Errorf("request.oldObject: %w", err)
		}
		if w.sameAdvice(old) {
			return nil, nil
		}
	}
	return w, nil
}

// warnings runs the injection on the workload's pod template as if the pod were created now, and returns
// what to warn about.
func (a *Advice) warnings(ctx context.Context, namespace string, w *workload) ([]string, error) {
	result, err := a.decideIn(ctx, namespace, func(namespace inject.Namespace) (result *inject.Result, err error) {
		err = a.turns.do(ctx, func() error {
			done, err := a.memory.mayTake(ctx, len(w.template))
			if err != nil {
				return err
			}
			defer done()
			result, err = a.decide(namespace, w)
			return err
		})
		return result, err
	})
	if err != nil {
		return nil, err
	}
	a.Metrics.tellCrashes(a.Log, result)
	if result.Reason == inject.SystemNamespace || result.Reason == inject.NamespaceDisabled {
		return nil, nil // no annotation of the workload can change that
	}
	texts := w.tell(result)
	account := func() ServiceAccount { return ServiceAccount{Namespace: namespace, Name: w.serviceAccount()} }
	lacks, err := lackingRights(ctx, a.Access, account, result, accessTime)
	texts = append(texts, lacks...)
	if err != nil && len(texts) == 0 {
		return nil, err
	}
	if err != nil {
		a.Log.Error(err, "no advice on rights", "kind", logged(w.kind), "namespace", namespace)
	}
	return fit(texts), nil
}

func (a *Advice) decide(namespace inject.Namespace, w *workload) (*inject.Result, error) {
	pod, err := inject.ReadPod(rawjson.New(w.template))
	if err != nil {
		return nil, fmt.Errorf("pod template: %w", err)
	}
	if pod == nil { // the template is null; the API server validates the workload itself
		return &inject.Result{Outcome: inject.Skipped, Reason: inject.NothingRequested}, nil
	}
	result, err := a.Inject(a.Templates.Current(), a.Settings, &inject.Request{
		Read: pod, Namespace: namespace, Owner: inject.OwnerOf(w.apiVersion, w.kind, w.name), ClaimVolumes: w.claims, Permissions: true,
	})
	if err != nil {
		return nil, fmt.Errorf("pod template: %w", err)
	}
	return result, nil
}

// accessTime bounds all access reviews of one workload together: half of the API server's timeout for the
// advice webhook.
const accessTime = time.Second

// maxAdvice is the largest number of warnings for one workload. The API server truncates all warnings
// together at 4,096 bytes.
const maxAdvice = 12

// tell returns the warnings for a decision on the workload's pod template, the most important first. Field
// paths in the pod are turned into paths in the workload.
func (w *workload) tell(result *inject.Result) []string {
	var texts []string
	for _, group := range inject.Together(inject.FindMisplaced(w.kind, w.levels)) {
		texts = append(texts, inject.MisplacedText(group))
	}
	for i := range result.Faults {
		if fault := &result.Faults[i]; !fault.Ignored {
			texts = append(texts, w.placed(fault.String())+"; its pods will be refused")
		}
	}
	for _, warning := range result.Warnings {
		texts = append(texts, w.placed(warning))
	}
	return texts
}

// placed returns text with a leading field path of the pod turned into the path in the workload.
func (w *workload) placed(text string) string {
	if strings.HasPrefix(text, "metadata.") || strings.HasPrefix(text, "spec.") {
		return inject.TemplateField(w.kind) + "." + text
	}
	return text
}

// fit limits texts to maxAdvice warnings, plus one that counts the rest, and makes each valid as an
// admission warning.
func fit(texts []string) []string {
	more := len(texts) - maxAdvice
	if more > 0 {
		texts = append(texts[:maxAdvice], fmt.Sprintf("and %d more warnings", more))
	}
	for i, text := range texts {
		texts[i] = inject.WarningText(text)
	}
	return texts
}
