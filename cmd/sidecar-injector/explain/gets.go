package explain

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// gets returns what a container of the app has from sidecars: what it did not have before, and mounts and
// devices of volumes that an earlier injection added.
func gets(instances []Instance, c containerFields, before *podFields) []string {
	old := containerFields{}
	for _, b := range slices.Concat(before.Spec.InitContainers, before.Spec.Containers) {
		if b.Name == c.Name {
			old = b
		}
	}
	var list []string
	for _, m := range c.VolumeMounts {
		if from, got := volumeFrom(instances, m.Name, slices.Contains(old.VolumeMounts, m)); got {
			list = append(list, fmt.Sprintf("mount %s (volume %s%s)", m.MountPath, m.Name, from))
		}
	}
	for _, d := range c.VolumeDevices {
		if from, got := volumeFrom(instances, d.Name, slices.Contains(old.VolumeDevices, d)); got {
			list = append(list, fmt.Sprintf("device %s (volume %s%s)", d.DevicePath, d.Name, from))
		}
	}
	for _, v := range c.Env {
		if !slices.Contains(old.Env, v) {
			list = append(list, "env "+v.Name)
		}
	}
	for _, s := range c.EnvFrom {
		if !slices.Contains(old.EnvFrom, s) {
			list = append(list, "envFrom "+s.text())
		}
	}
	for _, probe := range []struct {
		name     string
		had, has *struct{}
	}{
		{"livenessProbe", old.LivenessProbe, c.LivenessProbe},
		{"readinessProbe", old.ReadinessProbe, c.ReadinessProbe},
		{"startupProbe", old.StartupProbe, c.StartupProbe},
	} {
		if probe.had == nil && probe.has != nil {
			list = append(list, probe.name)
		}
	}
	for _, hook := range slices.Sorted(maps.Keys(c.Lifecycle)) {
		if old.Lifecycle[hook] == nil && c.Lifecycle[hook] != nil {
			list = append(list, "lifecycle."+hook)
		}
	}
	return list
}

// volumeFrom returns the instances that added a container's volume, as text. got is false if the container
// had the mount before injection; had says whether it is in the pod as given, which does not tell that for
// sidecars that are already there.
func volumeFrom(instances []Instance, volume string, had bool) (from string, got bool) {
	var names []string
	for _, in := range instances {
		if slices.Contains(in.Volumes, volume) && (!had && in.Outcome == inject.Injected || in.Outcome == inject.Unchanged) {
			names = append(names, in.Name)
		}
	}
	if len(names) > 0 {
		from = ", from " + strings.Join(names, ", ")
	}
	return from, !had || len(names) > 0
}

func (s environmentSource) text() string {
	if s.SecretRef.Name != "" {
		return "secret " + s.SecretRef.Name
	}
	return "configMap " + s.ConfigMapRef.Name
}

// podGets returns the added fields of the pod itself. Containers, volumes and the status annotation are
// left out.
func podGets(operations []inject.Operation) []string {
	var list []string
	for _, op := range operations {
		list = appendGot(list, op.Tokens(), op.Value)
	}
	return list
}

// appendGot adds a field of the pod to a list. If a whole object is added, such as all labels, its members
// are listed.
func appendGot(list, path []string, value []byte) []string {
	if len(path) < 2 || len(path) == 2 && slices.Contains([]string{"labels", "annotations", "securityContext"}, path[1]) {
		members := map[string]json.RawMessage{}
		if json.Unmarshal(value, &members) != nil { // not an object
			return list
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			list = appendGot(list, append(slices.Clone(path), name), members[name])
		}
		return list
	}
	switch path[1] {
	case "containers", "initContainers", "volumes":
		return list
	case "annotations":
		if path[2] == inject.StatusAnnotation {
			return list
		}
	}
	text := strings.TrimSuffix(strings.Join(path[1:min(len(path), 3)], " "), " -")
	if !slices.Contains(list, text) {
		list = append(list, text)
	}
	return list
}
