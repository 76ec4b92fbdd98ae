package schema

import (
	"encoding/json"
	"math"
	"path"
	"reflect"
	"regexp"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Of returns the Schema of a Go type. The type must be one that encoding/json can decode; a type with its own
// decoding that is unknown here is Any. Each call walks the type again: callers keep the result.
func Of(t reflect.Type) *Schema {
	w := &walker{seen: map[reflect.Type]*Schema{}}
	s := w.walk(t)
	w.markQuantities()
	return s
}

// Pod returns the schema of core/v1.Pod, the same at each call.
func Pod() *Schema { return core().pod }

// Container returns the schema of core/v1.Container, the one within Pod.
func Container() *Schema { return core().container }

type coreTypes struct{ pod, container *Schema }

var core = sync.OnceValue(func() coreTypes {
	w := &walker{seen: map[reflect.Type]*Schema{}}
	types := coreTypes{
		pod:       w.walk(reflect.TypeFor[corev1.Pod]()),
		container: w.walk(reflect.TypeFor[corev1.Container]()),
	}
	w.markQuantities()
	return types
})

// walker is the state of one walk: the schemas made so far, by type, so that each type is walked once and
// recursive types terminate.
type walker struct {
	seen map[reflect.Type]*Schema
}

func (w *walker) walk(t reflect.Type) *Schema {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if s, ok := w.seen[t]; ok {
		return s
	}
	s := &Schema{}
	w.seen[t] = s
	w.describe(t, s)
	return s
}

func (w *walker) describe(t reflect.Type, s *Schema) {
	if special(t, s) {
		return
	}
	switch t.Kind() {
	case reflect.Bool:
		*s = *NewScalar(Boolean)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		bits := t.Bits()
		*s = Schema{Kind: Integer, Type: "integer", Min: math.MinInt64 >> (64 - bits), Max: math.MaxInt64 >> (64 - bits)}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		// Values are represented as int64, so a 64-bit unsigned type loses one bit.
		*s = Schema{Kind: Integer, Type: "integer", Max: int64(uint64(math.MaxUint64) >> (64 - min(t.Bits(), 63)))}
	case reflect.Float32, reflect.Float64:
		*s = *NewScalar(Number)
	case reflect.String:
		*s = *NewScalar(String)
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			*s = Schema{Kind: String, Type: "base64 string", Format: ByteFormat}
			return
		}
		elem := w.walk(t.Elem())
		s.Kind, s.Type, s.Elem = List, "list of "+elem.Type, elem
	case reflect.Map:
		elem := w.walk(t.Elem())
		s.Kind, s.Type, s.Elem = Map, "map of "+elem.Type, elem
	case reflect.Struct:
		s.Kind, s.Type = Object, typeName(t)
		w.fields(t, s)
		s.seal()
	default:
		*s = *NewScalar(Any)
	}
}

// special sets the schema of a type with its own JSON encoding; false if the type is unknown.
func special(t reflect.Type, s *Schema) bool {
	switch t {
	case reflect.TypeFor[resource.Quantity]():
		*s = *NewScalar(Quantity)
	case reflect.TypeFor[intstr.IntOrString]():
		*s = *NewScalar(IntOrString)
	case reflect.TypeFor[metav1.Time](), reflect.TypeFor[metav1.MicroTime]():
		*s = Schema{Kind: String, Type: "time", Format: TimeFormat}
	case reflect.TypeFor[metav1.Duration]():
		*s = Schema{Kind: String, Type: "duration", Format: DurationFormat}
	case reflect.TypeFor[runtime.RawExtension](), reflect.TypeFor[apiextensionsv1.JSON](), reflect.TypeFor[metav1.FieldsV1]():
		*s = *NewScalar(Any)
	default:
		if t.Kind() == reflect.Interface || !reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
			return false
		}
		*s = *NewScalar(Any)
	}
	return true
}

// fields adds the fields of a struct, with those of embedded structs in place.
func (w *walker) fields(t reflect.Type, s *Schema) {
	descriptions := documentation(t)
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		embedded := f.Type
		for embedded.Kind() == reflect.Pointer {
			embedded = embedded.Elem()
		}
		switch {
		case name == "-":
		case f.Anonymous && name == "" && embedded.Kind() == reflect.Struct:
			w.fields(embedded, s)
		case !f.IsExported():
		default:
			if name == "" {
				name = f.Name
			}
			s.Fields = append(s.Fields, Field{Name: name, Schema: w.walk(f.Type), Description: descriptions[name]})
		}
	}
}

// documentation returns the descriptions of a type's fields from Kubernetes' generated code; nil if it has
// none.
func documentation(t reflect.Type) map[string]string {
	documented, ok := reflect.Zero(t).Interface().(interface{ SwaggerDoc() map[string]string })
	if !ok {
		return nil
	}
	return documented.SwaggerDoc()
}

var versionName = regexp.MustCompile(`^v[0-9]`)

// typeName returns the last element of the package path with the type's name, preceded by one more element if
// the last is a version: core/v1.Pod.
func typeName(t reflect.Type) string {
	if t.Name() == "" {
		return "object"
	}
	parent, last := path.Split(t.PkgPath())
	if versionName.MatchString(last) && parent != "" {
		last = path.Base(parent) + "/" + last
	}
	return last + "." + t.Name()
}

// markQuantities sets quantities on all schemas that contain a Quantity, by iterating until nothing changes,
// because types may be recursive.
func (w *walker) markQuantities() {
	for changed := true; changed; {
		changed = false
		for _, s := range w.seen {
			if !s.quantities && s.holdsQuantity() {
				s.quantities, changed = true, true
			}
		}
	}
}

func (s *Schema) holdsQuantity() bool {
	if s.Elem != nil && s.Elem.quantities {
		return true
	}
	for i := range s.Fields {
		if s.Fields[i].Schema.quantities {
			return true
		}
	}
	return false
}
