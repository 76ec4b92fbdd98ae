package webhook

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Namespaces tells what counts of a namespace. An error is the injector's fault,
// never the pod's: the pod is then not decided on at all.
type Namespaces interface {
	Namespace(ctx context.Context, name string) (inject.Namespace, error)
}

// Rereader is implemented by Namespaces that may be behind the cluster.
type Rereader interface {
	// Reread gives a namespace as it is at some moment after the call.
	Reread(ctx context.Context, name string) (inject.Namespace, error)
}

// The results of reading a namespace again in the metrics.
const (
	rereadSame   = "same"   // the namespace says no indeed
	rereadNewer  = "newer"  // what was known of it was out of date
	rereadFailed = "failed" // nobody knows, so there is no decision
)

// decideIn decides in a namespace. If the namespace says no to a call that the webhook's
// selectors let through, the API server knew more than we did: the namespace is read again,
// or the pod would do without sidecars for good because it was made a moment after the label.
func (o *Options) decideIn(ctx context.Context, name string, decide func(inject.Namespace) (*inject.Result, error)) (*inject.Result, error) {
	if !o.Templates.Ready() {
		return nil, errors.New("templates are not loaded yet")
	}
	namespace, err := o.Namespaces.Namespace(ctx, name)
	if err != nil {
		return nil, o.unread(ctx, name, err)
	}
	result, err := decide(namespace)
	if err != nil || !deniedByLabel(result.Reason) {
		return result, err
	}
	behind, ok := o.Namespaces.(Rereader)
	if !ok {
		return result, nil
	}
	if err := heeded(ctx); err != nil {
		return nil, err
	}
	newer, err := behind.Reread(ctx, name)
	switch {
	case err != nil:
		o.Metrics.rereads.WithLabelValues(rereadFailed).Inc()
		return nil, o.unread(ctx, name, err)
	case maps.Equal(newer.Labels, namespace.Labels) && maps.Equal(newer.Annotations, namespace.Annotations):
		o.Metrics.rereads.WithLabelValues(rereadSame).Inc()
		return result, nil
	}
	o.Metrics.rereads.WithLabelValues(rereadNewer).Inc()
	return decide(newer)
}

// unread is why there is no decision: the caller did not wait, or we cannot read.
func (o *Options) unread(ctx context.Context, name string, err error) error {
	if gone := heeded(ctx); gone != nil {
		return gone
	}
	return fmt.Errorf("namespace %s: %w", message.Quote(name), err)
}

// deniedByLabel says whether a decision may be due to what the namespace's label was thought to be.
func deniedByLabel(reason inject.Reason) bool {
	return reason == inject.NotEnabled || reason == inject.NamespaceDisabled || reason == inject.UnknownLabelValue
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
