package rollout

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pageSize is how many objects are read by one request.
const pageSize = 500

// listed reads a list of a namespace in pages; items returns what is of interest in one. If the token of a page has
// expired, the list is read again from the start.
func listed[L interface{ GetContinue() string }, T any](ctx context.Context, r *Runner, resource, namespace string, options metav1.ListOptions, list func(context.Context, metav1.ListOptions) (L, error), items func(L) []T) ([]T, error) {
	var all []T
	options.Limit = pageSize
	for {
		err := r.call(ctx, "list", resource, namespace, func(ctx context.Context) error {
			page, err := list(ctx, options)
			if err == nil {
				all, options.Continue = append(all, items(page)...), page.GetContinue()
			}
			return err
		})
		switch {
		case apierrors.IsResourceExpired(err) && options.Continue != "":
			all, options.Continue = nil, ""
		case err != nil:
			return nil, err
		case options.Continue == "":
			return all, nil
		}
	}
}
