package explain

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// needs writes the permissions that a sidecar needs, and the commands that grant them; the commands are
// written once for instances with equal needs.
func (w *writer) needs(in *Instance) {
	if !in.needy() {
		return
	}
	label, of := "needs", "(rights of the service account "+terminal.Cut(w.e.ServiceAccount)
	switch {
	case w.e.rightsGiven && w.e.Live:
		of += ", which has them"
	case w.e.rightsGiven:
		of += ", which the manifests give it"
	}
	for _, p := range in.Needs {
		w.field(label, fmt.Sprintf("%s  %s", p, w.Faint(of+")")))
		label = ""
	}
	if w.e.rightsGiven {
		return
	}
	first := slices.IndexFunc(w.e.Instances, func(other Instance) bool {
		return other.needy() && reflect.DeepEqual(other.Needs, in.Needs)
	})
	if &w.e.Instances[first] != in {
		return
	}
	label = "granted by"
	for _, command := range grants(in.Needs, in.Template, w.e.Namespace, w.e.ServiceAccount) {
		w.field(label, w.Faint(command))
		label = ""
	}
}

// findTokenless adds a note to sidecars of a live pod that need the service account's token and do not get
// it.
func (e *Explanation) findTokenless(pod *podFields) {
	for i := range e.Instances {
		in := &e.Instances[i]
		if in.Outcome != inject.Unchanged || !in.needy() || pod.tokens(in.Containers) {
			continue
		}
		why := "the ServiceAccount " + terminal.Cut(e.ServiceAccount) + " has automountServiceAccountToken: false, and spec of the pod does not say true"
		if mount := pod.Spec.AutomountServiceAccountToken; mount != nil {
			why = "spec.automountServiceAccountToken of the pod is false: remove that line"
		}
		in.Notes = append([]string{"it has no token of the service account, without which the rights are of no use: " + why + "; only a new pod gets one"}, in.Notes...)
	}
}

// tokenPath is where the API server mounts the service account's token.
const tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount"

// tokens reports whether each of these containers of the pod has the service account's token.
func (p *podFields) tokens(names []string) bool {
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		mounts := slices.ContainsFunc(c.VolumeMounts, func(m struct{ Name, MountPath string }) bool { return m.MountPath == tokenPath })
		if slices.Contains(names, c.Name) && !mounts {
			return false
		}
	}
	return true
}

// needy reports whether the instance is in the pod and needs permissions.
func (in *Instance) needy() bool {
	return len(in.Needs) > 0 && (in.Outcome == inject.Injected || in.Outcome == inject.Unchanged)
}

// grants returns the commands that grant a service account what a sidecar needs; none if that takes more
// than a Role by namespace.
func grants(needs []v1alpha1.Permission, name, namespace, account string) []string {
	var commands []string
	for i, p := range needs {
		if len(p.ResourceNames) > 0 || slices.Contains(p.Namespaces, v1alpha1.EveryNamespace) {
			return nil
		}
		role := name
		if i > 0 {
			role += fmt.Sprintf("-%d", i+1)
		}
		namespaces := p.Namespaces
		if len(namespaces) == 0 {
			namespaces = []string{namespace}
		}
		for _, n := range namespaces {
			commands = append(commands,
				fmt.Sprintf("kubectl create role %s -n %s --verb=%s --resource=%s", role, terminal.ShellWord(n), terminal.ShellWord(strings.Join(p.Verbs, ",")), terminal.ShellWord(strings.Join(p.Qualified(), ","))),
				fmt.Sprintf("kubectl create rolebinding %s -n %s --role=%s --serviceaccount=%s", role, terminal.ShellWord(n), role, terminal.ShellWord(namespace+":"+account)))
		}
	}
	return commands
}
