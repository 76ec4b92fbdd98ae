package webhook

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Namespaces returns the labels and annotations of a namespace. An error is an internal error, never the
// pod's fault: the pod then gets no decision.
type Namespaces interface {
	Namespace(ctx context.Context, name string) (inject.Namespace, error)
}

// Rereader is implemented by Namespaces that may be behind the cluster.
type Rereader interface {
	// Reread returns the namespace as it was at some time after the call.
	Reread(ctx context.Context, name string) (inject.Namespace, error)
}

// The results of reading a namespace again in the metrics.
const (
	rereadSame   = "same"   // the namespace is unchanged, and so is the decision
	rereadNewer  = "newer"  // the watch was behind
	rereadFailed = "failed" // the read failed, so there is no decision
)

// decideIn calls decide with the namespace. If its label denies injection although the webhook's selectors
// let the request through, the API server has newer data than the watch, so the namespace is read again and
// decide is called with what was read. Otherwise a pod that is created right after its namespace was
// labelled would stay without sidecars.
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

// unread returns the error for a namespace that could not be read: that of a disconnected client, or an
// internal one.
func (o *Options) unread(ctx context.Context, name string, err error) error {
	if gone := heeded(ctx); gone != nil {
		return gone
	}
	return fmt.Errorf("namespace %s: %w", message.Quote(name), err)
}

// deniedByLabel reports whether an outdated label of the namespace may be the reason for a decision.
func deniedByLabel(reason inject.Reason) bool {
	return reason == inject.NotEnabled || reason == inject.NamespaceDisabled || reason == inject.UnknownLabelValue
}

// StandaloneNamespaces are the namespaces of an injector without a cluster: those that were given, while
// any other one counts as enabled.
type StandaloneNamespaces struct {
	given map[string]inject.Namespace
}

// NewStandaloneNamespaces returns the given namespaces. If two have the same name, the last one counts.
func NewStandaloneNamespaces(given []inject.Namespace) *StandaloneNamespaces {
	byName := make(map[string]inject.Namespace, len(given))
	for _, namespace := range given {
		byName[namespace.Name] = namespace
	}
	return &StandaloneNamespaces{given: byName}
}

// Namespace implements Namespaces. It never fails.
func (s *StandaloneNamespaces) Namespace(_ context.Context, name string) (inject.Namespace, error) {
	if namespace, ok := s.given[name]; ok {
		return namespace, nil
	}
	return inject.EnabledNamespace(name), nil
}

// Run does nothing, since the namespaces do not change.
func (s *StandaloneNamespaces) Run(context.Context) {}

// Synced returns true.
func (s *StandaloneNamespaces) Synced() bool { return true }
