package rollout

import (
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// TestCanariesWithoutASelectorAreLookedAt: pods alone, those of Jobs, and of owners that nobody knows are
// known by name only.
func TestCanariesWithoutASelectorAreLookedAt(t *testing.T) {
	for _, kind := range []string{"Pod", "Job", "CronJob", "CloneSet"} {
		p, r, s := newPlane(t, 1, 2, 1, "web-1", "web-2")
		s.Kind = kind
		r.Limits.Wait = time.Millisecond
		if err := r.look(t.Context(), []fleet.Step{*s}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		w := &watch{s, map[types.UID]condition{}, map[types.UID]bool{}}
		for name, pod := range p.pods {
			w.before[types.UID(name)] = conditionOf(pod)
		}
		p.unready("web-2", "")
		if err := r.glance(t.Context(), w); !errors.As(err, new(*TroubleError)) || !strings.Contains(err.Error(), "a canary: pod web-2: container side: ErrImagePull") {
			t.Errorf("%s: %v", kind, err)
		}
		delete(p.pods, "web-2")
		if err := r.glance(t.Context(), w); err != nil {
			t.Errorf("%s: the pod has gone: %v", kind, err)
		}
	}
}
