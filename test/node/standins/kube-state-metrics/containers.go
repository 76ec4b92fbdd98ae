package main

import (
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// containers describes one of a pod's two lists of containers.
type containers struct {
	prefix string // of the metrics' names
	more   string // additional label of the info metric
	specs  func(*v1.Pod) []v1.Container
	states func(*v1.Pod) []v1.ContainerStatus
}

var (
	appContainers = containers{
		"kube_pod_container_", "",
		func(p *v1.Pod) []v1.Container { return p.Spec.Containers },
		func(p *v1.Pod) []v1.ContainerStatus { return p.Status.ContainerStatuses },
	}
	initContainers = containers{
		"kube_pod_init_container_", "restart_policy",
		func(p *v1.Pod) []v1.Container { return p.Spec.InitContainers },
		func(p *v1.Pod) []v1.ContainerStatus { return p.Status.InitContainerStatuses },
	}
)

func (c containers) families() []family {
	return []family{
		newFamily(c.prefix+"info", "Information about a container in a pod.", "container image_spec image image_id container_id "+c.more, c.info),
		newFamily(c.prefix+"resource_requests", "Resources that a container requests.", "container node resource unit", c.requests),
		newFamily(c.prefix+"resource_limits", "Resources that a container may use.", "container node resource unit", c.limits),
		newFamily(c.prefix+"status_ready", "Whether the container's readiness check succeeded.", "container", c.state(func(s v1.ContainerStatus) float64 { return truth(s.Ready) })),
		newFamily(c.prefix+"status_restarts_total", "The number of container restarts.", "container", c.state(func(s v1.ContainerStatus) float64 { return float64(s.RestartCount) })),
		newFamily(c.prefix+"status_running", "Whether the container is running.", "container", c.state(func(s v1.ContainerStatus) float64 { return truth(s.State.Running != nil) })),
		newFamily(c.prefix+"status_waiting", "Whether the container is waiting.", "container", c.state(func(s v1.ContainerStatus) float64 { return truth(s.State.Waiting != nil) })),
		newFamily(c.prefix+"status_terminated", "Whether the container has ended.", "container", c.state(func(s v1.ContainerStatus) float64 { return truth(s.State.Terminated != nil) })),
		newFamily(c.prefix+"status_waiting_reason", "Why the container is waiting.", "container reason", c.reason(waiting)),
		newFamily(c.prefix+"status_terminated_reason", "Why the container has ended.", "container reason", c.reason(terminated)),
	}
}

func (c containers) info(p *v1.Pod) (all []sample) {
	for _, s := range c.states(p) {
		var spec v1.Container
		if i := slices.IndexFunc(c.specs(p), func(one v1.Container) bool { return one.Name == s.Name }); i >= 0 {
			spec = c.specs(p)[i]
		}
		labels := []string{s.Name, spec.Image, s.Image, s.ImageID, s.ContainerID}
		if c.more != "" {
			labels = append(labels, policy(spec))
		}
		all = append(all, sample{1, labels})
	}
	return all
}

// policy returns the container's restart policy, "" if not set; it is Always for a native sidecar.
func policy(spec v1.Container) string {
	if spec.RestartPolicy == nil {
		return ""
	}
	return string(*spec.RestartPolicy)
}

func (c containers) requests(p *v1.Pod) []sample {
	return c.amounts(p, func(r v1.ResourceRequirements) v1.ResourceList { return r.Requests })
}

func (c containers) limits(p *v1.Pod) []sample {
	return c.amounts(p, func(r v1.ResourceRequirements) v1.ResourceList { return r.Limits })
}

func (c containers) amounts(p *v1.Pod, of func(v1.ResourceRequirements) v1.ResourceList) (all []sample) {
	for _, spec := range c.specs(p) {
		for name, amount := range of(spec.Resources) {
			value, unit := measure(name, amount)
			label := strings.NewReplacer("-", "_", ".", "_", "/", "_").Replace(string(name))
			all = append(all, sample{value, []string{spec.Name, p.Spec.NodeName, label, unit}})
		}
	}
	return all
}

func measure(name v1.ResourceName, amount resource.Quantity) (value float64, unit string) {
	switch name {
	case v1.ResourceCPU:
		return float64(amount.MilliValue()) / 1000, "core"
	case v1.ResourceMemory, v1.ResourceStorage, v1.ResourceEphemeralStorage:
		return float64(amount.Value()), "byte"
	}
	return float64(amount.Value()), "integer"
}

func (c containers) state(value func(v1.ContainerStatus) float64) func(*v1.Pod) []sample {
	return func(p *v1.Pod) (all []sample) {
		for _, s := range c.states(p) {
			all = append(all, sample{value(s), []string{s.Name}})
		}
		return all
	}
}

func (c containers) reason(of func(v1.ContainerState) string) func(*v1.Pod) []sample {
	return func(p *v1.Pod) (all []sample) {
		for _, s := range c.states(p) {
			if reason := of(s.State); reason != "" {
				all = append(all, sample{1, []string{s.Name, reason}})
			}
		}
		return all
	}
}

func waiting(s v1.ContainerState) string {
	if s.Waiting == nil {
		return ""
	}
	return s.Waiting.Reason
}

func terminated(s v1.ContainerState) string {
	if s.Terminated == nil {
		return ""
	}
	return s.Terminated.Reason
}
