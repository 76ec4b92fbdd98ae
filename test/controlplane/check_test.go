//go:build controlplane

package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// finding is one finding in the output of check -o json.
type finding struct{ ID, Section, Mark, Text, Cause, Fix, See string }

// symptom is a finding that check must report.
type symptom struct {
	id, mark string
	// text and fix are regular expressions.
	text, fix string
}

func (s symptom) shows(f finding) bool {
	matches := func(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }
	return f.ID == s.id && f.Mark == s.mark && matches(s.text, f.Text) && matches(s.fix, f.Fix)
}

// ailment is a fault that occurs in clusters, with the symptoms that check must report.
type ailment struct {
	name    string
	provoke func(t *testing.T, p *patient)
	flags   []string
	want    []symptom
}

// patient is a working installation, in which the tests provoke faults.
type patient struct {
	replica   *replica
	namespace string // enabled
}

// TestCheckNamesWhatIsWrongAndTheFix provokes on the chart's own installation faults that users report.
// Before each, check does not report it.
func TestCheckNamesWhatIsWrongAndTheFix(t *testing.T) {
	p := newPatient(t)
	healthy, err := p.check(t.Context())
	must(t, err)
	for _, id := range []string{"api-version", "webhook-api", "installed", "deployment", "service", "endpoints", "lease", "webhook-entries", "webhook-policy",
		"webhook-selectors", "webhook-reinvocation", "ca-bundle", "ca-secret", "advice", "crds", "settings"} {
		if err := has(healthy, symptom{id, "ok", "", "^$"}); err != nil {
			t.Errorf("of an injector that works: %v", err)
		}
	}
	for _, a := range ailments() {
		t.Run(a.name, func(t *testing.T) {
			before, err := p.check(t.Context(), a.flags...)
			must(t, err)
			for _, s := range a.want {
				if has(before, s) == nil {
					t.Fatalf("before anything was done, check found %+v", s)
				}
			}
			a.provoke(t, p)
			err = eventually(t.Context(), 30*time.Second, func(context.Context) error {
				found, err := p.check(t.Context(), a.flags...) // the last attempt may use its full time, too
				for _, s := range a.want {
					err = errors.Join(err, has(found, s))
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// has returns nil if a symptom is among the findings.
func has(findings []finding, s symptom) error {
	var same []string
	for _, f := range findings {
		if s.shows(f) {
			if f.Mark != "ok" && (f.Cause == "" || f.Fix == "" || !strings.HasSuffix(f.See, "#"+f.ID)) {
				return fmt.Errorf("%+v lacks cause, fix or address", f)
			}
			return nil
		}
		if f.ID == s.id || f.Mark == "failure" {
			same = append(same, fmt.Sprintf("%+v", f))
		}
	}
	return fmt.Errorf("no finding %+v; there are\n%s", s, strings.Join(same, "\n"))
}

// newPatient installs the chart and runs a replica. The test sets the status of the chart's pods in place of
// a kubelet.
func newPatient(t *testing.T, args ...string) *patient {
	t.Helper()
	forgetOthers(t)
	installChart(t, append([]string{"--set", "webhook.timeoutSeconds=2"}, args...)...)
	p := &patient{replica: startReplica(t), namespace: enabledNamespace(t)}
	waitReady(t, p.replica)
	host := ownAddress(t)
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error { return podsAre(ctx, corev1.ConditionTrue, host) }))
	behindPods(t)
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
		found, err := p.check(t.Context())
		return errors.Join(err, has(found, symptom{"round-trip", "ok", "came back with its sidecar", "^$"}))
	}))
	return p
}

// forgetOthers removes what other tests have left and check would report: pods, and unknown values of
// namespace labels. Tests that wait for their turn may have enabled namespaces already.
func forgetOthers(t *testing.T) {
	t.Helper()
	namespaces, err := suite.client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	must(t, err)
	for _, n := range namespaces.Items {
		must(t, suite.client.CoreV1().Pods(n.Name).DeleteCollection(t.Context(), metav1.DeleteOptions{GracePeriodSeconds: new(int64)}, metav1.ListOptions{}))
		switch value, labelled := n.Labels[injectionLabel]; {
		case !labelled, value == "enabled", value == "disabled":
		default:
			_, err := suite.client.CoreV1().Namespaces().Patch(t.Context(), n.Name, types.MergePatchType,
				fmt.Appendf(nil, `{"metadata":{"labels":{%q:null}}}`, injectionLabel), metav1.PatchOptions{})
			must(t, err)
		}
	}
}

// behindPods sets the pod of the Service's endpoint, because the API server's proxy only reaches endpoints of
// pods.
func behindPods(t *testing.T) {
	t.Helper()
	pods, err := suite.client.CoreV1().Pods(releaseName).List(t.Context(), metav1.ListOptions{})
	must(t, err)
	client := suite.client.DiscoveryV1().EndpointSlices(releaseName)
	list, err := client.List(t.Context(), metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + releaseName})
	must(t, err)
	for _, slice := range list.Items {
		slice.Endpoints[0].TargetRef = &corev1.ObjectReference{Kind: "Pod", Namespace: releaseName, Name: pods.Items[0].Name, UID: pods.Items[0].UID}
		_, err := client.Update(t.Context(), &slice, metav1.UpdateOptions{})
		must(t, err)
	}
}

// podsAre sets the status of the pods of the chart's Deployment, as a kubelet would.
func podsAre(ctx context.Context, ready corev1.ConditionStatus, host string) error {
	deployment, err := suite.client.AppsV1().Deployments(releaseName).Get(ctx, releaseName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	client := suite.client.CoreV1().Pods(releaseName)
	pods, err := client.List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(deployment.Spec.Selector)})
	if err != nil {
		return err
	}
	for _, pod := range pods.Items {
		pod.Status.Phase = corev1.PodRunning
		pod.Status.PodIP, pod.Status.PodIPs = host, []corev1.PodIP{{IP: host}}
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "sidecar-injector", Ready: ready == corev1.ConditionTrue, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		}}
		if _, err := client.UpdateStatus(ctx, &pod, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	if want := *deployment.Spec.Replicas; ready == corev1.ConditionTrue && deployment.Status.ReadyReplicas != want {
		return fmt.Errorf("%d of %d replicas are ready", deployment.Status.ReadyReplicas, want)
	}
	return nil
}

