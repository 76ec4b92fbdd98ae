package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// refusals observes whether new pods of a workload are refused while they are waited for. Only events tell:
// those that its controllers write when they cannot create a pod.
type refusals struct {
	r  *Runner
	of fleet.Workload
	// reports is how often each event had been reported when it was last read.
	reports map[types.UID]int
	// makers caches, by UID, whether a ReplicaSet belongs to the workload.
	makers map[types.UID]bool
	// said is the last message of a controller since the step began, whatever prevented the pod.
	said string
	// suspected is true once a pod was refused; came is how many new pods had come then.
	suspected bool
	came      int
	// next is when events are read again; blind is true if the user may not read them.
	next  time.Time
	blind bool
}

// refusalInterval is the shortest time between two looks at events, which the API server does not cache.
// Controllers try again within it: they begin with milliseconds, and double them.
const refusalInterval = 2 * time.Second

// refusalsOf returns an observer of a workload. What was reported before does not count.
func (r *Runner) refusalsOf(ctx context.Context, w fleet.Workload) (*refusals, error) {
	f := &refusals{r: r, of: w, reports: map[types.UID]int{}, makers: map[types.UID]bool{}}
	events, err := f.failures(ctx)
	for i := range events {
		f.reports[events[i].UID] = reportsOf(&events[i])
	}
	return f, err
}

// look returns a *TroubleError if new pods are refused again and again. old are the pods from before the step,
// came is how many new ones have come so far.
func (f *refusals) look(ctx context.Context, now *owner, old map[types.UID]bool, came int) error {
	why, err := f.refused(ctx, now, came)
	if err != nil || why == "" {
		return err
	}
	if overQuota(why) {
		// A pod that is being deleted still counts, and the next one may go when the new one is ready.
		if moving, err := f.r.moving(ctx, f.of, now, old); err != nil || moving {
			return err
		}
	}
	return f.trouble("", why)
}

// trouble returns the *TroubleError of a refusal.
func (f *refusals) trouble(what, why string) error {
	return &TroubleError{f.of, what + "its new pods are refused: " + inject.OneLine(why, maxMessage)}
}

// overQuota reports whether a refusal is that of a quota that is used up.
func overQuota(why string) bool { return strings.Contains(why, "exceeded quota") }

// refused returns the API server's message if new pods are refused again and again; "" if they are not, or it is
// not time to look. came is how many new ones have come so far.
func (f *refusals) refused(ctx context.Context, now *owner, came int) (string, error) {
	if f.blind || time.Now().Before(f.next) {
		return "", nil
	}
	all, err := f.failures(ctx)
	if err != nil {
		return "", err
	}
	var events []corev1.Event
	for i := range all {
		ours, err := f.concerns(ctx, now, &all[i].InvolvedObject)
		if err != nil {
			return "", err
		}
		if ours {
			events = append(events, all[i])
		}
	}
	return f.again(events, came), nil
}

// failures returns the events of the namespace about pods, or ReplicaSets, that could not be created.
func (f *refusals) failures(ctx context.Context) ([]corev1.Event, error) {
	options := metav1.ListOptions{FieldSelector: "type=Warning,involvedObject.kind!=Pod"}
	events, err := listed(ctx, f.r, "events", f.of.Namespace, options, f.r.Client.CoreV1().Events(f.of.Namespace).List, func(page *corev1.EventList) []corev1.Event { return page.Items })
	f.next = time.Now().Add(refusalInterval)
	if f.blind = errors.As(err, new(*fleet.DeniedError)); f.blind {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("events in %s: %w", f.of.Namespace, err)
	}
	return slices.DeleteFunc(events, func(e corev1.Event) bool {
		return e.Reason != "FailedCreate" && e.Reason != "ReplicaSetCreateError"
	}), nil
}

// concerns reports whether an object is the workload, or a ReplicaSet of it.
func (f *refusals) concerns(ctx context.Context, now *owner, object *corev1.ObjectReference) (bool, error) {
	if object.UID == now.meta.UID {
		return true, nil
	}
	if f.of.Kind != "Deployment" || object.Kind != "ReplicaSet" || !strings.HasPrefix(object.Name, f.of.Name+"-") {
		return false, nil
	}
	ours, known := f.makers[object.UID]
	if !known {
		set, err := f.r.owner(ctx, fleet.Workload{Namespace: f.of.Namespace, Kind: object.Kind, Name: object.Name})
		if err != nil {
			return false, err
		}
		ours = set.meta.UID == object.UID && metav1.IsControlledBy(&set.meta, &now.meta)
		f.makers[object.UID] = ours
	}
	return ours, nil
}

// again takes in the events of a look. It returns the API server's message if a pod was refused since the look
// before, one had been refused before that as well, and no new pod has come in between; "" otherwise.
func (f *refusals) again(events []corev1.Event, came int) string {
	slices.SortStableFunc(events, func(a, b corev1.Event) int { return fleet.LastReport(&a).Compare(fleet.LastReport(&b)) })
	refused := ""
	for i := range events {
		e := &events[i]
		n := reportsOf(e)
		if n > f.reports[e.UID] {
			f.said = ": " + inject.OneLine(e.Message, maxMessage)
			refused = cmp.Or(refusedBy(e.Message), refused)
		}
		f.reports[e.UID] = n
	}
	if refused == "" {
		return ""
	}
	again := f.suspected && f.came == came
	f.suspected, f.came = true, came
	if !again {
		return ""
	}
	return refused
}

// reportsOf returns how often an event was reported.
func reportsOf(e *corev1.Event) int {
	n := max(1, e.Count)
	if e.Series != nil {
		n = max(n, e.Series.Count)
	}
	return int(n)
}

// created matches a message of a controller: what it could not create, and the API server's error. The
// StatefulSet controller writes "create" in some versions and "Create" in others.
var created = regexp.MustCompile(`(?is)^(?:\(combined from similar events\): )?(?:Error creating: |create .*? failed error: |Failed to create new replica set .*?: )(.*)$`)

// denial matches the errors of admission and validation: those of webhooks have their own form, and those of
// policies, quotas and the API server itself name the object.
var denial = regexp.MustCompile(`(?s)^(?:admission webhook "[^"]*" denied the request|\S+ "[^"]*" is (?:forbidden|invalid): (.*))`)

// refusedBy returns the API server's error if a message of a controller says that admission has refused what
// it was to create; "" for any other error, such as a conflict or a webhook that does not answer, after which
// the same attempt may succeed.
func refusedBy(message string) string {
	reason := ""
	if parts := created.FindStringSubmatch(message); parts != nil {
		reason = parts[1]
	}
	parts := denial.FindStringSubmatch(reason)
	if parts == nil || strings.HasPrefix(parts[1], "status unknown for quota") || strings.HasPrefix(parts[1], "not yet ready to handle request") {
		return ""
	}
	return reason
}
