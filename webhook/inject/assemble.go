package inject

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// assembly writes the operations of the accepted instances.
type assembly struct {
	job        *job
	accepted   []*candidate
	operations []Operation
	paths      rawjson.Texts
}

// usualOperations is the usual number of operations besides those on the app's containers, for allocation.
const usualOperations = 16

// assemble turns the plans into operations. Operations on the app's containers come before those that
// insert containers, so that their indexes are those of the original pod.
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

// path concatenates the parts of a JSON pointer.
func (a *assembly) path(parts ...string) string {
	var space [128]byte
	b := space[:0]
	for _, part := range parts {
		b = append(b, part...)
	}
	return a.paths.Keep(b)
}

func (a *assembly) add(path string, value []byte) {
	a.operations = append(a.operations, Operation{Path: path, Value: value})
}

// list appends items to the list object+name of the pod, which it creates if exists is false.
func (a *assembly) list(object, name string, exists bool, items []*templates.JSON) {
	if len(items) == 0 {
		return
	}
	if exists {
		path := a.path(object, name, "/-")
		for _, item := range items {
			a.add(path, item.Raw)
		}
		return
	}
	size := 2
	for _, item := range items {
		size += len(item.Raw) + 1
	}
	list := append(make([]byte, 0, size), '[')
	for i, item := range items {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, item.Raw...)
	}
	a.add(a.path(object, name), append(list, ']'))
}

// members adds members to the object at path, which it creates if exists is false.
func (a *assembly) members(path string, exists bool, members program.Object) {
	if len(members) == 0 {
		return
	}
	if !exists {
		a.add(path, members.AppendJSON(nil))
		return
	}
	for _, m := range members {
		a.add(a.path(path, "/", escape(m.Name)), program.AppendJSON(nil, m.Value))
	}
}

// escape escapes a key as a token of a JSON pointer (RFC 6901).
func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

// targets merges what all instances add to each container of the app.
func (a *assembly) targets() {
	merged, n := make([]*targetPlan, a.job.pod.count()), 0 // by the container's number
	for _, c := range a.accepted {
		for k := range c.trial.plan.targets {
			p := &c.trial.plan.targets[k]
			at := &merged[a.job.pod.number(p.list, p.index)]
			if *at == nil {
				*at = p
				n++
				continue
			}
			m := *at
			m.mounts, m.devices = append(m.mounts, p.mounts...), append(m.devices, p.devices...)
			m.env, m.envFrom = append(m.env, p.env...), append(m.envFrom, p.envFrom...)
			m.firstEnv, m.joins = append(m.firstEnv, p.firstEnv...), append(m.joins, p.joins...)
			m.probes, m.lifecycle = append(m.probes, p.probes...), append(m.lifecycle, p.lifecycle...)
		}
	}
	a.operations = slices.Grow(a.operations, n+usualOperations)
	for _, m := range merged {
		if m == nil {
			continue
		}
		path := a.path("/spec/", m.list, "/", strconv.Itoa(m.index))
		a.environment(path, m)
		a.list(path, "/envFrom", m.view.EnvFrom != nil, m.envFrom)
		a.list(path, "/volumeMounts", m.view.Mounts != nil, m.mounts)
		a.list(path, "/volumeDevices", m.view.Devices != nil, m.devices)
		for _, h := range m.probes {
			a.add(a.path(path, "/", h.Name), h.Raw)
		}
		var lifecycle program.Object
		for _, h := range m.lifecycle {
			lifecycle = append(lifecycle, program.Member{Name: h.Name, Value: h.Value})
		}
		a.members(a.path(path, "/lifecycle"), m.view.Lifecycle != nil, lifecycle)
	}
}

// arranged holds the pod's two lists of containers with the injected ones in place; a list is nil if
// nothing is injected into it.
type arranged struct{ init, regular []standing }

func (a *assembly) containers() arranged {
	var init, regular []addedContainer
	for _, c := range a.accepted {
		for i := range c.addition.Init {
			init = append(init, addedContainer{&c.addition.Init[i], c})
		}
		for i := range c.addition.Regular {
			regular = append(regular, addedContainer{&c.addition.Regular[i], c})
		}
	}
	spec, owned := &a.job.pod.spec, a.job.owned
	return arranged{
		init:    arrange(spec.InitContainers, owned, init),
		regular: arrange(spec.Containers, owned, regular),
	}
}

// insert adds the injected containers at their places, first to last.
func (a *assembly) insert(path string, exists bool, list []standing) {
	if !exists {
		var ours []*templates.JSON
		for _, s := range list {
			if s.added != nil {
				ours = append(ours, &s.added.JSON)
			}
		}
		a.list(path, "", false, ours)
		return
	}
	for i, s := range list {
		if s.added != nil {
			a.add(a.path(path, "/", strconv.Itoa(i)), s.added.Raw)
		}
	}
}

