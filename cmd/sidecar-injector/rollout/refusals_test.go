package rollout

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// TestWhichMessagesOfControllersAreRefusals: those of admission are, with the API server's words; what goes
// by itself is not.
func TestWhichMessagesOfControllersAreRefusals(t *testing.T) {
	for reason, refused := range map[string]bool{
		`pods "web-5d" is forbidden: exceeded quota: two, requested: pods=1, used: pods=2, limited: pods=2`:                           true,
		`pods "web-5d" is forbidden: failed quota: two: must specify limits.cpu for: app`:                                             true,
		`pods "web-5d" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true`:                                  true,
		`pods "web-5d" is forbidden: ValidatingAdmissionPolicy 'guard' with binding 'guard' denied request: no`:                       true,
		`admission webhook "guard.example.com" denied the request: no`:                                                                true,
		`admission webhook "guard.example.com" denied the request without explanation`:                                                true,
		`admission webhook "guard.example.com" denied the request: failed calling webhook "other"`:                                    true,
		`Pod "web-5d" is invalid: spec.containers[0].image: Required value`:                                                           true,
		`replicasets.apps "web-5d" is forbidden: exceeded quota: sets`:                                                                true,
		`persistentvolumeclaims "data-web-0" is forbidden: exceeded quota: disks`:                                                     true,
		`pods "web-5d" is forbidden: status unknown for quota: two, resources: pods`:                                                  false,
		`pods "web-5d" is forbidden: not yet ready to handle request`:                                                                 false,
		`Internal error occurred: failed calling webhook "guard.example.com": failed to call webhook: context deadline exceeded`:      false,
		`Internal error occurred: failed calling webhook "guard.example.com": expected response.uid; pods "web" is forbidden: nobody`: false,
		`Internal error occurred: resource quota evaluation timed out`:                                                                false,
		`Operation cannot be fulfilled on resourcequotas "two": the object has been modified`:                                         false,
		`etcdserver: request timed out`: false,
		`Post "https://10.0.0.1:443/api/v1/namespaces/shop/pods": dial tcp: connection refused`: false,
	} {
		for _, form := range []string{
			"Error creating: %s",
			"(combined from similar events): Error creating: %s",
			"create Pod web-0 in StatefulSet web failed error: %s",
			"Create Pod web-0 in StatefulSet web failed error: %s", // Kubernetes 1.37
			"create Claim data-web-0 for Pod web-0 in StatefulSet web failed error: %s",
			`Failed to create new replica set "web-5d": %s`,
		} {
			want := ""
			if refused {
				want = reason
			}
			if got := refusedBy(fmt.Sprintf(form, reason)); got != want {
				t.Errorf("%s: %q", fmt.Sprintf(form, reason), got)
			}
		}
	}
}

const (
	full     = `pods "web-1" is forbidden: exceeded quota: two`
	guarded  = `admission webhook "guard" denied the request: no`
	noAnswer = `Internal error occurred: failed calling webhook "guard": context deadline exceeded`
)

