package check

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/requirement"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// mounts reports mounts of, and variables from files in, volumes that are not defined, two mounts at one path
// of a container, and paths that Kubernetes would refuse.
func mounts(s *Sample) []templates.Finding {
	c := mountCheck{sample: s, volumes: map[string]bool{}}
	for _, volume := range program.Objects(s.Pod.Object("spec").List("volumes")) {
		if name := volume.Text("name"); name != "" {
			c.volumes[name] = true
		}
	}
	for _, container := range s.withApp() {
		c.container(container)
	}
	return c.found.list
}

type mountCheck struct {
	sample  *Sample
	found   found
	volumes map[string]bool
	names   []string // of the volumes, sorted, once one is missed
}

func (c *mountCheck) fault(at *schema.Path, reason templates.FindingReason, hint, format string, args ...any) {
	c.found.fault(c.sample.place(at), reason, hint, format, args...)
}

// container checks the volumeMounts and volumeDevices of a container or the app.
func (c *mountCheck) container(o container) {
	paths := map[string]bool{}
	windows := slices.Contains(c.sample.Template.Spec.Supports, v1alpha1.SupportWindows)
	for _, field := range []struct{ list, path string }{{"volumeMounts", "mountPath"}, {"volumeDevices", "devicePath"}} {
		for i, mount := range program.Objects(o.fields.List(field.list)) {
			at := o.at.Member(field.list).Item(i)
			c.mounted(mount.Text("name"), at.Member("name"))
			target := mount.Text(field.path)
			if target == "" {
				continue
			}
			if requirement.HasColon(target, windows) {
				c.fault(at.Member(field.path), templates.BadValue, "", "path %s has a colon", message.Quote(target))
			}
			clean := path.Clean(target)
			if paths[clean] {
				c.fault(at.Member(field.path), templates.DuplicateMountPath, "", "path %s is mounted twice in this container", message.Quote(clean))
			}
			paths[clean] = true
		}
	}
	for i, variable := range program.Objects(o.fields.List("env")) {
		at := o.at.Member("env").Item(i).Member("valueFrom").Member("fileKeyRef")
		file := variable.Object("valueFrom").Object("fileKeyRef")
		c.mounted(file.Text("volumeName"), at.Member("volumeName"))
	}
}

// mounted reports a mount whose volume the rendered pod does not define. A name that comes from parameters,
// the app or the pod is not checked: the volume may be the pod's.
func (c *mountCheck) mounted(name string, at *schema.Path) {
	if name == "" || c.volumes[name] {
		return
	}
	if strings.HasPrefix(name, schema.TokenVolume) {
		c.fault(at, templates.ReservedName, "Kubernetes mounts it itself", "volume %s belongs to Kubernetes", message.Quote(name))
		return
	}
	if c.sample.Full || c.found.full() || c.sample.Incomplete || c.dependent(at) {
		return
	}
	if c.names == nil {
		c.names = slices.Sorted(maps.Keys(c.volumes))
	}
	c.fault(at, templates.MountWithoutVolume, message.DidYouMean(name, c.names, "add it to spec.pod.spec.volumes"), "the template has no volume %s", message.Quote(name))
}

// dependent reports whether the value at a path of the result came from an expression that reads parameters,
// the app or the pod.
func (c *mountCheck) dependent(at *schema.Path) bool {
	n := c.sample.Trace.Nodes[c.sample.place(at)]
	return n != nil && n.Uses().FromOutside()
}
