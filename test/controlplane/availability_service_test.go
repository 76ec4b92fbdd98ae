//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// service is the Service of an installation. It simulates the kubelet and the endpoint controller for the
// replicas: it probes readiness, maintains an EndpointSlice for each, and terminates pods as Kubernetes does.
type service struct {
	*installation
	host string
}

// The timing of the simulated kubelet. The chart's values are larger in the same proportion.
const (
	probePeriod  = 250 * time.Millisecond
	endpointsLag = 500 * time.Millisecond // from a deletion until the endpoints are updated
	preStop      = time.Second
	drain        = 2 * time.Second
)

// newService creates the Service, without endpoints.
func newService(t *testing.T) *service {
	t.Helper()
	s := &service{installation: newInstallation(t), host: ownAddress(t)}
	_, err := suite.client.CoreV1().Services(s.namespace).Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "webhook", Port: 443}}},
	}, metav1.CreateOptions{})
	must(t, err)
	return s
}

// configuration returns the webhook configuration, which calls the Service as the chart's does.
func (s *service) configuration(policy admissionregistration.FailurePolicyType) *admissionregistration.MutatingWebhookConfiguration {
	c := s.installation.configuration("https://replaced.invalid")
	for n := range c.Webhooks {
		c.Webhooks[n].ClientConfig = admissionregistration.WebhookClientConfig{Service: &admissionregistration.ServiceReference{
			Name: s.name, Namespace: s.namespace, Path: new("/mutate"), Port: new(int32(443)),
		}}
		c.Webhooks[n].FailurePolicy = &policy
	}
	return c
}

// pod is a replica behind the Service.
type pod struct {
	*replica
	s       *service
	port    int32
	stopped chan struct{}
	watched sync.WaitGroup
	once    sync.Once
}

// run starts a pod; it becomes an endpoint when it is ready.
func (s *service) run(name string) *pod {
	s.t.Helper()
	p := &pod{replica: s.start(name, s.host, "--drain", drain.String()), s: s, stopped: make(chan struct{})}
	_, text, err := net.SplitHostPort(p.address)
	must(s.t, err)
	port, err := strconv.ParseInt(text, 10, 32)
	must(s.t, err)
	p.port = int32(port)
	_, err = suite.client.DiscoveryV1().EndpointSlices(s.namespace).Create(s.t.Context(), p.slice(false, false), metav1.CreateOptions{})
	must(s.t, err)
	p.watched.Go(p.probe)
	s.t.Cleanup(p.leave)
	return p
}

// leave removes the pod's endpoint permanently, at once.
func (p *pod) leave() {
	p.once.Do(func() { close(p.stopped) })
	p.watched.Wait()
}

// slice returns the EndpointSlice that the endpoint controller would write.
func (p *pod) slice(ready, terminating bool) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: p.s.name + "-" + p.pod, Labels: map[string]string{discoveryv1.LabelServiceName: p.s.name}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: new("webhook"), Port: &p.port}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{p.s.host}, Conditions: discoveryv1.EndpointConditions{
			Ready: &ready, Serving: new(ready || terminating), Terminating: &terminating,
		}}},
	}
}

// probe maintains the endpoint until the pod leaves.
func (p *pod) probe() {
	slices := suite.client.DiscoveryV1().EndpointSlices(p.s.namespace)
	ctx := context.Background()
	told := false
	for {
		asked, cancel := context.WithTimeout(ctx, time.Second)
		ready := p.ready(asked) == nil
		cancel()
		if ready != told {
			if _, err := slices.Update(ctx, p.slice(ready, false), metav1.UpdateOptions{}); err == nil {
				told = ready
			}
		}
		select {
		case <-p.stopped:
			_, _ = slices.Update(ctx, p.slice(false, true), metav1.UpdateOptions{}) // it is deleted afterwards
			return
		case <-time.After(probePeriod):
		}
	}
}

// isEndpoint returns nil if the pod is a ready endpoint.
func (p *pod) isEndpoint(ctx context.Context) error {
	slice, err := suite.client.DiscoveryV1().EndpointSlices(p.s.namespace).Get(ctx, p.s.name+"-"+p.pod, metav1.GetOptions{})
	if err == nil && !*slice.Endpoints[0].Conditions.Ready {
		err = errors.Join(fmt.Errorf("%s is no ready endpoint", p.pod), p.ready(ctx))
	}
	return err
}

// waitEndpoint waits until the pod is a ready endpoint.
func (p *pod) waitEndpoint() {
	p.s.t.Helper()
	must(p.s.t, eventually(p.s.t.Context(), patience, p.isEndpoint))
}

// delete terminates a pod as Kubernetes does: the endpoints are updated during preStop's sleep, then the
// process gets SIGTERM, and must exit by itself with code 0.
func (p *pod) delete() {
	p.s.t.Helper()
	gone := time.AfterFunc(endpointsLag, func() { p.once.Do(func() { close(p.stopped) }) })
	defer gone.Stop()
	<-time.After(preStop)
	must(p.s.t, p.command.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.done:
	case <-time.After(drain + 20*time.Second):
		p.s.t.Fatalf("%s does not end:\n%s", p.pod, p.tail())
	}
	if code := p.command.ProcessState.ExitCode(); code != 0 {
		p.s.t.Errorf("%s ended with exit code %d:\n%s", p.pod, code, p.tail())
	}
	p.leave()
	err := suite.client.DiscoveryV1().EndpointSlices(p.s.namespace).Delete(p.s.t.Context(), p.s.name+"-"+p.pod, metav1.DeleteOptions{})
	must(p.s.t, err)
}

// leader returns the name of the pod that holds the lease.
func (i *installation) leader(ctx context.Context) (string, error) {
	lease, err := suite.client.CoordinationV1().Leases(i.namespace).Get(ctx, i.name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" {
		return "", errors.New("nobody holds the lease")
	}
	return *lease.Spec.HolderIdentity, nil
}
