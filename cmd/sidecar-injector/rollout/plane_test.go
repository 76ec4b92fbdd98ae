package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes"
	restclient "k8s.io/client-go/rest"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// plane answers for an API server and its kubelets, for what changes in place ask: pods are patched, and
// their changed containers start at once.
type plane struct {
	t       *testing.T
	mu      sync.Mutex
	pods    map[string]*corev1.Pod
	budgets []policyv1.PodDisruptionBudget
	// patched are the names of pods, in order; dry runs do not count.
	patched []string
	evicted []string
	// before is called for each patch; an error is the answer.
	before func(name, subresource string, dry bool) error
	// other, if not nil, answers instead, unless it returns nil and no error.
	other func(*http.Request) (any, error)
	// restarts has a resize start the container again.
	restarts bool
	// pending, if not nil, returns the reason for which the kubelet does not give a container more than 1m now;
	// "" if it does.
	pending func() string
}

// newPlane returns a plane with pods of a Deployment, each with a sidecar side:1 of 1m, and a budget.
func newPlane(t *testing.T, allowed, healthy, desired int32, pods ...string) (*plane, *Runner, *fleet.Step) {
	t.Helper()
	p := &plane{t: t, pods: map[string]*corev1.Pod{}, before: func(string, string, bool) error { return nil }}
	budget := budgetOf("web", allowed, map[string]string{"app": "web"})
	budget.Status.CurrentHealthy, budget.Status.DesiredHealthy = healthy, desired
	p.budgets = append(p.budgets, *budget)
	s := step("web", "web")
	held := &fleet.Budget{Namespace: "shop", Name: "web", Room: len(pods) - int(desired), Says: "all is well"}
	for _, name := range pods {
		pod := side(true, runs("side-0", 0))
		pod.ObjectMeta = metav1.ObjectMeta{Name: name, Namespace: "shop", UID: types.UID(name), ResourceVersion: "1", Labels: map[string]string{"app": "web"}}
		pod.Spec.Containers = []corev1.Container{{Name: "app", Image: "app"}}
		pod.Spec.InitContainers = []corev1.Container{{Name: "side", Image: "side:1", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("1m")}}}}
		p.pods[name] = pod
		p.settle(pod)
		s.Pods = append(s.Pods, name)
		s.Targets = append(s.Targets, fleet.Target{Name: name, UID: name, State: fleet.InPlace, Stops: true, Cover: fleet.Cover{Budgets: []*fleet.Budget{held}, Ready: true}, Wants: map[string]string{"side": "2"}})
	}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	client, err := kubernetes.NewForConfig(&restclient.Config{Host: server.URL, QPS: -1})
	must(t, err)
	r := quiet(Limits{Timeout: time.Millisecond})
	r.Client, r.Judge = client, judge("side:2", "1m", false)
	return p, r, &s
}

// judge has every pod want an image and a request of its sidecar.
func judge(image, cpu string, restarts bool) func(string, []byte) (*fleet.Standing, error) {
	return func(_ string, text []byte) (*fleet.Standing, error) {
		pod := corev1.Pod{}
		if err := json.Unmarshal(text, &pod); err != nil {
			return nil, err
		}
		c, i := pod.Spec.InitContainers[0], fleet.Instance{Name: "side", Why: "why"}
		if c.Image != image {
			i.Changes = append(i.Changes, fleet.Change{Container: "side", Init: true, Field: "image", From: c.Image, To: image})
		}
		if now := c.Resources.Requests.Cpu().String(); now != cpu {
			i.Changes = append(i.Changes, fleet.Change{Container: "side", Init: true, Field: "requests.cpu", From: now, To: cpu, Restarts: restarts})
		}
		for n := range i.Changes {
			i.Changes[n].Ready = pod.Status.InitContainerStatuses[0].Ready
		}
		if len(i.Changes) > 0 {
			i.State = fleet.InPlace
		}
		if label := pod.Labels["state"]; label != "" {
			state, err := fleet.ParseState(label)
			if err != nil {
				return nil, err
			}
			i.State, i.Changes = state, nil
		}
		return &fleet.Standing{Instances: []fleet.Instance{i}, Status: "{}"}, nil
	}
}

func (p *plane) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	answer, err := p.answer(q)
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		s := status.Status()
		s.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(s.Code))
		answer = &s
	} else if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		p.t.Error(err)
	}
}