// TestARefusalThatComesAgainStopsARollout checks in which look a refusal counts. Each look is written as the
// number of new pods that have come, and the events with the number of their reports.
func TestARefusalThatComesAgainStopsARollout(t *testing.T) {
	messages := map[byte]string{'q': full, 'g': guarded, 'n': noAnswer}
	for name, test := range map[string]struct {
		before string
		looks  []string
		want   string // the message, and the look
	}{
		"once, and the pod comes":                {"", []string{"0 q1", "1 q1"}, ""},
		"some times, and the pod comes":          {"", []string{"0 q5", "1 q5", "1 q5"}, ""},
		"some times until the pod comes":         {"", []string{"0 q5", "1 q7"}, ""},
		"again, and no pod comes":                {"", []string{"0 q5", "0 q6"}, full + " 2"},
		"again after a while":                    {"", []string{"0 q5", "0 q5", "0 q6"}, full + " 3"},
		"one pod comes, and the next is refused": {"", []string{"0 q5", "1 q6", "1 q7"}, full + " 3"},
		"for another reason":                     {"", []string{"0 q5", "0 g1 q5"}, guarded + " 2"},
		"before the step":                        {"q9", []string{"0 q9", "0 q9"}, ""},
		"before the step and once since":         {"q9", []string{"0 q9", "0 q10", "0 q10"}, ""},
		"before the step and since":              {"q9", []string{"0 q10", "0 q11"}, full + " 2"},
		"a webhook does not answer":              {"", []string{"0 n1", "0 n2", "0 n3"}, ""},
		"a webhook does not answer, then denies": {"", []string{"0 n1", "0 g1 n2", "0 g1 n3"}, ""},
	} {
		f := &refusals{reports: map[types.UID]int{}}
		events := func(text string) (all []corev1.Event) {
			for i, word := range strings.Fields(text) {
				e := corev1.Event{Message: "Error creating: " + messages[word[0]], LastTimestamp: metav1.Unix(int64(-i), 0)}
				e.UID = types.UID(word[:1])
				if _, err := fmt.Sscan(word[1:], &e.Count); err != nil {
					t.Fatal(err)
				}
				all = append(all, e)
			}
			return all
		}
		for _, e := range events(test.before) {
			f.reports[e.UID] = reportsOf(&e)
		}
		got := ""
		for n, look := range test.looks {
			came := int(look[0] - '0')
			if why := f.again(events(look[1:]), came); why != "" {
				got = fmt.Sprint(why, " ", n+1)
			}
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestOnlyRefusalsOfAWorkloadsOwnPodsStopIt: events name their objects, which others may resemble.
func TestOnlyRefusalsOfAWorkloadsOwnPodsStopIt(t *testing.T) {
	yes := true
	set := func(name string, uid, by types.UID) *appsv1.ReplicaSet {
		return &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", UID: uid,
			OwnerReferences: []metav1.OwnerReference{{Kind: "Deployment", Name: "web", UID: by, Controller: &yes}}}, Spec: appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{}}}
	}
	pod := func(deleted, ready bool) *corev1.Pod {
		p := side(ready, runs("side-0", 0))
		p.ObjectMeta = metav1.ObjectMeta{Name: "web-5d-1", Namespace: "shop", UID: "pod", Labels: map[string]string{"app": "web"}}
		if deleted {
			now := metav1.Now()
			p.DeletionTimestamp, p.Finalizers = &now, []string{"example.com/slow"}
		}
		return p
	}
	for name, test := range map[string]struct {
		kind, object string
		uid          types.UID
		reason, why  string
		pod          *corev1.Pod
		stops        bool
	}{
		"its ReplicaSet":                        {"ReplicaSet", "web-5d", "set", "FailedCreate", guarded, nil, true},
		"the Deployment itself":                 {"Deployment", "web", "web", "ReplicaSetCreateError", guarded, nil, true},
		"a ReplicaSet of that name before it":   {"ReplicaSet", "web-5d", "old", "FailedCreate", guarded, nil, false},
		"a ReplicaSet that has gone":            {"ReplicaSet", "web-6e", "gone", "FailedCreate", guarded, nil, false},
		"one of a Deployment named alike":       {"ReplicaSet", "web-api-5d", "other", "FailedCreate", guarded, nil, false},
		"a StatefulSet named alike":             {"StatefulSet", "web", "db", "FailedCreate", guarded, nil, false},
		"something else about its ReplicaSet":   {"ReplicaSet", "web-5d", "set", "FailedDelete", guarded, nil, false},
		"a quota":                               {"ReplicaSet", "web-5d", "set", "FailedCreate", full, pod(false, true), true},
		"a quota while a pod is on its way out": {"ReplicaSet", "web-5d", "set", "FailedCreate", full, pod(true, true), false},
		"a quota while a new pod starts":        {"ReplicaSet", "web-5d", "set", "FailedCreate", full, pod(false, false), false},
		"a policy while a new pod starts":       {"ReplicaSet", "web-5d", "set", "FailedCreate", guarded, pod(false, false), true},
	} {
		objects := []runtime.Object{set("web-5d", "set", "web"), set("web-api-5d", "other", "web-api")}
		if test.pod != nil {
			objects = append(objects, test.pod)
		}
		client := fake.NewClientset(objects...)
		r := quiet(Limits{Timeout: time.Second})
		r.Client = client
		f, err := r.refusalsOf(t.Context(), step("web").Workload)
		must(t, err)
		o := &owner{meta: metav1.ObjectMeta{Name: "web", UID: "web"}, kind: schemaKind{kind: "Deployment"}, selector: labels.SelectorFromSet(labels.Set{"app": "web"})}
		e := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "e", Namespace: "shop", UID: "e"}, Reason: test.reason, Message: "Error creating: " + test.why, Count: 1,
			InvolvedObject: corev1.ObjectReference{Kind: test.kind, Name: test.object, UID: test.uid}}
		must(t, client.Tracker().Add(e))
		for n := range 2 {
			f.next = time.Time{}
			if err = f.look(t.Context(), o, nil, 0); n == 0 && err != nil {
				t.Errorf("%s: stopped in the first look: %v", name, err)
			}
			e.Count++
			must(t, client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("events"), e, "shop"))
			if err == nil && f.look(t.Context(), o, nil, 0) != nil {
				t.Errorf("%s: stopped before the next look is due", name)
			}
		}
		trouble := (*TroubleError)(nil)
		if errors.As(err, &trouble) != test.stops || test.stops && trouble.Message != "its new pods are refused: "+test.why {
			t.Errorf("%s: %v, want a stop: %v", name, err, test.stops)
		}
	}
}

// TestWhoMayNotReadEventsWaitsForTheTimeout: the right is asked for once.
func TestWhoMayNotReadEventsWaitsForTheTimeout(t *testing.T) {
	client := fake.NewClientset() // the SelfSubjectAccessReview denies everything
	asked := 0
	client.PrependReactor("list", "events", func(clienttesting.Action) (bool, runtime.Object, error) {
		asked++
		return true, nil, apierrors.NewForbidden(corev1.Resource("events"), "", errors.New("no"))
	})
	r := quiet(Limits{Timeout: time.Second})
	r.Client = client
	f, err := r.refusalsOf(t.Context(), step("web").Workload)
	must(t, err)
	f.next = time.Time{}
	if err := f.look(t.Context(), &owner{}, nil, 0); err != nil || asked != 1 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}
