package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// authorizer is an AccessReviewer that allows what it lists, as "verb group/resource/subresource namespace
// name".
type authorizer struct {
	mutex   sync.Mutex
	allowed []string
	asked   []string
	user    string
	groups  []string
	err     error
}

func (a *authorizer) Create(_ context.Context, review *authorizationv1.SubjectAccessReview, _ metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	r := review.Spec.ResourceAttributes
	asked := strings.Join([]string{r.Verb, r.Group + "/" + r.Resource + "/" + r.Subresource, r.Namespace, r.Name}, " ")
	a.asked = append(a.asked, asked)
	a.user, a.groups = review.Spec.User, review.Spec.Groups
	answer := review.DeepCopy()
	answer.Status.Allowed = slices.Contains(a.allowed, asked)
	return answer, a.err
}

func needing(name string, permissions ...v1alpha1.Permission) inject.Instance {
	return inject.Instance{Name: name, Outcome: inject.Injected, Permissions: permissions}
}

func core(resources, verbs string, namespaces ...string) v1alpha1.Permission {
	return v1alpha1.Permission{APIGroups: []string{""}, Resources: strings.Fields(resources), Verbs: strings.Fields(verbs), Namespaces: namespaces}
}

func TestMissingAccessIsToldInOneSentencePerSidecars(t *testing.T) {
	account := webhook.ServiceAccount{Namespace: "shop", Name: "web"}
	refused := needing("refused", core("nodes", "get"))
	refused.Outcome = inject.Refused
	cases := map[string]struct {
		allowed   []string
		instances []inject.Instance
		want      []string
	}{
		"nothing is missing": {[]string{"get /pods/ shop "}, []inject.Instance{needing("a", core("pods", "get"))}, nil},
		"verbs and resources are put together": {nil, []inject.Instance{needing("a", core("configmaps secrets", "get list"))},
			[]string{`service account "web" of namespace "shop" may not get, list configmaps, secrets, which sidecar "a" needs: bind a Role with these rights to it`}},
		"what is allowed is left out": {[]string{"get /configmaps/ shop "}, []inject.Instance{needing("a", core("configmaps secrets", "get list"))},
			[]string{
				`service account "web" of namespace "shop" may not list configmaps, which sidecar "a" needs: bind a Role with these rights to it`,
				`service account "web" of namespace "shop" may not get, list secrets, which sidecar "a" needs: bind a Role with these rights to it`,
			}},
		"sidecars with one need share the sentence": {nil, []inject.Instance{needing("a", core("pods", "get")), needing("b", core("pods", "get"))},
			[]string{`service account "web" of namespace "shop" may not get pods, which sidecars "a" and "b" need: bind a Role with these rights to it`}},
		"other namespaces are named": {nil, []inject.Instance{needing("a", core("pods", "get", "x", "*"))},
			[]string{
				`service account "web" of namespace "shop" may not get pods in namespace x, which sidecar "a" needs: bind a Role with these rights to it`,
				`service account "web" of namespace "shop" may not get pods in all namespaces, which sidecar "a" needs: bind a ClusterRole with these rights to it`,
			}},
		"a sidecar that is not injected needs nothing": {nil, []inject.Instance{refused}, nil},
		"a subresource of a named object": {[]string{"get apps/deployments/scale shop web"},
			[]inject.Instance{needing("a", v1alpha1.Permission{APIGroups: []string{"apps"}, Resources: []string{"deployments/scale"}, Verbs: []string{"get"}, ResourceNames: []string{"web"}})}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := &authorizer{allowed: c.allowed}
			missing, err := webhook.FindMissingAccess(t.Context(), a, account, c.instances, webhook.MaxAccessReviews)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range missing {
				got = append(got, m.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if len(a.asked) == 0 {
				return
			}
			if a.user != "system:serviceaccount:shop:web" || !cmp.Equal(a.groups, []string{"system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"}) {
				t.Errorf("asked for %s of %v", a.user, a.groups)
			}
		})
	}
}

func TestQuestionsAreBoundedAndEachIsAskedOnce(t *testing.T) {
	a := &authorizer{}
	account := webhook.ServiceAccount{Namespace: "shop", Name: "web"}
	many := needing("a", core("a b c d e f", "get list watch"))
	missing, err := webhook.FindMissingAccess(t.Context(), a, account, []inject.Instance{many, many}, webhook.MaxAccessReviews)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := missing[len(missing)-1].String(), `service account "web" of namespace "shop" needs so many rights for its sidecars that not all were looked at`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	slices.Sort(a.asked)
	if n := len(a.asked); n != webhook.MaxAccessReviews || len(slices.Compact(a.asked)) != n {
		t.Errorf("asked %d times: %v", n, a.asked)
	}
	a.asked = nil
	cached := webhook.NewCachedReviewer(a)
	for range 2 {
		if _, err := webhook.FindMissingAccess(t.Context(), cached, account, []inject.Instance{needing("a", core("pods", "get"))}, 1); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.asked) != 1 {
		t.Errorf("asked %d times within a second: %v", len(a.asked), a.asked)
	}
}

func TestNobodyIsAskedAboutNamesLongerThanThereAre(t *testing.T) {
	long := strings.Repeat("x", 254)
	web := webhook.ServiceAccount{Namespace: "shop", Name: "web"}
	for name, c := range map[string]struct {
		account webhook.ServiceAccount
		needed  v1alpha1.Permission
		want    []string
	}{
		"a service account": {webhook.ServiceAccount{Namespace: "shop", Name: long}, core("pods", "get"), nil},
		"one namespace":     {web, core("pods", "get", long), nil},
		"one of several":    {web, core("pods", "get", long, "x"), []string{"get /pods/ x "}},
		"a resource":        {web, core(long+" pods", "get"), []string{"get /pods/ shop "}},
		"the longest":       {web, core("pods", "get", long[1:]), []string{"get /pods/ " + long[1:] + " "}},
	} {
		t.Run(name, func(t *testing.T) {
			a := &authorizer{}
			if _, err := webhook.FindMissingAccess(t.Context(), a, c.account, []inject.Instance{needing("a", c.needed)}, webhook.MaxAccessReviews); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, a.asked); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestListsOfRightsCostWhatTheyAreLongNotTheirProduct(t *testing.T) {
	list := func(n int) []string {
		names := make([]string, n)
		for i := range names {
			names[i] = strconv.Itoa(i % (n/2 + 1)) // half of them repeat
		}
		return names
	}
	lists := func(n int) []inject.Instance {
		return []inject.Instance{needing("a", v1alpha1.Permission{Namespaces: list(n), APIGroups: list(n), Resources: list(n), ResourceNames: list(n), Verbs: list(n)})}
	}
	allocations := func(n int) float64 {
		instances := lists(n)
		return testing.AllocsPerRun(5, func() {
			if _, err := webhook.FindMissingAccess(t.Context(), allowEverything{}, webhook.ServiceAccount{}, instances, webhook.MaxAccessReviews); err != nil {
				t.Error(err)
			}
		})
	}
	// The product of five lists of 2,000 elements could be computed neither in time nor in memory.
	if few, many := allocations(20), allocations(2000); many > 3*few {
		t.Errorf("lists of 20 take %v allocations, lists of 2,000 %v", few, many)
	}
}

type allowEverything struct{}

func (allowEverything) Create(_ context.Context, _ *authorizationv1.SubjectAccessReview, _ metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	return &authorizationv1.SubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: true}}, nil
}

func TestTheAPIServerIsAskedABoundedNumberOfQuestionsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &authorizer{}
		cached := webhook.NewCachedReviewer(a)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for i := range 1000 {
			account := webhook.ServiceAccount{Namespace: "shop", Name: strconv.Itoa(i)}
			_, _ = webhook.FindMissingAccess(ctx, cached, account, []inject.Instance{needing("a", core("pods", "get"))}, 1) // fails when the context ends after a second
		}
		if n := len(a.asked); n < 150 || n > 205 {
			t.Errorf("asked %d times in a second", n)
		}
	})
}

