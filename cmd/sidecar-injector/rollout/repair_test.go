package rollout

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// TestNoWorkloadIsRepairedTwiceWithinTenMinutes, whatever clock has written the annotation; the reason says
// no more than is known.
func TestNoWorkloadIsRepairedTwiceWithinTenMinutes(t *testing.T) {
	at := time.Date(2026, 7, 1, 14, 0, 0, 0, time.FixedZone("CEST", 2*60*60))
	for last, want := range map[string]string{
		"": "", "yesterday": "",
		"2026-07-01T11:49:00Z":      "",
		"2026-07-01T11:51:00Z":      "it was repaired at 2026-07-01T11:51:00Z, and its new pods lack the sidecar too: not twice within 10m0s",
		"2026-07-01T13:51:00+02:00": "it was repaired at 2026-07-01T11:51:00Z, and its new pods lack the sidecar too: not twice within 10m0s",
		"2026-07-01T12:09:00Z": "its annotation sidecar-injector.dev/repaired says 2026-07-01T12:09:00Z, and the API server's clock 2026-07-01T12:00:00Z: " +
			"which of its pods were there cannot be told; it can be repaired from 2026-07-01T12:19:00Z on, or without the annotation",
		"2026-07-01T12:11:00Z": "", // the repair writes the time that it is
		"2106-07-01T12:00:00Z": "",
	} {
		now := &owner{}
		now.meta.Annotations = map[string]string{repairedAnnotation: last}
		s := step("web")
		_, resumed, err := quiet(Limits{}).mayRepair(t.Context(), &s, now, at)
		if (err == nil) != (want == "") || err != nil && err.Error() != want || resumed {
			t.Errorf("%q: resumed %v, %v", last, resumed, err)
		}
	}
}

// TestARepairGoesByTheAPIServersClock: the user's may be five minutes before or behind it.
func TestARepairGoesByTheAPIServersClock(t *testing.T) {
	for _, ahead := range []time.Duration{-5 * time.Minute, 5 * time.Minute} {
		t.Run(ahead.String(), func(t *testing.T) {
			t.Parallel()
			clock := func() metav1.Time { return metav1.NewTime(time.Now().Add(ahead).Truncate(time.Second)) }
			p, r, s := newPlane(t, 1, 1, 0, "web-1", "web-2")
			r.Repairs, r.Limits.Timeout = true, 5*time.Second
			r.Judge = func(_ string, text []byte) (*fleet.Standing, error) {
				pod := corev1.Pod{}
				if err := json.Unmarshal(text, &pod); err != nil {
					return nil, err
				}
				i := fleet.Instance{Name: "side", Revision: "2"}
				if pod.Labels["lacks"] != "" {
					i.State = fleet.Missed
				}
				return &fleet.Standing{Instances: []fleet.Instance{i}}, nil
			}
			lack := func(name string) {
				p.pods[name].Labels["lacks"], p.pods[name].CreationTimestamp = "yes", clock()
			}
			web := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}, Spec: appsv1.DeploymentSpec{Replicas: new(int32(1)),
				Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}}
			p.other = func(q *http.Request) (any, error) {
				text, err := io.ReadAll(q.Body)
				switch name := path.Base(q.URL.Path); {
				case err != nil:
					return nil, err
				case lists(q):
					return &corev1.PodList{Items: []corev1.Pod{*p.pods[[]string{"web-1", "web-2"}[len(p.evicted)]]}}, nil
				case name == "pods": // a dry run
					pod := &corev1.Pod{}
					err := json.Unmarshal(text, pod)
					pod.CreationTimestamp = clock()
					return pod, err
				case name == "web":
					if len(text) > 0 {
						err = json.Unmarshal(text, web)
					}
					return web, err
				}
				return nil, nil
			}
			lack("web-1")
			first := *s
			first.Targets = s.Targets[:1]
			if err := r.evictAll(t.Context(), &first, &Outcome{}); err != nil || len(p.evicted) != 1 {
				t.Fatalf("%v is evicted: %v", p.evicted, err)
			}
			if at, err := time.Parse(time.RFC3339, web.Annotations[repairedAnnotation]); err != nil || clock().Sub(at).Abs() > 10*time.Second {
				t.Errorf("repaired at %s, and it is %s: %v", at, clock(), err)
			}
			time.Sleep(time.Second)
			lack("web-2")
			again := *s
			again.Targets = s.Targets[1:]
			if err := r.evictAll(t.Context(), &again, &Outcome{}); !errors.As(err, new(*LeftError)) || len(p.evicted) != 1 {
				t.Errorf("%v is evicted: %v", p.evicted, err)
			}
		})
	}
}

// TestAnInterruptedRepairIsResumedWithThePodsThatWereThere also covers pods that were created in the same
// second in which the repair was begun: creation times have a resolution of a second.
func TestAnInterruptedRepairIsResumedWithThePodsThatWereThere(t *testing.T) {
	second := time.Now().Add(-time.Minute).Truncate(time.Second)
	for _, begun := range []time.Time{second, second.Add(time.Millisecond), second.Add(999 * time.Millisecond)} {
		at := nextSecond(begun)
		pod := func(name string, created time.Time) *corev1.Pod {
			return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", UID: types.UID(name), CreationTimestamp: metav1.NewTime(created), Labels: map[string]string{"app": "web"}}}
		}
		r := quiet(Limits{Timeout: time.Second})
		r.Client = fake.NewClientset(pod("before", second), pod("after", at))
		now := &owner{selector: labels.SelectorFromSet(labels.Set{"app": "web"})}
		now.meta.Annotations = map[string]string{repairedAnnotation: at.Format(time.RFC3339)}
		s := step("web")
		s.Targets = []fleet.Target{{Name: "before", UID: "before"}, {Name: "after", UID: "after"}}
		got, resumed, err := r.mayRepair(t.Context(), &s, now, time.Now())
		if err != nil || !resumed || len(got) != 1 || got[0].Name != "before" {
			t.Errorf("begun %s after the second: resumed %v with %v (%v)", begun.Sub(second), resumed, got, err)
		}
		s.Targets = s.Targets[1:]
		if _, _, err := r.mayRepair(t.Context(), &s, now, time.Now()); !errors.As(err, new(*LeftError)) {
			t.Errorf("begun %s after the second: the new pod is evicted as well: %v", begun.Sub(second), err)
		}
	}
}
