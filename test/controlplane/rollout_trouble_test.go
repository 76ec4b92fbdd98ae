//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"
)

// gate is a proxy to the API server that can shut: requests then get no answer at all.
type gate struct {
	kubeconfig string
	open       atomic.Bool
	// after is the number of writing requests that pass before it shuts; it opens again after while.
	after atomic.Int64
	while time.Duration
}

func newGate(t *testing.T) *gate {
	t.Helper()
	target, err := url.Parse(suite.config.Host)
	must(t, err)
	transport, err := rest.TransportFor(suite.config)
	must(t, err)
	g := &gate{}
	g.open.Store(true)
	g.after.Store(-1)
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		changes := r.Method != http.MethodGet && r.URL.Query().Get("dryRun") == "" && !strings.Contains(r.URL.Path, "accessreviews")
		if changes && g.after.Add(-1) == -1 {
			g.open.Store(false)
			if g.while > 0 {
				time.AfterFunc(g.while, func() { g.open.Store(true) })
			}
		}
		if !g.open.Load() {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	g.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(g.kubeconfig, fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Config","clusters":[{"name":"c","cluster":{"server":%q}}],"contexts":[{"name":"c","context":{"cluster":"c"}}],"current-context":"c"}`, server.URL), 0o600))
	return g
}

// shuts makes the gate shut after that many writing requests, for the time while; 0 means permanently.
func (g *gate) shuts(after int64, while time.Duration) {
	g.while = while
	g.after.Store(after)
}

// fleetPlace returns a namespace with the opt-in label, the template that tests change, and a simulated
// kubelet.
func fleetPlace(t *testing.T) string {
	t.Helper()
	n := newNamespace(t, map[string]string{injectionLabel: "enabled"}, nil)
	createTemplate(t, "sidecartemplates", n, mine)
	retemplate(t, n)
	kubelet(t, n)
	return n
}

// running is a running command.
type running struct {
	*exec.Cmd
	said strings.Builder
}

func runs(t *testing.T, kubeconfig string, args ...string) *running {
	t.Helper()
	r := &running{Cmd: exec.Command(suite.injector, args...)}
	r.Env = append(r.Environ(), "KUBECONFIG="+kubeconfig, "HOME="+t.TempDir())
	r.Stdout, r.Stderr = &r.said, &r.said
	must(t, r.Start())
	return r
}

// ends waits for the command, and checks its exit code and that its output matches.
func (r *running) ends(t *testing.T, code int, wanted ...string) {
	t.Helper()
	_ = r.Wait() // the exit code is checked below
	if got := r.ProcessState.ExitCode(); got != code {
		t.Errorf("%v: exit code %d, want %d\n%s", r.Args[1:], got, code, r.said.String())
	}
	for _, pattern := range wanted {
		if !regexp.MustCompile("(?m)" + pattern).MatchString(r.said.String()) {
			t.Errorf("%v: no line matches %s:\n%s", r.Args[1:], pattern, r.said.String())
		}
	}
}

// begun waits until that many pods have the second image.
func begun(t *testing.T, namespace string, pods int) {
	t.Helper()
	must(t, eventually(t.Context(), patience, func(context.Context) error {
		if got := changed(t, namespace); got < pods {
			return fmt.Errorf("%d pods are changed", got)
		}
		return nil
	}))
}

// TestARolloutOutlivesWhatGoesWrongMeanwhile: servers that stop answering, users who edit objects, budgets.
func TestARolloutOutlivesWhatGoesWrongMeanwhile(t *testing.T) {
	p := newPatient(t)
	admin := suite.kubeconfig
	six := func(t *testing.T) string {
		needsServed(t, "v1", "pods/resize") // versions that serve it also allow changing images of native sidecars
		n := fleetPlace(t)
		deploy(t, n, "web", "mine")
		kubectl(t, "scale", "deployment", "web", "-n", n, "--replicas=6")
		healthy(t, n, 6)
		retemplate(t, n, "mine:1", "mine:2", `"cpu":"1m"`, `"cpu":"2m"`)
		return n
	}
	t.Run("the API server goes away for a moment, in place", func(t *testing.T) {
		n, g := six(t), newGate(t)
		g.shuts(3, 3*time.Second) // between cpu and image of the second pod
		runs(t, g.kubeconfig, "rollout", "-n", n, "--timeout", "30s").ends(t, 0, `deployment/web +in place +6/6`)
		if got := changed(t, n); got != 6 {
			t.Errorf("%d pods changed, want 6", got)
		}
	})
	t.Run("the API server stays away, and the next run goes on", func(t *testing.T) {
		n, g := six(t), newGate(t)
		g.shuts(3, 0)
		runs(t, g.kubeconfig, "rollout", "-n", n, "--timeout", "2s").ends(t, 2,
			`^error: pod web-\S+: its cpu and memory are new, and its image is not: the API server has not answered for 2s: .*; 1 pod is done; run it again, and it goes on$`,
			`deployment/web +in place +1/6`)
		p.says(t, g.kubeconfig, 2, []string{"rollout", "-n", n}, `^error: `)
		p.says(t, admin, 0, []string{"rollout", "-n", n}, `deployment/web +in place +5/5`)
		for _, pod := range healthy(t, n, 6) {
			if c := pod.Spec.InitContainers[0]; c.Image != "mine:2" || c.Resources.Requests.Cpu().String() != "2m" || pod.Status.ContainerStatuses[0].RestartCount != 0 {
				t.Errorf("pod %s: %+v", pod.Name, c)
			}
		}
	})
	t.Run("the API server goes away for a moment, in a rollout of the workload's own", func(t *testing.T) {
		n, g := fleetPlace(t), newGate(t)
		deploy(t, n, "web", "mine")
		healthy(t, n, 2)
		retemplate(t, n, `"one"`, `"two"`)
		g.shuts(0, 3*time.Second)
		runs(t, g.kubeconfig, "rollout", "-n", n, "--timeout", "30s").ends(t, 0, `deployment/web +restart +2/2`)
	})
	t.Run("the API server goes away for a moment, in a repair", func(t *testing.T) {
		one, g := repairing("Deployment")(t), newGate(t)
		g.shuts(1, 3*time.Second) // before the eviction
		runs(t, g.kubeconfig, "repair", "-n", one.namespace, "--timeout", "30s").ends(t, 0, `deployment/web +evict +1/1`)
		must(t, one.kept(t.Context(), nil))
	})
	t.Run("somebody gives the app another image meanwhile", func(t *testing.T) {
		n := six(t)
		r := runs(t, admin, "rollout", "-n", n, "--timeout", "30s")
		begun(t, n, 1)
		kubectl(t, "set", "image", "deployment/web", "app=app:2", "-n", n)
		r.ends(t, 0, `deployment/web +in place +6/6`)
		must(t, eventually(t.Context(), patience, func(context.Context) error {
			if got := images(t, n); got["mine:2"] != 6 || len(got) != 1 {
				return fmt.Errorf("images: %v", got)
			}
			return nil
		}))
	})
	evicting := func(t *testing.T, name string) string {
		n := fleetPlace(t)
		deploy(t, n, name, "mine")
		kubectl(t, "scale", "deployment", name, "-n", n, "--replicas=4")
		healthy(t, n, 4)
		kubectl(t, "rollout", "pause", "deployment", name, "-n", n) // so that its pods are evicted
		return n
	}
	t.Run("somebody scales it down meanwhile", func(t *testing.T) {
		n := evicting(t, "web")
		retemplate(t, n, "mine:1", "mine:2", `"one"`, `"two"`)
		r := runs(t, admin, "rollout", "-n", n, "--timeout", "20s")
		begun(t, n, 1)
		kubectl(t, "scale", "deployment", "web", "-n", n, "--replicas=1")
		r.ends(t, 0, `deployment/web +evict +4/4`)
	})
	t.Run("somebody deletes it meanwhile, and the others go on", func(t *testing.T) {
		n := evicting(t, "web")
		deploy(t, n, "xeb", "mine")
		healthy(t, n, 6)
		retemplate(t, n, "mine:1", "mine:2", `"one"`, `"two"`)
		r := runs(t, admin, "rollout", "-n", n, "--timeout", "20s", "-o", "wide")
		begun(t, n, 1)
		kubectl(t, "delete", "deployment", "web", "-n", n)
		r.ends(t, 1, `deployment/web +evict +\d/4 +\d+ +its owner deployment/web has gone, and nobody would make another pod$`, `deployment/xeb +restart +2/2`, `^error: 1 workload left, for the reason beside each`)
	})
	t.Run("an owner that nobody knows, and the others go on", func(t *testing.T) {
		n := fleetPlace(t)
		createPod(t, n, object{"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": "odd", "annotations": object{"sidecar-injector.dev/inject": "mine"},
			"ownerReferences": []any{object{"apiVersion": "apps.example.com/v1", "kind": "CloneSet", "name": "odd", "uid": "4711", "controller": true}}},
			"spec": object{"containers": []any{object{"name": "app", "image": "app"}}}})
		deploy(t, n, "web", "mine")
		healthy(t, n, 3)
		retemplate(t, n, `"one"`, `"two"`)
		p.says(t, admin, 1, []string{"rollout", "-n", n, "-o", "wide"}, `cloneset/odd +leave +0/1 +0 +its owner is a CloneSet, of which nobody knows whether it would make another pod`, `deployment/web +restart +2/2`)
	})
	t.Run("a budget that lets no pod go now, and the others go on", func(t *testing.T) {
		needsServed(t, "v1", "pods/resize") // versions that serve it also allow changing images of native sidecars
		n := fleetPlace(t)
		deploy(t, n, "web", "mine")
		deploy(t, n, "xeb", "mine")
		pods := healthy(t, n, 4)
		budget(t, n, "web", 1)
		// One of its pods is unready for another reason: it can be disrupted, and now the other one must not.
		i := slices.IndexFunc(pods, func(p corev1.Pod) bool { return p.Labels["app"] == "web" })
		kubectl(t, "patch", "pod", pods[i].Name, "-n", n, "-p", `{"spec":{"containers":[{"name":"app","image":"app:bad"}]}}`)
		healthy(t, n, 3)
		retemplate(t, n, "mine:1", "mine:2")
		p.says(t, admin, 1, []string{"rollout", "-n", n, "--timeout", "3s", "-o", "wide"},
			`deployment/web +in place +1/2 +[3-9] +PodDisruptionBudget web has let no pod go for 3s \(1 healthy, at least 1 wanted\)$`, `deployment/xeb +in place +2/2`)
	})
	if suite.minor < 32 {
		t.Run("a server that does not change images in running pods", func(t *testing.T) {
			n := fleetPlace(t)
			deploy(t, n, "web", "mine")
			before := healthy(t, n, 2)
			retemplate(t, n, "mine:1", "mine:2")
			p.says(t, admin, 1, []string{"status", "-n", n, "--exit-code", "-o", "wide"}, fmt.Sprintf(`deployment/web +mine +restart +2 .*Kubernetes 1.%d keeps the image of a native sidecar, 1.32 does not`, suite.minor))
			p.says(t, admin, 0, []string{"rollout", "-n", n, "--timeout", "20s"}, `deployment/web +restart +2/2`)
			for _, pod := range healthy(t, n, 2) {
				if uids(before)[pod.UID] || pod.Spec.InitContainers[0].Image != "mine:2" {
					t.Errorf("pod %s was not made anew", pod.Name)
				}
			}
		})
	}
}

// documentedRole returns the rules of the Role in docs/fleet.md.
func documentedRole(t *testing.T) []rbacv1.PolicyRule { return documented(t, "Role") }

// documented returns the rules of the role of a kind in docs/fleet.md.
func documented(t *testing.T, kind string) []rbacv1.PolicyRule {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(repository, "docs/fleet.md"))
	must(t, err)
	begin := "apiVersion: rbac.authorization.k8s.io/v1\nkind: " + kind + "\n"
	_, text, found := strings.Cut(string(page), begin)
	text, _, _ = strings.Cut(begin+text, "```")
	if !found {
		t.Fatal("docs/fleet.md has no " + kind)
	}
	text = strings.Replace(text, "[sidecar-injector, sidecar-injector-templates]", fmt.Sprintf("[%[1]s, %[1]s-templates]", releaseName), 1)
	var role rbacv1.Role // a ClusterRole has the same fields
	must(t, yaml.UnmarshalStrict([]byte(text), &role))
	return role.Rules
}

