package cases

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	kjson "sigs.k8s.io/json"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest/edit"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Properties that hold for every pod, whatever a case expects: the patch applies and gives the same pod as
// editing its YAML text, nothing of the pod is lost, the result is a pod that the API server accepts, a
// second injection changes nothing, and Pod Security allows the result if it allowed the pod.

// Applied returns a pod with the patch of a result applied, by an independent library.
func Applied(pod []byte, r *inject.Result) ([]byte, error) {
	if r.Patch() == nil {
		return pod, nil
	}
	patch, err := jsonpatch.DecodePatch(r.Patch())
	if err != nil {
		return nil, fmt.Errorf("patch: %w", err)
	}
	after, err := patch.ApplyWithOptions(pod, &jsonpatch.ApplyOptions{})
	if err != nil {
		return nil, fmt.Errorf("patch does not apply: %w", err)
	}
	return after, nil
}

// inText returns the pod with the operations applied to its YAML text, as the command line does it.
func inText(pod []byte, operations []inject.Operation) ([]byte, error) {
	text, err := manifest.YAML(pod)
	if err != nil {
		return nil, err
	}
	stream, err := manifest.Parse("pod", text)
	if err != nil {
		return nil, err
	}
	var edits []edit.Operation
	for _, op := range operations {
		edits = append(edits, edit.Operation(op))
	}
	if text, err = edit.Apply(stream.Documents[0], edits); err != nil {
		return nil, err
	}
	if stream, err = manifest.Parse("pod", text); err != nil {
		return nil, err
	}
	return stream.Documents[0].JSON(), nil
}

// Lost returns the path of the first value of before that after lacks, or "". A value must be under the
// same key, and items of lists in the same order. A null in before may be absent.
func Lost(before, after any) string { return lost("", before, after) }

func lost(place string, before, after any) string {
	switch b := before.(type) {
	case nil:
		return ""
	case map[string]any:
		a, ok := after.(map[string]any)
		if !ok {
			return place
		}
		for _, key := range slices.Sorted(maps.Keys(b)) {
			// The larger of the two grace periods applies, the annotation for the autoscaler is merged, and
			// the injector's status grows.
			switch place + "." + key {
			case ".spec.terminationGracePeriodSeconds", ".metadata.annotations." + inject.SafeToEvictAnnotation, ".metadata.annotations." + inject.StatusAnnotation:
				continue
			}
			if l := lost(place+"."+key, b[key], a[key]); l != "" && !joined(l, b[key], a[key]) && !raised(place, b[key], a[key]) {
				return l
			}
		}
		return ""
	case []any:
		a, _ := after.([]any)
		next := 0
		for _, item := range b {
			for next < len(a) && lost(place, item, a[next]) != "" {
				next++
			}
			if next == len(a) {
				return place
			}
			next++
		}
		return ""
	}
	if before != after {
		return place
	}
	return ""
}

// raised reports whether a value is an amount of the pod-level resources that did not decrease.
func raised(place string, before, after any) bool {
	if place != ".spec.resources.requests" && place != ".spec.resources.limits" {
		return false
	}
	own, wrong := schema.ParseQuantity(fmt.Sprint(before))
	now, bad := schema.ParseQuantity(fmt.Sprint(after))
	return wrong == nil && bad == nil && now.Cmp(own) >= 0
}

// plainJSON decodes a pod for Lost.
func plainJSON(data []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var v any
	err := decoder.Decode(&v)
	return v, err
}

// strict decodes an injected pod like the API server in strict mode, and returns the errors.
func strict(after []byte) []error {
	faults, err := kjson.UnmarshalStrict(after, &corev1.Pod{})
	if err != nil {
		faults = append(faults, err)
	}
	return faults
}

// security returns the strictest level of Pod Security that allows a pod, and why the next one does not.
func security(pod []byte, version api.Version) (level api.Level, why string, err error) {
	var p corev1.Pod
	if err := json.Unmarshal(pod, &p); err != nil {
		return "", "", err
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return "", "", err
	}
	level = api.LevelPrivileged
	for _, next := range []api.Level{api.LevelBaseline, api.LevelRestricted} {
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(api.LevelVersion{Level: next, Version: version}, &p.ObjectMeta, &p.Spec))
		if !result.Allowed {
			return level, result.ForbiddenDetail(), nil
		}
		level = next
	}
	return level, "", nil
}

// rank returns a number that is higher for a stricter level.
func rank(level api.Level) int {
	return slices.Index([]api.Level{api.LevelPrivileged, api.LevelBaseline, api.LevelRestricted}, level)
}

// joined reports whether a variable's value was joined to another: the old value is contained in the new
// one.
func joined(place string, before, after any) bool {
	b, _ := before.(string)
	a, ok := after.(string)
	return ok && strings.HasSuffix(place, ".env.value") && strings.Contains(a, b)
}
