package chart

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
)

// everywhere runs a test on each rendering.
func everywhere(t *testing.T, check func(t *testing.T, r *rendering)) {
	t.Helper()
	for _, file := range valueFiles(t) {
		t.Run(file, func(t *testing.T) { check(t, render(t, "--values", filepath.Join(directory, file))) })
	}
}

func TestNoRenderingHoldsWhatTheInjectorsWrite(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rendering) {
		if strings.Contains(r.text, "caBundle:") {
			t.Error("caBundle is rendered: an upgrade would fight with whoever writes it")
		}
		for _, secret := range all[*corev1.Secret](r) {
			if len(secret.Data)+len(secret.StringData) > 0 {
				t.Errorf("Secret %s has data", secret.Name)
			}
		}
		if lease := named[*coordinationv1.Lease](t, r, release); !cmp.Equal(lease.Spec, coordinationv1.LeaseSpec{}) {
			t.Errorf("the Lease has a spec: %+v", lease.Spec)
		}
	})
}

func TestTheClusterAndWeCanAlwaysStart(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rendering) {
		for _, w := range named[*admissionregistrationv1.MutatingWebhookConfiguration](t, r, release).Webhooks {
			checkLeavesOut(t, w.Name, w.NamespaceSelector)
		}
		for _, w := range named[*admissionregistrationv1.ValidatingWebhookConfiguration](t, r, release).Webhooks {
			if *w.FailurePolicy != admissionregistrationv1.Ignore {
				t.Errorf("%s holds people up: failurePolicy %s", w.Name, *w.FailurePolicy)
			}
			if w.Name != "templates.sidecar-injector.dev" {
				checkLeavesOut(t, w.Name, w.NamespaceSelector)
			}
		}
		pod := named[*appsv1.Deployment](t, r, release).Spec.Template
		if pod.Labels["sidecar-injector.dev/injection"] != "disabled" {
			t.Errorf("the own pods are not opted out: %v", pod.Labels)
		}
	})
}

// checkLeavesOut checks that a selector does not match namespaces that must not be injected, even if they
// have the opt-in label.
func checkLeavesOut(t *testing.T, webhook string, selector *metav1.LabelSelector) {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	must(t, err)
	wants := labels.Set{"team": "shop", "environment": "production"} // the labels required by webhook-values.yaml
	sent := false
	for _, value := range []string{"", "enabled", "maybe", "disabled"} {
		if value != "" {
			wants["sidecar-injector.dev/injection"] = value
		}
		for _, name := range []string{"kube-system", "kube-public", "kube-node-lease", namespace, "shop"} {
			wants["kubernetes.io/metadata.name"] = name
			if !s.Matches(wants) {
				continue
			}
			sent = true
			if name != "shop" || value == "disabled" {
				t.Errorf("%s is sent what happens in %s, labelled %q", webhook, name, value)
			}
		}
	}
	if !sent {
		t.Errorf("%s is never sent anything", webhook)
	}
}

func TestTheNamesAreThoseThatTheProgramExpects(t *testing.T) {
	r := render(t)
	var paths []string
	for _, w := range named[*admissionregistrationv1.MutatingWebhookConfiguration](t, r, release).Webhooks {
		paths = append(paths, w.Name+" "+*w.ClientConfig.Service.Path)
	}
	for _, w := range named[*admissionregistrationv1.ValidatingWebhookConfiguration](t, r, release).Webhooks {
		paths = append(paths, w.Name+" "+*w.ClientConfig.Service.Path)
	}
	want := []string{
		"namespaces.sidecar-injector.dev /mutate", "pods.sidecar-injector.dev /mutate",
		"templates.sidecar-injector.dev /validate-templates", "workloads.sidecar-injector.dev /advise", "asking.sidecar-injector.dev /advise",
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"other", "my-sidecar-injector"} {
		text, err := helm(t, "template", name, directory)
		must(t, err)
		if name == "other" {
			name = "other-sidecar-injector"
		}
		for _, want := range []string{"--name=" + name + "\n", "name: " + name + "-ca\n", "resourceNames: [" + name + "]\n"} {
			if !strings.Contains(text, want) {
				t.Errorf("the rendering lacks %q", want)
			}
		}
	}
}

