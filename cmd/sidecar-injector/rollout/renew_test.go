package rollout

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// TestARolloutOfPodsThatAreDueIsNotWaitedFor: each pod is written as the second of its creation, with an
// exclamation mark if it is due.
func TestARolloutOfPodsThatAreDueIsNotWaitedFor(t *testing.T) {
	for _, test := range []struct {
		pods    string
		updated int
		want    bool
	}{
		{"1! 1! 5!", 1, true},    // made by a template that was mended since
		{"1! 1! 5", 1, false},    // made by today's
		{"1! 5! 5", 2, false},    // one of each: it goes on by itself
		{"1! 1! 1!", 0, false},   // it has made none yet
		{"1! 1! 1!", 3, true},    // no rollout at all: its pods are not ready
		{"", 0, false},           // none there
		{"1 1 5!", 1, true},      // its newest pods are behind
		{"1! 2! 3! 4", 4, false}, // all are made, the last ones by today's
	} {
		var pods []corev1.Pod
		due := map[types.UID]bool{}
		for n, text := range strings.Fields(test.pods) {
			second, is := strings.CutSuffix(text, "!")
			pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: types.UID(fmt.Sprint(n)), CreationTimestamp: metav1.Unix(int64(second[0]-'0'), 0)}}
			pods = append(pods, pod)
			if is {
				due[pod.UID] = true
			}
		}
		if got := vain(&owner{updated: test.updated}, pods, due); got != test.want {
			t.Errorf("%q, %d made: %v", test.pods, test.updated, got)
		}
	}
}

// TestAPodThatIsNotReadyForItsOwnReasons: only then a workload that stays like that is left, and the others
// follow. What the sidecars may have caused stops a rollout.
func TestAPodThatIsNotReadyForItsOwnReasons(t *testing.T) {
	crashing := corev1.ContainerStatus{RestartCount: 3, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}
	pod := func(phase corev1.PodPhase, ready bool, app, sidecar corev1.ContainerStatus) corev1.Pod {
		p := side(ready, sidecar)
		p.Status.Phase = phase
		p.Annotations = map[string]string{inject.StatusAnnotation: `{"mine":{"template":"SidecarTemplate/shop/mine","revision":"1","parameters":"1","sidecars":["side"]}}`}
		app.Name = "app"
		p.Status.ContainerStatuses = []corev1.ContainerStatus{app}
		return *p
	}
	bare := corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning}}
	well := pod(corev1.PodRunning, true, runs("app", 0), runs("side", 0))
	for name, test := range map[string]struct {
		pods   []corev1.Pod
		unwell bool
		ill    string
	}{
		"all are ready":            {[]corev1.Pod{well, well}, false, ""},
		"the app crashes":          {[]corev1.Pod{well, pod(corev1.PodRunning, false, crashing, runs("side", 0))}, true, "app"},
		"the sidecar crashes":      {[]corev1.Pod{well, pod(corev1.PodRunning, false, runs("app", 0), crashing)}, false, ""},
		"both crash":               {[]corev1.Pod{pod(corev1.PodRunning, false, crashing, crashing)}, false, "app"},
		"no node for it":           {[]corev1.Pod{pod(corev1.PodPending, false, corev1.ContainerStatus{}, corev1.ContainerStatus{})}, false, ""},
		"an old one has failed":    {[]corev1.Pod{well, {Status: corev1.PodStatus{Phase: corev1.PodFailed}}}, false, ""},
		"no container is reported": {[]corev1.Pod{bare}, true, ""},
	} {
		was := beforeOf(test.pods)
		var ill []string
		for name := range was.ill {
			ill = append(ill, name)
		}
		if got := strings.Join(ill, " "); was.unwell != test.unwell || got != test.ill {
			t.Errorf("%s: unwell %v, ill %q", name, was.unwell, got)
		}
	}
	again := pod(corev1.PodRunning, false, crashing, runs("side", 0))
	if well, trouble := fresh(&again, map[string]bool{"app": true}); well || trouble != "" {
		t.Errorf("the app crashes as before: %v, %q", well, trouble)
	}
	if _, trouble := fresh(&again, nil); trouble == "" {
		t.Error("the app crashes, and did not before: no trouble")
	}
}

