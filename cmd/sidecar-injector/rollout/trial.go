package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// try creates a pod of a workload by dry run, to ensure that a pod that is removed would be replaced by one
// with its sidecars. A *LeftError says what prevents that.
func (r *Runner) try(ctx context.Context, w fleet.Workload, targets []fleet.Target) error {
	o, err := r.owner(ctx, w)
	if err != nil {
		return err
	}
	if !o.Replaces {
		return &LeftError{o.Why}
	}
	maker, err := r.maker(ctx, w, o)
	if err != nil {
		return err
	}
	var got *corev1.Pod
	err = r.call(ctx, "create", "pods", w.Namespace, func(ctx context.Context) (err error) {
		got, err = r.Client.CoreV1().Pods(w.Namespace).Create(ctx, trialPod(w, maker), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	})
	if denied := (*fleet.DeniedError)(nil); errors.As(err, &denied) {
		return err
	}
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		return &LeftError{"a new pod would be refused: " + inject.OneLine(status.Status().Message, maxMessage)}
	}
	if err != nil {
		return fmt.Errorf("a pod of %s in %s by dry run: %w", w, w.Namespace, err)
	}
	status, err := inject.ReadStatus(got.Annotations)
	if err != nil {
		return &LeftError{"a new pod would come with a status that cannot be read"}
	}
	for _, t := range targets {
		for name, revision := range t.Wants {
			e, there := status[name]
			if !there || e.LeftOut != "" {
				return &LeftError{fmt.Sprintf("a new pod would come without %s: the injector does not inject now, or %s no longer asks for it", name, w)}
			}
			if e.Revision != revision {
				return &LeftError{fmt.Sprintf("a new pod would come with revision %s of %s: the injector does not have revision %s in force", e.Revision, name, revision)}
			}
		}
	}
	return nil
}

// maker returns the object that creates the pods of a workload: for a Deployment the ReplicaSet of its
// newest pods, from whose name templates derive the Deployment's.
func (r *Runner) maker(ctx context.Context, w fleet.Workload, o *owner) (*owner, error) {
	if w.Kind != "Deployment" {
		return o, nil
	}
	pods, err := r.pods(ctx, w, o)
	if err != nil {
		return nil, err
	}
	newest, name := time.Time{}, ""
	for i := range pods {
		controller := metav1.GetControllerOf(&pods[i])
		if controller != nil && controller.Kind == "ReplicaSet" && pods[i].CreationTimestamp.After(newest) {
			newest, name = pods[i].CreationTimestamp.Time, controller.Name
		}
	}
	if name == "" {
		return o, nil
	}
	set, err := r.owner(ctx, fleet.Workload{Namespace: w.Namespace, Kind: "ReplicaSet", Name: name})
	if err != nil || !set.Replaces {
		return o, err
	}
	return set, nil
}

// trialPod returns the pod that the workload's controller would create.
func trialPod(w fleet.Workload, o *owner) *corev1.Pod {
	yes := true
	pod := &corev1.Pod{ObjectMeta: *o.template.ObjectMeta.DeepCopy(), Spec: *o.template.Spec.DeepCopy()}
	pod.Namespace, pod.Name, pod.GenerateName = w.Namespace, "", o.meta.Name+"-"
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: o.kind.version, Kind: o.kind.kind, Name: o.meta.Name, UID: o.meta.UID, Controller: &yes}}
	for _, claim := range o.claims {
		pod.Spec.Volumes = slices.DeleteFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == claim })
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: claim, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim + "-" + o.meta.Name + "-0"},
		}})
	}
	return pod
}

// look observes the pods of canaries for r.Limits.Wait. It returns a *TroubleError if one has problems.
func (r *Runner) look(ctx context.Context, canaries []fleet.Step) error {
	type seen struct {
		w      fleet.Workload
		target fleet.Target
		before condition
	}
	var all []seen
	for i := range canaries {
		s := &canaries[i]
		if s.How == fleet.Left {
			continue
		}
		o, err := r.owner(ctx, s.Workload)
		if err != nil {
			return err
		}
		pods, err := r.pods(ctx, s.Workload, o)
		if err != nil {
			return err
		}
		for n := range pods {
			all = append(all, seen{s.Workload, fleet.Target{Name: pods[n].Name, UID: string(pods[n].UID)}, conditionOf(&pods[n])})
		}
		r.tell(s.Workload, "a canary: looked at for %s before the others follow", r.Limits.Wait)
	}
	for until := time.Now().Add(r.Limits.Wait); time.Now().Before(until); {
		if err := rest(ctx, min(lookEvery, time.Until(until))); err != nil {
			return err
		}
		for _, s := range all {
			now, err := r.read(ctx, s.w.Namespace, s.target)
			if err != nil {
				return err
			}
			if now == nil {
				continue
			}
			well, trouble := s.before.since(now.pod, nil)
			if trouble == "" && !well {
				trouble = "pod " + s.target.Name + " is not ready any more"
			}
			if trouble != "" {
				return &TroubleError{s.w, "a canary: " + trouble}
			}
		}
	}
	return nil
}

// lookEvery is the interval at which the pods of canaries are checked.
const lookEvery = 5 * time.Second