func (p *plane) answer(q *http.Request) (any, error) {
	if p.other != nil {
		if answer, err := p.other(q); answer != nil || err != nil {
			return answer, err
		}
	}
	rest, sub := strings.CutPrefix(q.URL.Path, "/api/v1/namespaces/shop/pods/")
	name, sub2, _ := strings.Cut(rest, "/")
	p.mu.Lock()
	pod := p.pods[name]
	p.mu.Unlock()
	switch {
	case strings.HasSuffix(q.URL.Path, "/poddisruptionbudgets"):
		p.mu.Lock()
		defer p.mu.Unlock()
		return &policyv1.PodDisruptionBudgetList{Items: p.budgets}, nil
	case strings.HasSuffix(q.URL.Path, "/deployments/web"):
		n := int32(len(p.pods))
		return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}, Spec: appsv1.DeploymentSpec{Replicas: &n,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}}}, nil
	case path.Base(q.URL.Path) == "events":
		return &corev1.EventList{}, nil
	case lists(q):
		p.mu.Lock()
		defer p.mu.Unlock()
		all := &corev1.PodList{}
		for _, name := range slices.Sorted(maps.Keys(p.pods)) {
			all.Items = append(all.Items, *p.pods[name].DeepCopy())
		}
		return all, nil
	case !sub || pod == nil:
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: path.Base(path.Dir(q.URL.Path))}, path.Base(q.URL.Path))
	case q.Method == http.MethodGet:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.settle(pod)
		return pod.DeepCopy(), nil
	}
	if sub2 == "eviction" {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.evicted = append(p.evicted, name)
		return &metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusSuccess}, nil
	}
	text, err := io.ReadAll(q.Body)
	if err != nil {
		return nil, err
	}
	dry := q.URL.Query().Get("dryRun") != ""
	if err := p.before(name, sub2, dry); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.patch(pod, text, dry)
}

// lists reports whether a request lists pods.
func lists(q *http.Request) bool {
	return q.Method == http.MethodGet && path.Base(q.URL.Path) == "pods"
}

func (p *plane) patch(pod *corev1.Pod, text []byte, dry bool) (*corev1.Pod, error) {
	old, err := json.Marshal(pod)
	if err != nil {
		return nil, err
	}
	text, err = strategicpatch.StrategicMergePatch(old, text, corev1.Pod{})
	if err != nil {
		return nil, err
	}
	now := &corev1.Pod{}
	if err := json.Unmarshal(text, now); err != nil {
		return nil, err
	}
	if now.ResourceVersion != pod.ResourceVersion || now.UID != pod.UID {
		return nil, apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, pod.Name, errors.New("the object has been modified"))
	}
	if dry {
		return now, nil
	}
	p.patched = append(p.patched, pod.Name)
	before, after := pod.Spec.InitContainers[0], now.Spec.InitContainers[0]
	if after.Image != before.Image || p.restarts && !after.Resources.Requests.Cpu().Equal(*before.Resources.Requests.Cpu()) {
		s := &now.Status.InitContainerStatuses[0]
		s.RestartCount++
		s.ContainerID = fmt.Sprint("side-", s.RestartCount)
		s.Ready, s.State, now.Status.Conditions[0].Status = true, corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}, corev1.ConditionTrue
	}
	now.ResourceVersion += "1"
	p.settle(now)
	now.DeepCopyInto(pod)
	return now, nil
}

// settle gives the sidecar of a pod what its spec says, unless that is pending, and the pod its next version if
// that changes it.
func (p *plane) settle(pod *corev1.Pod) {
	wants, has := &pod.Spec.InitContainers[0].Resources, &pod.Status.InitContainerStatuses[0].Resources
	pod.Status.Conditions = slices.DeleteFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodResizePending })
	if equality.Semantic.DeepEqual(*has, wants) {
		return
	}
	if reason := p.pendingFor(wants); reason != "" {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: corev1.PodResizePending, Status: corev1.ConditionTrue, Reason: reason, Message: "the node has 1m"})
		return
	}
	*has = wants.DeepCopy()
	pod.ResourceVersion += "1"
}

func (p *plane) pendingFor(wants *corev1.ResourceRequirements) string {
	if p.pending == nil || wants.Requests.Cpu().MilliValue() <= 1 {
		return ""
	}
	return p.pending()
}

// images returns the image and the request of each pod's sidecar.
func (p *plane) images() map[string]string {
	all := map[string]string{}
	for name, pod := range p.pods {
		c := pod.Spec.InitContainers[0]
		all[name] = c.Image + " " + c.Resources.Requests.Cpu().String()
	}
	return all
}

func (p *plane) unready(name, app string) {
	pod := p.pods[name]
	pod.Status.Conditions[0].Status = corev1.ConditionFalse
	if app != "" {
		pod.Status.ContainerStatuses[0].Ready = false
	} else {
		pod.Status.InitContainerStatuses[0] = waits("ErrImagePull", "side:1")
		pod.Status.InitContainerStatuses[0].Name = "side"
	}
}
