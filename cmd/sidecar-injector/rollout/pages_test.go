package rollout

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestAListIsReadInPages, and again from its start if the token of the next one has expired.
func TestAListIsReadInPages(t *testing.T) {
	var asked []string
	expired := false
	got, err := listed(t.Context(), quiet(Limits{}), "pods", "shop", "app=web", func(_ context.Context, o metav1.ListOptions) ([]int, string, error) {
		asked = append(asked, fmt.Sprintf("%s %d %s", o.LabelSelector, o.Limit, o.Continue))
		switch {
		case o.Continue == "":
			return []int{1, 2}, "a", nil
		case o.Continue == "a":
			return []int{3, 4}, "b", nil
		case !expired:
			expired = true
			return nil, "", apierrors.NewResourceExpired("too old")
		}
		return []int{5}, "", nil
	})
	once := []string{"app=web 500 ", "app=web 500 a", "app=web 500 b"}
	if diff := cmp.Diff([]int{1, 2, 3, 4, 5}, got) + cmp.Diff(append(once, once...), asked); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}
