package doctor

import (
	"errors"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// installedFacts returns the facts of an injector of which only the names are known.
func installedFacts() *Facts {
	entry := func(name string) admissionregistrationv1.MutatingWebhook {
		return admissionregistrationv1.MutatingWebhook{
			Name:         name,
			ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "sidecars", Name: "injector"}},
		}
	}
	f := &Facts{Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	f.Version.GitVersion = "v1.37.2"
	f.Webhooks.Value = true
	f.Installations = []live.Installation{{Name: "injector", Namespace: "sidecars", Settings: config.Default()}}
	f.Mutating.Value = []admissionregistrationv1.MutatingWebhookConfiguration{{
		ObjectMeta: metav1.ObjectMeta{Name: "injector"},
		Webhooks:   []admissionregistrationv1.MutatingWebhook{entry(entryNamespaces), entry(entryPods)},
	}}
	f.CRDs.Err = forbidden()
	return f
}

type crd = apiextensionsv1.CustomResourceDefinition

func forbidden() error {
	return apierrors.NewForbidden(corev1.Resource("things"), "", errors.New("not allowed"))
}

func trialOf(message string) func(*Facts) {
	return func(f *Facts) {
		f.Trial.Value = &Trial{Namespace: "shop", Message: message}
		if failedCall(message) {
			f.Trial.Value.Cause = readCause(message)
		}
	}
}