// personWith returns the kubeconfig of a user with the rights of a Role in some namespaces, and with those
// of the ClusterRole of docs/fleet.md.
func personWith(t *testing.T, rules []rbacv1.PolicyRule, everywhere []rbacv1.PolicyRule, namespaces ...string) string {
	t.Helper()
	return onlyWith(t, rules, append(everywhere, documented(t, "ClusterRole")...), namespaces...)
}

// onlyWith returns the kubeconfig of a user with the rights of a Role in some namespaces, and with others
// everywhere.
func onlyWith(t *testing.T, rules []rbacv1.PolicyRule, everywhere []rbacv1.PolicyRule, namespaces ...string) string {
	t.Helper()
	name := fmt.Sprintf("person-%d", time.Now().UnixNano())
	user, err := suite.environment.AddUser(envtest.User{Name: name}, nil)
	must(t, err)
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}}
	for _, n := range namespaces {
		_, err := suite.client.RbacV1().Roles(n).Create(t.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}, metav1.CreateOptions{})
		must(t, err)
		_, err = suite.client.RbacV1().RoleBindings(n).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: subjects,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}}, metav1.CreateOptions{})
		must(t, err)
	}
	_, err = suite.client.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: everywhere}, metav1.CreateOptions{})
	must(t, err)
	_, err = suite.client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		_ = suite.client.RbacV1().ClusterRoles().Delete(context.Background(), name, metav1.DeleteOptions{})
		_ = suite.client.RbacV1().ClusterRoleBindings().Delete(context.Background(), name, metav1.DeleteOptions{})
	})
	text, err := user.KubeConfig()
	must(t, err)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(file, text, 0o600))
	must(t, eventually(t.Context(), patience, func(context.Context) error { // until the API server applies the rights
		_, code, err := ours(t.Context(), file, "status", "-n", namespaces[0])
		if err == nil && code != 0 && slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool {
			return slices.Contains(r.Resources, "pods") && slices.Contains(r.Verbs, "list")
		}) {
			err = errors.New("not heeded yet")
		}
		return err
	}))
	return file
}

