package live

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/yaml"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/explain"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Complete adds to the explanation of a pod or workload what only the cluster knows: the workload's pods,
// the permissions that its service account lacks, the last lines of the logs of failing sidecars, and the events
// of a pod that is not ready. What the user may not read is left out.
func (r *Reader) Complete(ctx context.Context, today *fleet.Today, a *offline.Answer, e *explain.Explanation) error {
	if a.Pod.Kind != "Pod" {
		groups, ends, err := r.podGroups(ctx, today, a)
		if err != nil {
			return err
		}
		e.AddPods(groups, ends)
	}
	account := webhook.ServiceAccount{Namespace: a.Namespace.Name, Name: e.ServiceAccount}
	missing, known, err := r.MissingAccess(ctx, account, a.Result.Instances)
	if err != nil {
		return err
	}
	for _, m := range missing {
		e.AddMissingAccess(m.String())
	}
	if known && len(missing) == 0 {
		e.RightsAreGiven()
	}
	for _, l := range e.Logs() {
		e.SetLastLine(l.Container, r.lastLine(ctx, l))
	}
	if e.WantsEvents() {
		e.AddEvents(r.events(ctx, e.Namespace, e.Name))
	}
	return nil
}

// MissingAccess returns the permissions that a service account lacks for instances. known is false if the user
// may not create access reviews.
func (r *Reader) MissingAccess(ctx context.Context, account webhook.ServiceAccount, instances []inject.Instance) (missing []webhook.MissingAccess, known bool, err error) {
	missing, err = webhook.FindMissingAccess(ctx, r.client.AuthorizationV1().SubjectAccessReviews(), account, instances, webhook.MaxAccessReviews)
	if Denied(err) {
		return nil, false, nil
	}
	return missing, true, err
}

// lastLine returns the last line of a log; "" if it cannot be read.
func (r *Reader) lastLine(ctx context.Context, l explain.Log) string {
	text, err := r.client.CoreV1().Pods(l.Namespace).GetLogs(l.Pod, &corev1.PodLogOptions{
		Container: l.Container, Previous: l.Previous, TailLines: new(int64(1)), LimitBytes: &l.Bytes,
	}).DoRaw(ctx)
	if err != nil || strings.HasPrefix(string(text), lostLog) {
		return ""
	}
	return string(text)
}

// lostLog begins the kubelet's answer, in place of the log, if the container has been removed.
const lostLog = "unable to retrieve container logs for "

// maxEvents is the largest number of events that are read about one pod.
const maxEvents = 200

// events returns the warnings about a pod, the latest last; none if they cannot be read.
func (r *Reader) events(ctx context.Context, namespace, pod string) []explain.Event {
	list, err := r.client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.Set{"involvedObject.kind": "Pod", "involvedObject.name": pod, "type": corev1.EventTypeWarning}.String(), Limit: maxEvents,
	})
	if err != nil {
		return nil
	}
	slices.SortStableFunc(list.Items, func(a, b corev1.Event) int { return fleet.LastReport(&a).Compare(fleet.LastReport(&b)) })
	events := make([]explain.Event, len(list.Items))
	for i := range list.Items {
		event := &list.Items[i]
		_, container, _ := strings.Cut(strings.TrimSuffix(event.InvolvedObject.FieldPath, "}"), "{") // spec.initContainers{NAME}
		events[i] = explain.Event{PodUID: string(event.InvolvedObject.UID), Container: container, Reason: event.Reason, Message: event.Message}
	}
	return events
}

// maxEnds is the largest number of failed sidecars that are reported for one workload.
const maxEnds = 5

