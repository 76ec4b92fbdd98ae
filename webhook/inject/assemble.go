package inject

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// assembly writes the operations of the accepted instances.
type assembly struct {
	job        *job
	accepted   []*candidate
	operations []Operation
}

// assemble turns the plans into operations. Those on the app's containers come
// before those that shift them, so that every index is the pod's own.
func (j *job) assemble(accepted []*candidate) error {
	a := &assembly{job: j, accepted: accepted, operations: j.repairs}
	a.targets()
	containers := a.containers()
	if err := a.metadata(containers); err != nil {
		return err
	}
	a.spec(containers)
	j.result.Operations = a.operations
	return nil
}

func (a *assembly) add(path string, value any) {
	a.operations = append(a.operations, Operation{Path: path, Value: templates.AppendJSON(nil, value)})
}

// list appends items to a list of the pod, or creates it.
func (a *assembly) list(path string, exists bool, items []any) {
	if len(items) == 0 {
		return
	}
	if !exists {
		a.add(path, items)
		return
	}
	for _, item := range items {
		a.add(path+"/-", item)
	}
}

// members adds members to an object of the pod, or creates it.
func (a *assembly) members(path string, exists bool, members templates.Object) {
	if len(members) == 0 {
		return
	}
	if !exists {
		a.add(path, members)
		return
	}
	for _, m := range members {
		a.add(path+"/"+escape(m.Name), m.Value)
	}
}

// escape makes a key a token of a JSON pointer (RFC 6901).
func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

// targets merges what all instances add to each container of the app.
func (a *assembly) targets() {
	var merged []*targetPlan
	for _, c := range a.accepted {
		for _, p := range c.plan.targets {
			i := slices.IndexFunc(merged, func(m *targetPlan) bool { return m.list == p.list && m.index == p.index })
			if i < 0 {
				merged = append(merged, &targetPlan{target: p.target})
				i = len(merged) - 1
			}
			m := merged[i]
			m.mounts, m.devices = append(m.mounts, p.mounts...), append(m.devices, p.devices...)
			m.env, m.envFrom = append(m.env, p.env...), append(m.envFrom, p.envFrom...)
			m.hooks, m.lifecycle = append(m.hooks, p.hooks...), append(m.lifecycle, p.lifecycle...)
		}
	}
	slices.SortFunc(merged, func(x, y *targetPlan) int {
		if x.list != y.list {
			return strings.Compare(x.list, y.list)
		}
		return x.index - y.index
	})
	for _, m := range merged {
		path := m.path()
		a.list(path+"/env", m.view.env != nil, m.env)
		a.list(path+"/envFrom", m.view.EnvFrom != nil, m.envFrom)
		a.list(path+"/volumeMounts", m.view.Mounts != nil, m.mounts)
		a.list(path+"/volumeDevices", m.view.Devices != nil, m.devices)
		for _, h := range m.hooks {
			a.add(path+"/"+h.Name, h.Value)
		}
		a.members(path+"/lifecycle", m.view.Lifecycle != nil, m.lifecycle)
	}
}

// arranged are the pod's two lists of containers with ours in place.
type arranged struct{ init, regular []standing }

func (a *assembly) containers() arranged {
	var init, regular []*addedContainer
	for _, c := range a.accepted {
		init = append(init, c.addition.init...)
		regular = append(regular, c.addition.regular...)
	}
	spec, status := &a.job.pod.spec, a.job.status
	return arranged{
		init:    arrange(standingOf(spec.InitContainers, status), init),
		regular: arrange(standingOf(spec.Containers, status), regular),
	}
}

// insert adds the containers of ours at their places, first to last.
func (a *assembly) insert(path string, exists bool, list []standing) {
	var ours []any
	for _, s := range list {
		if s.added != nil {
			ours = append(ours, s.added.object)
		}
	}
	if !exists {
		a.list(path, false, ours)
		return
	}
	for i, s := range list {
		if s.added != nil {
			a.add(path+"/"+strconv.Itoa(i), s.added.object)
		}
	}
}

