package doctor

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// A pod counts once, by its worst sidecar. One that would be admitted without a sidecar is not refused.
func TestAPodCountsByItsWorstSidecar(t *testing.T) {
	web := fleet.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}
	for name, c := range map[string]struct {
		instances []fleet.Instance
		want      Workload
	}{
		"up to date":                   {[]fleet.Instance{{State: fleet.Current}}, Workload{Current: 1}},
		"of an older revision":         {[]fleet.Instance{{State: fleet.Current}, {State: fleet.InPlace}}, Workload{Outdated: 1}},
		"of another kind":              {[]fleet.Instance{{State: fleet.Restart}, {State: fleet.OptedOut}}, Workload{Outdated: 1}},
		"without one":                  {[]fleet.Instance{{State: fleet.Missed}, {State: fleet.Restart}}, Workload{Missed: 1}},
		"to be refused":                {[]fleet.Instance{{State: fleet.Missed}, {State: fleet.Blocked, Outcome: inject.Refused}}, Workload{Refused: 1}},
		"with an unreadable request":   {[]fleet.Instance{{State: fleet.Blocked}}, Workload{Refused: 1}},
		"to be admitted without":       {[]fleet.Instance{{State: fleet.Blocked, Outcome: inject.AdmittedWithout}}, Workload{}},
		"that declines":                {[]fleet.Instance{{State: fleet.OptedOut}}, Workload{}},
		"of which nothing is known":    {[]fleet.Instance{{State: fleet.Unknown}}, Workload{}},
		"that would have it unchanged": {[]fleet.Instance{{State: fleet.Current, Trouble: "CrashLoopBackOff"}}, Workload{Current: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			all := workloads{}
			all.add(web, &fleet.Standing{Instances: c.instances})
			c.want.Workload, c.want.Templates = web, map[string]bool{"": true}
			if diff := cmp.Diff([]*Workload{&c.want}, all.sorted()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
