//go:build controlplane

package controlplane

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// installation is an injector in the cluster: the objects that a chart would create, and replicas.
type installation struct {
	t          *testing.T
	name       string
	namespace  string // its own
	pods       string // a namespace with the opt-in label, the only one whose pods are sent to the webhook
	kubeconfig string // of a user with exactly the rights that an injector needs
}

// newInstallation creates the objects that the replicas need, except Secret, Lease and webhook
// configurations.
func newInstallation(t *testing.T) *installation {
	t.Helper()
	i := &installation{t: t, namespace: newNamespace(t, nil, nil), pods: enabledNamespace(t)}
	i.name = "injector-" + i.namespace
	user, err := suite.environment.AddUser(envtest.User{Name: i.name}, nil)
	must(t, err)
	text, err := user.KubeConfig()
	must(t, err)
	i.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(i.kubeconfig, text, 0o600))
	i.allow()
	return i
}

// allow grants the user the rights for certificates and the lease.
func (i *installation) allow() {
	i.t.Helper()
	meta := metav1.ObjectMeta{Name: i.name}
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: i.name}}
	rule := func(group, resource, name string, verbs ...string) rbacv1.PolicyRule {
		r := rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
		if name != "" {
			r.ResourceNames = []string{name}
		}
		return r
	}
	client := suite.client.RbacV1()
	ctx, options := i.t.Context(), metav1.CreateOptions{}
	_, err := client.Roles(i.namespace).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		rule("", "secrets", i.name+"-ca", "get", "list", "watch", "create", "patch"),
		rule("coordination.k8s.io", "leases", i.name, "get", "create", "update"),
	}}, options)
	must(i.t, err)
	_, err = client.RoleBindings(i.namespace).Create(ctx, &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: i.name}}, options)
	must(i.t, err)
	_, err = client.ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		rule("", "namespaces", "", "get", "list", "watch"),
		rule("admissionregistration.k8s.io", "mutatingwebhookconfigurations", i.name, "get", "list", "watch", "patch"),
		rule("admissionregistration.k8s.io", "validatingwebhookconfigurations", i.name, "get", "list", "watch", "patch"),
	}}, options)
	must(i.t, err)
	_, err = client.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: i.name}}, options)
	must(i.t, err)
	i.t.Cleanup(func() {
		_ = client.ClusterRoles().Delete(context.Background(), i.name, metav1.DeleteOptions{})
		_ = client.ClusterRoleBindings().Delete(context.Background(), i.name, metav1.DeleteOptions{})
	})
}

// configuration returns the chart's webhook configuration for pods of the one namespace, without a CA bundle.
func (i *installation) configuration(url string) *admissionregistration.MutatingWebhookConfiguration {
	i.t.Helper()
	configuration := webhookConfiguration(i.t, url, nil)
	configuration.ObjectMeta = metav1.ObjectMeta{Name: i.name}
	for n := range configuration.Webhooks {
		i.confine(&configuration.Webhooks[n])
	}
	return configuration
}

// confine restricts a webhook to the test's namespace, so that pods of other tests are not affected.
func (i *installation) confine(webhook *admissionregistration.MutatingWebhook) {
	webhook.NamespaceSelector.MatchExpressions = append(webhook.NamespaceSelector.MatchExpressions, metav1.LabelSelectorRequirement{
		Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: []string{i.pods, i.namespace, "kube-system", "default"},
	})
}

// create creates a configuration until the test ends.
func (i *installation) create(configuration *admissionregistration.MutatingWebhookConfiguration) {
	i.t.Helper()
	client := suite.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	_, err := client.Create(i.t.Context(), configuration, metav1.CreateOptions{})
	must(i.t, err)
	i.t.Cleanup(func() {
		err := client.Delete(context.Background(), i.name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			i.t.Error(err)
		}
	})
}

// replica is one running injector of an installation.
type replica struct {
	*process
	i       *installation
	pod     string
	address string // of the webhook
	url     string
	health  string // URL
	metrics string // URL
}

// start runs a replica on an address of this machine, without waiting.
func (i *installation) start(pod, host string, flags ...string) *replica {
	i.t.Helper()
	r := &replica{i: i, pod: pod, address: freeAddressOf(i.t, host)}
	health, metrics := freeAddress(i.t), freeAddress(i.t)
	r.url, r.health, r.metrics = "https://"+r.address, "http://"+health, "http://"+metrics+"/metrics"
	args := append([]string{"POD_NAME=" + pod, "POD_NAMESPACE=" + i.namespace, suite.injector, "serve", "--name", i.name,
		"--kubeconfig", i.kubeconfig, "--listen", r.address, "--health-listen", health, "--metrics-listen", metrics, "--drain", "0s"}, flags...)
	var err error
	r.process, err = start("", filepath.Join(i.t.TempDir(), pod+".log"), "env", args...)
	must(i.t, err)
	i.t.Cleanup(func() {
		if err := r.stop(); err != nil {
			i.t.Error(err)
		}
		if i.t.Failed() {
			i.t.Logf("the log of %s ends:\n%s", pod, r.tail())
		}
	})
	return r
}

