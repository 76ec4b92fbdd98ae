package rollout

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// watch is a canary that is observed.
type watch struct {
	step *fleet.Step
	// before is the state of its pods when the observation began, ill the containers that had problems then.
	before map[types.UID]condition
	ill    map[string]bool
	// judged are the pods that were created since, and were compared with what they are to be.
	judged map[types.UID]bool
	// refusals observes whether new pods are refused; nil if pods lacked at first already.
	refusals *refusals
}

// look observes the pods of canaries for r.Limits.Wait. It returns a *TroubleError if one has problems.
func (r *Runner) look(ctx context.Context, canaries []fleet.Step) error {
	var all []*watch
	for i := range canaries {
		w, err := r.watchOf(ctx, &canaries[i])
		if err != nil {
			return err
		}
		all = append(all, w)
		r.tell(w.step.Workload, "a canary: looked at for %s before the others follow", r.Limits.Wait)
	}
	took := time.Duration(0)
	for until := time.Now().Add(r.Limits.Wait); time.Now().Before(until); {
		if err := rest(ctx, min(max(lookEvery, 10*took), time.Until(until))); err != nil {
			return err
		}
		begun := time.Now()
		for _, w := range all {
			if err := r.glance(ctx, w); err != nil {
				return err
			}
		}
		took = time.Since(begun)
	}
	return nil
}

// watchOf returns the watch of a canary that begins now.
func (r *Runner) watchOf(ctx context.Context, s *fleet.Step) (*watch, error) {
	o, pods, err := r.present(ctx, s)
	if err != nil {
		return nil, err
	}
	w := &watch{step: s, before: map[types.UID]condition{}, ill: beforeOf(pods).ill, judged: map[types.UID]bool{}}
	for n := range pods {
		w.before[pods[n].UID] = conditionOf(&pods[n])
	}
	if o.selector != nil && len(pods) >= o.wanted {
		w.refusals, err = r.refusalsOf(ctx, s.Workload)
	}
	return w, err
}

// lookEvery is the shortest interval at which the pods of canaries are checked; a check of many pods, which
// takes longer, is followed by a rest of ten times its duration.
const lookEvery = 5 * time.Second

// glance checks the pods of a canary once. It returns a *TroubleError if one is not as well as it was at first,
// or if one that was created since has problems, lacks its sidecar, or is refused.
func (r *Runner) glance(ctx context.Context, w *watch) error {
	o, pods, err := r.present(ctx, w.step)
	if err != nil {
		return err
	}
	for i := range pods {
		before, known := w.before[pods[i].UID]
		before.ill = w.ill
		well, trouble := before.since(&pods[i], nil)
		if trouble == "" && !well {
			trouble = "pod " + pods[i].Name + " is not ready any more"
		}
		if trouble != "" {
			return &TroubleError{w.step.Workload, "a canary: " + trouble}
		}
		if known {
			continue
		}
		if _, err := r.arrived(ctx, w.step, &pods[i], w.judged); err != nil {
			return err
		}
	}
	if w.refusals == nil {
		return nil
	}
	// The quota of a workload that is scaled up meanwhile may be used up, whatever its sidecars are.
	why, err := w.refusals.refused(ctx, o, len(w.judged))
	if err != nil || why == "" || overQuota(why) {
		return err
	}
	return w.refusals.trouble("a canary: ", why)
}

// present returns a step's workload and its pods; if that has no selector, like a Job or a pod alone, those of
// the step's targets that still exist.
func (r *Runner) present(ctx context.Context, s *fleet.Step) (o *owner, pods []corev1.Pod, err error) {
	if o, err = r.owner(ctx, s.Workload); err != nil {
		return nil, nil, err
	}
	if o.selector != nil {
		pods, err = r.pods(ctx, s.Workload, o)
		return o, pods, err
	}
	for _, t := range s.Targets {
		now, err := r.read(ctx, s.Namespace, t)
		if err != nil {
			return nil, nil, err
		}
		if now != nil {
			pods = append(pods, *now.pod)
		}
	}
	return o, pods, nil
}
