package inject

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	kjson "sigs.k8s.io/json"
)

// MalformedPodError says that the bytes are not a pod: the caller's mistake, not
// that of the pod's author.
type MalformedPodError struct{ Err error }

func (e *MalformedPodError) Error() string { return fmt.Sprintf("pod: %v", e.Err) }

func (e *MalformedPodError) Unwrap() error { return e.Err }

// podView holds what decisions and merging read of a pod; the rest of its bytes
// is skipped, so that unknown fields cannot get lost. Lists keep their length
// and order: an index here is an index in the pod.
type podView struct {
	// Meta is nil for a pod template without metadata; Metadata is then empty.
	Meta *metadataView  `json:"metadata"`
	Spec jsontext.Value `json:"spec"`

	Metadata metadataView `json:"-"`
	spec     specView
}

type metadataView struct {
	Name         string            `json:"name"`
	GenerateName string            `json:"generateName"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
}

type specView struct {
	InitContainers []containerView `json:"initContainers"`
	Containers     []containerView `json:"containers"`
	Volumes        []volumeView    `json:"volumes"`

	ImagePullSecrets []jsontext.Value `json:"imagePullSecrets"`
	HostAliases      []jsontext.Value `json:"hostAliases"`
	Tolerations      []jsontext.Value `json:"tolerations"`
	DNSConfig        jsontext.Value   `json:"dnsConfig"`

	RestartPolicy         string               `json:"restartPolicy"`
	HostNetwork           bool                 `json:"hostNetwork"`
	HostPID               bool                 `json:"hostPID"`
	ShareProcessNamespace *bool                `json:"shareProcessNamespace"`
	GracePeriod           *int64               `json:"terminationGracePeriodSeconds"`
	NodeSelector          map[string]string    `json:"nodeSelector"`
	OS                    *osView              `json:"os"`
	SecurityContext       *securityContextView `json:"securityContext"`
}

type osView struct {
	Name string `json:"name"`
}

type securityContextView struct {
	SupplementalGroups []int64 `json:"supplementalGroups"`
	FSGroup            *int64  `json:"fsGroup"`
}

type containerView struct {
	Name          string             `json:"name"`
	RestartPolicy string             `json:"restartPolicy"`
	Ports         []portView         `json:"ports"`
	Mounts        []mountView        `json:"volumeMounts"`
	Devices       []deviceView       `json:"volumeDevices"`
	Env           []envView          `json:"env"`
	EnvFrom       []jsontext.Value   `json:"envFrom"`
	Liveness      presence           `json:"livenessProbe"`
	Readiness     presence           `json:"readinessProbe"`
	Startup       presence           `json:"startupProbe"`
	Lifecycle     map[string]present `json:"lifecycle"`
}

type portView struct {
	Name     string `json:"name"`
	Port     int32  `json:"containerPort"`
	HostPort int32  `json:"hostPort"`
	HostIP   string `json:"hostIP"`
	Protocol string `json:"protocol"`
}

type mountView struct {
	Name        string `json:"name"`
	Path        string `json:"mountPath"`
	SubPath     string `json:"subPath"`
	SubPathExpr string `json:"subPathExpr"`
	ReadOnly    bool   `json:"readOnly"`
}

type deviceView struct {
	Name string `json:"name"`
	Path string `json:"devicePath"`
}

type envView struct {
	Name string `json:"name"`
}

// volumeView keeps a volume's bytes, which are compared only if one of ours has its name.
type volumeView struct {
	Name string
	raw  jsontext.Value
}

func (v *volumeView) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	var named envView
	if err := json.Unmarshal(raw, &named, lenient); err != nil {
		return err
	}
	v.Name, v.raw = named.Name, raw.Clone()
	return nil
}

// presence is true when a field is there and not null.
type presence bool

func (p *presence) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*p = dec.PeekKind() != 'n'
	return dec.SkipValue()
}

// present is a value that only has to be there.
type present struct{}

func (*present) UnmarshalJSONFrom(dec *jsontext.Decoder) error { return dec.SkipValue() }

// lenient reads what the API server sends without judging it: duplicate names
// and invalid UTF-8 are the API server's to refuse.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// decodeMetadata reads labels, annotations and names, and finds the bytes of the spec.
func decodeMetadata(raw []byte) (*podView, error) {
	p := &podView{}
	if err := json.Unmarshal(raw, p, lenient); err != nil {
		return nil, &MalformedPodError{Err: err}
	}
	if p.Meta != nil {
		p.Metadata = *p.Meta
	}
	return p, nil
}

// decodeSpec reads the rest; a pod that asks for nothing never gets here.
func (p *podView) decodeSpec() error {
	if len(p.Spec) == 0 {
		return nil
	}
	if err := json.Unmarshal(p.Spec, &p.spec, lenient); err != nil {
		return &MalformedPodError{Err: fmt.Errorf("spec: %w", err)}
	}
	return nil
}

func (p *podView) windows() bool {
	return p.spec.OS != nil && p.spec.OS.Name == "windows" || p.spec.NodeSelector["kubernetes.io/os"] == "windows"
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
	raw       []byte
	name      string
	namespace string
	object    map[string]any
	err       error
}

func (r *podReader) Name() string { return r.name }

func (r *podReader) Namespace() string { return r.namespace }

func (r *podReader) Object() (map[string]any, error) {
	if r.object != nil || r.err != nil {
		return r.object, r.err
	}
	object := map[string]any{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(r.raw, &object); err != nil {
		r.err = &MalformedPodError{Err: err}
		return nil, r.err
	}
	metadata, _ := object["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		object["metadata"] = metadata
	}
	metadata["namespace"] = r.namespace
	metadata["name"] = r.name
	r.object = object
	return object, nil
}

// container is the decoded JSON of one container of the pod.
func (r *podReader) container(list string, index int) (map[string]any, error) {
	object, err := r.Object()
	if err != nil {
		return nil, err
	}
	spec, _ := object["spec"].(map[string]any)
	items, _ := spec[list].([]any)
	if index >= len(items) {
		return nil, fmt.Errorf("pod: spec.%s[%d] is missing", list, index)
	}
	c, _ := items[index].(map[string]any)
	return c, nil
}
