package webhook

import (
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

// AdvicePath is where the API server posts workloads.
const AdvicePath = "/advise"

// Advice tells whoever creates or changes a workload what will become of its pods,
// as warnings. It decides nothing: every answer lets the request through, and where the
// injector is at fault it says nothing.
type Advice struct {
	intake
	turns *turns
}

// The results of advice in the metrics.
const (
	adviceNone     = "none"     // the pods get what they ask for, if anything
	adviceWarned   = "warned"   // something was said
	adviceNotAsked = "notAsked" // nothing that counts has changed, or a controller made the workload
	adviceFailed   = "failed"   // the injector could not tell
)

// sideLimits are those of what can wait: they leave most of the room to pods. An update brings
// two objects of at most 3 MiB, so that a body may be twice as large as a pod's, and there is
// room for two of them. Most of the requests at once wait for their turn.
func sideLimits(l Limits) Limits {
	if l.MaxBody == 0 {
		l.MaxBody = 8 << 20
	}
	if l.MaxRequests == 0 {
		l.MaxRequests = 16
	}
	if l.MaxBytes == 0 {
		l.MaxBytes = 16 << 20
	}
	return l.withDefaults()
}

// NewAdvice makes a handler that answers on AdvicePath, and any other path with 404.
func NewAdvice(options Options) *Advice {
	return &Advice{intake: newIntake(AdvicePath, options, sideLimits(options.Limits)), turns: newTurns(adviceAllowance())}
}

// ServeHTTP answers one request.
func (a *Advice) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.serve(w, r, time.Now(), func(ctx context.Context, b *buffers) ([]byte, error) {
		var review *review
		err := a.turns.do(ctx, func() (err error) {
			if review, err = decodeObjects(b.received); err != nil {
				return &callError{http.StatusBadRequest, err}
			}
			return nil
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

// changesWorkload says whether somebody creates or changes a workload that makes pods.
func (r *review) changesWorkload() bool {
	return (r.operation == "CREATE" || r.operation == "UPDATE") && r.subResource == "" &&
		adviseOn(r.resource) && r.object != nil && r.namespace != ""
}

// advise gives the warnings, and none where it fails: a person who changes a
// workload is not to hear of our faults. It fails for a caller who has to wait, or has gone.
func (a *Advice) advise(ctx context.Context, r *review) ([]string, error) {
	warnings, result, err := a.tryAdvise(ctx, r)
	if call := (*callError)(nil); errors.As(err, &call) {
		return nil, err
	}
	if err != nil {
		result, warnings = adviceFailed, nil
		a.Log.Error(err, "no advice on a workload", "kind", r.kind.name, "namespace", r.namespace, "name", r.name, "uid", r.uid)
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

// readChange reads a workload on which there may be something to say; nil where nothing that
// counts has changed, or a controller made it.
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

// warnings has the pod of the template decided on as if it were created now.
func (a *Advice) warnings(ctx context.Context, namespace string, w *workload) ([]string, error) {
	result, err := a.decideIn(ctx, namespace, func(namespace inject.Namespace) (result *inject.Result, err error) {
		err = a.turns.do(ctx, func() error {
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
		return nil, nil // nothing that the workload could say would count
	}
	texts := w.tell(result)
	lacks, err := lackingRights(ctx, a.Access, ServiceAccount{Namespace: namespace, Name: w.serviceAccount()}, result, accessTime)
	if texts = append(texts, lacks...); err != nil && len(texts) == 0 {
		return nil, err
	} else if err != nil {
		a.Log.Error(err, "no advice on rights", "kind", w.kind, "namespace", namespace)
	}
	return fit(texts), nil
}

func (a *Advice) decide(namespace inject.Namespace, w *workload) (*inject.Result, error) {
	pod, err := inject.ReadPod(rawjson.New(w.template))
	if err != nil {
		return nil, fmt.Errorf("pod template: %w", err)
	}
	if pod == nil { // the template is null, and the API server has its own opinion on that
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

// accessTime is all the time that the questions about rights may take: half of
// what the API server waits for advice.
const accessTime = time.Second

// maxAdvice bounds the warnings on one workload; the API server passes on 4,096 bytes.
const maxAdvice = 12

// tell makes warnings of a decision on the workload's pods, the most important first.
// Places are those in the workload, not in the pod.
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

// placed is a text that begins with a place in the pod, as a place in the workload.
func (w *workload) placed(text string) string {
	if strings.HasPrefix(text, "metadata.") || strings.HasPrefix(text, "spec.") {
		return inject.TemplateField(w.kind) + "." + text
	}
	return text
}

// fit makes texts fit for an API server's answer.
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