const needy = `
---
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: needy}
spec:
  pod: {spec: {containers: [{name: needy, image: "example.com/needy:1", resources: {requests: {cpu: 1m, memory: 1Mi}}}]}}
  permissions: [{apiGroups: [""], resources: [configmaps], verbs: [list]}]
`

func TestAdviceTellsOfRightsThatTheSidecarLacks(t *testing.T) {
	e := newEdge(t, withTemplates(tail+needy))
	a := &authorizer{}
	e.access = a
	asks := deployment("", annotated("sidecar-injector.dev/inject", "needy"))
	want := []string{`service account "default" of namespace "shop" may not list configmaps, which sidecar "needy" needs: bind a Role with these rights to it`}
	if diff := cmp.Diff(want, e.warnings(createDeployment(asks))); diff != "" {
		t.Error(diff)
	}
	asks = strings.Replace(asks, `"spec":{"containers"`, `"spec":{"serviceAccountName":"web","automountServiceAccountToken":false,"containers"`, 1)
	a.allowed = []string{"list /configmaps/ shop "}
	want = []string{`spec.template.spec.automountServiceAccountToken is false, but sidecar "needy" needs the service account's token: remove that line`}
	if diff := cmp.Diff(want, e.warnings(createDeployment(asks))); diff != "" {
		t.Error(diff)
	}
	if a.user != "system:serviceaccount:shop:web" {
		t.Errorf("asked for %s", a.user)
	}
	a.err = errors.New("connection refused")
	if got := e.warnings(createDeployment(strings.Replace(asks, "false", "true", 1))); got != nil {
		t.Errorf("%q", got)
	}
	if got := e.count("sidecar_injector_advice_total", "result", "failed"); got != 1 {
		t.Errorf("counted %v times", got)
	}
}

