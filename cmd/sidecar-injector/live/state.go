package live

import (
	"cmp"
	"fmt"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// State is how a running pod stands to what it would be given today. The states are
// ordered: the worst last.
type State int

// The states of a pod.
const (
	// Bare: it has no sidecar of ours and would get none.
	Bare State = iota
	// Current: it has all that it would get.
	Current
	// Unknown: whoever asks may not read what would tell, or nobody can.
	Unknown
	// Outdated: it has a sidecar of another revision, or with other parameters.
	Outdated
	// Missed: it would get a sidecar that it does not have. It was created while the
	// injector could not answer, or before somebody asked.
	Missed
	// Refused: it lacks a sidecar that it asks for, and would not be admitted today.
	Refused
)

// Standing is the state of a pod and of each of its sidecars.
type Standing struct {
	State     State
	Instances []Instance
	// Why is a sentence where the request as a whole cannot be read, and no instance says so.
	Why string
	// Decided are the instances of the decision, with the rights that they need.
	Decided []inject.Instance
}

// Instance is one sidecar of a pod.
type Instance struct {
	Name     string
	Template string
	// Revision that the pod has, "" if it lacks the sidecar; Today is that of a new pod,
	// "" if there is no such template any more.
	Revision, Today string
	State           State
	// Why is a sentence where the state is not Current.
	Why string
	// Waiting is why a container of it has not started, "" if none waits.
	Waiting string

	from string // the template that the pod's sidecar came from, by name
}

// Text is template@revision, and the instance where it is called otherwise.
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

// Stand runs the decision about a pod that exists, as if it were created now.
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

// settle finds the pod's state: that of its worst sidecar, or of the request as a whole.
func (s *Standing) settle() {
	s.State = Bare
	if s.Why != "" {
		s.State = Refused
	}
	for _, i := range s.Instances {
		s.State = max(s.State, i.State)
	}
}
