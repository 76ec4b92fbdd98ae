package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestThePodIsAsReadyAsItsApp switches an app's health off and on, and checks the pod's readiness.
func TestThePodIsAsReadyAsItsApp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ protocol, port, tls, flags string }{
		"http": {"http", "9898", "false", "--port=9898"},
		"TLS":  {"http", "9899", "true", "--port=9898, --secure-port=9899, --cert-path=/tls"},
		"grpc": {"grpc", "9999", "false", "--port=9898, --grpc-port=9999"},
	} {
		for mode, native := range modes() {
			t.Run(name+", "+mode, func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, "restricted")
				p.kubectl("create", "secret", "tls", "tls", "--cert="+suite.path("pki", "apiserver.crt"), "--key="+suite.path("pki", "apiserver.key"))
				p.applyText(strings.NewReplacer("NATIVE", native, "PROTOCOL", c.protocol, "PORT", c.port, "TLS", c.tls, "FLAGS", c.flags,
					"SECURITY", "runAsNonRoot: true").Replace(read(t, "health/app.yaml")))
				pod := p.ready("app=app")
				p.routed(1)
				p.measured(c.protocol, c.port, c.tls, "probe_success 1")
				p.switchHealth("disable")
				p.until("the pod is not ready", func(ctx context.Context) error {
					pod, err := p.one(ctx, "app=app")
					if err == nil && whyNotReady(pod) == nil {
						err = errors.New("it is")
					}
					return err
				})
				p.routed(0)
				p.measured(c.protocol, c.port, c.tls, "probe_success 0")
				p.switchHealth("enable")
				p.ready("app=app")
				p.routed(1)
				p.quiet()
				reportTimes(t, "health-check, "+mode, pod, p.stop("app"), "app-sc-health-check")
			})
		}
	}
}

func TestAPortThatNobodyListensOnMakesThePodUnready(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "restricted")
	p.kubectl("create", "secret", "tls", "tls", "--cert="+suite.path("pki", "apiserver.crt"), "--key="+suite.path("pki", "apiserver.key"))
	p.applyText(strings.NewReplacer("NATIVE", "true", "PROTOCOL", "tcp", "PORT", "9898", "TLS", "false", "FLAGS", "--port=9899",
		"SECURITY", "runAsNonRoot: true").Replace(read(t, "health/app.yaml")))
	p.described("app", "Readiness probe failed: ", "connection refused")
	p.explained("app", "Readiness probe failed: ", "connection refused")
	p.routed(0)
}

// switchHealth calls the app from the sidecar, which has wget.
func (p *place) switchHealth(to string) {
	p.Helper()
	p.in("app", "app-sc-health-check", "wget", "-q", "-O-", "--post-data=", "http://127.0.0.1:9898/readyz/"+to)
}

// measured waits until the sidecar's metrics contain want.
func (p *place) measured(protocol, port, tls, want string) {
	p.Helper()
	target := "127.0.0.1:" + port
	if protocol == "http" {
		target = "http://" + target
		if tls == "true" {
			target = "https://127.0.0.1:" + port
		}
	}
	p.until("metric "+want, func(context.Context) error {
		got := p.in("app", "app-sc-health-check", "wget", "-q", "-O-", "http://127.0.0.1:8132/probe?module=app&target="+target)
		if !strings.Contains(got, "\n"+want+"\n") {
			return errors.New(got)
		}
		return nil
	})
}

// routed waits until a Service has that many ready endpoints.
func (p *place) routed(want int) {
	p.Helper()
	p.until(fmt.Sprintf("%d ready endpoints", want), func(ctx context.Context) error {
		slices, err := suite.client.DiscoveryV1().EndpointSlices(p.namespace).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=app"})
		if err != nil {
			return err
		}
		ready := 0
		for _, slice := range slices.Items {
			for _, endpoint := range slice.Endpoints {
				if endpoint.Conditions.Ready != nil && *endpoint.Conditions.Ready {
					ready++
				}
			}
		}
		if ready != want {
			return fmt.Errorf("%d are", ready)
		}
		return nil
	})
}