// ready returns nil if a replica is ready, or else the reason.
func (r *replica) ready(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.health+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", r.pod, bytes.TrimSpace(text))
	}
	return err
}

// waitReady waits until replicas are ready.
func waitReady(t *testing.T, replicas ...*replica) {
	t.Helper()
	for _, r := range replicas {
		must(t, eventually(t.Context(), patience, r.ready))
	}
}

// wrote returns a replica's counter of writes.
func (r *replica) wrote(object, reason string) string {
	text, err := get(r.i.t.Context(), r.metrics)
	must(r.i.t, err)
	prefix := fmt.Sprintf("sidecar_injector_certificate_writes_total{object=%q,reason=%q} ", object, reason)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, prefix); ok {
			return strings.TrimSpace(value)
		}
	}
	return "0"
}

// askingPod returns a pod that requests a sidecar.
func askingPod(name string) *corev1.Pod {
	return &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{GenerateName: name + "-", Annotations: map[string]string{
			"sidecar-injector.dev/inject": "health-check", "health-check.sidecar-injector.dev/port": "80"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app"}}},
	}
}

// injects creates a pod that requests a sidecar, and returns an error if it did not get one.
func (i *installation) injects(ctx context.Context) error {
	pod, err := suite.client.CoreV1().Pods(i.pods).Create(ctx, askingPod("web"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err == nil && len(pod.Spec.InitContainers) == 0 {
		err = fmt.Errorf("pod %s: admitted without a sidecar", pod.Name)
	}
	return err
}

// waitInjects waits until pods are injected.
func (i *installation) waitInjects() {
	i.t.Helper()
	must(i.t, eventually(i.t.Context(), patience, i.injects))
}

func (i *installation) secret() *corev1.Secret {
	i.t.Helper()
	secret, err := suite.client.CoreV1().Secrets(i.namespace).Get(i.t.Context(), i.name+"-ca", metav1.GetOptions{})
	must(i.t, err)
	return secret
}

func (i *installation) live() *admissionregistration.MutatingWebhookConfiguration {
	i.t.Helper()
	configuration, err := suite.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(i.t.Context(), i.name, metav1.GetOptions{})
	must(i.t, err)
	return configuration
}

// setBundles writes the CA bundles, as another writer would.
func (i *installation) setBundles(bundle []byte) {
	i.t.Helper()
	must(i.t, eventually(i.t.Context(), patience, func(ctx context.Context) error {
		live := i.live()
		for n := range live.Webhooks {
			live.Webhooks[n].ClientConfig.CABundle = bundle
		}
		_, err := suite.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Update(ctx, live, metav1.UpdateOptions{})
		return err
	}))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// freeAddressOf returns an unused address of a host of this machine. Its port is below the range from which
// the kernel assigns ports (32768 and up, on Linux), and has not been returned before, so that it stays free
// until it is used.
func freeAddressOf(t *testing.T, host string) string {
	t.Helper()
	const first, count = 12000, 20000
	for range count {
		port := first + (int64(os.Getpid())*101+suite.ports.Add(1))%count
		listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.FormatInt(port, 10)))
		if err == nil {
			must(t, listener.Close())
			return listener.Addr().String()
		}
	}
	t.Fatalf("%s: no port from %d to %d is free", host, first, first+count)
	return ""
}

// stream is a continuous creation of pods that request a sidecar.
type stream struct {
	stopped chan struct{}
	running sync.WaitGroup

	mu      sync.Mutex
	created int
	faults  []string
}

// createPods creates pods concurrently until it is stopped; failures are recorded.
func (i *installation) createPods(t *testing.T) *stream {
	t.Helper()
	tr := &stream{stopped: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	for range 4 {
		tr.running.Go(func() {
			for {
				select {
				case <-tr.stopped:
					return
				case <-ctx.Done():
					return
				case <-time.After(5 * time.Millisecond):
				}
				err := i.injects(ctx)
				tr.mu.Lock()
				tr.created++
				if err != nil && ctx.Err() == nil {
					tr.faults = append(tr.faults, time.Now().Format(time.TimeOnly)+" "+err.Error())
				}
				tr.mu.Unlock()
			}
		})
	}
	return tr
}

// count returns the number of pods tried.
func (tr *stream) count() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.created
}

// stop ends the stream, fails the test unless every pod was injected, and returns their number.
func (tr *stream) stop(t *testing.T) int {
	t.Helper()
	close(tr.stopped)
	tr.running.Wait()
	if tr.created == 0 {
		t.Error("no pod was created at all")
	}
	if n := len(tr.faults); n > 0 {
		t.Errorf("%d of %d pods were not injected, such as\n%s", n, tr.created, strings.Join(tr.faults[:min(n, 5)], "\n"))
	}
	return tr.created
}

// leaf returns the certificate that a replica serves on a new connection.
func (r *replica) leaf() (*x509.Certificate, error) {
	conn, err := tls.Dial("tcp", r.address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

// servesLeafOf returns nil if a replica serves a certificate signed by the CA.
func (r *replica) servesLeafOf(authority []byte) error {
	leaf, err := r.leaf()
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots})
	return err
}
