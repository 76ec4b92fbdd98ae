package fleet

import (
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
)

// Stripped returns a pod without its sidecars, as far as its status annotation lists them: what its creator
// may have asked the API server for.
func Stripped(pod []byte) ([]byte, error) {
	running, err := decodePod(pod)
	if err != nil {
		return nil, err
	}
	status, err := statusOf(running)
	if err != nil {
		return nil, fmt.Errorf("pod: %w", err)
	}
	return json.Marshal(strip(running, status))
}

// Unlike returns how a new pod with this standing differs from what a target is to become; "" if it does
// not. Where that is not thorough, it is enough that the new pod has the sidecars, in their revisions.
func (s *Standing) Unlike(t *Target, thorough bool) string {
	for _, name := range slices.Sorted(maps.Keys(t.Wants)) {
		if why := s.unlike(name, t.Wants[name], thorough); why != "" {
			return why
		}
	}
	return ""
}

func (s *Standing) unlike(name, revision string, thorough bool) string {
	i := s.instance(name)
	switch {
	case i == nil || i.Revision == "":
		return fmt.Sprintf("a new pod comes without %s: the injector does not inject now, or nothing asks for it any more", name)
	case i.Revision != revision:
		return fmt.Sprintf("a new pod comes with revision %s of %s: the injector does not have revision %s in force", i.Revision, name, revision)
	case i.State == Current, !thorough:
		return ""
	}
	for _, c := range i.Changes {
		if c.Field == "image" {
			return fmt.Sprintf("the injector gives another image, %s: another webhook changes it, or it has other settings than can be read", c.From)
		}
	}
	return "a new pod differs too: " + i.Why
}

// instance returns the sidecar of that name; nil if there is none.
func (s *Standing) instance(name string) *Instance {
	for n := range s.Instances {
		if s.Instances[n].Name == name {
			return &s.Instances[n]
		}
	}
	return nil
}