// lacking returns that a service account may not read ConfigMaps in namespaces.
func lacking(namespaces ...string) func(*Facts) {
	return func(f *Facts) {
		f.Lacking.Value = []webhook.MissingAccess{{
			Account: webhook.ServiceAccount{Namespace: "shop", Name: "reader"}, Instances: []string{"dashboard", "datasources"},
			Permission: v1alpha1.Permission{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get"}, Namespaces: namespaces},
		}}
	}
}

// TestJudgement covers findings that the test with a real API server does not cause.
func TestJudgement(t *testing.T) {
	for name, c := range map[string]struct {
		facts     func(*Facts)
		id        string
		mark      Mark
		text, fix string
	}{
		"rights in the pod's own namespace": {
			lacking(), "sidecar-permissions", Warning, "service account reader of namespace shop may not get configmaps",
			"bind a Role with these rights to it: kubectl create rolebinding … --serviceaccount=shop:reader -n shop",
		},
		"rights in other namespaces": {
			lacking("dash", "boards"), "sidecar-permissions", Warning, "in namespace dash, boards",
			"rolebinding … --serviceaccount=shop:reader -n dash; kubectl create rolebinding … --serviceaccount=shop:reader -n boards",
		},
		"rights everywhere": {
			lacking("*"), "sidecar-permissions", Warning, "", "bind a ClusterRole with these rights to it: kubectl create clusterrolebinding … --serviceaccount=shop:reader",
		},
		"an old API server": {
			func(f *Facts) { f.Version.GitVersion = "v1.28.9-eks-1" }, "api-version", Failure, "is v1.28.9-eks-1, older than 1.29", "upgrade the cluster",
		},
		"a managed cluster's version": {
			func(f *Facts) { f.Version.GitVersion = "v1.29.0-gke.1" }, "api-version", OK, "v1.29.0-gke.1", "",
		},
		"a collector that may read nothing": {
			func(f *Facts) {
				f.addApart(Apart{Namespace: "shop", Instance: "logs", Pod: "web-1", Text: "container web-sc-logs runs as user 65532 and spec.containers[web] as root"})
				f.addApart(Apart{Namespace: "shop", Instance: "logs", Pod: "web-2", Text: "the same"})
			}, "sidecar-users", Warning, "may not be able to read what their app writes: logs in shop", "sidecar-injector explain pod/web-1 -n shop",
		},
		"old nodes": {
			func(f *Facts) { f.Kubelets.Value = map[string]int{"v1.28.1": 2, "v1.30.0": 7} }, "node-version", Warning, "2 nodes are older than 1.29 (v1.28.1)", "upgrade the nodes",
		},
		"nodes with the regression of 1.35": {
			func(f *Facts) { f.Kubelets.Value = map[string]int{"v1.35.0": 1, "v1.35.3-eks-1": 2, "v1.35.4": 7} }, "node-version", Warning, "3 nodes are of a version that does not restart apps beside native sidecars (v1.35.0, v1.35.3-eks-1)", "upgrade the nodes to 1.35.4",
		},
		"webhooks switched off": {
			func(f *Facts) { f.Webhooks.Value = false }, "webhook-api", Failure, "does not serve", "--runtime-config",
		},
		"nobody may install": {
			func(f *Facts) { f.Before, f.Rights.Value = true, []string{"create clusterroles", "create leases"} }, "rights-to-install", Failure, "create clusterroles, nor create leases", "kubectl auth can-i",
		},
		"an injector is there before installing": {
			func(f *Facts) { f.Before = true }, "other-installation", Failure, "injector in namespace sidecars", "helm uninstall injector",
		},
		"a cluster without any": {
			func(f *Facts) { f.Installations, f.Mutating.Value = nil, nil }, "installed", Failure, "no injector is installed", "helm install",
		},
		"nobody may look for one": {
			func(f *Facts) { f.Installations, f.Mutating.Value, f.Mutating.Err = nil, nil, forbidden() }, "installed", Warning, "not seen", "run check as somebody who may",
		},
		"the guard refuses what nobody has injected": {
			func(f *Facts) {
				f.Trial.Value = &Trial{Namespace: "shop", Guarded: true, Message: "denied by the guard", Reached: Seen[Cause]{Value: CauseRefused}}
			}, "round-trip", Failure, "in namespace shop got no sidecar, and the guard refuses it (connection refused)", "the injector is down",
		},
		"a pod that lacks its sidecar": {
			func(f *Facts) {
				f.Fleet.Value = []*Workload{{Workload: fleet.Workload{Namespace: "shop", Kind: "Job", Name: "tidy"}, Missed: 1}}
			}, "pods-missed", Warning, "1 pod lacks a sidecar that it asks for: job/tidy in shop", "sidecar-injector explain job/tidy -n shop",
		},
		"pods that lack theirs": {
			func(f *Facts) {
				f.Fleet.Value = []*Workload{{Workload: fleet.Workload{Namespace: "shop", Kind: "Job", Name: "tidy"}, Missed: 2}}
			}, "pods-missed", Warning, "2 pods lack a sidecar that they ask for: job/tidy in shop", "sidecar-injector explain job/tidy -n shop",
		},
		"a pod out of memory": {
			func(f *Facts) {
				f.Pods.Value = []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "injector-0"}, Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
					RestartCount: 3, LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137, FinishedAt: metav1.NewTime(f.Now.Add(-10 * time.Minute))}},
				}}}}}
			}, "restarts", Warning, "injector-0 has restarted 3 times, the last time 10 min ago", "resources.limits.memory",
		},
		"a single replica": {
			func(f *Facts) {
				f.Deployment.Value = &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: new(int32(1))}, Status: appsv1.DeploymentStatus{ReadyReplicas: 1}}
			}, "deployment", Warning, "has a single replica", "replicas: 2",
		},
		"one of two replicas waits": {
			func(f *Facts) {
				f.Deployment.Value = &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: new(int32(2))}, Status: appsv1.DeploymentStatus{ReadyReplicas: 1}}
				f.Pods.Value = []corev1.Pod{{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "x", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}}}}}}
			}, "deployment", Warning, "1 of 2 replicas", "kubectl logs",
		},
		"garbage in the bundle": {
			func(f *Facts) { f.Mutating.Value[0].Webhooks[0].ClientConfig.CABundle = []byte("garbage") }, "ca-bundle", Failure, "cannot be read", "kubectl logs",
		},
		"a bundle that cert-manager writes": {
			func(f *Facts) {
				f.Mutating.Value[0].Annotations = map[string]string{"cert-manager.io/inject-ca-from": "sidecars/injector"}
			}, "ca-bundle", Failure, "is empty", "cainjector",
		},
		"a bundle for a certificate of one's own": {
			func(f *Facts) {
				f.Deployment.Value = &appsv1.Deployment{}
				f.Deployment.Value.Spec.Template.Spec.Containers = []corev1.Container{{Args: []string{"serve", "--certificate-dir=/x"}}}
			}, "ca-bundle", Failure, "is empty", "ca.crt of its certificate's Secret",
		},
		"garbage in the Secret": {
			func(f *Facts) {
				f.Deployment.Value = &appsv1.Deployment{}
				f.Secret.Value = &corev1.Secret{Data: map[string][]byte{"tls.crt": []byte("garbage")}}
			}, "ca-secret", Failure, "holds no certificate", "kubectl logs",
		},
		"no CustomResourceDefinitions": {
			func(f *Facts) { f.CRDs = Seen[[]*crd]{Value: []*crd{nil, nil}} }, "crds", Warning, "no CustomResourceDefinition", "crds.enabled: true",
		},
		"no namespace enabled": {
			func(*Facts) {}, "namespaces-enabled", Warning, "no namespace is enabled", "kubectl label namespace NAMESPACE",
		},
		"the annotation's name as a label": {
			func(f *Facts) {
				f.Namespaces.Value = []inject.Namespace{{Name: "shop", Labels: map[string]string{inject.RequestAnnotation: "x"}}}
			},
			"namespace-labels", Warning, "namespace shop has the label sidecar-injector.dev/inject", "kubectl label namespace shop sidecar-injector.dev/inject- ",
		},
		"the injector refuses": {
			trialOf(`admission webhook "namespaces.sidecar-injector.dev" denied the request: TemplateInvalid: no`), "round-trip", Failure, "answers, but refuses", "explain REASON",
		},
		"another webhook refuses": {
			trialOf(`admission webhook "policy.example.com" denied the request: no`), "round-trip", Warning, "does not admit a plain pod", "check -n NAMESPACE",
		},
		"another webhook is down": {
			trialOf(`Internal error occurred: failed calling webhook "policy.example.com": failed to call webhook: Post "https://x": context deadline exceeded`),
			"round-trip", Warning, "does not admit a plain pod", "check -n NAMESPACE",
		},
		"an unknown host": {
			trialOf(`Internal error occurred: failed calling webhook "pods.sidecar-injector.dev": failed to call webhook: Post "https://x": dial tcp: lookup x on 10.96.0.10:53: no such host`),
			"round-trip", Failure, "(unknown host)", "webhook.url",
		},
		"the bundle cannot be read by the API server": {
			trialOf(`Internal error occurred: failed calling webhook "pods.sidecar-injector.dev": unable to load root certificates: unable to parse bytes as PEM block`),
			"round-trip", Failure, "(unreadable CA bundle)", "caBundle",
		},
		"a canary of a template that is not there": {
			func(f *Facts) {
				f.Templates = load.Load(templates.SourceCluster, "next.yaml", []byte("{apiVersion: sidecar-injector.dev/v1alpha1, kind: ClusterSidecarTemplate, metadata: {name: next}, "+
					"spec: {canary: {of: tail, percent: 10}, app: {env: [{name: A, value: b}]}}}"))
				f.Conditions.Value = []Condition{{Name: "ClusterSidecarTemplate/next", Ready: "False"}}
			},
			"templates", Warning, "template ClusterSidecarTemplate/next counts for no pod", "templates list",
		},
		"running pods that would be refused": {
			func(f *Facts) {
				f.Fleet.Value = []*Workload{{Workload: fleet.Workload{Namespace: "shop", Kind: "StatefulSet", Name: "db"}, Refused: 1}}
			},
			"pods-missed", Warning, "1 running pod would be refused if created now: statefulset/db in shop", "sidecar-injector explain statefulset/db -n shop",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := installedFacts()
			c.facts(f)
			for _, found := range Judge(f) {
				if found.ID == c.id && found.Mark == c.mark && strings.Contains(found.Text, c.text) && strings.Contains(found.Fix, c.fix) {
					return
				}
			}
			for _, found := range Judge(f) {
				if found.ID == c.id {
					t.Logf("%+v", found)
				}
			}
			t.Errorf("no finding %s %s %q %q", c.id, c.mark, c.text, c.fix)
		})
	}
}

