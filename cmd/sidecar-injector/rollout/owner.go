package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// restartAnnotation is the annotation that kubectl rollout restart sets in a pod template.
const restartAnnotation = "kubectl.kubernetes.io/restartedAt"

// owner is the present state of a workload.
type owner struct {
	fleet.Owner
	meta     metav1.ObjectMeta
	kind     schemaKind
	selector labels.Selector
	template corev1.PodTemplateSpec
	claims   []string // the names of a StatefulSet's volumeClaimTemplates
	wanted   int      // pods
	// minReady is how long a new pod has to be ready before it counts as available. ordered says that a pod is only
	// created while those of lower numbers, from start on, are available.
	minReady time.Duration
	ordered  bool
	start    int
	// The state of its own rollout: settled is true if it is complete, updated is the number of pods that it
	// has created, progress a number that grows as it advances, and failure the reason that blocks it.
	settled  bool
	updated  int
	progress int
	failure  string
}

type schemaKind struct{ version, kind, resource string }

// owner reads a workload. For one that does not exist, or is being deleted, Replaces is false.
func (r *Runner) owner(ctx context.Context, w fleet.Workload) (*owner, error) {
	var o *owner
	resource := strings.ToLower(w.Kind) + "s"
	err := r.call(ctx, "get", resource, w.Namespace, func(ctx context.Context) (err error) {
		o, err = r.get(ctx, w)
		return err
	})
	if apierrors.IsNotFound(err) {
		return &owner{Owner: fleet.Owner{Why: fmt.Sprintf("its owner %s has gone, and nobody would make another pod", w)}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", w, w.Namespace, err)
	}
	if o.meta.DeletionTimestamp != nil {
		o.Owner = fleet.Owner{Why: fmt.Sprintf("its owner %s is being deleted", w)}
	}
	return o, nil
}

// Reference returns a reference to the workload for events; nil if it does not exist or does not create
// pods.
func (r *Runner) Reference(ctx context.Context, w fleet.Workload) (*corev1.ObjectReference, error) {
	o, err := r.owner(ctx, w)
	if err != nil || o.kind.kind == "" {
		return nil, err
	}
	return &corev1.ObjectReference{APIVersion: o.kind.version, Kind: o.kind.kind, Namespace: w.Namespace, Name: w.Name, UID: o.meta.UID}, nil
}

func (r *Runner) get(ctx context.Context, w fleet.Workload) (*owner, error) {
	apps, options := r.Client.AppsV1(), metav1.GetOptions{}
	switch w.Kind {
	case "Deployment":
		d, err := apps.Deployments(w.Namespace).Get(ctx, w.Name, options)
		return ofDeployment(d), err
	case "StatefulSet":
		s, err := apps.StatefulSets(w.Namespace).Get(ctx, w.Name, options)
		return ofStatefulSet(s), err
	case "DaemonSet":
		d, err := apps.DaemonSets(w.Namespace).Get(ctx, w.Name, options)
		return ofDaemonSet(d), err
	case "ReplicaSet":
		s, err := apps.ReplicaSets(w.Namespace).Get(ctx, w.Name, options)
		return &owner{Owner: fleet.Owner{Replaces: true}, meta: s.ObjectMeta, kind: schemaKind{"apps/v1", "ReplicaSet", "replicasets"},
			selector: selectorOf(s.Spec.Selector), template: s.Spec.Template, wanted: int(replicas(s.Spec.Replicas))}, err
	case "ReplicationController":
		c, err := r.Client.CoreV1().ReplicationControllers(w.Namespace).Get(ctx, w.Name, options)
		o := &owner{Owner: fleet.Owner{Replaces: true}, meta: c.ObjectMeta, kind: schemaKind{"v1", "ReplicationController", "replicationcontrollers"},
			selector: labels.SelectorFromSet(c.Spec.Selector), wanted: int(replicas(c.Spec.Replicas))}
		if c.Spec.Template != nil {
			o.template = *c.Spec.Template
		}
		return o, err
	case "Job", "CronJob":
		return &owner{Owner: fleet.Owner{Why: "a Job's pods are not replaced when they go: its next run gets what is new"}}, nil
	case "Pod":
		return &owner{Owner: fleet.Owner{Why: "nobody would make another pod: delete it and create it again"}}, nil
	}
	return &owner{Owner: fleet.Owner{Why: fmt.Sprintf("its owner is a %s, of which nobody knows whether it would make another pod", w.Kind)}}, nil
}

func selectorOf(s *metav1.LabelSelector) labels.Selector {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return labels.Nothing() // validated by the API server
	}
	return selector
}

