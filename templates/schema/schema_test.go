package schema

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

type inner struct {
	Name string `json:"name"`
}

type sample struct {
	inner `json:",inline"`
	metav1.TypeMeta
	Plain    int32
	Skipped  string                `json:"-"`
	hidden   string                //nolint:unused // must be ignored
	Small    int8                  `json:"small,omitempty"`
	Unsigned uint16                `json:"unsigned"`
	Huge     uint64                `json:"huge"`
	Ratio    *float64              `json:"ratio"`
	On       bool                  `json:"on"`
	Data     []byte                `json:"data"`
	Amount   resource.Quantity     `json:"amount"`
	Port     *intstr.IntOrString   `json:"port"`
	At       metav1.Time           `json:"at"`
	Every    metav1.Duration       `json:"every"`
	Raw      runtime.RawExtension  `json:"raw"`
	Value    *apiextensionsv1.JSON `json:"value"`
	Whatever any                   `json:"whatever"`
	Names    []string              `json:"names"`
	Labels   map[string]string     `json:"labels"`
	Children []sample              `json:"children"`
	ByName   map[string]*sample    `json:"byName"`
}

func TestOfDescribesFieldsAsJSONSeesThem(t *testing.T) {
	s := Of(reflect.TypeFor[sample]())
	got := map[string]string{}
	for _, f := range s.Fields {
		got[f.Name] = f.Schema.Type
	}
	want := map[string]string{
		"name": "string", "kind": "string", "apiVersion": "string", "Plain": "integer", "small": "integer",
		"unsigned": "integer", "huge": "integer", "ratio": "number", "on": "boolean", "data": "base64 string",
		"amount": "quantity", "port": "integer or string", "at": "time", "every": "duration", "raw": "any value",
		"value": "any value", "whatever": "any value", "names": "list of string", "labels": "map of string",
		"children": "list of schema.sample", "byName": "map of schema.sample",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	children, _ := s.Field("children")
	if children.Schema.Elem != s {
		t.Error("a type that holds itself has two schemas")
	}
	if _, ok := s.Field("hidden"); ok {
		t.Error("an unexported field is seen")
	}
}

func TestTheTypesOfKubernetesAreNamedAsPeopleNameThem(t *testing.T) {
	if got := Pod().Type; got != "core/v1.Pod" {
		t.Errorf("got %s", got)
	}
	spec, _ := Pod().Field("spec")
	containers, _ := spec.Schema.Field("containers")
	if containers.Schema.Elem != Container() {
		t.Error("the container of a pod is not Container")
	}
	image, _ := Container().Field("image")
	if image.Description == "" {
		t.Error("image has no description")
	}
	volume, _ := spec.Schema.Field("volumes")
	if _, ok := volume.Schema.Elem.Field("configMap"); !ok {
		t.Error("a volume has no field configMap: the embedded VolumeSource is missing")
	}
}

// fill makes random values; for some types randfill alone makes no valid ones.
func fill(seed int64) *randfill.Filler {
	return randfill.NewWithSeed(seed).NilChance(0.3).NumElements(0, 3).MaxDepth(12).Funcs(
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewQuantity(c.Int63n(1e6), resource.BinarySI)
		},
		func(v *metav1.Time, c randfill.Continue) { v.Time = time.Unix(c.Int63n(1e9), 0) },
		func(v *metav1.MicroTime, c randfill.Continue) { v.Time = time.Unix(c.Int63n(1e9), 0) },
		func(v *metav1.FieldsV1, _ randfill.Continue) { v.Raw = []byte(`{"f:x":{}}`) },
		func(v *intstr.IntOrString, c randfill.Continue) {
			if *v = intstr.FromInt32(c.Int31()); c.Bool() {
				*v = intstr.FromString(c.String(5))
			}
		},
	)
}

func TestEveryPodThatGoWritesFits(t *testing.T) {
	for seed := range int64(200) {
		var pod corev1.Pod
		fill(seed).Fill(&pod)
		data, err := json.Marshal(&pod)
		if err != nil {
			t.Fatal(err)
		}
		value := decode(t, data)
		if faults := Pod().CheckJSON(value, nil); len(faults) > 0 {
			t.Fatalf("seed %d: %v", seed, faults)
		}
		absent := cmpopts.IgnoreMapEntries(func(_ string, v any) bool { return v == nil }) // a nil slice
		if diff := cmp.Diff(value, Pod().Canonical(value), absent); diff != "" {
			t.Fatalf("seed %d: Canonical changed a canonical pod:\n%s", seed, diff)
		}
	}
}

func TestCanonicalLeavesOutFieldsThatAreNull(t *testing.T) {
	value := decode(t, []byte(`{"spec":{"initContainers":null,"containers":[{"name":"app","ports":null}]}}`))
	want := decode(t, []byte(`{"spec":{"containers":[{"name":"app"}]}}`))
	if diff := cmp.Diff(want, Pod().Canonical(value)); diff != "" {
		t.Error(diff)
	}
}

func TestCanonicalMakesStringsOfQuantitiesAndLeavesTheArgument(t *testing.T) {
	in := func() map[string]any {
		return map[string]any{"spec": map[string]any{
			"priority": int64(1),
			"containers": []any{
				map[string]any{"name": "a", "resources": map[string]any{"limits": map[string]any{"cpu": int64(2), "memory": "1Gi"}}},
				map[string]any{"name": "b", "resources": map[string]any{"limits": map[string]any{"cpu": 0.5}}},
			},
		}}
	}
	value := in()
	want := map[string]any{"spec": map[string]any{
		"priority": int64(1),
		"containers": []any{
			map[string]any{"name": "a", "resources": map[string]any{"limits": map[string]any{"cpu": "2", "memory": "1Gi"}}},
			map[string]any{"name": "b", "resources": map[string]any{"limits": map[string]any{"cpu": "0.5"}}},
		},
	}}
	if diff := cmp.Diff(want, Pod().Canonical(value)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(in(), value); diff != "" {
		t.Errorf("the argument changed:\n%s", diff)
	}
}

func TestNearestKnowsWhatWasMeant(t *testing.T) {
	known := Container().Names()
	for name, want := range map[string]string{
		"imagee": "image", "Image": "image", "volumemounts": "volumeMounts", "volumeMount": "volumeMounts",
		"enviroment": "", "evn": "env", "comand": "command", "livenesProbe": "livenessProbe", "x": "", "": "", "readyProbe": "",
	} {
		if got := message.Nearest(name, known); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestNamesAreSorted(t *testing.T) {
	if names := Container().Names(); !slices.IsSorted(names) || len(names) != len(Container().Fields) {
		t.Errorf("got %v", names)
	}
}

func TestPathsAreWrittenAsPeopleReadThem(t *testing.T) {
	for want, path := range map[string]*Path{
		"":                       nil,
		"spec":                   Root("spec"),
		"spec.containers[2].env": Root("spec").Member("containers").Item(2).Member("env"),
		"metadata.labels[a.b/c]": Root("metadata").Member("labels").Member("a.b/c"),
		"[0]":                    (*Path)(nil).Item(0),
		"a[x\\ny]":               Root("a").Member("x\ny"),
		"[$a].$when":             Root("[$a]").Member("$when"),
	} {
		if want == "[$a].$when" {
			want = "[[$a]].$when"
		}
		if got := path.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
