package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// patchAll patches the running pods of a workload, a few at a time. The next ones follow when the previous
// ones are ready again.
func (r *Runner) patchAll(ctx context.Context, s *fleet.Step, o *Outcome) error {
	for rest := s.Targets; len(rest) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		room, err := r.room(ctx, s, 1)
		if err != nil {
			return err
		}
		batch := rest[:min(len(rest), room)]
		rest = rest[len(batch):]
		errs := make([]error, len(batch))
		var all sync.WaitGroup
		for i, t := range batch {
			all.Go(func() { errs[i] = r.patchOne(ctx, s.Workload, t) })
		}
		all.Wait()
		for _, err := range errs {
			if err == nil {
				o.Done++
			}
		}
		if err := worst(errs); err != nil {
			return err
		}
		r.tell(s.Workload, "%d of %d pods changed in place", o.Done, len(s.Targets))
	}
	return nil
}

// worst returns the most important error: a *TroubleError first, a *LeftError last; nil if there is none.
func worst(errs []error) error {
	var left error
	for _, err := range errs {
		if trouble := (*TroubleError)(nil); errors.As(err, &trouble) {
			return err
		}
	}
	for _, err := range errs {
		if l := (*LeftError)(nil); errors.As(err, &l) {
			left = err
		} else if err != nil {
			return err
		}
	}
	return left
}

// running is a pod as last read.
type running struct {
	pod      *corev1.Pod
	standing *fleet.Standing
	raw      []byte
}

// read returns a pod; nil if it does not exist, is being deleted, or another pod has its name.
func (r *Runner) read(ctx context.Context, namespace string, t fleet.Target) (*running, error) {
	var now running
	err := r.call(ctx, "get", "pods", namespace, func(ctx context.Context) (err error) {
		result := r.Client.CoreV1().RESTClient().Get().Namespace(namespace).Resource("pods").Name(t.Name).SetHeader("Accept", "application/json").Do(ctx)
		if err := result.Error(); err != nil {
			return err // Raw would omit the API server's message
		}
		now.raw, err = result.Raw()
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("pod %s/%s: %w", namespace, t.Name, err)
	}
	now.pod = &corev1.Pod{}
	if err := json.Unmarshal(now.raw, now.pod); err != nil {
		return nil, fmt.Errorf("pod %s/%s: %w", namespace, t.Name, err)
	}
	if string(now.pod.UID) != t.UID || now.pod.DeletionTimestamp != nil {
		return nil, nil
	}
	return &now, nil
}

// maxConflicts is how often a patch is retried because the pod was changed concurrently.
const maxConflicts = 10

// patchOne applies all changes to one pod, or none, and waits until it is healthy again.
func (r *Runner) patchOne(ctx context.Context, w fleet.Workload, t fleet.Target) error {
	var before condition
	var images, amounts []string
	for conflicts := 0; ; conflicts++ {
		now, err := r.read(ctx, w.Namespace, t)
		if err != nil || now == nil {
			return err // the pod's successor was admitted by the injector
		}
		if now.standing, err = r.Judge(w.Namespace, now.raw); err != nil {
			return err
		}
		changes := now.standing.Changes()
		if state, why := now.standing.Worst(); len(changes) == 0 && state > fleet.InPlace {
			return &LeftError{fmt.Sprintf("pod %s is %s by now: %s", t.Name, state, why)}
		}
		if len(changes) == 0 {
			return nil // it was updated in the meantime
		}
		if conflicts == 0 {
			before = conditionOf(now.pod)
		}
		err = r.change(ctx, now, changes)
		if apierrors.IsConflict(err) && conflicts < maxConflicts {
			continue
		}
		if immutable := (*immutableError)(nil); errors.As(err, &immutable) {
			return err
		}
		if err != nil {
			return declined("pod "+t.Name, err)
		}
		for _, c := range changes {
			if c.Field == "image" {
				images = append(images, c.Container)
			} else {
				amounts = append(amounts, c.Container)
			}
		}
		break
	}
	return r.settled(ctx, w, t, before, images, amounts)
}

// change applies all changes of a pod. Each patch is first tried by dry run, so that none is applied if
// another one would be rejected. Once begun, it is completed even if ctx ends.
func (r *Runner) change(ctx context.Context, now *running, changes []fleet.Change) error {
	resize, image, err := patches(now, changes)
	if err != nil {
		return err
	}
	try := metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}}
	if resize != nil {
		if _, err := r.patch(ctx, now.pod, resize, try, "resize"); err != nil {
			return refused(err, "cpu or memory")
		}
	}
	if _, err := r.patch(ctx, now.pod, image.at(now.pod.ResourceVersion), try); err != nil {
		return refused(err, "the image")
	}
	ctx, cancel := finishing(ctx)
	defer cancel()
	version := now.pod.ResourceVersion
	if resize != nil {
		after, err := r.patch(ctx, now.pod, resize, metav1.PatchOptions{}, "resize")
		if err != nil {
			return refused(err, "cpu or memory")
		}
		version = after.ResourceVersion
	}
	_, err = r.patch(ctx, now.pod, image.at(version), metav1.PatchOptions{})
	if err == nil || apierrors.IsConflict(err) || resize == nil {
		return refused(err, "the image")
	}
	back, undo := reverse(changes)
	if undo == nil {
		_, undo = r.patch(ctx, now.pod, back, metav1.PatchOptions{}, "resize")
	}
	if undo != nil {
		return fmt.Errorf("its cpu and memory are new, and its image is not: %w", err)
	}
	return refused(err, "the image")
}