// replicas returns the desired number of replicas; the API server's default is 1.
func replicas(n *int32) int32 { return ptr.Deref(n, 1) }

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }

func ofDeployment(d *appsv1.Deployment) *owner {
	o := &owner{meta: d.ObjectMeta, kind: schemaKind{"apps/v1", "Deployment", "deployments"}, selector: selectorOf(d.Spec.Selector), template: d.Spec.Template, wanted: int(replicas(d.Spec.Replicas)), minReady: seconds(d.Spec.MinReadySeconds)}
	o.Owner = fleet.Owner{Replaces: true, Renews: !d.Spec.Paused, Takes: int(replicas(d.Spec.Replicas))}
	if u := d.Spec.Strategy.RollingUpdate; u != nil {
		o.Takes = unlessItSurges(takes(u.MaxUnavailable, replicas(d.Spec.Replicas), false), u.MaxSurge)
	}
	s := &d.Status
	observed := s.ObservedGeneration >= d.Generation
	if observed {
		o.updated = int(s.UpdatedReplicas)
	}
	o.settled = observed && s.UpdatedReplicas == replicas(d.Spec.Replicas) && s.Replicas == s.UpdatedReplicas && s.AvailableReplicas == s.UpdatedReplicas
	o.progress = int(s.UpdatedReplicas+s.AvailableReplicas) - int(s.Replicas-s.UpdatedReplicas)
	for _, c := range s.Conditions {
		if observed && c.Type == appsv1.DeploymentProgressing && c.Reason == "ProgressDeadlineExceeded" {
			o.failure = c.Message
		}
	}
	return o
}

func ofStatefulSet(s *appsv1.StatefulSet) *owner {
	o := &owner{meta: s.ObjectMeta, kind: schemaKind{"apps/v1", "StatefulSet", "statefulsets"}, selector: selectorOf(s.Spec.Selector), template: s.Spec.Template, wanted: int(replicas(s.Spec.Replicas)),
		minReady: seconds(s.Spec.MinReadySeconds), ordered: s.Spec.PodManagementPolicy != appsv1.ParallelPodManagement}
	if s.Spec.Ordinals != nil {
		o.start = int(s.Spec.Ordinals.Start)
	}
	o.Owner = fleet.Owner{Replaces: true, Renews: s.Spec.UpdateStrategy.Type != appsv1.OnDeleteStatefulSetStrategyType, Takes: 1}
	if u := s.Spec.UpdateStrategy.RollingUpdate; u != nil {
		o.Takes = max(1, takes(u.MaxUnavailable, replicas(s.Spec.Replicas), true))
		o.Renews = o.Renews && (u.Partition == nil || *u.Partition == 0)
	}
	if s.Spec.UpdateStrategy.Type == appsv1.RecreateStatefulSetStrategyType {
		o.Takes = o.wanted
	}
	for i := range s.Spec.VolumeClaimTemplates {
		o.claims = append(o.claims, s.Spec.VolumeClaimTemplates[i].Name)
	}
	observed := s.Status.ObservedGeneration >= s.Generation
	if observed {
		o.updated = int(s.Status.UpdatedReplicas)
	}
	o.settled = observed && s.Status.UpdateRevision == s.Status.CurrentRevision &&
		s.Status.ReadyReplicas == replicas(s.Spec.Replicas) && s.Status.Replicas == s.Status.ReadyReplicas
	o.progress = int(s.Status.UpdatedReplicas + s.Status.ReadyReplicas)
	return o
}

func ofDaemonSet(d *appsv1.DaemonSet) *owner {
	o := &owner{meta: d.ObjectMeta, kind: schemaKind{"apps/v1", "DaemonSet", "daemonsets"}, selector: selectorOf(d.Spec.Selector), template: d.Spec.Template, wanted: int(d.Status.DesiredNumberScheduled), minReady: seconds(d.Spec.MinReadySeconds)}
	s := &d.Status
	o.Owner = fleet.Owner{Replaces: true, Renews: d.Spec.UpdateStrategy.Type != appsv1.OnDeleteDaemonSetStrategyType, Takes: 1}
	if u := d.Spec.UpdateStrategy.RollingUpdate; u != nil {
		o.Takes = unlessItSurges(takes(u.MaxUnavailable, s.DesiredNumberScheduled, true), u.MaxSurge)
	}
	observed := s.ObservedGeneration >= d.Generation
	if observed {
		o.updated = int(s.UpdatedNumberScheduled)
	}
	o.settled = observed && s.UpdatedNumberScheduled == s.DesiredNumberScheduled && s.NumberAvailable == s.DesiredNumberScheduled
	o.progress = int(s.UpdatedNumberScheduled + s.NumberAvailable)
	return o
}

