//go:build controlplane

package controlplane

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	certutil "k8s.io/client-go/util/cert"
)

// TestTheChartWorksHoweverItIsInstalled runs the injector in each of the chart's modes, with the arguments,
// files and rights of the rendering: none of its requests may be forbidden.
func TestTheChartWorksHoweverItIsInstalled(t *testing.T) {
	installForeignKinds(t)
	for name, c := range map[string]struct {
		values []string
		before func(t *testing.T) // runs before the injector starts
		after  func(t *testing.T, r *replica)
		ask    string
	}{
		"made by the injector": {ask: "log-collector"},
		"certificate provided": {
			values: []string{"--values", chartFolder + "/ci/provided-certificate-values.yaml"},
			before: func(t *testing.T) { issue(t, "own-certificate") },
			ask:    "log-collector",
		},
		"certificate by cert-manager": {
			values: []string{"--values", chartFolder + "/ci/cert-manager-values.yaml"},
			before: func(t *testing.T) { issue(t, releaseName+"-tls") },
			ask:    "log-collector",
		},
		"reached by an address": {
			// The port is known only when the injector runs; the certificate is for the host.
			values: []string{"--set", "webhook.url=https://" + ownAddress(t) + ":1"},
			after: func(t *testing.T, r *replica) {
				must(t, upgradeChart(t, "--set", "webhook.url="+r.url))
			},
			ask: "log-collector",
		},
		"inline templates, no custom resources": {
			values: []string{"--values", chartFolder + "/ci/templates-values.yaml"},
			ask:    "proxy",
		},
	} {
		t.Run(name, func(t *testing.T) {
			installChart(t, c.values...)
			if c.before != nil {
				c.before(t)
			}
			s := &stage{namespace: newNamespace(t, map[string]string{injectionLabel: "enabled"}, nil)}
			p := s.start(t)
			if c.after != nil {
				c.after(t, p.replica)
			}
			waitReady(t, p.replica)
			must(t, eventually(t.Context(), patience, func(ctx context.Context) error { return injects(c.ask)(ctx, p) }))
			if refused := p.asked(func(e *auditEvent) bool { return e.ResponseStatus.Code == 403 }); len(refused) > 0 {
				t.Errorf("refused: %+v", refused)
			}
		})
	}
}

// issue creates a Secret as a certificate issuer does.
func issue(t *testing.T, name string) {
	t.Helper()
	host := releaseName + "." + releaseName + ".svc"
	chain, key, err := certutil.GenerateSelfSignedCertKey(host, nil, nil)
	must(t, err)
	authority := chain[bytes.LastIndex(chain, []byte("-----BEGIN")):]
	_, err = suite.client.CoreV1().Secrets(releaseName).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key, "ca.crt": authority},
	}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		must(t, suite.client.CoreV1().Secrets(releaseName).Delete(context.Background(), name, metav1.DeleteOptions{}))
	})
}

// TestHelmTestLeavesNothingBehind simulates the kubelet for the pod of helm test.
func TestHelmTestLeavesNothingBehind(t *testing.T) {
	installChart(t)
	for _, phase := range []corev1.PodPhase{corev1.PodSucceeded, corev1.PodFailed} {
		before := inventory(t)
		done := make(chan error, 1)
		go func() {
			_, err := helm(t, "test", releaseName, "--namespace", releaseName)
			done <- err
		}()
		pods := suite.client.CoreV1().Pods(releaseName)
		must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
			pod, err := pods.Get(ctx, releaseName+"-test", metav1.GetOptions{})
			if err != nil {
				return err
			}
			pod.Status.Phase = phase
			_, err = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
			return err
		}))
		if err := <-done; (err == nil) != (phase == corev1.PodSucceeded) {
			t.Errorf("the pod has %s, helm test says: %v", phase, err)
		}
		must(t, eventually(t.Context(), patience, func(context.Context) error {
			left := more(before, inventory(t))
			left = slices.DeleteFunc(left, func(name string) bool { return strings.HasPrefix(name, "secrets "+releaseName+"/sh.helm.release") })
			if len(left) > 0 {
				return errors.New("left: " + strings.Join(left, ", "))
			}
			return nil
		}))
	}
}
