package fleet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// State is how a sidecar of a running pod stands to what a new pod would get. The states are
// ordered: the worst last.
type State int

// The states.
const (
	// Current: it is what a new pod would get.
	Current State = iota
	// OptedOut: pod or namespace decline it, or nothing asks for it any more.
	OptedOut
	// Unknown: what would tell cannot be read.
	Unknown
	// InPlace: it differs in images, or in cpu or memory, which the server changes in a running pod.
	InPlace
	// Restart: it differs in something that only a new pod can have.
	Restart
	// Missed: a new pod would get it, and this one lacks it.
	Missed
	// Blocked: it is not current, and a new pod would be refused or admitted without it, or a
	// PodDisruptionBudget allows no pod to go.
	Blocked
	// Failing: one of its containers does not run, or is not ready.
	Failing
)

func stateNames() []string {
	return []string{"current", "opted out", "unknown", "in-place", "restart", "missed", "blocked", "failing"}
}

// String is the state in a word or two.
func (s State) String() string { return stateNames()[s] }

// MarshalText is String.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// States are all, the worst first.
func States() []State {
	return []State{Failing, Blocked, Missed, Restart, InPlace, Unknown, OptedOut, Current}
}

// ParseState reads a state as String writes it, or with a hyphen for the space.
func ParseState(text string) (State, error) {
	if i := slices.Index(stateNames(), strings.ReplaceAll(text, "opted-out", "opted out")); i >= 0 {
		return State(i), nil
	}
	var names []string
	for _, s := range States() {
		names = append(names, strings.ReplaceAll(s.String(), " ", "-"))
	}
	return 0, fmt.Errorf("state %s: want one of %s", message.Quote(text), strings.Join(names, ", "))
}

// Server is what the API server can change in a running pod.
type Server struct {
	// Minor is its minor version: images of native sidecars may change since 1.32.
	Minor int
	// Resize says that it serves pods/resize.
	Resize bool
}

// firstInPlace is the first minor version in which the image of a native sidecar may change.
const firstInPlace = 32

// Standing is how a pod stands.
type Standing struct {
	Instances []Instance
	// Bare says that the pod has no sidecar of ours and would get none.
	Bare bool
	// Status is the status annotation of the pod once its Changes are made.
	Status string
}

// Changes are those of all its sidecars; nil where one of them takes a new pod.
func (s *Standing) Changes() []Change {
	var all []Change
	for n := range s.Instances {
		switch i := &s.Instances[n]; i.State {
		case Restart:
			return nil
		case InPlace:
			all = append(all, i.Changes...)
		}
	}
	return all
}

// Worst is the worst state of its sidecars, trouble left out.
func (s *Standing) Worst() (state State, why string) {
	for n := range s.Instances {
		if i := &s.Instances[n]; n == 0 || i.State > state {
			state, why = i.State, i.Why
		}
	}
	return state, why
}

// Instance is how one sidecar of a pod stands.
type Instance struct {
	// Name is "" where a pod opted out as a whole.
	Name     string
	Template string
	// Revision that the pod has, "" if it lacks the sidecar; Today is that of a new pod, "" if
	// there is no such template any more.
	Revision, Today string
	// Canary is the name of the canary that Today is of; "" where it is the template's own.
	Canary string
	// State leaves Trouble and budgets out.
	State State
	// Why is a sentence where the state is not Current.
	Why string
	// Trouble is why a container of it is not ready, such as CrashLoopBackOff; "" if all are.
	Trouble string
	// Changes bring it up to date where the state is InPlace.
	Changes []Change
}

// Shown is the state that people see: trouble counts more than all else.
func (i *Instance) Shown() (state State, why string) {
	if i.Trouble != "" {
		return Failing, i.Trouble
	}
	return i.State, i.Why
}

// Text is template@revision, and the instance where it is called otherwise.
func (i *Instance) Text() string {
	name := i.Template
	if i.Name != i.Template {
		name = i.Name + "=" + name
	}
	if i.Revision == "" {
		return name
	}
	return name + "@" + i.Revision
}

// Change is a field of a container of ours that is to have another value in the running pod.
type Change struct {
	Container string
	// Init says that it is one of the init containers.
	Init bool
	// Field is image, or requests.cpu, requests.memory, limits.cpu, limits.memory.
	Field    string
	From, To string
}

// String is "container: field from → to".
func (c Change) String() string {
	from := c.From
	if from == "" {
		from = "none"
	}
	return fmt.Sprintf("%s: %s %s → %s", c.Container, c.Field, from, c.To)
}