// takes returns the number of pods that a number or percentage of them stands for, rounded up or down.
func takes(value *intstr.IntOrString, of int32, up bool) int {
	n, err := intstr.GetScaledValueFromIntOrPercent(intstr.ValueOrDefault(value, intstr.FromInt32(0)), int(of), up)
	if err != nil {
		return int(of) // validated by the API server
	}
	return n
}

// unlessItSurges returns how many pods a rollout may make unavailable at once: at least one if it may not
// create new pods before it deletes old ones.
func unlessItSurges(unavailable int, surge *intstr.IntOrString) int {
	if takes(surge, 100, true) == 0 {
		return max(1, unavailable)
	}
	return unavailable
}

// pods returns the pods of a workload, except those that are being deleted or have completed.
func (r *Runner) pods(ctx context.Context, w fleet.Workload, o *owner) ([]corev1.Pod, error) {
	all, err := r.allPods(ctx, w, o)
	return withoutDeleted(all), err
}

// withoutDeleted returns the pods that are not being deleted.
func withoutDeleted(pods []corev1.Pod) []corev1.Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
}

// moving reports whether a pod of a workload is being deleted, or one beside the old ones is not ready yet.
func (r *Runner) moving(ctx context.Context, w fleet.Workload, o *owner, old map[types.UID]bool) (bool, error) {
	all, err := r.allPods(ctx, w, o)
	return slices.ContainsFunc(all, func(p corev1.Pod) bool {
		return p.DeletionTimestamp != nil || !old[p.UID] && !isReady(&p)
	}), err
}

// allPods returns the pods of a workload, except those that have completed.
func (r *Runner) allPods(ctx context.Context, w fleet.Workload, o *owner) ([]corev1.Pod, error) {
	if o.selector == nil || o.selector.Empty() {
		return nil, nil
	}
	options := metav1.ListOptions{LabelSelector: o.selector.String()}
	pods, err := listed(ctx, r, "pods", w.Namespace, options, r.Client.CoreV1().Pods(w.Namespace).List, func(page *corev1.PodList) []corev1.Pod { return page.Items })
	if err != nil {
		return nil, fmt.Errorf("pods of %s in %s: %w", w, w.Namespace, err)
	}
	return slices.DeleteFunc(pods, func(p corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded || !o.made(&p) }), nil
}

// made reports whether a pod with the labels of the workload can be one of its own. The workload's controller
// adopts pods that have none.
func (o *owner) made(p *corev1.Pod) bool {
	c := metav1.GetControllerOf(p)
	if c == nil || o.kind.kind == "Deployment" {
		return c == nil || c.Kind == "ReplicaSet"
	}
	return c.UID == o.meta.UID
}

// fieldManager is the name under which objects are changed.
const fieldManager = "sidecar-injector"

// restart sets restartAnnotation.
func (r *Runner) restart(ctx context.Context, w fleet.Workload, o *owner) error {
	patch := fmt.Appendf(nil, `{"spec":{"template":{"metadata":{"annotations":{%q:%q}}}}}`, restartAnnotation, time.Now().Format(time.RFC3339))
	ctx, cancel := finishing(ctx)
	defer cancel()
	return r.patchWorkload(ctx, w, o, patch)
}

func (r *Runner) patchWorkload(ctx context.Context, w fleet.Workload, o *owner, patch []byte) error {
	client := r.Client.AppsV1().RESTClient()
	if o.kind.version == "v1" {
		client = r.Client.CoreV1().RESTClient()
	}
	err := r.call(ctx, "patch", o.kind.resource, w.Namespace, func(ctx context.Context) error {
		return client.Patch(types.StrategicMergePatchType).Namespace(w.Namespace).Resource(o.kind.resource).Name(w.Name).
			Param("fieldManager", fieldManager).Body(patch).Do(ctx).Error()
	})
	return declined(fmt.Sprintf("%s in %s", w, w.Namespace), err)
}
