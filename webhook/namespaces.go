package webhook

import (
	"context"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Namespaces tells what counts of a namespace. An error is the injector's fault,
// never the pod's: the pod is then not decided on at all.
type Namespaces interface {
	Namespace(ctx context.Context, name string) (inject.Namespace, error)
}

// StandaloneNamespaces are those of an injector without a cluster: a namespace
// counts as it was given, any other one as enabled.
type StandaloneNamespaces struct {
	given map[string]inject.Namespace
}

// NewStandaloneNamespaces takes the namespaces that are known; of two with one name the last counts.
func NewStandaloneNamespaces(given []inject.Namespace) *StandaloneNamespaces {
	byName := make(map[string]inject.Namespace, len(given))
	for _, namespace := range given {
		byName[namespace.Name] = namespace
	}
	return &StandaloneNamespaces{given: byName}
}

// Namespace never fails.
func (s *StandaloneNamespaces) Namespace(_ context.Context, name string) (inject.Namespace, error) {
	if namespace, ok := s.given[name]; ok {
		return namespace, nil
	}
	return inject.Namespace{Name: name, Labels: map[string]string{inject.InjectionLabel: "enabled"}}, nil
}

// Run does nothing: what was given does not change.
func (s *StandaloneNamespaces) Run(context.Context) {}

// Synced is always true.
func (s *StandaloneNamespaces) Synced() bool { return true }
