// Package live reads of a cluster what the commands answer from: the injector and
// its templates, namespaces, workloads and their pods. It reads with the rights of
// whoever runs the command; what these do not allow becomes a note, not an error.
package live

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

// chunk is how many objects one answer of the API server holds, as in kubectl.
const chunk = 500

// Reader reads one cluster. It serves one command, one goroutine.
type Reader struct {
	client   kubernetes.Interface
	dynamic  dynamic.Interface
	metadata metadata.Interface
	notes    []string
	// unread says that some templates may not be read; inForce are the revisions of the others.
	unread  bool
	inForce map[templateKey]string
	// Progress hears how many pods have been read, and of how many; that is 0 where the API server does not
	// say. It may be nil.
	Progress func(what string, done, of int)
}

// NewReader makes the clients; it asks the cluster nothing yet.
func NewReader(given *rest.Config) (*Reader, error) {
	config := rest.CopyConfig(given)
	config.QPS = -1 // the API server limits its callers itself
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	headers, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return &Reader{client: client, dynamic: objects, metadata: headers}, nil
}

// Client is the one that everything is read with.
func (r *Reader) Client() kubernetes.Interface { return r.client }

// Dynamic is the client for custom resources.
func (r *Reader) Dynamic() dynamic.Interface { return r.dynamic }

// Notes are what could not be read and what follows from that, each once.
func (r *Reader) Notes() []string { return r.notes }

// Note adds one.
func (r *Reader) Note(text string) {
	if !slices.Contains(r.notes, text) {
		r.notes = append(r.notes, text)
	}
}

// excuse turns a refusal to show something into a note; any other error stays one.
func (r *Reader) excuse(what, consequence string, err error) error {
	if !Denied(err) {
		return fmt.Errorf("%s: %w", what, err)
	}
	r.Note(fmt.Sprintf("%s cannot be read with your rights: %s", what, consequence))
	return nil
}

// Denied says that somebody lacks the right, and nothing else is wrong.
func Denied(err error) bool { return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) }

// chunks reads a long list in parts, so that neither side holds it all at once.
func chunks[T any](ctx context.Context, options metav1.ListOptions, list func(context.Context, metav1.ListOptions) (items []T, next string, err error)) ([]T, error) {
	var all []T
	options.Limit = chunk
	for {
		items, next, err := list(ctx, options)
		if goOn := expired(err); goOn != "" {
			options.Continue = goOn
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
		if next == "" {
			return all, nil
		}
		options.Continue = next
	}
}

// expired is where to go on with a list that took longer than the API server remembers;
// what follows is then of a newer state, which is good enough for people. "" for
// every other error.
func expired(err error) string {
	status := apierrors.APIStatus(nil)
	if !apierrors.IsResourceExpired(err) || !errors.As(err, &status) {
		return ""
	}
	return status.Status().Continue
}