// TestWhoseRolloutIsUnderWay: trouble in a rollout that somebody else began does not stop ours.
func TestWhoseRolloutIsUnderWay(t *testing.T) {
	now := time.Now()
	entry := func(manager, subresource string, ago time.Duration) metav1.ManagedFieldsEntry {
		at := metav1.NewTime(now.Add(-ago))
		return metav1.ManagedFieldsEntry{Manager: manager, Subresource: subresource, Time: &at}
	}
	for name, test := range map[string]struct {
		restarted time.Duration
		fields    []metav1.ManagedFieldsEntry
		want      bool
	}{
		"ours":                     {time.Minute, []metav1.ManagedFieldsEntry{entry("kubectl", "", time.Hour), entry(fieldManager, "", time.Minute), entry("kube-controller-manager", "status", 0)}, true},
		"somebody's":               {time.Minute, []metav1.ManagedFieldsEntry{entry("kubectl", "", time.Minute)}, false},
		"somebody's after ours":    {2 * time.Minute, []metav1.ManagedFieldsEntry{entry(fieldManager, "", 2*time.Minute), entry("kubectl", "", time.Minute)}, false},
		"ours, of long ago":        {48 * time.Hour, []metav1.ManagedFieldsEntry{entry(fieldManager, "", 48*time.Hour)}, false},
		"nobody says who began it": {time.Minute, nil, false},
	} {
		o := &owner{}
		o.meta.ManagedFields = test.fields
		o.template.Annotations = map[string]string{restartAnnotation: now.Add(-test.restarted).Format(time.RFC3339)}
		if got := begunByUs(o); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestAFailedPodOfBeforeIsNoTrouble: the pods of a workload that were evicted from their nodes stay around.
func TestAFailedPodOfBeforeIsNoTrouble(t *testing.T) {
	failed := &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted"}}
	if well, trouble := conditionOf(failed).since(failed, nil); !well || trouble != "" {
		t.Errorf("failed before: %v, %q", well, trouble)
	}
	if _, trouble := conditionOf(&corev1.Pod{}).since(failed, nil); trouble == "" {
		t.Error("failed since: no trouble")
	}
}

// TestWhyANewPodIsRefused: a full quota refuses only a pod more.
func TestWhyANewPodIsRefused(t *testing.T) {
	if got := refusal(`pods "web-1" is forbidden: exceeded quota: two, requested: pods=1, used: pods=2, limited: pods=2`); !strings.Contains(got, "beside those that run") || !strings.Contains(got, "exceeded quota: two") {
		t.Error(got)
	}
	if got := refusal("violates PodSecurity"); got != "a new pod would be refused: violates PodSecurity" {
		t.Error(got)
	}
}

// TestAPodThatIsNotToGoAnyMoreIsKept: since the plan was made it has opted out, or what it gets is unknown;
// the others go.
func TestAPodThatIsNotToGoAnyMoreIsKept(t *testing.T) {
	p, r, s := newPlane(t, 1, 3, 2, "web-1", "web-2", "web-3", "web-4")
	p.pods["web-2"].Labels["state"] = "unknown"
	p.pods["web-4"].Spec.InitContainers[0].Image = "side:2"
	p.other = func(q *http.Request) (any, error) {
		if lists(q) {
			return &corev1.PodList{}, nil // nothing has to be waited for
		}
		return nil, nil
	}
	o := &Outcome{}
	err := r.evictEach(t.Context(), s, &owner{}, s.Targets, o)
	if left := (*LeftError)(nil); !errors.As(err, &left) || left.Message != "pod web-2 is unknown by now: why" {
		t.Errorf("%v", err)
	}
	if got := strings.Join(p.evicted, " "); got != "web-1 web-3" {
		t.Errorf("evicted: %s", got)
	}
	p.evicted, r.Repairs = nil, true
	if err := r.evictEach(t.Context(), s, &owner{}, s.Targets, o); err == nil || len(p.evicted) > 0 {
		t.Errorf("a repair evicts %v, which lack no sidecar: %v", p.evicted, err)
	}
}
