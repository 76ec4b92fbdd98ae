//go:build controlplane

package controlplane

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestRollingUpdateDrainAndScaleDownLoseNoAdmission: during all steps the API server calls the Service, with
// failurePolicy Fail.
func TestRollingUpdateDrainAndScaleDownLoseNoAdmission(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.create(s.configuration(admissionregistration.Fail))
	a, b := s.run("a"), s.run("b")
	a.waitEndpoint()
	b.waitEndpoint()
	s.waitInjects()
	traffic := s.createPods(t)

	// A rolling update, maxSurge 1 and maxUnavailable 0.
	c := s.run("c")
	c.waitEndpoint()
	a.delete()
	d := s.run("d")
	d.waitEndpoint()
	b.delete()
	updated := traffic.count()
	// A drain of c's node: the disruption budget requires one of two, and the new pod starts while the old
	// one terminates.
	e := s.run("e")
	c.delete()
	e.waitEndpoint()
	drained := traffic.count()
	// Scale down to one replica.
	d.delete()
	total := traffic.stop(t)
	if t.Failed() {
		return
	}
	suite.report("rolling update, drain and scale-down: %d, %d and %d pods created meanwhile, none lost", updated, drained-updated, total-drained)

	err := eventually(t.Context(), patience, func(ctx context.Context) error {
		holder, err := s.leader(ctx)
		if err == nil && holder != "e" {
			err = fmt.Errorf("the lease is held by %s", holder)
		}
		return err
	})
	must(t, err)
}

// TestALeaderThatIsKilledIsReplaced: another replica repairs what breaks meanwhile, and takes over the lease
// when it has expired.
func TestALeaderThatIsKilledIsReplaced(t *testing.T) {
	i := newInstallation(t)
	t.Parallel() // mostly waits
	i.applyAsHelm("coordination.k8s.io/v1", "Lease", fmt.Sprintf("/apis/coordination.k8s.io/v1/namespaces/%s/leases/%s", i.namespace, i.name), object{})
	replicas := map[string]*replica{"a": i.start("a", "127.0.0.1"), "b": i.start("b", "127.0.0.1")}
	waitReady(t, replicas["a"], replicas["b"])
	first, err := i.leader(t.Context())
	must(t, err)
	must(t, replicas[first].stop())
	delete(replicas, first)
	begun := time.Now()
	for name, other := range replicas {
		i.create(i.configuration(other.url))
		must(t, eventually(t.Context(), patience, i.injects))
		waitReady(t, other)
		suite.report("a leader is killed, and another replica writes a bundle after %s", time.Since(begun).Round(100*time.Millisecond))
		must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
			holder, err := i.leader(ctx)
			if err == nil && holder != name {
				err = fmt.Errorf("the lease is held by %q", holder)
			}
			return err
		}))
	}
}

// TestADeletedLeaseIsMadeAnew: the lease is created again by a replica whose rights allow only this name.
func TestADeletedLeaseIsMadeAnew(t *testing.T) {
	t.Parallel()
	i := newInstallation(t)
	a := i.start("a", "127.0.0.1")
	waitReady(t, a)
	must(t, suite.client.CoordinationV1().Leases(i.namespace).Delete(t.Context(), i.name, metav1.DeleteOptions{}))
	must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
		_, err := i.leader(ctx)
		return err
	}))
}

// TestWhenAllReplicasAreDown: the failurePolicy decides, and only for pods that are sent to the webhook.
func TestWhenAllReplicasAreDown(t *testing.T) {
	t.Parallel()
	for _, policy := range []admissionregistration.FailurePolicyType{admissionregistration.Fail, admissionregistration.Ignore} {
		t.Run(string(policy), func(t *testing.T) {
			s := newService(t)
			s.create(s.configuration(policy))
			a := s.run("a")
			a.waitEndpoint()
			s.waitInjects()
			a.delete()

			other := uncalledNamespace(t)
			for range 5 {
				_, err := create(t.Context(), other, "Pod", askingPod("web"))
				must(t, err)
				answered, err := create(t.Context(), s.pods, "Pod", askingPod("web"))
				if policy == admissionregistration.Ignore {
					must(t, err)
					if containers, ok := answered.object["spec"].(object)["initContainers"]; ok {
						t.Errorf("admitted with %v, though nobody is there to inject", containers)
					}
					continue
				}
				if err == nil || !strings.Contains(err.Error(), `failed calling webhook "namespaces.sidecar-injector.dev"`) ||
					!strings.Contains(err.Error(), "no endpoints available for service") {
					t.Errorf("want a refusal that names the webhook and the reason, got: %v", err)
				}
			}
			b := s.run("b")
			b.waitEndpoint()
			s.waitInjects()
		})
	}
}