func TestPodsComplyWithRestrictedPodSecurity(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	must(t, err)
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	everywhere(t, func(t *testing.T, r *rendering) {
		deployment := named[*appsv1.Deployment](t, r, release)
		pods := all[*corev1.Pod](r)
		pods = append(pods, &corev1.Pod{ObjectMeta: deployment.Spec.Template.ObjectMeta, Spec: deployment.Spec.Template.Spec})
		for _, pod := range pods {
			if pod.Spec.HostNetwork {
				continue // requested by name
			}
			for _, result := range evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec) {
				if !result.Allowed {
					t.Errorf("%s: %s: %s", pod.Name, result.ForbiddenReason, result.ForbiddenDetail)
				}
			}
			for _, c := range pod.Spec.Containers {
				if c.Resources.Requests.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() || c.Resources.Limits.Memory().IsZero() {
					t.Errorf("%s: resources %+v", c.Name, c.Resources)
				}
				if !*c.SecurityContext.ReadOnlyRootFilesystem {
					t.Errorf("%s writes to its image", c.Name)
				}
			}
		}
	})
}

func TestThePodLastsThroughUpdatesDrainsAndZones(t *testing.T) {
	r := render(t)
	deployment := named[*appsv1.Deployment](t, r, release)
	pod := deployment.Spec.Template.Spec
	if *deployment.Spec.Replicas != 2 {
		t.Errorf("replicas: %d", *deployment.Spec.Replicas)
	}
	if rolling := deployment.Spec.Strategy.RollingUpdate; rolling.MaxUnavailable.String() != "0" || rolling.MaxSurge.String() != "1" {
		t.Errorf("an update takes replicas away first: %+v", rolling)
	}
	if sleep := injector(t, &pod).Lifecycle.PreStop.Sleep; sleep.Seconds != 5 {
		t.Errorf("preStop: %+v", sleep)
	}
	if !slices.Contains(injector(t, &pod).Args, "--drain=10s") || *pod.TerminationGracePeriodSeconds < 20 {
		t.Errorf("the drain is cut short: %v within %d s", injector(t, &pod).Args, *pod.TerminationGracePeriodSeconds)
	}
	if pod.PriorityClassName != "system-cluster-critical" || len(all[*corev1.ResourceQuota](r)) != 1 {
		t.Errorf("priority class %q, quotas %d", pod.PriorityClassName, len(all[*corev1.ResourceQuota](r)))
	}
	if pod.Affinity.PodAntiAffinity == nil || len(pod.TopologySpreadConstraints) != 2 {
		t.Error("replicas may all stand on one node")
	}
	budget := named[*policyv1.PodDisruptionBudget](t, r, release)
	for what, selector := range map[string]*metav1.LabelSelector{"Deployment": deployment.Spec.Selector, "budget": budget.Spec.Selector} {
		s, err := metav1.LabelSelectorAsSelector(selector)
		must(t, err)
		if !s.Matches(labels.Set(deployment.Spec.Template.Labels)) || s.Matches(labels.Set(all[*corev1.Pod](r)[0].Labels)) {
			t.Errorf("the %s chooses other pods: %s", what, s)
		}
	}
	one := render(t, "--set", "replicas=1,priorityClassName=")
	if one.kinds("PodDisruptionBudget") != 0 {
		t.Error("the budget of a single replica keeps its node from being drained")
	}
	if one.kinds("ResourceQuota") != 0 {
		t.Error("a quota for a priority that nobody asks for")
	}
}

func TestOnTheNodesNetworkAnUpdateGivesThePortsFreeFirst(t *testing.T) {
	r := render(t, "--values", filepath.Join(directory, "ci/host-network-values.yaml"))
	deployment := named[*appsv1.Deployment](t, r, release)
	if rolling := deployment.Spec.Strategy.RollingUpdate; rolling.MaxUnavailable.String() != "1" || rolling.MaxSurge.String() != "0" {
		t.Errorf("a new pod waits for the ports of an old one: %+v", rolling)
	}
	if pod := deployment.Spec.Template.Spec; !pod.HostNetwork || pod.DNSPolicy != corev1.DNSClusterFirstWithHostNet {
		t.Errorf("hostNetwork %t, dnsPolicy %s", pod.HostNetwork, pod.DNSPolicy)
	}
}

