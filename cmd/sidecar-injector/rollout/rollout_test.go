package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

func quiet(limits Limits) *Runner {
	return &Runner{Limits: limits, Tell: func(fleet.Workload, string) {}}
}

func step(name string, budgets ...string) fleet.Step {
	return fleet.Step{Workload: fleet.Workload{Namespace: "shop", Kind: "Deployment", Name: name}, How: fleet.InRunningPods, Budgets: budgets}
}

// TestWorkloadsThatShareABudgetComeOneAfterTheOther checks also that other workloads are processed
// concurrently, up to the limit.
func TestWorkloadsThatShareABudgetComeOneAfterTheOther(t *testing.T) {
	steps := []fleet.Step{step("a", "x"), step("b", "x", "y"), step("c", "y"), step("d"), step("e"), step("a")}
	var mu sync.Mutex
	var running []*fleet.Step
	most := 0
	done, err := quiet(Limits{MaxWorkloads: 3}).run(t.Context(), steps, func(_ context.Context, s *fleet.Step, _ *Outcome) error {
		mu.Lock()
		for _, other := range running {
			if other.Name == s.Name || slices.ContainsFunc(other.Budgets, func(b string) bool { return slices.Contains(s.Budgets, b) }) {
				t.Errorf("%v runs beside %v", s, other)
			}
		}
		running = append(running, s)
		most = max(most, len(running))
		mu.Unlock()
		time.Sleep(20 * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		running = slices.DeleteFunc(running, func(other *fleet.Step) bool { return other == s })
		return nil
	})
	if err != nil || len(done) != len(steps) || most != 3 {
		t.Errorf("%d of %d done, %d at once: %v", len(done), len(steps), most, err)
	}
}

// TestTroubleStopsARolloutAndWhatIsLeftDoesNot checks whether the next workload is begun after each kind of
// error.
func TestTroubleStopsARolloutAndWhatIsLeftDoesNot(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		err  error
		want []string
	}{
		"all is well":         {t.Context(), nil, []string{"a", "b", "c"}},
		"something is left":   {t.Context(), &LeftError{"because"}, []string{"a left because", "b", "c"}},
		"trouble":             {t.Context(), &TroubleError{Message: "it restarts"}, []string{"a left / in : it restarts"}},
		"an error":            {t.Context(), errors.New("wrong"), []string{"a left wrong"}},
		"interrupted":         {t.Context(), fmt.Errorf("pods: %w", context.Canceled), []string{"a left interrupted"}},
		"interrupted at once": {ended, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			done, err := quiet(Limits{MaxWorkloads: 1}).run(test.ctx, []fleet.Step{step("a"), step("b"), step("c")}, func(_ context.Context, s *fleet.Step, _ *Outcome) error {
				if s.Name == "a" {
					return test.err
				}
				return nil
			})
			var got []string
			for _, o := range done {
				text := o.Name
				if o.Left != "" {
					text += " left " + o.Left
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if stops := len(test.want) < 3; (err != nil) != stops {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestTroubleEndsTheStepsBesideIt: they begin with no further pod.
func TestTroubleEndsTheStepsBesideIt(t *testing.T) {
	r := quiet(Limits{MaxWorkloads: 2})
	done, err := r.run(t.Context(), []fleet.Step{step("a"), step("b"), step("c")}, func(ctx context.Context, s *fleet.Step, _ *Outcome) error {
		if s.Name == "a" {
			return &TroubleError{Message: "it restarts"}
		}
		for range 500 {
			if err := r.goesOn(ctx); err != nil {
				return err
			}
			time.Sleep(10 * time.Millisecond)
		}
		return nil
	})
	if len(done) != 2 || done[1].Name != "b" || done[1].Left != "the run was stopped meanwhile" || !errors.As(err, new(*TroubleError)) {
		t.Errorf("%v: %v", done, err)
	}
	for name, begin := range map[string]func(*Runner, *fleet.Step, *owner) error{
		"in place": func(r *Runner, s *fleet.Step, _ *owner) error { return r.bring(t.Context(), s, &Outcome{}) },
		"evict": func(r *Runner, s *fleet.Step, now *owner) error {
			return r.evictEach(t.Context(), s, now, s.Targets, &Outcome{})
		},
		"restart": func(r *Runner, s *fleet.Step, now *owner) error { return r.room(t.Context(), s.Workload, now) },
	} {
		p, r, s := newPlane(t, 1, 2, 1, "web-1", "web-2")
		r.stopping.Store(true)
		if err := begin(r, s, &owner{}); !errors.Is(err, errStopping) || len(p.patched)+len(p.evicted) > 0 {
			t.Errorf("%s: %v and %v: %v", name, p.patched, p.evicted, err)
		}
	}
}

// TestAHalfChangedPodOutweighsAnInterruption, which otherwise claims that there is none.
func TestAHalfChangedPodOutweighsAnInterruption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := quiet(Limits{MaxWorkloads: 2})
		_, err := r.run(t.Context(), []fleet.Step{step("a"), step("b")}, func(_ context.Context, s *fleet.Step, _ *Outcome) error {
			if s.Name == "a" {
				return fmt.Errorf("pods: %w", context.Canceled)
			}
			time.Sleep(time.Second) // the interruption comes first
			return &halfError{"image", errors.New("away")}
		})
		if !errors.As(err, new(*halfError)) {
			t.Errorf("got %v", err)
		}
	})
}

// TestAServerThatIsAwayIsAskedAgain checks that requests are retried until the timeout while the server is
// unavailable, and that other errors are final.
func TestAServerThatIsAwayIsAskedAgain(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	closed := apierrors.NewTooManyRequests("Cannot evict pod", 0)
	closed.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: policyv1.DisruptionBudgetCause}}
	for name, test := range map[string]struct {
		err    error
		again  bool
		denied bool
	}{
		"a refused connection": {errors.New("dial tcp: connection refused"), true, false},
		"a server that stops":  {apierrors.NewServiceUnavailable("stopping"), true, false},
		"a conflict":           {apierrors.NewConflict(pods, "web", errors.New("changed")), false, false},
		"an overloaded server": {apierrors.NewTooManyRequests("later", 0), true, false},
		"a budget":             {closed, false, false},
		"nothing there":        {apierrors.NewNotFound(pods, "web"), false, false},
		"no right":             {apierrors.NewForbidden(pods, "web", errors.New("no")), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			r := quiet(Limits{Timeout: time.Minute})
			r.Client = fake.NewClientset() // the SelfSubjectAccessReview denies everything
			err := r.call(t.Context(), "patch", "pods", "shop", func(context.Context) error {
				if calls++; calls > 1 {
					return nil
				}
				return test.err
			})
			denied := (*fleet.DeniedError)(nil)
			if (err == nil) != test.again || (calls == 2) != test.again || errors.As(err, &denied) != test.denied {
				t.Errorf("%d calls: %v", calls, err)
			}
		})
	}
	r := quiet(Limits{Timeout: time.Millisecond})
	err := r.call(t.Context(), "get", "pods", "shop", func(context.Context) error {
		time.Sleep(2 * time.Millisecond)
		return errors.New("connection refused")
	})
	if err == nil || !strings.Contains(err.Error(), "has not answered for 1ms") {
		t.Errorf("a server that stays away: %v", err)
	}
}

