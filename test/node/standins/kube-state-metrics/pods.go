package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// family is a metric of pods. Its labels follow the common ones: namespace, pod, uid.
type family struct {
	desc    *prometheus.Desc
	kind    prometheus.ValueType
	samples func(*v1.Pod) []sample
}

type sample struct {
	value  float64
	labels []string
}

func newFamily(name, help string, labels string, samples func(*v1.Pod) []sample) family {
	kind := prometheus.GaugeValue
	if strings.HasSuffix(name, "_total") {
		kind = prometheus.CounterValue
	}
	all := append([]string{"namespace", "pod", "uid"}, strings.Fields(labels)...)
	return family{prometheus.NewDesc(name, help, all, nil), kind, samples}
}

func (f family) collect(p *v1.Pod, to chan<- prometheus.Metric) {
	for _, s := range f.samples(p) {
		labels := append([]string{p.Namespace, p.Name, string(p.UID)}, s.labels...)
		to <- prometheus.MustNewConstMetric(f.desc, f.kind, s.value, labels...)
	}
}

func podFamilies() []family {
	return slices.Concat([]family{
		newFamily("kube_pod_info", "Information about pod.", "host_ip pod_ip node created_by_kind created_by_name priority_class host_network", info),
		newFamily("kube_pod_owner", "Information about the pod's owner.", "owner_kind owner_name owner_is_controller", owners),
		newFamily("kube_pod_created", "Unix creation timestamp.", "", created),
		newFamily("kube_pod_start_time", "Start time in unix timestamp for a pod.", "", started),
		newFamily("kube_pod_restart_policy", "Describes the restart policy in use by this pod.", "type", restartPolicy),
		newFamily("kube_pod_status_phase", "The pod's current phase.", "phase", phases),
		newFamily("kube_pod_status_ready", "Whether the pod is ready to serve requests.", "condition", condition(v1.PodReady)),
		newFamily("kube_pod_status_scheduled", "The status of the scheduling process for the pod.", "condition", condition(v1.PodScheduled)),
	}, appContainers.families(), initContainers.families())
}

func info(p *v1.Pod) []sample {
	kind, name := "", ""
	if owner := metav1.GetControllerOf(p); owner != nil {
		kind, name = owner.Kind, owner.Name
	}
	network := strconv.FormatBool(p.Spec.HostNetwork)
	return []sample{{1, []string{p.Status.HostIP, p.Status.PodIP, p.Spec.NodeName, kind, name, p.Spec.PriorityClassName, network}}}
}

func owners(p *v1.Pod) (all []sample) {
	for _, o := range p.OwnerReferences {
		all = append(all, sample{1, []string{o.Kind, o.Name, strconv.FormatBool(o.Controller != nil && *o.Controller)}})
	}
	if len(all) == 0 {
		return []sample{{1, []string{"", "", ""}}}
	}
	return all
}

func created(p *v1.Pod) []sample { return moment(&p.CreationTimestamp) }

func started(p *v1.Pod) []sample { return moment(p.Status.StartTime) }

func moment(t *metav1.Time) []sample {
	if t.IsZero() {
		return nil
	}
	return []sample{{float64(t.Unix()), nil}}
}

func restartPolicy(p *v1.Pod) []sample {
	return []sample{{1, []string{string(p.Spec.RestartPolicy)}}}
}

// phases returns one sample for each phase; the current one has the value 1.
func phases(p *v1.Pod) (all []sample) {
	for _, phase := range []v1.PodPhase{v1.PodPending, v1.PodSucceeded, v1.PodFailed, v1.PodUnknown, v1.PodRunning} {
		all = append(all, sample{truth(p.Status.Phase == phase), []string{string(phase)}})
	}
	return all
}

// condition returns one sample for each status of a condition; the current one has the value 1.
func condition(of v1.PodConditionType) func(*v1.Pod) []sample {
	return func(p *v1.Pod) (all []sample) {
		for _, c := range p.Status.Conditions {
			if c.Type != of {
				continue
			}
			for _, state := range []v1.ConditionStatus{v1.ConditionTrue, v1.ConditionFalse, v1.ConditionUnknown} {
				all = append(all, sample{truth(c.Status == state), []string{strings.ToLower(string(state))}})
			}
		}
		return all
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