func TestWhatMayNotBeReadNeverFails(t *testing.T) {
	f := installedFacts()
	denied := forbidden()
	f.Kubelets.Err, f.Webhooks.Err, f.Mutating.Err, f.Validating.Err, f.Deployment.Err, f.Pods.Err, f.Service.Err = denied, denied, denied, denied, denied, denied, denied
	f.Endpoints.Err, f.Lease.Err, f.Secret.Err, f.Config.Err, f.Conditions.Err, f.Namespaces.Err, f.Trial.Err = denied, denied, denied, denied, denied, denied, denied
	f.Limits.Err, f.Fleet.Err, f.Lacking.Err = denied, denied, denied
	f.Mutating.Value = nil
	findings := Judge(f)
	if Failed(findings) {
		t.Errorf("%+v", findings)
	}
	warnings := 0
	for _, found := range findings {
		if found.Mark == Warning {
			warnings++
			if found.Cause == "" || found.Fix == "" {
				t.Errorf("%+v", found)
			}
		}
	}
	if warnings < 10 {
		t.Errorf("%d warnings: what is not seen has to be told", warnings)
	}
}

func TestEveryCheckHasOneIDAndItsSectionsFollowEachOther(t *testing.T) {
	seen, sections := map[string]bool{}, map[string]bool{}
	last := ""
	for _, c := range checks() {
		if seen[c.id] {
			t.Errorf("%s: twice", c.id)
		}
		seen[c.id] = true
		if c.section != last && sections[c.section] {
			t.Errorf("%s: section %q is interrupted", c.id, c.section)
		}
		last = c.section
		sections[last] = true
	}
}

