package rollout

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// TestTheOthersFollowACanaryThatWasTried checks which workloads are done, looked at and left, by what
// becomes of each.
func TestTheOthersFollowACanaryThatWasTried(t *testing.T) {
	left, lacks := &LeftError{"a closed budget"}, &fleet.DeniedError{Verb: "patch", Resource: "pods", Err: errors.New("no")}
	for name, test := range map[string]struct {
		steps  string // the names of canaries are upper case
		canary fleet.Canary
		errs   map[string]error
		want   string // in the order in which they are begun; looked at are those between <>
		err    bool
	}{
		"canaries first":                              {"A B c d", fleet.Canary{Percent: 10}, nil, "A B <A B> c d", false},
		"no canaries":                                 {"a b", fleet.Canary{}, nil, "a b", false},
		"only canaries":                               {"A B", fleet.Canary{Percent: 10}, nil, "A B", false},
		"one canary is left":                          {"A B c", fleet.Canary{Percent: 10}, map[string]error{"A": left}, "A:left B <B> c", false},
		"the only canary is left: another one":        {"A b c d", fleet.Canary{Percent: 10}, map[string]error{"A": left, "b": left}, "A:left b:left c <c> d", false},
		"all are left":                                {"A b", fleet.Canary{Percent: 10}, map[string]error{"A": left, "b": left}, "A:left b:left", false},
		"a namespace whose canaries are left":         {"A b c", fleet.Canary{Namespace: "stage"}, map[string]error{"A": left}, "A:left b:untried c:untried", false},
		"a canary without the right: another one":     {"A b c", fleet.Canary{Percent: 10}, map[string]error{"A": lacks}, "A:left b <b> c", true},
		"a canary without the right, and one with it": {"A B c", fleet.Canary{Namespace: "stage"}, map[string]error{"A": lacks}, "A:left B <B> c", true},
		"trouble in a canary":                         {"A b", fleet.Canary{Percent: 10}, map[string]error{"A": &TroubleError{}}, "A:left", true},
		"trouble in the canary that takes its place":  {"A b c", fleet.Canary{Percent: 10}, map[string]error{"A": left, "b": &TroubleError{}}, "A:left b:left", true},
	} {
		t.Run(name, func(t *testing.T) {
			var steps []fleet.Step
			for _, name := range strings.Fields(test.steps) {
				s := step(name)
				s.Canary = name == strings.ToUpper(name)
				steps = append(steps, s)
			}
			r := quiet(Limits{MaxWorkloads: 1, Wait: time.Second})
			r.Canary = test.canary
			looked := ""
			outcomes, err := r.inOrder(t.Context(), steps, func(_ context.Context, s *fleet.Step, o *Outcome) error {
				if err := test.errs[s.Name]; err != nil {
					return err
				}
				o.Done = 1
				return nil
			}, func(_ context.Context, canaries []fleet.Step) error {
				var names []string
				for i := range canaries {
					names = append(names, canaries[i].Name)
				}
				looked = "<" + strings.Join(names, " ") + ">"
				return nil
			})
			var got []string
			for i, o := range outcomes {
				if looked != "" && !o.Canary && (i == 0 || outcomes[i-1].Canary) {
					got = append(got, looked)
				}
				switch {
				case strings.HasPrefix(o.Left, "no canary in namespace stage"):
					o.Name += ":untried"
				case o.Left != "":
					o.Name += ":left"
				}
				got = append(got, o.Name)
			}
			if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" || (err != nil) != test.err {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}