func (a *assembly) spec(containers arranged) {
	spec := &a.job.pod.spec
	var volumes, pullSecrets, aliases, tolerations, groups []any
	var fields templates.Object
	var fsGroup any
	grace := int64(defaultGracePeriod)
	if spec.GracePeriod != nil {
		grace = *spec.GracePeriod
	}
	wantGrace := grace
	for _, c := range a.accepted {
		for _, v := range c.plan.volumes {
			volumes = append(volumes, v.object)
		}
		pullSecrets = append(pullSecrets, c.plan.pullSecrets...)
		aliases = append(aliases, c.plan.hostAliases...)
		tolerations = append(tolerations, c.plan.tolerations...)
		groups = append(groups, c.plan.groups...)
		fields = append(fields, c.plan.fields...)
		wantGrace = max(wantGrace, c.plan.gracePeriod)
		if c.plan.fsGroup != nil {
			fsGroup = c.plan.fsGroup
		}
	}
	a.insert("/spec/initContainers", spec.InitContainers != nil, containers.init)
	a.insert("/spec/containers", spec.Containers != nil, containers.regular)
	a.list("/spec/volumes", spec.Volumes != nil, volumes)
	a.list("/spec/imagePullSecrets", spec.ImagePullSecrets != nil, pullSecrets)
	a.list("/spec/hostAliases", spec.HostAliases != nil, aliases)
	a.list("/spec/tolerations", spec.Tolerations != nil, tolerations)
	for _, f := range fields {
		a.add("/spec/"+f.Name, f.Value)
	}
	if wantGrace > grace {
		a.add("/spec/terminationGracePeriodSeconds", wantGrace)
	}
	a.security(groups, fsGroup)
}

func (a *assembly) security(groups []any, fsGroup any) {
	const path = "/spec/securityContext"
	own := a.job.pod.spec.SecurityContext
	var members templates.Object
	if len(groups) > 0 && (own == nil || own.SupplementalGroups == nil) {
		members = append(members, templates.Member{Name: "supplementalGroups", Value: groups})
	} else {
		a.list(path+"/supplementalGroups", true, groups)
	}
	if fsGroup != nil {
		members = append(members, templates.Member{Name: "fsGroup", Value: fsGroup})
	}
	a.members(path, own != nil, members)
}

func (a *assembly) metadata(containers arranged) error {
	own := &a.job.pod.Metadata
	var labels, annotations templates.Object
	for _, c := range a.accepted {
		labels = append(labels, c.plan.labels...)
		annotations = append(annotations, c.plan.annotations...)
	}
	if name := a.defaultContainer(containers.regular); name != "" {
		annotations = append(annotations, templates.Member{Name: defaultContainerAnnotation, Value: name})
	}
	annotations = a.safeToEvict(annotations)
	status, err := a.status()
	if err != nil {
		return err
	}
	annotations = append(annotations, templates.Member{Name: StatusAnnotation, Value: status})
	if !a.job.pod.hasMetadata {
		var metadata templates.Object
		if len(labels) > 0 {
			metadata = append(metadata, templates.Member{Name: "labels", Value: labels})
		}
		a.add("/metadata", append(metadata, templates.Member{Name: "annotations", Value: annotations}))
		return nil
	}
	a.members("/metadata/labels", own.Labels != nil, labels)
	a.members("/metadata/annotations", own.Annotations != nil, annotations)
	return nil
}

// defaultContainer is the pod's first own container when one of ours stands
// before it, so that kubectl logs and exec still mean the app; else "".
func (a *assembly) defaultContainer(regular []standing) string {
	if _, set := a.job.pod.Metadata.Annotations[defaultContainerAnnotation]; set {
		return ""
	}
	before := false
	for _, s := range regular {
		switch {
		case s.added != nil:
			before = true
		case !s.ours && before:
			return s.name
		case !s.ours:
			return ""
		}
	}
	return ""
}

// safeToEvict names our emptyDirs for the cluster autoscaler, which otherwise
// never removes a node with such a pod on it.
func (a *assembly) safeToEvict(annotations templates.Object) templates.Object {
	var names []string
	for _, c := range a.accepted {
		if c.template.Spec.KeepOnDrain {
			continue
		}
		for _, v := range c.plan.volumes {
			if _, empty := v.object.Get("emptyDir"); empty {
				names = append(names, v.name)
			}
		}
	}
	if len(names) == 0 {
		return annotations
	}
	value := annotations.Text(safeToEvictAnnotation)
	if own, ok := a.job.pod.Metadata.Annotations[safeToEvictAnnotation]; ok {
		value = own
	}
	listed := splitNames(value)
	for _, name := range names {
		if !slices.Contains(listed, name) {
			listed = append(listed, name)
		}
	}
	return annotations.With(safeToEvictAnnotation, strings.Join(listed, ","))
}

func (a *assembly) status() (string, error) {
	status := Status{}
	for name, e := range a.job.status {
		status[name] = e
	}
	for _, c := range a.accepted {
		entry := StatusEntry{Template: templateReference(c.template), Revision: c.template.Revision, Parameters: hashParameters(c.given)}
		for _, container := range c.addition.init {
			if container.native {
				entry.Sidecars = append(entry.Sidecars, container.name)
			} else {
				entry.InitContainers = append(entry.InitContainers, container.name)
			}
		}
		for _, container := range c.addition.regular {
			entry.Containers = append(entry.Containers, container.name)
		}
		entry.Volumes = c.instance.Volumes
		status[c.asked.instance] = entry
	}
	text, err := status.text()
	if err != nil {
		return "", fmt.Errorf("annotation %s: %w", StatusAnnotation, err)
	}
	return text, nil
}
