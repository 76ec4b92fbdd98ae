package explain

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// gets returns what a container of the app has from sidecars: what it did not have in old, as it was before,
// and mounts and devices of volumes that an earlier injection added.
func gets(volumes volumeOrigins, c, old *containerFields) []string {
	var list []string
	had := setOf(old.VolumeMounts)
	for _, m := range c.VolumeMounts {
		if from, got := volumes.from(m.Name, had[m]); got {
			list = append(list, fmt.Sprintf("mount %s (volume %s%s)", m.MountPath, m.Name, from))
		}
	}
	hadDevices := setOf(old.VolumeDevices)
	for _, d := range c.VolumeDevices {
		if from, got := volumes.from(d.Name, hadDevices[d]); got {
			list = append(list, fmt.Sprintf("device %s (volume %s%s)", d.DevicePath, d.Name, from))
		}
	}
	hadEnv := setOf(old.Env)
	for _, v := range c.Env {
		if !hadEnv[v] {
			list = append(list, "env "+v.Name)
		}
	}
	hadSources := setOf(old.EnvFrom)
	for _, s := range c.EnvFrom {
		if !hadSources[s] {
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

func setOf[T comparable](list []T) map[T]bool {
	set := make(map[T]bool, len(list))
	for _, item := range list {
		set[item] = true
	}
	return set
}

// volumeOrigins are the instances that have each volume, by its name.
type volumeOrigins map[string][]*Instance

func volumeOriginsOf(instances []Instance) volumeOrigins {
	origins := volumeOrigins{}
	for i := range instances {
		in := &instances[i]
		for _, name := range in.Volumes {
			if all := origins[name]; len(all) == 0 || all[len(all)-1] != in {
				origins[name] = append(all, in)
			}
		}
	}
	return origins
}

// from returns the instances that added a container's volume, as text. got is false if the container had the
// mount before injection; had says whether it is in the pod as given, which does not tell that for sidecars
// that are already there.
func (o volumeOrigins) from(volume string, had bool) (from string, got bool) {
	var names []string
	for _, in := range o[volume] {
		if !had && in.Outcome == inject.Injected || in.Outcome == inject.Unchanged {
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