// podGroups returns the pods of one workload in groups, the worst first. ends has sentences about sidecars
// that failed in pods that have ended, such as a Job's.
func (r *Reader) podGroups(ctx context.Context, today *fleet.Today, a *offline.Answer) (groups []explain.PodGroup, ends []string, err error) {
	selector, err := selectorOf(a)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", a.Title(), err)
	}
	var made map[string]Owner
	if a.Pod.Kind == "CronJob" {
		if made, err = r.cronJobs(ctx, a.Namespace.Name); err != nil {
			return nil, nil, err
		}
	}
	var counted []countedPods
	err = r.Pods(ctx, a.Namespace.Name, selector, func(pod Pod) error {
		owner := pod.Owner
		if of, ok := made[pod.Namespace+"/"+owner.Name]; ok && owner.Kind == "Job" {
			owner = of
		}
		mine := owner == Owner{Kind: a.Pod.Kind, Name: a.Name} || a.Pod.Kind == "ReplicaSet" && selector != ""
		if !mine {
			return nil
		}
		switch {
		case pod.Over && pod.Phase != corev1.PodSucceeded && pod.Phase != corev1.PodFailed:
			return nil // it is being deleted, which stops its sidecars, each in its own way
		case pod.Over:
			ends = append(ends, explain.BadEnds(pod.JSON, pod.Name, pod.hasSidecar)...)
			ends = ends[:min(len(ends), maxEnds)]
			return nil
		}
		standing, err := today.Judge(a.Namespace, pod.JSON)
		if err != nil {
			return fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, err)
		}
		counted = count(counted, standing)
		return nil
	})
	if Denied(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("pods of %s: %w", a.Title(), err)
	}
	slices.SortStableFunc(counted, func(a, b countedPods) int { return -cmp.Compare(a.state, b.state) })
	for _, c := range counted {
		groups = append(groups, c.PodGroup)
	}
	return groups, ends, r.noNodes
}

// hasSidecar reports whether a container is one of the pod's sidecars.
func (p *Pod) hasSidecar(container string) bool {
	// An unreadable status counts as empty; the explanation of the pod reports it.
	status, _ := inject.ReadStatus(p.Annotations)
	for _, e := range status {
		if e.LeftOut == "" && slices.Contains(e.ContainerNames(), container) {
			return true
		}
	}
	return false
}

// countedPods is a group of pods with its state; Bare pods come last.
type countedPods struct {
	explain.PodGroup
	state fleet.State
}

// count counts a pod in the group of the pods that are like it.
func count(groups []countedPods, s *fleet.Standing) []countedPods {
	g := podGroup(s)
	for i := range groups {
		if groups[i].State == g.State && slices.Equal(groups[i].Sidecars, g.Sidecars) {
			groups[i].Pods++
			return groups
		}
	}
	return append(groups, g)
}

// podGroup returns a group of one pod.
func podGroup(s *fleet.Standing) countedPods {
	g := countedPods{PodGroup: explain.PodGroup{Pods: 1, State: "none"}}
	if s.Bare {
		return g
	}
	g.state = fleet.Current
	for n := range s.Instances {
		in := &s.Instances[n]
		state, why := in.Shown()
		g.state = max(g.state, state)
		if in.Name != "" {
			g.Sidecars = append(g.Sidecars, instanceText(in))
			why = in.Name + ": " + why
		}
		if state > fleet.Current {
			g.Why = append(g.Why, why)
		}
		g.Stale = g.Stale || in.State == fleet.InPlace || in.State == fleet.Restart || in.State == fleet.Missed
	}
	g.State, g.Tone = g.state.String(), tone(g.state)
	return g
}

// instanceText returns template@revision, preceded by "instance=" if the instance has another name.
func instanceText(i *fleet.Instance) string {
	name := terminal.Shown(i.Template)
	if i.Name != i.Template {
		name = terminal.Shown(i.Name) + "=" + name
	}
	if i.Revision == "" {
		return name
	}
	return name + "@" + terminal.Shown(i.Revision)
}

func tone(s fleet.State) explain.Tone {
	switch s {
	case fleet.Current:
		return explain.Well
	case fleet.OptedOut:
		return explain.Neutral
	case fleet.Unknown, fleet.InPlace, fleet.Restart, fleet.Missed:
		return explain.Doubtful
	case fleet.Blocked, fleet.Failing:
	}
	return explain.Bad
}

// selectorOf returns a workload's label selector as text; "" if it has none.
func selectorOf(a *offline.Answer) (string, error) {
	n := manifest.At(a.Workload(), "/spec/selector")
	if n == nil || a.Pod.Kind == "ReplicationController" {
		return "", nil
	}
	var s metav1.LabelSelector
	if err := yaml.Unmarshal(manifest.JSON(n), &s); err != nil {
		return "", fmt.Errorf("selector: %w", err)
	}
	selector, err := metav1.LabelSelectorAsSelector(&s)
	if err != nil {
		return "", fmt.Errorf("selector: %w", err)
	}
	return selector.String(), nil
}
