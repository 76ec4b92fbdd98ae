package fleet

import (
	"fmt"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// State compares a sidecar of a running pod with what a new pod would get. The states are ordered; the
// worst is the last.
type State int

// The states.
const (
	// Current means that it is what a new pod would get.
	Current State = iota
	// OptedOut means that pod or namespace decline it, or that nothing requests it any more.
	OptedOut
	// Unknown means that what decides cannot be read.
	Unknown
	// InPlace means that it differs in images, cpu or memory, which the API server can change in the
	// running pod.
	InPlace
	// Restart means that it differs in something that requires a new pod.
	Restart
	// Missed means that a new pod would get it, and this one lacks it.
	Missed
	// Blocked means that it is not current, and that a new pod would be refused or admitted without it, or
	// that a PodDisruptionBudget allows no disruption.
	Blocked
	// Failing means that one of its containers does not run or is not ready.
	Failing
)

func stateNames() []string {
	return []string{"current", "opted out", "unknown", "in-place", "restart", "missed", "blocked", "failing"}
}

// String returns the state in one or two words.
func (s State) String() string { return stateNames()[s] }

// MarshalText returns String.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// States returns all states, the worst first.
func States() []State {
	return []State{Failing, Blocked, Missed, Restart, InPlace, Unknown, OptedOut, Current}
}

// Word returns the state in one word, with a hyphen instead of a space.
func (s State) Word() string { return strings.ReplaceAll(s.String(), " ", "-") }

// ParseState parses a state as String or Word returns it.
func ParseState(text string) (State, error) {
	var names []string
	for _, s := range States() {
		if text == s.String() || text == s.Word() {
			return s, nil
		}
		names = append(names, s.Word())
	}
	return 0, fmt.Errorf("state %s: want one of %s", message.Quote(text), strings.Join(names, ", "))
}

// Standing is the result of the comparison for one pod.
type Standing struct {
	Instances []Instance
	// Bare is true if the pod has no sidecars and would get none.
	Bare bool
	// Status is the pod's status annotation after Changes are applied.
	Status string
}

// Changes returns the changes of all sidecars; nil if one of them requires a new pod.
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

// Settled reports whether nothing about the sidecars is to change.
func (s *Standing) Settled() bool {
	state, _ := s.Worst()
	return state <= OptedOut
}

// Worst returns the worst state of the sidecars, without Trouble.
func (s *Standing) Worst() (state State, why string) {
	for n := range s.Instances {
		if i := &s.Instances[n]; n == 0 || i.State > state {
			state, why = i.State, i.Why
		}
	}
	return state, why
}

// Instance is the result of the comparison for one sidecar.
type Instance struct {
	// Name is "" if the pod opted out as a whole, or its request cannot be read.
	Name     string
	Template string
	// Revision is the one that the pod has, "" if it lacks the sidecar. Today is that of a new pod, "" if
	// the template does not exist any more.
	Revision, Today string
	// Canary is the name of the canary that Today belongs to; "" if it is the template's own.
	Canary string
	// State does not reflect Trouble, and budgets only after Obstruct.
	State State
	// Why describes a state other than Current.
	Why string
	// Trouble is why a container of it is not healthy, such as CrashLoopBackOff; "" if all are.
	Trouble string
	// Changes are the changes that update it, if State is InPlace.
	Changes []Change
	// Outcome is what a new pod would get; "" if nothing requests it there.
	Outcome inject.Outcome
}

// Shown returns the state for display: Failing if there is Trouble, else State.
func (i *Instance) Shown() (state State, why string) {
	if i.Trouble != "" {
		return Failing, i.Trouble
	}
	return i.State, i.Why
}

// Change is a field of an injected container to be changed in the running pod.
type Change struct {
	Container string
	// Init is true for an init container.
	Init bool
	// Field is image, or requests.cpu, requests.memory, limits.cpu, limits.memory.
	Field    string
	From, To string
	// Restarts is true for an amount whose resizePolicy is RestartContainer. Ready is true if the container
	// is ready now.
	Restarts, Ready bool
}

// Stops reports whether a container that is ready is stopped for the change and started again.
func (c Change) Stops() bool { return c.Ready && (c.Field == "image" || c.Restarts) }

// String returns "container: field from → to".
func (c Change) String() string {
	from := c.From
	if from == "" {
		from = "none"
	}
	return fmt.Sprintf("%s: %s %s → %s", c.Container, c.Field, from, c.To)
}