// TestPatchesOfAPod: images are patched together with the status annotation, for one resource version of
// the pod; amounts are patched separately.
func TestPatchesOfAPod(t *testing.T) {
	now := &running{target: fleet.Target{UID: "u"}, standing: &fleet.Standing{Status: "{}"}}
	now.changes = []fleet.Change{
		{Container: "side", Init: true, Field: "image", From: "side:1", To: "side:2"},
		{Container: "side", Init: true, Field: "requests.cpu", From: "1m", To: "2m"},
		{Container: "side", Init: true, Field: "limits.memory", From: "", To: "2Mi"},
		{Container: "other", Field: "requests.cpu", From: "1m", To: "3m"},
	}
	resize, image, err := patches(now)
	must(t, err)
	back, err := reverse(now)
	must(t, err)
	for want, got := range map[string]any{
		`{"metadata":{"uid":"u"},"spec":{"containers":[{"name":"other","resources":{"requests":{"cpu":"3m"}}}],"initContainers":[{"name":"side","resources":{"limits":{"memory":"2Mi"},"requests":{"cpu":"2m"}}}]}}`: resize,
		`{"metadata":{"uid":"u"},"spec":{"containers":[{"name":"other","resources":{"requests":{"cpu":"1m"}}}],"initContainers":[{"name":"side","resources":{"limits":{"memory":null},"requests":{"cpu":"1m"}}}]}}`:  back,
		`{"metadata":{"annotations":{"sidecar-injector.dev/status":"{}"},"resourceVersion":"7","uid":"u"},"spec":{"initContainers":[{"image":"side:2","name":"side"}]}}`:                                             image.at("7"),
	} {
		text, err := json.Marshal(got)
		if err != nil || string(text) != want {
			t.Errorf("got\n%s, want\n%s (%v)", text, want, err)
		}
	}
}

