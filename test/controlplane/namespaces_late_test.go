//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// slowWatch is a proxy between an injector and the API server that can hold back the events of the watch of
// namespaces. All other requests pass, with the administrator's rights.
type slowWatch struct {
	*httptest.Server
	gate    sync.RWMutex // locked while events are held back
	waiting atomic.Int64 // parts of watch responses that are held back
}

func newSlowWatch(t *testing.T) *slowWatch {
	t.Helper()
	target, err := url.Parse(suite.config.Host)
	must(t, err)
	transport, err := rest.TransportFor(suite.config)
	must(t, err)
	s := &slowWatch{}
	s.Server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1, // flush watch events at once
		ModifyResponse: func(r *http.Response) error {
			if query := r.Request.URL.Query(); r.Request.URL.Path == "/api/v1/namespaces" && query.Get("watch") != "" {
				r.Body = &slowBody{r.Body, s}
			}
			return nil
		},
	})
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// kubeconfig returns the file for a client that uses the proxy.
func (s *slowWatch) kubeconfig(t *testing.T) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["plane"] = &clientcmdapi.Cluster{Server: s.URL}
	config.Contexts["plane"] = &clientcmdapi.Context{Cluster: "plane"}
	config.CurrentContext = "plane"
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, clientcmd.WriteToFile(*config, file))
	return file
}

// slowBody is the response body of a watch.
type slowBody struct {
	io.ReadCloser
	way *slowWatch
}

func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.way.waiting.Add(1)
	b.way.gate.RLock()
	defer b.way.gate.RUnlock()
	b.way.waiting.Add(-1)
	return n, err
}

// TestAPodThatTheAPIServerSendsIsNeverTakenForOneThatIsNotEnabled: a namespace gets the opt-in label and a
// Deployment is applied while the injector's watch has not received the label yet.
func TestAPodThatTheAPIServerSendsIsNeverTakenForOneThatIsNotEnabled(t *testing.T) {
	before := map[string]map[string]string{
		"no label":      nil,
		"disabled":      {injectionLabel: "disabled"},
		"another value": {injectionLabel: "yes"},
	}
	namespaces := map[string]string{}
	for name, labels := range before { // before the injector starts, so that its watch has these labels
		namespaces[name] = newNamespace(t, labels, nil)
	}
	way := newSlowWatch(t)
	i := serve(t, "", "/readyz", "--template-dir", mustAbs("testdata/templates"), "--kubeconfig", way.kubeconfig(t))
	configuration := webhookConfiguration(t, i.url, i.ca)
	known := newMarker(configuration)
	entry := &configuration.Webhooks[len(configuration.Webhooks)-1]
	entry.Name = "known.controlplane.test"
	entry.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{injectionLabel: "enabled"}}
	install(t, configuration)

	way.gate.Lock()
	release := sync.OnceFunc(way.gate.Unlock)
	t.Cleanup(release)
	for name, namespace := range namespaces {
		t.Run(name, func(t *testing.T) {
			kubectl(t, "label", "namespace", namespace, injectionLabel+"=enabled", "--overwrite")
			must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
				if way.waiting.Load() == 0 {
					return errors.New("the watch has told nothing that could be held back")
				}
				return known.knows(ctx, namespace)
			}))
			applied(t, namespace, strings.Replace(deploymentText("", "", requestAnnotation+": "+side), "replicas: 0", "replicas: 1", 1))
			pod, err := podOf(t, namespace)
			must(t, err)
			if !injected(pod) {
				t.Errorf("the pod has no sidecar; decisions: %v", i.decisions(t))
			}
		})
	}
	if decisions := i.decisions(t); decisions["injected Annotation"] < len(before) || way.waiting.Load() == 0 {
		t.Errorf("decisions %v, of which %d are wanted while the watch is held back (%d pieces wait)", decisions, len(before), way.waiting.Load())
	}
	release()
}

// knows returns nil if the API server's webhook matching sees that a namespace has the opt-in label.
func (m marker) knows(ctx context.Context, namespace string) error {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "marker-", Labels: map[string]string{m.label: m.value, injectionLabel: "disabled"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app"}}},
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := suite.client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err == nil || !strings.Contains(err.Error(), "known.controlplane.test") {
		return errors.Join(errors.New("the API server does not see the namespace's label yet"), err)
	}
	return nil
}
