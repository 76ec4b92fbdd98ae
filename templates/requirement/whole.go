package requirement

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// Container returns what the API server would refuse in a whole container: what Check finds, and how the items
// of its lists go together. The kinds of the values must have been checked before.
func Container(container program.Object) []Unmet {
	var c checker
	c.value(container, schema.Container(), nil)
	c.portNames(container)
	c.variables(container)
	c.mountPaths(container)
	return c.unmet
}

// App returns what the API server would refuse in fields that are added to an existing container.
func App(fields program.Object) []Unmet {
	var c checker
	for _, m := range fields {
		if f, ok := schema.Container().Field(m.Name); ok {
			c.value(m.Value, f.Schema, schema.Root(m.Name))
		}
	}
	c.variables(fields)
	return c.unmet
}

// Pod returns what the API server would refuse in a partial pod, without its containers.
func Pod(pod program.Object) []Unmet {
	var c checker
	if spec := pod.Object("spec"); spec != nil {
		pod = pod.With("spec", spec.Without("initContainers", "containers"))
	}
	c.value(pod, schema.Pod(), nil)
	return append(c.unmet, Metadata(pod.Object("metadata"), schema.Root("metadata"))...)
}

// Metadata returns the keys of labels and annotations, and the values of labels, that the API server would
// refuse.
func Metadata(metadata program.Object, at *schema.Path) []Unmet {
	var c checker
	for _, field := range []string{"labels", "annotations"} {
		for _, m := range metadata.Object(field) {
			here := at.Member(field).Member(m.Name)
			key := m.Name
			if field == "annotations" {
				key = strings.ToLower(key)
			}
			if faults := validation.IsQualifiedName(key); len(faults) > 0 {
				c.unmet = append(c.unmet, Unmet{At: here, Key: true, Message: message.Quote(m.Name) + " is no key", Hint: faults[0]})
			}
			value, _ := m.Value.(string)
			if field == "labels" {
				if faults := validation.IsValidLabelValue(value); len(faults) > 0 {
					c.bad(here, faults[0], "%s is no value of a label", message.Quote(value))
				}
			}
		}
	}
	return c.unmet
}

// portNames checks that the names of ports are valid and that no name and no host port occurs twice.
func (c *checker) portNames(container program.Object) {
	names, hosts := map[string]bool{}, map[string]bool{}
	for i, port := range program.Objects(container.List("ports")) {
		at := schema.Root("ports").Item(i)
		if name := port.Text("name"); name != "" {
			if wrong := validation.IsValidPortName(name); len(wrong) > 0 {
				c.bad(at.Member("name"), wrong[0], "%s cannot name a port", message.Quote(name))
			} else if names[name] {
				c.bad(at.Member("name"), "give it another name", "port %s is there twice", message.Quote(name))
			}
			names[name] = true
		}
		if number, ok := port.Get("hostPort"); ok && number != int64(0) {
			host := fmt.Sprintf("%v %s %s", number, cmp.Or(port.Text("protocol"), "TCP"), port.Text("hostIP"))
			if hosts[host] {
				c.bad(at.Member("hostPort"), "choose another port", "host port %v is there twice", number)
			}
			hosts[host] = true
		}
	}
}

// variables checks the names of environment variables, and that each has one source.
func (c *checker) variables(container program.Object) {
	for i, variable := range program.Objects(container.List("env")) {
		at := schema.Root("env").Item(i)
		name := variable.Text("name")
		if name == "" {
			continue // a required field, which value reports
		}
		if wrong := validation.IsRelaxedEnvVarName(name); len(wrong) > 0 {
			c.bad(at.Member("name"), wrong[0], "%s cannot name a variable", message.Quote(name))
		}
		if _, both := variable.Get("valueFrom"); both && variable.Text("value") != "" {
			c.bad(at, "keep one of them; a variable of the template that has the other keeps it", "variable %s has value and valueFrom", message.Quote(name))
		}
	}
}

// mountPaths checks that no path of a container has two mounts or devices. Paths are compared cleaned: of two
// mounts at /a and /a/, one would hide the other.
func (c *checker) mountPaths(container program.Object) {
	taken := map[string]string{}
	for _, field := range []struct{ list, path string }{{"volumeMounts", "mountPath"}, {"volumeDevices", "devicePath"}} {
		for i, mount := range program.Objects(container.List(field.list)) {
			target := mount.Text(field.path)
			if target == "" {
				continue
			}
			at := schema.Root(field.list).Item(i)
			target = path.Clean(target)
			volume := message.Quote(mount.Text("name"))
			if first, twice := taken[target]; twice {
				c.bad(at.Member(field.path), "choose another path", "path %s is mounted twice: volume %s here, and %s", message.Quote(target), volume, first)
				continue
			}
			taken[target] = fmt.Sprintf("volume %s by %s", volume, at)
		}
	}
}
