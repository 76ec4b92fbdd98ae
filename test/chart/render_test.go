package chart

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	helmtool "github.com/sidecar-injector/sidecar-injector/test/helm"
)

const (
	root      = "../.."
	directory = root + "/charts/sidecar-injector"
	release   = "sidecar-injector"
	namespace = "sidecars"
)

// helmProgram returns the helm that tools/go.mod pins.
var helmProgram = sync.OnceValues(func() (string, error) { return helmtool.Program(filepath.Join(root, "tools")) })

// helm runs helm on the chart and returns its output.
func helm(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	program, err := helmProgram()
	must(t, err)
	readChart(t)
	var out, complaints bytes.Buffer
	command := exec.Command(program, args...)
	// Without the repositories, plugins and cluster of the user who runs the tests.
	command.Env = append(os.Environ(), "HELM_CONFIG_HOME="+t.TempDir(), "KUBECONFIG=/dev/null")
	command.Stdout, command.Stderr = &out, &complaints
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("helm %s: %w\n%s", strings.Join(args, " "), err, complaints.String())
	}
	return out.String(), nil
}

// readChart reads the chart's files, so that the go command does not use a cached result after a change.
func readChart(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, directory+"/")] = string(data)
		return err
	})
	must(t, err)
	return files
}

// monitored tells helm that the cluster has the Prometheus operator's kinds.
var monitored = []string{
	"--api-versions", "monitoring.coreos.com/v1/ServiceMonitor",
	"--api-versions", "monitoring.coreos.com/v1/PodMonitor",
	"--api-versions", "monitoring.coreos.com/v1/PrometheusRule",
}

// rendered caches the rendered texts by helm's arguments, because many tests use the same.
var rendered sync.Map

// template renders the chart, for a cluster with the Prometheus operator.
func template(t *testing.T, args ...string) (string, error) {
	t.Helper()
	key := strings.Join(args, " ")
	if text, ok := rendered.Load(key); ok {
		return text.(string), nil
	}
	text, err := helm(t, append(append([]string{"template", release, directory, "--namespace", namespace}, monitored...), args...)...)
	if err == nil {
		rendered.Store(key, text)
	}
	return text, err
}

// valueFiles returns all value files of the chart, by their names in its folder.
func valueFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"ci/*-values.yaml", "values-*.yaml"} {
		found, err := filepath.Glob(filepath.Join(directory, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		for _, file := range found {
			files = append(files, strings.TrimPrefix(file, directory+"/"))
		}
	}
	return files
}

// rendering is the chart rendered with one file of values.
type rendering struct {
	text    string
	objects []client.Object
}

// foreign are kinds of other projects, which are not decoded into types.
var foreign = map[schema.GroupKind]bool{
	{Group: "monitoring.coreos.com", Kind: "ServiceMonitor"}: true,
	{Group: "monitoring.coreos.com", Kind: "PodMonitor"}:     true,
	{Group: "monitoring.coreos.com", Kind: "PrometheusRule"}: true,
	{Group: "cert-manager.io", Kind: "Certificate"}:          true,
	{Group: "cert-manager.io", Kind: "Issuer"}:               true,
}

// render returns the objects, decoded strictly: an unknown or duplicate field fails the test.
func render(t *testing.T, args ...string) *rendering {
	t.Helper()
	text, err := template(t, args...)
	must(t, err)
	known := runtime.NewScheme()
	must(t, errors.Join(scheme.AddToScheme(known), apiextensionsv1.AddToScheme(known)))
	decoder := serializer.NewCodecFactory(known, serializer.EnableStrict).UniversalDeserializer()
	r := &rendering{text: text}
	documents := utilyaml.NewDocumentDecoder(io.NopCloser(strings.NewReader(text)))
	buffer := make([]byte, 1<<20)
	for {
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return r
		}
		must(t, err)
		plain := &unstructured.Unstructured{}
		if err := utilyaml.Unmarshal(buffer[:n], &plain.Object); err != nil {
			t.Fatalf("%v:\n%s", err, buffer[:n])
		}
		if len(plain.Object) == 0 {
			continue
		}
		if foreign[plain.GroupVersionKind().GroupKind()] {
			r.objects = append(r.objects, plain)
			continue
		}
		object, _, err := decoder.Decode(buffer[:n], nil, nil)
		if err != nil {
			t.Fatalf("%v:\n%s", err, buffer[:n])
		}
		r.objects = append(r.objects, object.(client.Object))
	}
}

// all returns the rendering's objects of a type.
func all[T client.Object](r *rendering) []T {
	var found []T
	for _, o := range r.objects {
		if typed, ok := o.(T); ok {
			found = append(found, typed)
		}
	}
	return found
}

// named returns the object of that type and name.
func named[T client.Object](t *testing.T, r *rendering, name string) T {
	t.Helper()
	for _, o := range all[T](r) {
		if o.GetName() == name {
			return o
		}
	}
	var none T
	t.Fatalf("no %T of the name %s", none, name)
	return none
}

// kinds counts the objects of a kind.
func (r *rendering) kinds(kind string) int {
	n := 0
	for _, o := range r.objects {
		if o.GetObjectKind().GroupVersionKind().Kind == kind {
			n++
		}
	}
	return n
}

// injector returns the container that runs serve.
func injector(t *testing.T, pod *corev1.PodSpec) *corev1.Container {
	t.Helper()
	if len(pod.Containers) != 1 {
		t.Fatalf("containers: %+v", pod.Containers)
	}
	return &pod.Containers[0]
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
