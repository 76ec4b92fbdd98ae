package inject

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

func TestMergeKeysAreThoseOfTheAPI(t *testing.T) {
	want, got := map[string]string{}, map[string]string{}
	var look func(reflect.Type, int)
	look = func(typ reflect.Type, depth int) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || depth > 6 {
			return
		}
		for i := range typ.NumField() {
			field := typ.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if key := field.Tag.Get("patchMergeKey"); key != "" {
				want[fmt.Sprint(depth, name)] = key
			}
			if depth == 0 && mergeKey(name) != "" {
				got[fmt.Sprint(depth, name)] = mergeKey(name)
			}
			look(field.Type, depth+1)
		}
	}
	look(reflect.TypeFor[corev1.Container](), 0)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lists that are merged item by item (-API +here):\n%s", diff)
	}
}

// TestAnOverrideIsMergedAsKubernetesMerges compares the merge with that of the Kubernetes library, which is
// too slow for long lists.
func TestAnOverrideIsMergedAsKubernetesMerges(t *testing.T) {
	part := func(r *rand.Rand) map[string]any {
		some := func(n int) bool { return r.IntN(n) == 0 }
		c := map[string]any{}
		if some(2) {
			c["image"] = fmt.Sprint("i", r.IntN(3))
		}
		if some(2) {
			c["args"] = []any{fmt.Sprint("a", r.IntN(3))}
		}
		if some(2) {
			amounts := map[string]any{}
			for _, name := range []string{"cpu", "memory"} {
				if some(2) {
					amounts[name] = fmt.Sprint(1 + r.IntN(9))
				}
			}
			c["resources"] = map[string]any{[]string{"requests", "limits"}[r.IntN(2)]: amounts}
		}
		if some(2) {
			c["livenessProbe"] = map[string]any{"periodSeconds": r.IntN(9), "exec": map[string]any{"command": []any{fmt.Sprint(r.IntN(3))}}}
		}
		list := func(name string, item func(i int) map[string]any) {
			var items []any
			for _, i := range r.Perm(6)[:r.IntN(4)] {
				items = append(items, item(i))
			}
			if items != nil {
				c[name] = items
			}
		}
		list("env", func(i int) map[string]any {
			return map[string]any{"name": fmt.Sprint("V", i), "value": fmt.Sprint(r.IntN(9))}
		})
		list("ports", func(i int) map[string]any {
			return map[string]any{"containerPort": 8000 + i, "name": fmt.Sprint("p", r.IntN(9))}
		})
		list("volumeMounts", func(i int) map[string]any {
			return map[string]any{"mountPath": fmt.Sprint("/m", i), "name": fmt.Sprint("v", r.IntN(3)), "readOnly": some(2)}
		})
		list("envFrom", func(i int) map[string]any {
			return map[string]any{"secretRef": map[string]any{"name": fmt.Sprint("s", i)}}
		})
		return c
	}
	object := func(v any) ([]byte, program.Object) {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		o, err := program.ObjectFromJSON(raw)
		if err != nil {
			t.Fatal(err)
		}
		return raw, o
	}
	// The order of items with keys is not specified; the library's depends on the patch.
	sorted := func(o program.Object) map[string]any {
		m := o.Map()
		for field, value := range m {
			if key := mergeKey(field); key != "" {
				slices.SortFunc(value.([]any), func(a, b any) int {
					return strings.Compare(fmt.Sprint(a.(map[string]any)[key]), fmt.Sprint(b.(map[string]any)[key]))
				})
			}
		}
		return m
	}
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 8))
		base, patch := part(r), part(r)
		base["name"] = "c"
		baseRaw, baseObject := object(base)
		patchRaw, patchObject := object(patch)
		merged, err := strategicpatch.StrategicMergePatch(baseRaw, patchRaw, corev1.Container{})
		if err != nil {
			t.Fatal(err)
		}
		want, err := program.ObjectFromJSON(merged)
		if err != nil {
			t.Fatal(err)
		}
		got, err := mergeContainer(baseObject, patchObject)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
			t.Fatalf("seed %d: %s with %s (-library +here):\n%s", seed, baseRaw, patchRaw, diff)
		}
	}
}