func (a *assembly) spec(containers arranged) {
	spec := &a.job.pod.spec
	var volumes, pullSecrets, aliases, tolerations []*templates.JSON
	grace := int64(defaultGracePeriod)
	if spec.GracePeriod != nil {
		grace = *spec.GracePeriod
	}
	wantGrace := grace
	for _, c := range a.accepted {
		for _, v := range c.trial.plan.volumes {
			volumes = append(volumes, &v.JSON)
		}
		pullSecrets = append(pullSecrets, c.trial.plan.pullSecrets...)
		aliases = append(aliases, c.trial.plan.hostAliases...)
		tolerations = append(tolerations, c.trial.plan.tolerations...)
		wantGrace = max(wantGrace, c.trial.plan.gracePeriod)
	}
	a.insert("/spec/initContainers", spec.InitContainers != nil, containers.init)
	a.insert("/spec/containers", spec.Containers != nil, containers.regular)
	a.list("/spec", "/volumes", spec.Volumes != nil, volumes)
	a.list("/spec", "/imagePullSecrets", spec.ImagePullSecrets != nil, pullSecrets)
	a.list("/spec", "/hostAliases", spec.HostAliases != nil, aliases)
	a.list("/spec", "/tolerations", spec.Tolerations != nil, tolerations)
	for _, c := range a.accepted {
		if c.trial.plan.dnsConfig != nil {
			a.add("/spec/dnsConfig", c.trial.plan.dnsConfig.Raw)
		}
		if c.trial.plan.shareProcessNamespace != nil {
			a.add("/spec/shareProcessNamespace", strconv.AppendBool(nil, *c.trial.plan.shareProcessNamespace))
		}
	}
	if wantGrace > grace {
		a.add("/spec/terminationGracePeriodSeconds", strconv.AppendInt(nil, wantGrace, 10))
	}
	a.security()
	a.podResources(containers)
}

func (a *assembly) security() {
	const path = "/spec/securityContext"
	var groups []any
	var members program.Object
	for _, c := range a.accepted {
		for _, g := range c.trial.plan.groups {
			groups = append(groups, g)
		}
		if c.trial.plan.fsGroup != nil {
			members = append(members, program.Member{Name: "fsGroup", Value: *c.trial.plan.fsGroup})
		}
	}
	own := a.job.pod.spec.SecurityContext
	if own != nil && own.SupplementalGroups != nil {
		for _, g := range groups {
			a.add(path+"/supplementalGroups/-", program.AppendJSON(nil, g))
		}
	} else if len(groups) > 0 {
		members = append(members, program.Member{Name: "supplementalGroups", Value: groups})
	}
	a.members(path, own != nil, members)
}

// ownAnnotations is how many annotations the injector itself may add.
const ownAnnotations = 3

func (a *assembly) metadata(containers arranged) error {
	own := &a.job.pod.metadata
	var labels, annotations program.Object
	for _, c := range a.accepted {
		annotations = slices.Grow(annotations, len(c.trial.plan.annotations)+ownAnnotations)
		labels = append(labels, c.trial.plan.labels...)
		annotations = append(annotations, c.trial.plan.annotations...)
	}
	if name := a.defaultContainer(containers.regular); name != "" && annotations.Text(defaultContainerAnnotation) == "" {
		annotations = append(annotations, program.Member{Name: defaultContainerAnnotation, Value: name})
	}
	annotations = a.safeToEvict(annotations)
	status, err := a.status()
	if err != nil {
		return err
	}
	annotations = append(annotations, program.Member{Name: StatusAnnotation, Value: status})
	if !a.job.pod.hasMetadata {
		var metadata program.Object
		if len(labels) > 0 {
			metadata = append(metadata, program.Member{Name: "labels", Value: labels})
		}
		metadata = append(metadata, program.Member{Name: "annotations", Value: annotations})
		a.add("/metadata", metadata.AppendJSON(nil))
		return nil
	}
	a.members("/metadata/labels", own.Labels != nil, labels)
	a.members("/metadata/annotations", own.Annotations != nil, annotations)
	return nil
}

// defaultContainer returns the name of the app's first regular container if an injected one stands before
// it, so that kubectl logs and exec still select the app; otherwise "".
func (a *assembly) defaultContainer(regular []standing) string {
	if _, set := a.job.pod.metadata.Annotations[defaultContainerAnnotation]; set {
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

// safeToEvict lists the injected emptyDir volumes in an annotation of the cluster autoscaler, which
// otherwise never removes a node with such a pod. It may change annotations.
func (a *assembly) safeToEvict(annotations program.Object) program.Object {
	var names []string
	for _, c := range a.accepted {
		if c.template.Spec.KeepOnDrain {
			continue
		}
		for _, v := range c.trial.plan.volumes {
			if _, empty := v.Object().Get("emptyDir"); empty {
				names = append(names, v.Name)
			}
		}
	}
	if len(names) == 0 {
		return annotations
	}
	value := annotations.Text(SafeToEvictAnnotation)
	if own, ok := a.job.pod.metadata.Annotations[SafeToEvictAnnotation]; ok {
		value = own
	}
	if value == "" { // the injected volumes have distinct names
		value = strings.Join(names, ",")
	} else {
		value = strings.Join(splitNames(value+","+strings.Join(names, ",")), ",")
	}
	for i := range annotations {
		if annotations[i].Name == SafeToEvictAnnotation {
			annotations[i].Value = value
			return annotations
		}
	}
	return append(annotations, program.Member{Name: SafeToEvictAnnotation, Value: value})
}

func (a *assembly) status() (string, error) {
	status := Status{}
	for name, e := range a.job.status {
		status[name] = e
	}
	for _, c := range a.accepted {
		entry := StatusEntry{Template: templateReference(c.template), Revision: c.template.Revision, Parameters: hashParameters(c.given), Index: c.index}
		for _, label := range c.trial.plan.labels {
			entry.Labels = append(entry.Labels, label.Name)
		}
		for i := range c.addition.Init {
			if container := &c.addition.Init[i]; container.Sidecar {
				entry.Sidecars = append(entry.Sidecars, container.Name)
			} else {
				entry.InitContainers = append(entry.InitContainers, container.Name)
			}
		}
		for i := range c.addition.Regular {
			entry.Containers = append(entry.Containers, c.addition.Regular[i].Name)
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
