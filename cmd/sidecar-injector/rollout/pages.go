package rollout

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pageSize is how many objects are read by one request.
const pageSize = 500

// listed returns the objects of a list, which page reads in parts; next is the token of the next part, "" for
// none. If a token has expired, the list is read again from the start.
func listed[T any](ctx context.Context, r *Runner, resource, namespace, selector string, page func(context.Context, metav1.ListOptions) (items []T, next string, err error)) ([]T, error) {
	var all []T
	options := metav1.ListOptions{LabelSelector: selector, Limit: pageSize}
	for {
		err := r.call(ctx, "list", resource, namespace, func(ctx context.Context) error {
			items, next, err := page(ctx, options)
			if err == nil {
				all, options.Continue = append(all, items...), next
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