// TestAnEvictionThatABudgetForbidsNamesIt checks that the error names the budget.
func TestAnEvictionThatABudgetForbidsNamesIt(t *testing.T) {
	err := &apierrors.StatusError{ErrStatus: metav1.Status{Code: http.StatusTooManyRequests, Reason: metav1.StatusReasonTooManyRequests, Message: "Cannot evict pod",
		Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: "DisruptionBudget", Message: "The disruption budget web needs 2 healthy pods and has 2 currently"}}}}}
	if got := reasons(fmt.Errorf("evicting: %w", err)); !strings.Contains(got, "disruption budget web") {
		t.Errorf("got %q", got)
	}
}

// TestAPodThatIsNotReadyIsNotTakenByARollout: a Deployment counts it among those that it may take, a
// StatefulSet does not; pods beside those that are wanted say nothing.
func TestAPodThatIsNotReadyIsNotTakenByARollout(t *testing.T) {
	pods := func(ready, unready int) (all []corev1.Pod) {
		for n := range ready + unready {
			all = append(all, *side(n < ready, runs("side-0", 0)))
		}
		return all
	}
	for _, test := range []struct {
		kind                                string
		takes, wanted, ready, unready, want int
	}{
		{"Deployment", 1, 2, 2, 0, 1},
		{"Deployment", 1, 2, 1, 1, 0},
		{"Deployment", 1, 2, 2, 3, 1},
		{"Deployment", 0, 2, 1, 1, 0},
		{"Deployment", 3, 3, 2, 1, 2},
		{"DaemonSet", 2, 3, 2, 1, 1},
		{"StatefulSet", 1, 2, 1, 1, 1},
	} {
		o := &owner{Owner: fleet.Owner{Takes: test.takes}, kind: schemaKind{kind: test.kind}, wanted: test.wanted}
		if got := o.takesOf(pods(test.ready, test.unready)); got != test.want {
			t.Errorf("%+v: got %d", test, got)
		}
	}
}

// TestARolloutThatMayNeitherTakeNorSurgeTakesOne, as the controllers do.
func TestARolloutThatMayNeitherTakeNorSurgeTakesOne(t *testing.T) {
	percent, none := intstr.FromString("25%"), intstr.FromInt32(0)
	for want, surge := range map[int]*intstr.IntOrString{0: &percent, 1: &none} {
		d := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: new(int32(2)), Selector: &metav1.LabelSelector{},
			Strategy: appsv1.DeploymentStrategy{RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: &percent, MaxSurge: surge}}}}
		if got := ofDeployment(d).Takes; got != want {
			t.Errorf("surge %s: takes %d, want %d", surge, got, want)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