// check runs the command check of the real program and returns its findings. The error is not nil if it
// prints no report.
func (p *patient) check(ctx context.Context, flags ...string) ([]finding, error) {
	text, code, err := ours(ctx, suite.kubeconfig, append([]string{"check", "-o", "json", "-n", p.namespace}, flags...)...)
	if err != nil || code > 1 {
		return nil, fmt.Errorf("check: exit code %d: %w\n%s", code, err, text)
	}
	var answer struct {
		OK     bool
		Checks []finding
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return nil, err
	}
	if answer.OK != (code == 0) {
		return nil, fmt.Errorf("check: ok is %t, and the exit code %d", answer.OK, code)
	}
	return answer.Checks, nil
}

// ours runs sidecar-injector and returns its output and exit code.
func ours(ctx context.Context, kubeconfig string, args ...string) (out string, code int, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	home, err := os.MkdirTemp(suite.logs, "home-")
	if err != nil {
		return "", 0, err
	}
	c := exec.CommandContext(ctx, suite.injector, args...)
	c.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HOME="+home)
	var both, complaints bytes.Buffer
	c.Stdout, c.Stderr = &both, &complaints
	err = c.Run()
	both.Write(complaints.Bytes())
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.Exited() {
		return both.String(), exit.ExitCode(), nil
	}
	return both.String(), 0, err
}

// changeWebhooks edits the chart's webhook configuration until the test ends. Meanwhile, the injector may not
// write it, because it would undo the change.
func changeWebhooks(t *testing.T, edit func(*admissionregistration.MutatingWebhookConfiguration)) {
	t.Helper()
	forbidBundles(t)
	client := suite.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	before, err := client.Get(t.Context(), releaseName, metav1.GetOptions{})
	must(t, err)
	after := before.DeepCopy()
	edit(after)
	_, err = client.Update(t.Context(), after, metav1.UpdateOptions{})
	must(t, err)
	t.Cleanup(func() {
		live, err := client.Get(context.Background(), releaseName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return
		}
		if err == nil {
			live.Webhooks = before.Webhooks
			_, err = client.Update(context.Background(), live, metav1.UpdateOptions{})
		}
		if err != nil {
			t.Error(err)
		}
	})
}

func changeEntries(t *testing.T, edit func(*admissionregistration.MutatingWebhook)) {
	t.Helper()
	changeWebhooks(t, func(c *admissionregistration.MutatingWebhookConfiguration) {
		for i := range c.Webhooks {
			edit(&c.Webhooks[i])
		}
	})
}

// forbidBundles removes the injector's right to write webhook configurations.
func forbidBundles(t *testing.T) {
	t.Helper()
	client := suite.client.RbacV1().ClusterRoles()
	role, err := client.Get(t.Context(), releaseName, metav1.GetOptions{})
	must(t, err)
	before := role.DeepCopy()
	for i, rule := range role.Rules {
		if rule.APIGroups[0] == "admissionregistration.k8s.io" {
			role.Rules[i].Verbs = []string{"get", "list", "watch"}
		}
	}
	_, err = client.Update(t.Context(), role, metav1.UpdateOptions{})
	must(t, err)
	t.Cleanup(func() {
		role, err := client.Get(context.Background(), releaseName, metav1.GetOptions{})
		if err == nil {
			role.Rules = before.Rules
			_, err = client.Update(context.Background(), role, metav1.UpdateOptions{})
		}
		if err != nil {
			t.Error(err)
		}
	})
}
