package inject

import (
	"encoding/json"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// podReader gives expressions access to the pod, which is decoded when one of them first needs it as an
// object. The volumes of a StatefulSet's claims are among its volumes, as they are in the pods that the
// controller makes.
type podReader struct {
	pod       *Pod
	namespace string
	claims    []string // see Request.ClaimVolumes
	claimed   *Pod     // the pod with the volumes of its claims; nil until first used
	object    map[string]any
	err       error

	metadata, spec fieldIndex
	// read is set once an expression reads more of the pod than its name and namespace.
	read bool
}

func (r *podReader) Name() string { return r.pod.Name() }

func (r *podReader) Namespace() string { return r.namespace }

func (r *podReader) Object() (map[string]any, error) {
	r.read = true
	if r.object != nil || r.err != nil {
		return r.object, r.err
	}
	object, err := decodeObject(r.source().raw)
	if err != nil {
		r.err = err
		return nil, err
	}
	metadata, _ := object["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		object["metadata"] = metadata
	}
	metadata["namespace"] = r.namespace
	metadata["name"] = r.Name()
	r.object = object
	return object, nil
}

func (r *podReader) Raw(fields []string) []byte {
	if len(fields) < 2 {
		r.read = true
		return rawjson.At(r.source().raw, fields)
	}
	r.read = r.read || fields[0] != "metadata" || fields[1] != "name" && fields[1] != "namespace"
	switch fields[0] {
	case "metadata":
		return r.metadata.at(r.pod.rawMetadata, fields[1:])
	case "spec":
		return r.spec.at(r.source().rawSpec, fields[1:])
	}
	return rawjson.At(r.pod.raw, fields)
}

// source returns the pod that expressions read: with the volumes of its claims.
func (r *podReader) source() *Pod {
	if len(r.claims) == 0 {
		return r.pod
	}
	if r.claimed == nil {
		r.claimed = withClaims(r.pod, r.claims)
	}
	return r.claimed
}

// SeenPod returns the pod as expressions see it: with the volumes of ClaimVolumes. The error is that of Inject for a
// pod that cannot be read.
func (req *Request) SeenPod() ([]byte, error) {
	pod, err := parsePod(req.Pod)
	if err != nil {
		return nil, err
	}
	return (&podReader{pod: pod, claims: req.ClaimVolumes}).source().raw, nil
}

// withClaims returns the pod with a volume for each claim. Like the controller of StatefulSets, it puts them before
// the pod's own and in the place of those of their names.
func withClaims(pod *Pod, claims []string) *Pod {
	object, err := decodeObject(pod.raw)
	if err != nil {
		return pod
	}
	spec, _ := object["spec"].(map[string]any)
	if spec == nil {
		spec = map[string]any{}
	}
	known := nameSet(claims)
	volumes := make([]any, 0, len(claims))
	for _, name := range claims {
		volumes = append(volumes, map[string]any{"name": name, "persistentVolumeClaim": map[string]any{"claimName": name}})
	}
	own, _ := spec["volumes"].([]any)
	volumes = append(volumes, slices.DeleteFunc(own, func(v any) bool {
		volume, _ := v.(map[string]any)
		name, _ := volume["name"].(string)
		return known[name]
	})...)
	spec["volumes"] = volumes
	object["spec"] = spec
	text, err := json.Marshal(object)
	if err != nil {
		return pod
	}
	changed, err := parsePod(text)
	if err != nil {
		return pod
	}
	return changed
}

// fieldIndex indexes the fields of an object in one pass, for all expressions.
type fieldIndex struct {
	made   bool
	fields []rawField
	byName map[string]int // nil while there are few fields
}

type rawField struct {
	name, raw rawValue
	below     *fieldIndex // index of a large object; nil until used
}

// largeObject is the size in bytes from which an object gets an index of its own: expressions may look for
// hundreds of labels, and a pod may have thousands.
const largeObject = 2048

func (f *fieldIndex) at(object rawValue, path []string) rawValue {
	if !f.made {
		f.make(object)
	}
	i, ok := f.find(path[0])
	if !ok {
		return nil
	}
	found := &f.fields[i]
	if len(path) == 1 || len(found.raw) < largeObject {
		return rawjson.At(found.raw, path[1:])
	}
	if found.below == nil {
		found.below = &fieldIndex{}
	}
	return found.below.at(found.raw, path[1:])
}

func (f *fieldIndex) make(object rawValue) {
	f.made = true
	c := rawjson.New(object)
	if c.Kind() != '{' {
		return
	}
	f.fields = make([]rawField, 0, 16)
	// The object has been read before, so there is no error.
	_ = c.Members(func(name []byte) error {
		raw, err := c.Raw()
		f.fields = append(f.fields, rawField{name: name, raw: raw})
		return err
	})
	if len(f.fields) > short {
		f.byName = make(map[string]int, len(f.fields))
		for i := range f.fields {
			f.byName[string(f.fields[i].name)] = i // if a member occurs twice, the last one counts
		}
	}
}

func (f *fieldIndex) find(name string) (int, bool) {
	if f.byName != nil {
		i, ok := f.byName[name]
		return i, ok
	}
	for i := len(f.fields) - 1; i >= 0; i-- {
		if string(f.fields[i].name) == name {
			return i, true
		}
	}
	return 0, false
}

// appReader gives expressions access to a container of the pod, like podReader.
type appReader struct {
	view   *containerView
	object map[string]any
	err    error
	fields fieldIndex
	// read is set once an expression reads more of the container than its name.
	read bool
}

func (r *appReader) Name() string { return r.view.Name }

func (r *appReader) Object() (map[string]any, error) {
	r.read = true
	if r.object == nil && r.err == nil {
		r.object, r.err = decodeObject(r.view.raw)
	}
	return r.object, r.err
}

func (r *appReader) Raw(fields []string) []byte {
	r.read = r.read || len(fields) != 1 || fields[0] != "name"
	if len(fields) == 0 {
		return r.view.raw
	}
	return r.fields.at(r.view.raw, fields)
}