// immutableError reports that the API server rejects a change in a running pod, which was left unchanged.
type immutableError struct {
	what string
	err  error
}

func (e *immutableError) Error() string {
	return fmt.Sprintf("the server does not change %s in this running pod: %v", e.what, e.err)
}

func refused(err error, what string) error {
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsMethodNotSupported(err) {
		return &immutableError{what, err}
	}
	return err
}

// bring patches running pods; if the API server does not allow that, it has them replaced instead.
func (r *Runner) bring(ctx context.Context, s *fleet.Step, o *Outcome) error {
	err := r.patchAll(ctx, s, o)
	immutable := (*immutableError)(nil)
	if !errors.As(err, &immutable) {
		return err
	}
	r.tell(s.Workload, "%v; its pods are made anew", immutable)
	now, err := r.owner(ctx, s.Workload)
	if err != nil {
		return err
	}
	if !now.Replaces {
		return &LeftError{immutable.Error() + "; " + now.Why}
	}
	if now.Renews && len(s.Budgets) == 0 {
		o.How = fleet.ByRollout
		return r.renew(ctx, s, o)
	}
	o.How = fleet.ByEviction
	return r.evictAll(ctx, s, o)
}

func (r *Runner) patch(ctx context.Context, pod *corev1.Pod, body any, options metav1.PatchOptions, subresources ...string) (*corev1.Pod, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	options.FieldManager = "sidecar-injector"
	var after *corev1.Pod
	err = r.call(ctx, "patch", strings.Join(append([]string{"pods"}, subresources...), "/"), pod.Namespace, func(ctx context.Context) error {
		after, err = r.Client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, text, options, subresources...)
		return err
	})
	return after, err
}

type body = map[string]any

// imagePatch is the patch of the pod itself, for one resource version.
type imagePatch struct {
	uid, status string
	spec        body
}

func (p imagePatch) at(version string) body {
	metadata := body{"uid": p.uid, "resourceVersion": version, "annotations": body{inject.StatusAnnotation: p.status}}
	if len(p.spec) == 0 {
		return body{"metadata": metadata}
	}
	return body{"metadata": metadata, "spec": p.spec}
}

// patches returns the patch of the resize subresource, nil if no resources change, and that of the pod.
func patches(now *running, changes []fleet.Change) (resize body, image imagePatch, err error) {
	image = imagePatch{uid: string(now.pod.UID), status: now.standing.Status, spec: body{}}
	for _, c := range changes {
		if c.Field == "image" {
			image.spec[listOf(c)] = append(containersOf(image.spec, listOf(c)), body{"name": c.Container, "image": c.To})
		}
	}
	amounts, err := amounts(changes, func(c fleet.Change) string { return c.To })
	if len(amounts) > 0 {
		resize = body{"spec": amounts}
	}
	return resize, image, err
}

