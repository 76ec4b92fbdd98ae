package live

import (
	"cmp"
	"fmt"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// State compares a running pod with what it would get now. The states are ordered; the worst is the last.
type State int

// The states of a pod.
const (
	// Bare means that it has no sidecars and would get none.
	Bare State = iota
	// Current means that it has all that it would get.
	Current
	// Unknown means that what decides cannot be read with the user's permissions, or at all.
	Unknown
	// Outdated means that it has a sidecar of another revision, or with other parameters.
	Outdated
	// Missed means that it lacks a sidecar that it would get. It was created while the injector could not
	// answer, or before the sidecar was requested.
	Missed
	// Refused means that it lacks a sidecar that it requests, and would not be admitted now.
	Refused
)

// Standing is the state of a pod and of each of its sidecars.
type Standing struct {
	State     State
	Instances []Instance
	// Why describes a fault of the request as a whole; "" if there is none.
	Why string
	// Decided are the instances of the decision, with the permissions that they need.
	Decided []inject.Instance
}

// Instance is one sidecar of a pod.
type Instance struct {
	Name     string
	Template string
	// Revision is the one that the pod has, "" if it lacks the sidecar. Today is that of a new pod, "" if
	// the template does not exist any more.
	Revision, Today string
	State           State
	// Why describes a state other than Current.
	Why string
	// Waiting is why a container of it has not started; "" if none waits.
	Waiting string

	from string // name of the template that the pod's sidecar came from
}

// Text returns template@revision, preceded by "instance=" if the instance has another name.
func (i Instance) Text() string {
	name := terminal.Shown(i.Template)
	if i.Name != i.Template {
		name = terminal.Shown(i.Name) + "=" + name
	}
	if i.Revision == "" {
		return name
	}
	return name + "@" + terminal.Shown(i.Revision)
}

// Stand decides on an existing pod as if it were created now, and compares.
func Stand(set *templates.Set, settings *inject.Settings, namespace inject.Namespace, pod *Pod) (Standing, error) {
	result, err := inject.Inject(set, settings, &inject.Request{Pod: pod.JSON, Namespace: namespace, Permissions: true})
	if err != nil {
		return Standing{}, fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	s := Standing{Decided: result.Instances}
	for n := range result.Instances {
		in := &result.Instances[n]
		i := Instance{Name: in.Name, Template: in.TemplateName, Why: in.Outdated}
		if in.Template != nil {
			i.Today = in.Template.Revision
		}
		for _, c := range in.Containers {
			i.Waiting = cmp.Or(i.Waiting, pod.Waiting[c.Name])
		}
		switch in.Outcome {
		case inject.Unchanged:
			i.Revision, i.State, i.from = in.Revision(), Current, in.Entry.TemplateName()
			if in.Outdated != "" {
				i.State = Outdated
			}
		case inject.Injected:
			i.State, i.Why = Missed, "asked for, and not there"
		case inject.Refused:
			i.State, i.Why = Refused, in.Detail
		default: // skipped or admitted without: it would not have it today either
			continue
		}
		s.Instances = append(s.Instances, i)
	}
	s.Instances = append(s.Instances, leftovers(result, pod)...)
	for _, f := range result.Faults {
		if f.Index < 0 && !f.Ignored {
			s.Why = f.String()
			break
		}
	}
	s.settle()
	return s, nil
}

// settle sets the pod's state: that of its worst sidecar, or Refused if the request as a whole is at fault.
func (s *Standing) settle() {
	s.State = Bare
	if s.Why != "" {
		s.State = Refused
	}
	for _, i := range s.Instances {
		s.State = max(s.State, i.State)
	}
}
