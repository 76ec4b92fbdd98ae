package inject

import (
	"fmt"

	kjson "sigs.k8s.io/json"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// MalformedPodError says that the bytes are not a pod: the caller's mistake, not
// that of the pod's author.
type MalformedPodError struct{ Err error }

func (e *MalformedPodError) Error() string { return fmt.Sprintf("pod: %v", e.Err) }

func (e *MalformedPodError) Unwrap() error { return e.Err }

// podView holds what decisions and merging read of a pod; the rest of its bytes
// is skipped, so that unknown fields cannot get lost. Lists keep their length
// and order: an index here is an index in the pod. An absent list or object is
// nil, an empty one is not.
type podView struct {
	*Pod
	// spec is decoded for pods that get that far.
	spec specView
}

// Pod is a pod of which only the metadata has been read. Immutable.
type Pod struct {
	raw []byte
	// hasMetadata is false for a pod template without metadata; metadata is then empty.
	hasMetadata bool
	metadata    metadataView
	// rawMetadata and rawSpec are nil where the pod has none.
	rawMetadata, rawSpec []byte
}

// Name is metadata.name, "" when there is only a generateName.
func (p *Pod) Name() string { return p.metadata.Name }

// GenerateName is metadata.generateName, or "".
func (p *Pod) GenerateName() string { return p.metadata.GenerateName }

type metadataView struct {
	Name, GenerateName  string
	Labels, Annotations map[string]string
}

type specView struct {
	InitContainers, Containers []containerView
	Volumes                    []volumeView

	ImagePullSecrets, HostAliases, Tolerations []rawValue
	// DNSConfig is nil when absent or null.
	DNSConfig rawValue

	RestartPolicy         string
	HostNetwork, HostPID  bool
	ShareProcessNamespace *bool
	GracePeriod           *int64
	// Windows is set by os.name or by the node selector kubernetes.io/os.
	Windows         bool
	SecurityContext *securityContextView
}

type securityContextView struct {
	SupplementalGroups []int64
	FSGroup, RunAsUser *int64
}

// containerView keeps the environment, which can be long and which few ask for, as bytes.
type containerView struct {
	raw                rawValue
	Name               string
	RestartPolicy      string
	env                rawValue
	Ports              []templates.Port
	Mounts             []mountView
	Devices            []deviceView
	EnvFrom            []rawValue
	Liveness           bool
	Readiness, Startup bool
	SecurityContext    *securityContextView
	// Lifecycle holds the names of the hooks.
	Lifecycle []string
}

type mountView struct {
	Name, Path, SubPath, SubPathExpr string
	ReadOnly                         bool
}

type deviceView struct{ Name, Path string }

// volumeView keeps a volume's bytes, which are compared only if one of ours has its name.
type volumeView struct {
	Name string
	raw  rawValue
}

// mustEnd reports whether the pod is to complete, as a Job's.
func (p *podView) mustEnd() bool {
	return p.spec.RestartPolicy != "" && p.spec.RestartPolicy != "Always"
}

// container finds a container by name; list is "initContainers" or "containers".
func (p *podView) container(name string) (c *containerView, list string, index int) {
	for i := range p.spec.InitContainers {
		if p.spec.InitContainers[i].Name == name {
			return &p.spec.InitContainers[i], "initContainers", i
		}
	}
	for i := range p.spec.Containers {
		if p.spec.Containers[i].Name == name {
			return &p.spec.Containers[i], "containers", i
		}
	}
	return nil, "", -1
}

func (p *podView) volume(name string) *volumeView {
	for i := range p.spec.Volumes {
		if p.spec.Volumes[i].Name == name {
			return &p.spec.Volumes[i]
		}
	}
	return nil
}

// podReader gives expressions the pod, decoded when one of them first reads it.
type podReader struct {
	pod       *Pod
	namespace string
	object    map[string]any
	err       error

	metadata, spec fieldIndex
}

func (r *podReader) Name() string { return r.pod.Name() }

func (r *podReader) Namespace() string { return r.namespace }

func (r *podReader) Object() (map[string]any, error) {
	if r.object != nil || r.err != nil {
		return r.object, r.err
	}
	object, err := decodeObject(r.pod.raw)
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
		return rawjson.At(r.pod.raw, fields)
	}
	switch fields[0] {
	case "metadata":
		return r.metadata.at(r.pod.rawMetadata, fields[1:])
	case "spec":
		return r.spec.at(r.pod.rawSpec, fields[1:])
	}
	return rawjson.At(r.pod.raw, fields)
}

// fieldIndex finds the fields of an object for several expressions in one pass.
type fieldIndex struct {
	made   bool
	fields []rawField
}

type rawField struct{ name, raw rawValue }

func (f *fieldIndex) at(object rawValue, path []string) rawValue {
	if !f.made {
		f.made = true
		f.fields = make([]rawField, 0, 16)
		c := rawjson.New(object)
		// The object has been read before, or it is none: then it has no fields.
		_ = c.Members(func(name []byte) error {
			raw, err := c.Raw()
			f.fields = append(f.fields, rawField{name: name, raw: raw})
			return err
		})
	}
	var found rawValue
	for i := range f.fields {
		if string(f.fields[i].name) == path[0] {
			found = f.fields[i].raw
		}
	}
	if found == nil {
		return nil
	}
	return rawjson.At(found, path[1:])
}

// appReader gives expressions a container of the pod, decoded when one of them first reads it.
type appReader struct {
	view   *containerView
	object map[string]any
	err    error
	fields fieldIndex
}

func (r *appReader) Name() string { return r.view.Name }

func (r *appReader) Object() (map[string]any, error) {
	if r.object == nil && r.err == nil {
		r.object, r.err = decodeObject(r.view.raw)
	}
	return r.object, r.err
}

func (r *appReader) Raw(fields []string) []byte {
	if len(fields) == 0 {
		return r.view.raw
	}
	return r.fields.at(r.view.raw, fields)
}

func decodeObject(raw []byte) (map[string]any, error) {
	object := map[string]any{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &object); err != nil {
		return nil, &MalformedPodError{Err: err}
	}
	return object, nil
}
