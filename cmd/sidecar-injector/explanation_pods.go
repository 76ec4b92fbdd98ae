package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook"
)

// podGroup is a number of pods of a workload that carry the same.
type podGroup struct {
	Pods int `json:"pods"`
	// State is one of those of live.State.
	State string `json:"state"`
	// Sidecars are instance=template@revision, in the order of the status.
	Sidecars []string `json:"sidecars,omitempty"`
	// Why says what is wrong with each that is not as it would be today.
	Why []string `json:"why,omitempty"`

	state live.State
}

// addOwners looks for annotations that stand on the workloads of live pods.
func (o *offlineFlags) addOwners(answers []answer) error {
	for i := range answers {
		a := &answers[i]
		if !a.live || a.pod.Kind != "Pod" {
			continue
		}
		owner, err := o.owner(a.pod)
		if err != nil {
			return err
		}
		if owner != nil {
			a.misplaced = append(a.misplaced, findMisplaced(*owner)...)
		}
	}
	return nil
}

// addPods counts the pods that each workload of the cluster has.
func (o *offline) addPods(ctx context.Context, answers []answer, explanations []*explanation) error {
	if o.reader == nil {
		return nil
	}
	for i := range answers {
		a, e := &answers[i], explanations[i]
		if a.pod.Kind == "Pod" {
			continue
		}
		groups, ends, err := o.podGroups(ctx, a)
		if err != nil {
			return err
		}
		e.Pods, e.Warnings = groups, append(e.Warnings, ends...)
		if slices.ContainsFunc(e.Pods, func(g podGroup) bool { return g.state == live.Outdated || g.state == live.Missed }) && rolls(a.pod.Kind) {
			first := ""
			if len(e.Remedies) > 0 {
				first = "then "
			}
			e.Remedies = append(e.Remedies, remedy{
				Text:    first + "create its pods anew:",
				Command: fmt.Sprintf("kubectl rollout restart %s %s -n %s", strings.ToLower(a.pod.Kind), shellWord(a.name), shellWord(a.namespace.Name)),
			})
		}
	}
	return nil
}

// addMissingAccess tells which of the rights that sidecars need their service account lacks.
// Who may not ask is not told.
func (o *offline) addMissingAccess(ctx context.Context, answers []answer, explanations []*explanation) error {
	if o.reader == nil {
		return nil
	}
	for i := range answers {
		account := webhook.ServiceAccount{Namespace: answers[i].namespace.Name, Name: explanations[i].ServiceAccount}
		reviews := o.reader.Client().AuthorizationV1().SubjectAccessReviews()
		missing, err := webhook.FindMissingAccess(ctx, reviews, account, answers[i].result.Instances, webhook.MaxAccessReviews)
		if live.Denied(err) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, m := range missing {
			explanations[i].Warnings = append(explanations[i].Warnings, m.String())
		}
	}
	return nil
}

// rolls says whether kubectl rollout restart knows the kind.
func rolls(kind string) bool {
	return slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet"}, kind)
}

// maxEnds is how many sidecars that ended badly are told of one workload.
const maxEnds = 5

// podGroups are the pods of one workload, the worst first; ends tells of sidecars that ended
// badly in pods that are over, as a Job's.
func (o *offline) podGroups(ctx context.Context, a *answer) (groups []podGroup, ends []string, err error) {
	selector, err := selectorOf(a.pod)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", a.title(), err)
	}
	var made map[string]live.Owner
	if a.pod.Kind == "CronJob" {
		if made, err = o.reader.CronJobs(ctx, a.namespace.Name); err != nil {
			return nil, nil, err
		}
	}
	err = o.reader.Pods(ctx, a.namespace.Name, selector, func(pod live.Pod) error {
		owner := pod.Owner
		if of, ok := made[pod.Namespace+"/"+owner.Name]; ok && owner.Kind == "Job" {
			owner = of
		}
		mine := owner == live.Owner{Kind: a.pod.Kind, Name: a.name} || a.pod.Kind == "ReplicaSet" && selector != ""
		if !mine {
			return nil
		}
		standing, err := o.reader.Stand(o.set, o.settings, a.namespace, &pod)
		if err != nil {
			return err
		}
		if pod.Over {
			ends = append(ends, badEnds(&pod, &standing)...)
			ends = ends[:min(len(ends), maxEnds)]
			return nil
		}
		groups = count(groups, standing)
		return nil
	})
	if live.Denied(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("pods of %s: %w", a.title(), err)
	}
	slices.SortStableFunc(groups, func(a, b podGroup) int { return -cmp.Compare(a.state, b.state) })
	return groups, ends, nil
}

func count(groups []podGroup, s live.Standing) []podGroup {
	g := podGroup{Pods: 1, State: s.State.String(), state: s.State}
	for _, in := range s.Instances {
		g.Sidecars = append(g.Sidecars, in.Text())
		if in.State > live.Current {
			g.Why = append(g.Why, in.Name+": "+in.Why)
		}
	}
	for i := range groups {
		if groups[i].state == g.state && slices.Equal(groups[i].Sidecars, g.Sidecars) {
			groups[i].Pods++
			return groups
		}
	}
	return append(groups, g)
}

// selectorOf is a workload's own selector, "" if it has none.
func selectorOf(pod manifest.Pod) (string, error) {
	n := at(pod.Document.Root, outerPointer(pod)+"/spec/selector")
	if n == nil || pod.Kind == "ReplicationController" {
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

// pods says which pods a workload has now.
func (w *explanationWriter) pods() {
	if len(w.e.Pods) == 0 {
		return
	}
	total, widest := 0, 0
	for _, g := range w.e.Pods {
		total += g.Pods
		widest = max(widest, len(g.State))
	}
	w.line("")
	w.line("It has %s now:", plural(total, "pod"))
	for _, g := range w.e.Pods {
		what := strings.Join(g.Sidecars, ", ")
		if what == "" {
			what = "no sidecar"
		}
		state := pad(g.State, widest)
		switch g.state {
		case live.Current:
			state = w.green(state)
		case live.Unknown, live.Outdated, live.Missed:
			state = w.yellow(state)
		case live.Refused:
			state = w.red(state)
		}
		w.line("  %4d  %s  %s", g.Pods, state, what)
		for _, why := range g.Why {
			w.line("  %4s  %s  %s", "", strings.Repeat(" ", widest), w.faint(cutText(why)))
		}
	}
}
