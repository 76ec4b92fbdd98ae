//go:build controlplane

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
)

// right is one verb on one resource that the chart grants.
type right struct{ resource, verb string }

func (r right) String() string { return r.resource + " " + r.verb }

// need is the purpose of a right.
type need struct {
	// promise is kept with the right, and not without it.
	promise promise
	// asked is the verb of the refused request, if it is not the right's own.
	asked string
	// before is called before the injector starts.
	before func(t *testing.T, s *stage)
}

// reads reports whether a right is a read-only one.
func (r right) reads() bool { return slices.Contains([]string{"get", "list", "watch"}, r.verb) }

// needs returns the purpose of every right. Rights that are not in it must not be granted by the chart.
func needs() map[right]need {
	const (
		mutating, validating = "mutatingwebhookconfigurations", "validatingwebhookconfigurations"
		cluster, namespaced  = "clustersidecartemplates", "sidecartemplates"
	)
	all := map[right]need{
		{"namespaces", "get"}:              {promise: looksUpNamespaces},
		{cluster + "/status", "patch"}:     {promise: tellsStatus(cluster)},
		{namespaced + "/status", "patch"}:  {promise: tellsStatus(namespaced)},
		{mutating, "get"}:                  {promise: fillsBundle("pods.sidecar-injector.dev")},
		{mutating, "patch"}:                {promise: fillsBundle("pods.sidecar-injector.dev")},
		{validating, "get"}:                {promise: fillsBundle("workloads.sidecar-injector.dev")},
		{validating, "patch"}:              {promise: fillsBundle("workloads.sidecar-injector.dev")},
		{"subjectaccessreviews", "create"}: {promise: advisesOnRights},
		{"events", "create"}:               {promise: tellsOwner(1)},
		{"events", "patch"}:                {promise: tellsOwner(2)},
		{"leases", "get"}:                  {promise: leads},
		{"leases", "update"}:               {promise: leads},
		{"leases", "create"}:               {promise: leads, before: deleteLease, asked: "update"},
		{"secrets", "get"}:                 {promise: makesAuthority},
		{"secrets", "patch"}:               {promise: makesAuthority},
		{"secrets", "create"}:              {promise: makesAuthority, before: deleteSecret, asked: "patch"},
	}
	for resource, p := range map[string]promise{
		"namespaces": getsReady, mutating: getsReady, validating: getsReady, "secrets": getsReady,
		cluster: injects("side"), namespaced: injects("near"),
	} {
		all[right{resource, "list"}] = need{promise: p}
		// Without a watch, changes are only seen by listing repeatedly.
		all[right{resource, "watch"}] = need{promise: waitsToBeTold(resource)}
	}
	return all
}

// TestNoRightOfTheChartIsIdle runs an injector with all rights of the chart's service account, and reads the
// API server's audit log: no request was refused, and each read right was used. Write rights are removed one
// at a time: the injector must be refused a request, and the right's promise must not be kept.
func TestNoRightOfTheChartIsIdle(t *testing.T) {
	s := setStage(t)
	wanted := needs()
	listed := func(rights map[right]bool) []string {
		var names []string
		for r := range rights {
			names = append(names, r.String())
		}
		slices.Sort(names)
		return names
	}
	known := map[right]bool{}
	for r := range wanted {
		known[r] = true
	}
	if diff := cmp.Diff(listed(known), listed(s.granted())); diff != "" {
		t.Fatalf("rights (-with a reason +granted by the chart):\n%s", diff)
	}

	t.Run("with all of them every promise is kept, nothing is refused, and every look is taken", func(t *testing.T) {
		// List requests, as for API servers that cannot stream lists: otherwise only watch is requested.
		t.Setenv("KUBE_FEATURE_WatchListClient", "false")
		s.reset(t, nil)
		deleteLease(t, s)
		deleteSecret(t, s)
		run := s.start(t)
		for r, n := range wanted {
			err := eventually(t.Context(), patience, func(ctx context.Context) error { return n.promise(ctx, run) })
			if err != nil {
				t.Errorf("%s: %v", r, err)
			}
		}
		if refused := run.asked(func(e *auditEvent) bool { return e.ResponseStatus.Code == 403 }); len(refused) > 0 {
			t.Errorf("refused: %+v", refused)
		}
		for r := range wanted {
			used := run.asked(func(e *auditEvent) bool { return e.resource() == r.resource && e.Verb == r.verb })
			if r.reads() && len(used) == 0 {
				t.Errorf("%s is idle", r)
			}
		}
	})
	begun, writes := time.Now(), slices.DeleteFunc(slices.Collect(maps.Keys(wanted)), right.reads)
	slices.SortFunc(writes, func(a, b right) int { return strings.Compare(a.String(), b.String()) })
	for _, r := range writes {
		t.Run("without "+r.String(), func(t *testing.T) { s.without(t, r, wanted[r]) })
	}
	suite.report("%d rights of the chart, those to write (%d) taken away once each: %s", len(wanted), len(writes), time.Since(begun).Round(time.Second))
}

// without runs the injector without a right until it has been refused, and checks that the promise is not
// kept.
func (s *stage) without(t *testing.T, r right, n need) {
	s.reset(t, func(rules []rbacv1.PolicyRule) []rbacv1.PolicyRule {
		return deny(rules, r.resource, r.verb)
	})
	if n.before != nil {
		n.before(t, s)
	}
	verb := r.verb
	if n.asked != "" {
		verb = n.asked
	}
	run := s.start(t)
	broken := func(ctx context.Context) error {
		kept := n.promise(ctx, run)
		refused := run.asked(func(e *auditEvent) bool {
			return e.ResponseStatus.Code == 403 && e.resource() == r.resource && e.Verb == verb
		})
		switch {
		case len(refused) == 0:
			return fmt.Errorf("never refused; the promise: %v", kept)
		case kept == nil:
			return errors.New("refused, but the promise is kept all the same")
		}
		return nil
	}
	err := eventually(t.Context(), patience, broken)
	if err == nil {
		// Wait, in case the effect is only late.
		time.Sleep(500 * time.Millisecond)
		err = broken(t.Context())
	}
	if err != nil {
		t.Errorf("%s is idle: %v\n%s", r, err, run.tail())
	}
}

// deny removes a verb on a resource from rules.
func deny(rules []rbacv1.PolicyRule, resource, verb string) []rbacv1.PolicyRule {
	var left []rbacv1.PolicyRule
	for _, rule := range rules {
		for _, one := range rule.Resources {
			part := *rule.DeepCopy()
			part.Resources = []string{one}
			if one == resource {
				part.Verbs = slices.DeleteFunc(part.Verbs, func(v string) bool { return v == verb })
			}
			if len(part.Verbs) > 0 {
				left = append(left, part)
			}
		}
	}
	return left
}
