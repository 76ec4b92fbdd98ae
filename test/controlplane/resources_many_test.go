//go:build controlplane

package controlplane

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// manyTemplates is the number of templates. The default tests the function; make performance measures with
// 10,000.
var manyTemplates = flag.Int("templates", 2000, "how many templates the cluster is filled with, a twentieth of them different")

const (
	sameTemplates = 20
	// largeTemplate is a size that etcd still accepts: 1.5 MiB per request by default.
	largeTemplate = 1 << 20
	// manySeconds is far more than loading takes: a few ms for each different template.
	manySeconds = 60
	// manyMemory is the memory limit of the chart's Deployment, in bytes.
	manyMemory = 512 << 20
)

// TestThousandsOfTemplatesAreServed creates the templates, starts an injector, and uses the first, the last
// and the largest template.
func TestThousandsOfTemplatesAreServed(t *testing.T) {
	installCRDs(t)
	begun := time.Now()
	namespaces := []string{enabledNamespace(t), enabledNamespace(t)}
	fill(t, namespaces)
	created := time.Since(begun).Round(time.Second)

	begun = time.Now()
	i := startInjector(t)
	ready := time.Since(begun).Round(100 * time.Millisecond)
	install(t, webhookConfiguration(t, i.url, i.ca))
	used := usedBy(t, i)

	half, last := *manyTemplates/2-1, *manyTemplates-1
	for _, want := range []struct{ namespace, template, image string }{
		{namespaces[0], manyName(0), manyImage(0)},
		{namespaces[0], manyName(half), manyImage(half)},
		{namespaces[1], manyName(last), manyImage(last)},
		{namespaces[0], "large", "example.com/large:1"},
	} {
		soon(t, want.namespace, want.template, want.image)
	}

	// A changed template is in use at once, independent of their number.
	begun = time.Now()
	applyTemplate(t, sidecarTemplate("", manyName(0), "example.com/changed:1"))
	soon(t, namespaces[0], manyName(0), "example.com/changed:1")
	changed := time.Since(begun).Round(10 * time.Millisecond)

	suite.report("%d templates, %d of them different, one of 1 MB: created in %s; injector ready after %s (%.1f s of processor time) with %d MiB (peak %d MiB); a change in force after %s",
		*manyTemplates+1, differentTemplates(), created, ready, used.seconds, used.memory>>20, used.peak>>20, changed)
	if used.peak > manyMemory {
		t.Errorf("the injector took %d MiB, more than the %d MiB that it is given", used.peak>>20, manyMemory>>20)
	}
	if used.seconds > manySeconds {
		t.Errorf("the injector took %.1f s of processor time, want at most %d s", used.seconds, manySeconds)
	}
}

func manyName(n int) string { return fmt.Sprintf("many-%05d", n) }

func manyImage(n int) string { return fmt.Sprintf("example.com/image:%d", n%differentTemplates()) }

func differentTemplates() int { return max(*manyTemplates/sameTemplates, 1) }

// fill creates the templates: half in the cluster, half in a namespace, and a large one.
func fill(t *testing.T, namespaces []string) {
	t.Helper()
	const name, image = "@name@", "@image@"
	inCluster, inNamespace, large := variant(t, "", name, image, 0), variant(t, namespaces[1], name, image, 0), variant(t, "", name, image, largeTemplate)
	create := func(ctx context.Context, text, namespace, itsName, itsImage string) error {
		text = strings.NewReplacer(name, itsName, image, itsImage).Replace(text)
		w := writtenTemplate{namespace: namespace, name: itsName, object: []byte(text)}
		_, err := w.send(ctx)
		return err
	}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(32)
	for n := range *manyTemplates {
		text, namespace := inCluster, ""
		if n >= *manyTemplates/2 {
			text, namespace = inNamespace, namespaces[1]
		}
		group.Go(func() error {
			return create(ctx, text, namespace, manyName(n), manyImage(n))
		})
	}
	group.Go(func() error { return create(ctx, large, "", "large", "example.com/large:1") })
	must(t, group.Wait())
}

// variant returns a built-in template with another name and image, without requirements on its pods, and with
// padding bytes of environment.
func variant(t *testing.T, namespace, name, image string, padding int) string {
	t.Helper()
	builtIn, err := os.ReadFile(filepath.Join(repository, "templates/builtin/config-sync.yaml"))
	must(t, err)
	var full object
	must(t, yaml.Unmarshal(builtIn, &full))
	template := sidecarTemplate(namespace, name, image)
	spec := full["spec"].(object)
	template.Object["spec"] = spec
	delete(spec, "examples") // and the descriptions below, to make the requests smaller
	for _, p := range spec["parameters"].([]any) {
		parameter := p.(object)
		delete(parameter, "description")
		if parameter["required"] == true {
			delete(parameter, "required")
			parameter["default"] = map[any]string{"path": "/given", "string": "given"}[parameter["type"]]
		}
	}
	container := spec["pod"].(object)["spec"].(object)["initContainers"].([]any)[0].(object)
	container["image"] = image
	env, _ := container["env"].([]any)
	for n := 0; padding > 0; n++ {
		value := strings.Repeat("v", 100)
		env = append(env, object{"name": fmt.Sprintf("VALUE_%d", n), "value": value})
		padding -= len(value) + len(`{"name":"VALUE_0000","value":""},`)
	}
	container["env"] = env
	text, err := json.Marshal(template.Object)
	must(t, err)
	return string(text)
}

// use is the memory of a process in bytes, now and at its peak, and its processor time.
type use struct {
	memory, peak int64
	seconds      float64
}

func usedBy(t *testing.T, i *injector) use {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.command.Process.Pid))
	must(t, err)
	kilobytes := func(field string) int64 {
		_, rest, _ := strings.Cut(string(text), "\n"+field+":")
		number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", field, err)
		}
		return n << 10
	}
	families := i.families(t)
	seconds := families["process_cpu_seconds_total"].GetMetric()[0].GetCounter().GetValue()
	return use{kilobytes("VmRSS"), kilobytes("VmHWM"), seconds}
}

// TestATemplateThatEtcdCannotHoldIsRefused checks that the API server refuses it, independent of the
// injector's findings.
func TestATemplateThatEtcdCannotHoldIsRefused(t *testing.T) {
	installCRDs(t)
	reviewed(t, startInjector(t))
	template := sidecarTemplate("", "huge", "example.com/one:1")
	template.Object["spec"].(object)["description"] = strings.Repeat("x", 1700<<10)
	_, err := templatesOf(t, v1alpha1.ClusterSidecarTemplates, "").Create(t.Context(), template, metav1.CreateOptions{})
	if err == nil || !strings.Contains(err.Error(), "etcdserver: request is too large") {
		t.Errorf("1.7 MB: %v", err)
	}
}