func TestCausesAreReadFromTheAPIServersWords(t *testing.T) {
	for message, want := range map[string]Cause{
		`failed to call webhook: Post "https://i.s.svc:443/mutate?timeout=5s": dial tcp 10.0.0.1:443: connect: connection refused`:     CauseRefused,
		`failed to call webhook: Post "https://i.s.svc:443/mutate?timeout=5s": dial tcp 10.0.0.1:443: connect: no route to host`:       CauseUnreachable,
		`failed to call webhook: Post "https://i.s.svc:443/mutate?timeout=5s": dial tcp 10.0.0.1:9443: i/o timeout`:                    CauseTimeout,
		`failed to call webhook: Post "https://i.s.svc:443/mutate?timeout=5s": service "i" not found`:                                  CauseNoService,
		`failed to call webhook: Post "https://i.s.svc:443/mutate?timeout=5s": EOF`:                                                    CauseAnswer,
		`failed to call webhook: the server rejected our request for an unknown reason`:                                                CauseOther,
		`failed to call webhook: an error on the server ("no") has prevented the request from succeeding`:                              CauseAnswer,
		`Post "https://i": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026`:    CauseExpired,
		`Post "https://i": tls: failed to verify certificate: x509: certificate is valid for a, not b`:                                 CauseWrongName,
		`Post "https://i": tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of "x")`: CauseUnknownAuthority,
	} {
		if got := readCause(message); got != want {
			t.Errorf("%s: %q, want %q", message, got, want)
		}
	}
}

func TestTheGuardsRefusalIsKnownByTheInstallation(t *testing.T) {
	const message = `pods "web" is forbidden: ValidatingAdmissionPolicy 'injector-guard' with binding 'injector-guard' denied request: …`
	for installation, want := range map[string]bool{"injector": true, "other": false, "": false} {
		if got := guarded(message, installation); got != want {
			t.Errorf("installation %q: %t, want %t", installation, got, want)
		}
	}
}