// TestWhoeverLacksARightOfTheRoleIsToldWhich removes each right from the Role of docs/fleet.md for which
// there is a task: the error must name verb and resource, the hint the Role that grants it. With the whole
// Role every task is done.
func TestWhoeverLacksARightOfTheRoleIsToldWhich(t *testing.T) {
	needsServed(t, "v1", "pods/resize") // versions that serve it also allow changing images of native sidecars
	p := newPatient(t)
	role := documentedRole(t)
	command := func(r right) []string {
		if strings.HasPrefix(r.resource, "poddisruptionbudgets") || r.verb == "patch" && strings.HasPrefix(r.resource, "pods") {
			return []string{"rollout", "--timeout", "20s"}
		}
		return []string{"repair", "--timeout", "20s"}
	}
	for r, make := range keeperNeeds() {
		if r == (right{"events", "list"}) {
			continue // without it, problems are only noticed later
		}
		if r == (right{"pods", "list"}) {
			make = repairing("Deployment")
		}
		t.Run("without "+r.String(), func(t *testing.T) {
			one := make(t)
			args := append(command(r), "-n", one.namespace)
			group := map[string]string{"poddisruptionbudgets": "policy", "deployments": "apps", "statefulsets": "apps", "daemonsets": "apps", "replicasets": "apps"}[r.resource]
			p.says(t, personWith(t, deny(role, r.resource, r.verb), nil, one.namespace), 2, args,
				`^error: you may not `+r.verb+` `+r.resource+` in namespace `+one.namespace+`: `,
				`^hint: .*`, `^kubectl apply -f - `, `"kind":"Role",.*"namespace":"`+one.namespace+`".*"verbs":\["`+r.verb+`"\],"apiGroups":\["`+group+`"\],"resources":\["`+r.resource+`"\]`)
			if err := one.kept(t.Context(), nil); err == nil {
				t.Error("it is done all the same")
			}
			p.says(t, personWith(t, role, nil, one.namespace), 0, args)
			must(t, one.kept(t.Context(), nil))
		})
	}
	t.Run("the rest goes on", func(t *testing.T) {
		may, mayNot := updating(t), updating(t)
		reads := []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"get", "list"}}}
		p.says(t, personWith(t, role, reads, may.namespace), 2, []string{"rollout", "-A", "--timeout", "20s", "-o", "wide"},
			may.namespace+` +replicaset/web +in place +2/2`, mayNot.namespace+` +replicaset/web +leave +0/2 +\d+ +you may not create pods in namespace `+mayNot.namespace,
			`^error: you may not create pods in namespace `+mayNot.namespace, `"kind":"Role",.*"namespace":"`+mayNot.namespace+`".*"verbs":\["create"\],"apiGroups":\[""\],"resources":\["pods"\]`)
		must(t, may.kept(t.Context(), nil))
	})
}
