package rollout

import (
	"cmp"
	"context"
	"encoding/json"
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

// try creates a pod of a workload by dry run. It returns a *LeftError if the pod is refused, or differs from
// what the targets are to become: a target that is removed would be replaced by such a pod, and one that is
// changed in place would differ from it. at is the API server's time.
func (r *Runner) try(ctx context.Context, w fleet.Workload, o *owner, targets []fleet.Target) (at time.Time, err error) {
	pod, err := r.trialPod(ctx, w, o, targets)
	if err != nil || pod == nil {
		return at, err
	}
	var raw []byte
	err = r.call(ctx, "create", "pods", w.Namespace, func(ctx context.Context) (err error) {
		result := r.Client.CoreV1().RESTClient().Post().Namespace(w.Namespace).Resource("pods").Param("dryRun", metav1.DryRunAll).
			SetHeader("Accept", "application/json").Body(pod).Do(ctx)
		if err := result.Error(); err != nil {
			return err // Raw would omit the API server's message
		}
		raw, err = result.Raw()
		return err
	})
	if denied := (*fleet.DeniedError)(nil); errors.As(err, &denied) {
		return at, err
	}
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		return at, &LeftError{refusal(status.Status().Message)}
	}
	if err != nil {
		return at, fmt.Errorf("a pod of %s in %s by dry run: %w", w, w.Namespace, err)
	}
	var got corev1.Pod
	if err := json.Unmarshal(raw, &got); err != nil {
		return at, fmt.Errorf("a pod of %s in %s by dry run: %w", w, w.Namespace, err)
	}
	standing, err := r.Judge(w.Namespace, raw)
	if err != nil {
		return at, err
	}
	why := r.unlike(standing, targets)
	if why != "" && pod.Annotations[inject.StatusAnnotation] != "" {
		why = "its pod template has been injected already, and a new pod comes as that says: it has to be injected anew"
	}
	if why != "" {
		return at, &LeftError{why}
	}
	return got.CreationTimestamp.Time, nil
}

// unlike returns how a new pod differs from what the targets are to become; "" if it does not. For a repair
// it is enough that it has its sidecars.
func (r *Runner) unlike(standing *fleet.Standing, targets []fleet.Target) string {
	for i := range targets {
		if why := standing.Unlike(&targets[i], !r.Repairs); why != "" {
			return why
		}
	}
	return ""
}

// refusal describes why the API server does not create a pod.
func refusal(message string) string {
	message = inject.OneLine(message, maxMessage)
	if overQuota(message) {
		return "a new pod beside those that run would be refused, and none is tried in their place: a quota with room for one more pod lets it be tried: " + message
	}
	return "a new pod would be refused: " + message
}

// trialPod returns the pod that the workload's controller would create. If the workload is not known to have
// a pod template, it is a target without its sidecars; nil if no target exists any more.
func (r *Runner) trialPod(ctx context.Context, w fleet.Workload, o *owner, targets []fleet.Target) (*corev1.Pod, error) {
	if o.kind.kind != "" {
		maker, err := r.maker(ctx, w, o)
		if err != nil {
			return nil, err
		}
		return madeBy(w, maker), nil
	}
	for _, t := range targets {
		now, err := r.read(ctx, w.Namespace, t)
		if err != nil {
			return nil, err
		}
		if now != nil {
			return another(now.raw)
		}
	}
	return nil, nil
}

// another returns a pod like a running one, as it was before it was injected and scheduled.
func another(raw []byte) (*corev1.Pod, error) {
	text, err := fleet.Stripped(raw)
	if err != nil {
		return nil, &LeftError{"no pod like it can be tried: " + err.Error()}
	}
	var was corev1.Pod
	if err := json.Unmarshal(text, &was); err != nil {
		return nil, fmt.Errorf("pod: %w", err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: was.Namespace, GenerateName: cmp.Or(was.GenerateName, was.Name+"-"),
		Labels: was.Labels, Annotations: was.Annotations, OwnerReferences: was.OwnerReferences}, Spec: was.Spec}
	for i := range pod.OwnerReferences {
		pod.OwnerReferences[i].BlockOwnerDeletion = nil // to set it takes the right to update the owner's finalizers
	}
	pod.Spec.NodeName, pod.Spec.EphemeralContainers = "", nil
	return pod, nil
}

// maker returns the object that creates the pods of a workload. For a Deployment it is the ReplicaSet of its
// newest pods, since templates derive the Deployment's name from the ReplicaSet's.
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
	if err != nil || !set.Replaces || !metav1.IsControlledBy(&set.meta, &o.meta) {
		return o, err
	}
	return set, nil
}

// madeBy returns the pod that a controller would create for its workload.
func madeBy(w fleet.Workload, o *owner) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: *o.template.ObjectMeta.DeepCopy(), Spec: *o.template.Spec.DeepCopy()}
	pod.Namespace, pod.Name, pod.GenerateName = w.Namespace, "", o.meta.Name+"-"
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: o.kind.version, Kind: o.kind.kind, Name: o.meta.Name, UID: o.meta.UID, Controller: new(true)}}
	for _, claim := range o.claims {
		pod.Spec.Volumes = slices.DeleteFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == claim })
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: claim, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim + "-" + o.meta.Name + "-0"},
		}})
	}
	return pod
}