// TestWhoCreatesAPodHearsOfRightsThatTheSidecarLacks also checks that pods of controllers get no such
// warning, and that the wait for an answer is bounded.
func TestWhoCreatesAPodHearsOfRightsThatTheSidecarLacks(t *testing.T) {
	e := newEdge(t, withTemplates(tail+needy))
	a := &authorizer{}
	e.handler.Access = a
	const account = `{"metadata":{"annotations":{"sidecar-injector.dev/inject":"needy"}%s},"spec":{"serviceAccountName":"web","containers":[{"name":"app","image":"app"}]}}`
	const want = `service account "web" of namespace "shop" may not list configmaps, which sidecar "needy" needs: bind a Role with these rights to it`
	for _, row := range []struct {
		of   string
		err  error
		want []string
	}{
		{"", nil, []string{want}},
		{`,"ownerReferences":[{"kind":"Note","name":"n"}]`, nil, []string{want}},
		{`,"ownerReferences":[{"kind":"ReplicaSet","name":"n","controller":true}]`, nil, nil},
		{"", errors.New("connection refused"), nil},
	} {
		a.err = row.err
		response := e.podResponse(review(fmt.Sprintf(account, row.of)))
		if !response.Allowed || len(response.Patch) == 0 {
			t.Errorf("%s: %+v", row.of, response)
		}
		if diff := cmp.Diff(row.want, response.Warnings); diff != "" {
			t.Errorf("%s, %v:\n%s", row.of, row.err, diff)
		}
	}
	if a.user != "system:serviceaccount:shop:web" {
		t.Errorf("asked for %s", a.user)
	}
}

// podResponse posts the review of a pod and returns the response.
func (e *edge) podResponse(body []byte) *admissionv1.AdmissionResponse {
	e.t.Helper()
	request := httptest.NewRequestWithContext(e.t.Context(), http.MethodPost, webhook.Path, bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	e.handler.ServeHTTP(recorder, request)
	var got admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &got); err != nil || got.Response == nil {
		e.t.Fatalf("status %d: %s", recorder.Code, recorder.Body)
	}
	return got.Response
}
