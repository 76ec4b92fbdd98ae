package cases_test

import (
	"encoding/json"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/cases"
)

func TestAmountsOfThePodAsAWholeMayGrow(t *testing.T) {
	const own = `{"spec":{"resources":{"requests":{"cpu":0.5,"memory":"1Gi"}}}}`
	for after, want := range map[string]string{
		`{"spec":{"resources":{"requests":{"cpu":"510m","memory":"1088Mi"}}}}`: "",
		own: "",
		`{"spec":{"resources":{"requests":{"cpu":"490m","memory":"1Gi"}}}}`:                                     ".spec.resources.requests.cpu",
		`{"spec":{"resources":{"requests":{"cpu":0.5}}}}`:                                                       ".spec.resources.requests.memory",
		`{"spec":{"resources":{"requests":{"cpu":0.5,"memory":"much"}}}}`:                                       ".spec.resources.requests.memory",
		`{"spec":{"resources":{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":0.5,"memory":"1025Mi"}}}}`: "",
	} {
		var a, b any
		if err := json.Unmarshal([]byte(own), &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(after), &b); err != nil {
			t.Fatal(err)
		}
		if got := cases.Lost(a, b); got != want {
			t.Errorf("%s: lost %q, want %q", after, got, want)
		}
	}
}
