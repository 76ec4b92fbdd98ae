//go:build controlplane

package controlplane

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// TestAnUpgradeMayChangeWhoMakesTheCertificate: a replica of the old version is the leader and ends only when
// a new one is ready. Both may be called during the upgrade, and the upgrade can be rolled back.
func TestAnUpgradeMayChangeWhoMakesTheCertificate(t *testing.T) {
	installForeignKinds(t)
	self := []string{}
	provided := []string{"--values", chartFolder + "/ci/provided-certificate-values.yaml"}
	another := []string{"--set", "tls.mode=provided,tls.secretName=another"}
	certManager := []string{"--values", chartFolder + "/ci/cert-manager-values.yaml"}
	for name, c := range map[string]struct{ from, to []string }{
		"made by the injector, then provided":        {self, provided},
		"provided, then made by the injector":        {provided, self},
		"provided, then another":                     {provided, another},
		"made by the injector, then by cert-manager": {self, certManager},
	} {
		t.Run(name, func(t *testing.T) {
			installChart(t, c.from...)
			for _, secret := range []string{"own-certificate", "another", releaseName + "-tls"} {
				issue(t, secret)
			}
			before := startPod(t, "before")
			waitReady(t, before)
			must(t, eventually(t.Context(), patience, func(ctx context.Context) error {
				if holder, err := before.i.leader(ctx); err != nil || holder != "before" {
					return fmt.Errorf("%q leads: %w", holder, err)
				}
				return nil
			}))
			must(t, upgradeChart(t, c.to...))
			after := startPod(t, "after")
			waitReady(t, after)
			for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
				for _, r := range []*replica{before, after} {
					if err := r.ready(t.Context()); err != nil {
						t.Fatalf("in the middle: %v", err)
					}
				}
			}
			must(t, upgradeChart(t, c.from...))
			waitReady(t, before, after, startPod(t, "back"))
		})
	}
}
