package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
)

// TestUninstallLeavesWhatIsDocumented uninstalls the injector and installs it again: docs/install.md says
// what remains. It runs before the parallel tests.
func TestUninstallLeavesWhatIsDocumented(t *testing.T) {
	p := newPlace(t, "restricted")
	p.apply("lifecycles/app.yaml")
	before := p.ready("app=app")
	template, err := filepath.Abs(filepath.Join(repository, "examples/cluster-template.yaml"))
	p.must(err)
	p.apply(template)
	defer p.kubectl("delete", "clustersidecartemplates", "--all")
	if _, err := capture(suite.helm(t.Context(), "uninstall", injector, "-n", injector, "--wait")); err != nil {
		t.Fatal(err)
	}
	defer func() {
		p.must(suite.install(t.Context()))
		again := newPlace(t, "restricted")
		again.apply("lifecycles/app.yaml")
		pod := again.ready("app=app")
		report("the first injected pod was READY %.1f s after helm install began, check included", time.Since(suite.helmed).Seconds())
		if len(pod.Spec.InitContainers) != 2 {
			t.Errorf("after installing again a pod has %d sidecars", len(pod.Spec.InitContainers))
		}
	}()
	for scope, kinds := range map[string]string{
		"--all-namespaces=false":  "mutatingwebhookconfigurations,validatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings,clusterroles,clusterrolebindings",
		"--namespace=" + injector: "deployments,services,secrets,configmaps,leases,roles,rolebindings,poddisruptionbudgets,networkpolicies,jobs",
	} {
		for line := range strings.Lines(p.kubectl("get", kinds, scope, "-o", "name")) {
			if strings.Contains(line, injector) {
				t.Errorf("%s is left", strings.TrimSpace(line))
			}
		}
	}
	if got := p.kubectl("get", "clustersidecartemplates", "-o", "name"); !strings.Contains(got, "sidecar-injector.dev/") {
		t.Errorf("the template did not stay: %s", got)
	}
	after := p.ready("app=app")
	if after.UID != before.UID || len(after.Spec.InitContainers) != 2 {
		t.Errorf("the pod that ran did not keep its sidecars")
	}
	p.applyText(strings.ReplaceAll(read(t, "lifecycles/app.yaml"), ": app\n", ": later\n"))
	later := p.kubectl("get", "pod", "later", "-o", "jsonpath={.spec.initContainers}")
	if later != "" {
		t.Errorf("a later pod has %s", later)
	}
}

// TestEveryImageThatIsNamedCanBeHad: images are not pulled, so a new template or example needs a row in
// images.
func TestEveryImageThatIsNamedCanBeHad(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(repository, "examples/injected/*.yaml"))
	must(t, err)
	builtin, err := filepath.Glob(filepath.Join(repository, "templates/builtin/*.yaml"))
	must(t, err)
	var had []string
	for _, i := range images() {
		had = append(had, canonical(t, i.ref))
	}
	registry := regexp.MustCompile(`\$\{cluster\.\?registry\.orValue\("([^"]+)"\)\}`)
	named := regexp.MustCompile(`(?m)^\s*(?:- )?image: (?:&\w+ )?(\S+)$`)
	count := 0
	for _, file := range slices.Concat(files, builtin) {
		text, err := os.ReadFile(file)
		must(t, err)
		for _, match := range named.FindAllStringSubmatch(registry.ReplaceAllString(string(text), "$1"), -1) {
			count++
			if !slices.Contains(had, canonical(t, match[1])) {
				t.Errorf("%s: image %s is in no row", file, match[1])
			}
		}
	}
	if count < 20 {
		t.Errorf("%d images are named: the test does not find them any more", count)
	}
}

func canonical(t *testing.T, ref string) string {
	t.Helper()
	parsed, err := name.ParseReference(ref)
	must(t, err)
	return parsed.Name()
}

// TestAnAppThatKeepsItsFilesToItselfIsNamed: an app that is root by its image, with umask 077. The collector
// becomes ready but cannot read any file; kubectl apply, explain and check report the reason.
func TestAnAppThatKeepsItsFilesToItselfIsNamed(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "baseline")
	app := strings.NewReplacer("  securityContext: {runAsUser: 10001, runAsNonRoot: true}\n", "", "httpd -p", "umask 077; httpd -p").Replace(read(t, "lifecycles/app.yaml"))
	out, err := p.tryApply(app)
	p.must(err)
	if !strings.Contains(out, "runAsUser") {
		t.Errorf("kubectl apply does not warn:\n%s", out)
	}
	p.ready("app=app")
	p.says("app", "app-sc-log-collector", "ermission denied")
	if out := p.inject("explain", "pod/app"); !strings.Contains(out, "ermission denied") {
		t.Errorf("explain does not show the collector's last line:\n%s", out)
	}
	if out := p.inject("check"); !strings.Contains(out, "may not be able to read what their app writes") {
		t.Errorf("check does not name it:\n%s", out)
	}
}