func TestBeforeKubernetes130TheDrainTakesThePlaceOfTheSleep(t *testing.T) {
	for version, want := range map[string]string{"1.29.14": "--drain=15s", "1.30.0-eks-1": "--drain=10s"} {
		r := render(t, "--kube-version", version)
		c := injector(t, &named[*appsv1.Deployment](t, r, release).Spec.Template.Spec)
		if (c.Lifecycle != nil) != (want == "--drain=10s") || !slices.Contains(c.Args, want) {
			t.Errorf("Kubernetes %s: lifecycle %+v, args %v", version, c.Lifecycle, c.Args)
		}
		settings := named[*corev1.ConfigMap](t, r, release).Data["config.yaml"]
		if told := strings.Contains(settings, "preStopSleep: \"false\""); told != (want == "--drain=15s") {
			t.Errorf("Kubernetes %s: templates are told that no hook sleeps: %t", version, told)
		}
	}
}

func TestTheTokenIsShortLivedAndNobodyElsesIsMounted(t *testing.T) {
	r := render(t)
	pod := named[*appsv1.Deployment](t, r, release).Spec.Template.Spec
	if *pod.AutomountServiceAccountToken || *named[*corev1.ServiceAccount](t, r, release).AutomountServiceAccountToken {
		t.Error("a token that lives for a year is mounted")
	}
	for _, v := range pod.Volumes {
		if v.Name == "token" && *v.Projected.Sources[0].ServiceAccountToken.ExpirationSeconds != 3600 {
			t.Errorf("the token lives for %d s", *v.Projected.Sources[0].ServiceAccountToken.ExpirationSeconds)
		}
	}
}

func TestTheProgramReadsTheSettingsAndTemplatesThatAreRendered(t *testing.T) {
	r := render(t, "--values", filepath.Join(directory, "ci/config-values.yaml"))
	settings, err := config.Parse("config.yaml", []byte(named[*corev1.ConfigMap](t, r, release).Data["config.yaml"]))
	must(t, err)
	want := &config.Config{OnUnknownTemplate: "Ignore", OwnNamespace: namespace, Cluster: map[string]string{"registry": "registry.example.com"}}
	if diff := cmp.Diff(want, settings); diff != "" {
		t.Error(diff)
	}

	r = render(t, "--values", filepath.Join(directory, "ci/templates-values.yaml"))
	if n := len(all[*apiextensionsv1.CustomResourceDefinition](r)); n != 0 {
		t.Errorf("%d custom resources in spite of crds.enabled=false", n)
	}
	folder := t.TempDir()
	for name, text := range named[*corev1.ConfigMap](t, r, release+"-templates").Data {
		must(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	entries, err := source.NewDirectory(folder).Read()
	if err != nil || len(entries) != 1 || entries[0].Name != "proxy" || entries[0].Template == nil {
		t.Errorf("the inline template is not loaded: %v, %+v", err, entries)
	}
}

func TestUninstallingKeepsCustomResourcesUnlessToldOtherwise(t *testing.T) {
	for set, want := range map[string]string{"crds.keep=true": "keep", "crds.keep=false": ""} {
		found := all[*apiextensionsv1.CustomResourceDefinition](render(t, "--set", set))
		if len(found) != 2 {
			t.Errorf("%d custom resources", len(found))
		}
		for _, crd := range found {
			if got := crd.Annotations["helm.sh/resource-policy"]; got != want {
				t.Errorf("%s: %s has the policy %q", set, crd.Name, got)
			}
		}
	}
	for _, o := range render(t).objects {
		if _, isCRD := o.(*apiextensionsv1.CustomResourceDefinition); !isCRD && o.GetAnnotations()["helm.sh/resource-policy"] != "" {
			t.Errorf("%s stays when the release goes", o.GetName())
		}
	}
}

func TestTheCertificateModesDifferInWhoMakesIt(t *testing.T) {
	count := func(r *rendering) map[string]int {
		return map[string]int{"Secret": r.kinds("Secret"), "Certificate": r.kinds("Certificate"), "Issuer": r.kinds("Issuer")}
	}
	for file, want := range map[string]map[string]int{
		"default":              {"Secret": 1, "Certificate": 0, "Issuer": 0},
		"cert-manager":         {"Secret": 0, "Certificate": 2, "Issuer": 2},
		"cert-manager-issuer":  {"Secret": 0, "Certificate": 1, "Issuer": 0},
		"provided-certificate": {"Secret": 0, "Certificate": 0, "Issuer": 0},
	} {
		r := render(t, "--values", filepath.Join(directory, "ci", file+"-values.yaml"))
		if diff := cmp.Diff(want, count(r)); diff != "" {
			t.Errorf("%s:\n%s", file, diff)
		}
		mutating := named[*admissionregistrationv1.MutatingWebhookConfiguration](t, r, release)
		validating := named[*admissionregistrationv1.ValidatingWebhookConfiguration](t, r, release)
		for _, o := range []client.Object{mutating, validating} {
			// Others replace a bundle in one step, and replicas need no annotations.
			if len(o.GetAnnotations()) > 0 {
				t.Errorf("%s: annotations of %s: %v", file, o.GetName(), o.GetAnnotations())
			}
		}
		pod := named[*appsv1.Deployment](t, r, release).Spec.Template.Spec
		mounted := slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Secret != nil })
		told := slices.Contains(injector(t, &pod).Args, "--certificate-dir=/etc/sidecar-injector/certificates")
		if mounted != (file != "default") || told != mounted {
			t.Errorf("%s: Secret mounted %t, the program told %t", file, mounted, told)
		}
	}
}

