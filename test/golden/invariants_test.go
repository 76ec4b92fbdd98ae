package golden_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	kjson "sigs.k8s.io/json"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/cases"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// checkInvariants checks what holds for every pod of every case: a second injection changes nothing, no
// existing value is lost, the result does not depend on the order of templates, and the input is not
// modified.
func checkInvariants(t *testing.T, c *goldenCase) {
	_, pods, err := parse(c.inputName, c.input)
	if err != nil {
		return // expected, and compared already
	}
	for _, p := range pods {
		before := slices.Clone(p.request.Pod)
		result, err := inject.Inject(c.set(false), c.config.Settings(), &p.request)
		if err != nil {
			continue
		}
		if !bytes.Equal(before, p.request.Pod) {
			t.Errorf("%s %s: the pod that was given has changed", p.Kind, p.Name)
		}
		again, err := inject.Inject(c.set(true), c.config.Settings(), &p.request)
		if err != nil {
			t.Errorf("%s %s: with the templates in reverse order: %v", p.Kind, p.Name, err)
			continue
		}
		if diff := cmp.Diff(string(result.Patch()), string(again.Patch())); diff != "" {
			t.Errorf("%s %s: the order of the templates shows (-given +reversed):\n%s", p.Kind, p.Name, diff)
		}
		after := applied(t, p.request.Pod, result)
		checkNothingLost(t, p, after)
		checkStrict(t, p, after)
		second, err := inject.Inject(c.set(false), c.config.Settings(), &inject.Request{Pod: after, Namespace: p.request.Namespace, Owner: p.request.Owner})
		if err != nil {
			t.Errorf("%s %s: second injection: %v", p.Kind, p.Name, err)
		} else if len(second.Operations) > 0 {
			t.Errorf("%s %s: a second injection changes the pod: %s", p.Kind, p.Name, second.Patch())
		}
	}
	checkTextAgrees(t, c)
}

// applied returns the pod with the patch applied.
func applied(t *testing.T, pod []byte, r *inject.Result) []byte {
	t.Helper()
	after, err := cases.Applied(pod, r)
	must(t, err)
	return after
}

// checkTextAgrees compares the printed documents with the patched pods.
func checkTextAgrees(t *testing.T, c *goldenCase) {
	if c.want == nil {
		return
	}
	_, before, _ := parse(c.inputName, c.input)
	_, printed, err := parse(c.wantName(), c.want)
	if err != nil {
		t.Fatalf("%s: %v", c.wantName(), err)
	}
	if len(before) != len(printed) {
		t.Fatalf("%s has %d pods, want %d", c.wantName(), len(printed), len(before))
	}
	for i, p := range before {
		result, err := inject.Inject(c.set(false), c.config.Settings(), &p.request)
		must(t, err)
		if diff := cmp.Diff(object(t, applied(t, p.request.Pod, result)), object(t, printed[i].request.Pod)); diff != "" {
			t.Errorf("%s %s: what is printed is not what the patch makes (-patch +printed):\n%s", p.Kind, p.Name, diff)
		}
	}
}

// checkNothingLost checks that the injected pod has every value of the original: under the same key, and in
// lists in the same order.
func checkNothingLost(t *testing.T, p pod, after []byte) {
	t.Helper()
	if lost := cases.Lost(object(t, p.request.Pod), object(t, after)); lost != "" {
		t.Errorf("%s %s: %s is lost or changed", p.Kind, p.Name, lost)
	}
}

// checkStrict decodes an injected pod as the API server's strict mode does. Fields that were unknown before
// are allowed.
func checkStrict(t *testing.T, p pod, after []byte) {
	t.Helper()
	var known corev1.Pod
	if faults, err := kjson.UnmarshalStrict(p.request.Pod, &known); err != nil || len(faults) > 0 {
		return
	}
	var injected corev1.Pod
	faults, err := kjson.UnmarshalStrict(after, &injected)
	if err != nil {
		t.Errorf("%s %s: %v", p.Kind, p.Name, err)
	}
	for _, f := range faults {
		t.Errorf("%s %s: %v", p.Kind, p.Name, f)
	}
}

func object(t *testing.T, data []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var v any
	must(t, decoder.Decode(&v))
	return v
}
