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
	type page struct {
		metav1.ListMeta
		numbers []int
	}
	list := func(_ context.Context, o metav1.ListOptions) (*page, error) {
		asked = append(asked, fmt.Sprintf("%s %d %s", o.LabelSelector, o.Limit, o.Continue))
		switch {
		case o.Continue == "":
			return &page{metav1.ListMeta{Continue: "a"}, []int{1, 2}}, nil
		case o.Continue == "a":
			return &page{metav1.ListMeta{Continue: "b"}, []int{3, 4}}, nil
		case !expired:
			expired = true
			return nil, apierrors.NewResourceExpired("too old")
		}
		return &page{numbers: []int{5}}, nil
	}
	got, err := listed(t.Context(), quiet(Limits{}), "pods", "shop", metav1.ListOptions{LabelSelector: "app=web"}, list, func(p *page) []int { return p.numbers })
	once := []string{"app=web 500 ", "app=web 500 a", "app=web 500 b"}
	if diff := cmp.Diff([]int{1, 2, 3, 4, 5}, got) + cmp.Diff(append(once, once...), asked); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}
