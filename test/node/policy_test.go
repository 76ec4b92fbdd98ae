package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// answered returns nil if a pod gets an answer from another pod's port.
func (p *place) answered(from, address string) error {
	p.Helper()
	out, err := p.try("exec", from, "--", "timeout", "3", "wget", "-q", "-O", "-", "http://"+address)
	if err != nil {
		return err
	}
	if strings.TrimSpace(out) != "up" {
		return fmt.Errorf("it answers %q", out)
	}
	return nil
}

// TestBehindANetworkPolicy denies all traffic of the app's namespace; the chart allows only the injector's
// ports. The kubelet's probes and connections within the pod need no rule; sidecars that call the API server
// do.
func TestBehindANetworkPolicy(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "")
	p.apply("policies/served.yaml")
	address := p.ready("app=served").Status.PodIP + ":8080"
	p.ready("app=caller")
	p.until("without a policy the page is seen", func(context.Context) error { return p.answered("caller", address) })

	p.apply("policies/closed.yaml")
	p.until("the namespace is closed", func(context.Context) error {
		if p.answered("caller", address) == nil {
			return errors.New("the page is still seen")
		}
		return nil
	})
	p.until("the injector's policy is in force", policyInForce(injector, injector, true))

	p.kubectl("delete", "pod", "served")
	p.apply("policies/served.yaml")
	served := p.ready("app=served")
	if len(served.Status.InitContainerStatuses)+len(served.Status.ContainerStatuses) != 3 {
		t.Errorf("%d containers, not the app and two sidecars", len(served.Status.InitContainerStatuses)+len(served.Status.ContainerStatuses))
	}
	if p.answered("caller", served.Status.PodIP+":8080") == nil {
		t.Error("the new pod's page is seen from outside")
	}
	p.says("served", "app-sc-log-collector", "log")

	p.applyText(dashboard("configmap", "first", "first.json", `{"uid": "first", "title": "First"}`))
	p.apply("policies/api-server.yaml")
	p.applyText(strings.NewReplacer("NATIVE", "true", "CONTEXT", "").Replace(read(t, "config/app.yaml")))
	app := p.ready("app=app")
	p.dashboards(`"First"`)
	p.until("the app's policy is in force", policyInForce("api-server", p.namespace, true))
	p.kubectl("delete", "networkpolicy", "api-server")
	p.until("the app's policy is gone", policyInForce("api-server", p.namespace, false))
	signalAll(t, processes(t, app, "grafana-sc-config-sync"), syscall.SIGKILL) // open connections are not affected by a policy
	p.until("explain says whom config-sync cannot reach", func(context.Context) error {
		out := p.inject("explain", "pod/app")
		if !strings.Contains(out, "dial tcp "+apiService+":443") {
			return errors.New(out)
		}
		return nil
	})
	p.apply("policies/api-server.yaml")
	p.restarted("grafana-sc-config-sync")
	p.applyText(dashboard("configmap", "second", "second.json", `{"uid": "second", "title": "Second"}`))
	p.dashboards(`"First"`, `"Second"`)
}

// policyInForce checks whether the kernel's rules contain a policy.
func policyInForce(name, namespace string, want bool) func(context.Context) error {
	return func(ctx context.Context) error {
		rules, err := capture(within(ctx, "iptables-save"))
		if err == nil && strings.Contains(rules, "policy name: "+name+" namespace "+namespace+"\"") != want {
			err = fmt.Errorf("a rule of the kernel names %s/%s: %t", namespace, name, !want)
		}
		return err
	}
}
