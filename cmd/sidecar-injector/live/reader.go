// Package live reads from a cluster what the commands need: the injector and its templates, namespaces,
// workloads and their pods. It uses the user's permissions; what they do not allow becomes a note, not an
// error.
package live

import (
	"context"
	"errors"
	"fmt"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

// chunk is the page size of list requests, as in kubectl.
const chunk = 500

// Reader reads one cluster, for one command. It is not safe for concurrent use.
type Reader struct {
	client   kubernetes.Interface
	dynamic  dynamic.Interface
	metadata metadata.Interface
	notes    []string
	// gaps are inputs of the decisions about pods that could not be read. inForce are the revisions of template
	// resources that the injector has in force.
	gaps    []gap
	inForce map[templateKey]string
	// versions are those of the settings and templates as they were read.
	versions map[source]string
	// noNodes is why the nodes could not be read; nil also if the user may not read them.
	noNodes error
	// Progress, if not nil, is called with the number of pods read and their total, which is 0 if the API
	// server does not report it.
	Progress func(what string, done, of int)
}

// NewReader creates the clients. It does not contact the API server.
func NewReader(given *rest.Config) (*Reader, error) {
	config := rest.CopyConfig(given)
	config.QPS = -1 // the API server has its own rate limits
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

// Client returns the client that everything is read with.
func (r *Reader) Client() kubernetes.Interface { return r.client }

// Dynamic returns the client for custom resources.
func (r *Reader) Dynamic() dynamic.Interface { return r.dynamic }

// Notes returns what could not be read and the consequences, each once.
func (r *Reader) Notes() []string { return r.notes }

// Note adds a note, unless it is already there.
func (r *Reader) Note(text string) {
	if !slices.Contains(r.notes, text) {
		r.notes = append(r.notes, text)
	}
}

// excuse turns an error for a missing permission into a note; any other error is returned, wrapped.
func (r *Reader) excuse(what, consequence string, err error) error {
	if !Denied(err) {
		return fmt.Errorf("%s: %w", what, err)
	}
	r.Note(fmt.Sprintf("%s cannot be read with your rights: %s", what, consequence))
	return nil
}

// May reports whether the user has a permission.
func (r *Reader) May(ctx context.Context, attributes *authorizationv1.ResourceAttributes) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: attributes}}
	review, err := r.client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

// chunks reads a long list in pages; items returns what is of interest in a page.
func chunks[L interface{ GetContinue() string }, T any](ctx context.Context, list func(context.Context, metav1.ListOptions) (L, error), items func(L) []T) ([]T, error) {
	var all []T
	options := metav1.ListOptions{Limit: chunk}
	for {
		page, err := list(ctx, options)
		if token := expired(err); token != "" {
			options.Continue = token
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, items(page)...)
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return all, nil
		}
	}
}

// headers returns the items of a page of metadata.
func headers(page *metav1.PartialObjectMetadataList) []metav1.PartialObjectMetadata {
	return page.Items
}

// expired returns the token to continue a list whose continue token has expired; the remaining items are
// then from a newer state, which is acceptable for display. It returns "" for every other error.
func expired(err error) string {
	status := apierrors.APIStatus(nil)
	if !apierrors.IsResourceExpired(err) || !errors.As(err, &status) {
		return ""
	}
	return status.Status().Continue
}