func TestMonitoringIsLeftOutWhereTheClusterDoesNotHaveIt(t *testing.T) {
	args := []string{"--values", filepath.Join(directory, "ci/monitoring-values.yaml")}
	r := render(t, args...)
	if r.kinds("ServiceMonitor") != 1 || r.kinds("PrometheusRule") != 1 {
		t.Errorf("monitors %d, rules %d", r.kinds("ServiceMonitor"), r.kinds("PrometheusRule"))
	}
	out, err := helm(t, append([]string{"template", release, directory}, args...)...)
	if err != nil || strings.Contains(out, "monitoring.coreos.com") {
		t.Errorf("the kinds are not there, but rendered: %v", err)
	}
}

func TestALabelMayBeGivenTwice(t *testing.T) {
	r := render(t, "--set", "monitoring.scrape=PodMonitor,monitoring.dashboard=true,commonLabels.release=all,monitoring.labels.release=prom,monitoring.labels.grafana_dashboard=x")
	labels := named[*corev1.ConfigMap](t, r, release+"-dashboard").Labels
	if labels["release"] != "prom" || labels["grafana_dashboard"] != "x" {
		t.Errorf("labels of the dashboard: %v", labels)
	}
}

func TestCommonLabelsAreOnEverythingAndSelectNothing(t *testing.T) {
	r := render(t, "--values", filepath.Join(directory, "ci/labels-values.yaml"), "--set", "monitoring.dashboard=true,monitoring.scrape=PodMonitor")
	for _, o := range r.objects {
		if o.GetLabels()["team"] != "platform" || o.GetLabels()["app.kubernetes.io/instance"] != release {
			t.Errorf("%s %s: labels %v", o.GetObjectKind().GroupVersionKind().Kind, o.GetName(), o.GetLabels())
		}
	}
	deployment := named[*appsv1.Deployment](t, r, release)
	if deployment.Spec.Template.Labels["team"] != "platform" || len(deployment.Spec.Selector.MatchLabels) != 2 {
		t.Errorf("pods %v, selector %v", deployment.Spec.Template.Labels, deployment.Spec.Selector.MatchLabels)
	}
}

func TestTheImageIsTheOneThatTheValuesName(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0123456789abcdef", 4)
	for set, want := range map[string]string{
		"logLevel=info": "ghcr.io/sidecar-injector/sidecar-injector:0.1.0",
		"image.registry=,image.repository=own,image.tag=1": "own:1",
		"image.digest=" + digest:                           "ghcr.io/sidecar-injector/sidecar-injector:0.1.0@" + digest,
	} {
		r := render(t, "--set-string", set)
		for _, pod := range []*corev1.PodSpec{&named[*appsv1.Deployment](t, r, release).Spec.Template.Spec, &all[*corev1.Pod](r)[0].Spec} {
			if got := injector(t, pod).Image; got != want {
				t.Errorf("%s: image %s, want %s", set, got, want)
			}
		}
	}
}