// reverse returns the resize that restores the previous resources.
func reverse(changes []fleet.Change) (body, error) {
	amounts, err := amounts(changes, func(c fleet.Change) string { return c.From })
	return body{"spec": amounts}, err
}

// amounts returns a spec with the cpu and memory of all changes; end selects the old or the new value.
func amounts(changes []fleet.Change, end func(fleet.Change) string) (body, error) {
	spec := body{}
	for _, c := range changes {
		if c.Field == "image" {
			continue
		}
		if err := setAmount(spec, listOf(c), c.Container, c.Field, end(c)); err != nil {
			return nil, err
		}
	}
	return spec, nil
}

// listOf returns the name of the list that has the container.
func listOf(c fleet.Change) string {
	if c.Init {
		return "initContainers"
	}
	return "containers"
}

func containersOf(spec body, list string) []body {
	all, _ := spec[list].([]body)
	return all
}

// setAmount adds one amount of a container, such as requests.cpu, to a patch; "" removes it.
func setAmount(spec body, list, container, field, to string) error {
	kind, name, ok := strings.Cut(field, ".")
	if !ok {
		return fmt.Errorf("change of %s: want requests or limits, and of what", field)
	}
	all := containersOf(spec, list)
	i := slices.IndexFunc(all, func(c body) bool { return c["name"] == container })
	if i < 0 {
		all = append(all, body{"name": container, "resources": body{}})
		i = len(all) - 1
	}
	resources := all[i]["resources"].(body)
	if resources[kind] == nil {
		resources[kind] = body{}
	}
	var value any = to
	if to == "" {
		value = nil
	}
	resources[kind].(body)[name] = value
	spec[list] = all
	return nil
}

// settled waits until a changed pod is as healthy as before.
func (r *Runner) settled(ctx context.Context, w fleet.Workload, t fleet.Target, before condition, images, amounts []string) error {
	last := ""
	return r.wait(ctx, func() error {
		return &TroubleError{w, fmt.Sprintf("pod %s is not ready again after %s%s", t.Name, r.Limits.Timeout, last)}
	}, func() (bool, int, error) {
		now, err := r.read(ctx, w.Namespace, t)
		if err != nil {
			return false, 0, err
		}
		if now == nil {
			return true, 0, nil // the pod was replaced, and its successor was admitted by the injector
		}
		well, trouble := before.since(now.pod, images)
		if trouble == "" && !well {
			trouble = r.notStarted(ctx, now.pod, images)
		}
		if trouble != "" {
			return false, 0, &TroubleError{w, trouble}
		}
		done, refusal := resized(now.pod, amounts)
		if refusal != "" {
			return false, 0, &TroubleError{w, fmt.Sprintf("pod %s cannot have its cpu and memory where it runs: %s", t.Name, refusal)}
		}
		if !done {
			last = ": its node has not given it its new cpu and memory"
		}
		return well && done, 0, nil
	})
}

// notStarted returns the error of a container that was stopped for its new image and cannot be started with
// it. In the status such a container is only terminated; the kubelet of 1.37 reports the error in events.
// It returns "" if there is none, or if the user may not read events.
func (r *Runner) notStarted(ctx context.Context, pod *corev1.Pod, changed []string) string {
	for _, s := range statuses(pod) {
		if s.State.Terminated == nil || !slices.Contains(changed, s.Name) {
			continue
		}
		events, err := r.Client.CoreV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=Failed,involvedObject.uid=" + string(pod.UID)})
		if err != nil {
			return ""
		}
		for _, e := range events.Items {
			// Both times are the node's, with a resolution of a second. The image excludes events of an
			// earlier change.
			if strings.HasSuffix(e.InvolvedObject.FieldPath, "{"+s.Name+"}") && !e.LastTimestamp.Before(&s.State.Terminated.FinishedAt) &&
				strings.Contains(e.Message, imageOf(pod, s.Name)) {
				return fmt.Sprintf("pod %s: container %s: %s", pod.Name, s.Name, inject.OneLine(e.Message, maxMessage))
			}
		}
	}
	return ""
}

func imageOf(pod *corev1.Pod, container string) string {
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if c.Name == container {
			return c.Image
		}
	}
	return ""
}
