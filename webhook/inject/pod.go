package inject

import (
	"errors"
	"fmt"

	kjson "sigs.k8s.io/json"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// MalformedPodError reports that the bytes are not a pod, which is the caller's mistake, not that of the
// pod's author.
type MalformedPodError struct{ Err error }

func (e *MalformedPodError) Error() string { return fmt.Sprintf("pod: %v", e.Err) }

func (e *MalformedPodError) Unwrap() error { return e.Err }

// At returns the field that is at fault, "" if it is the pod as a whole, and what is wrong with it.
func (e *MalformedPodError) At() (place, message string) {
	if syntax := (*rawjson.SyntaxError)(nil); errors.As(e.Err, &syntax) && syntax.Path != "" {
		return syntax.Path, syntax.Message
	}
	return "", e.Err.Error()
}

// podView holds the parts of a pod that decisions and merging read. The pod itself is never re-encoded from
// it, so unknown fields cannot get lost. Lists keep their length and order: an index here is an index in
// the pod. An absent list or object is nil, an empty one is not.
type podView struct {
	*Pod
	// spec is filled by decodeSpec, for pods that request something.
	spec specView

	containersAt, volumesAt map[string]int             // see container and volume
	ports                   *portTable                 // see podPorts
	items                   map[string]map[string]bool // see hasItem
}

// Pod is a pod whose metadata has been read; its spec is kept as bytes. It is immutable.
type Pod struct {
	raw []byte
	// hasMetadata is false for a pod template without metadata; metadata is then empty.
	hasMetadata bool
	metadata    metadataView
	// rawMetadata, rawOwners and rawSpec are nil if the pod has none.
	rawMetadata, rawOwners, rawSpec []byte
}

// Name returns metadata.name, "" if there is only a generateName.
func (p *Pod) Name() string { return p.metadata.Name }

// GenerateName returns metadata.generateName, or "".
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
	MountsToken           *bool // automountServiceAccountToken
	GracePeriod           *int64
	// Windows is set by os.name or by the node selector kubernetes.io/os.
	Windows         bool
	OS              string // os.name
	SecurityContext *securityContextView
	// Resources is true if the pod has pod-level resources.
	Resources bool
}

type securityContextView struct {
	SupplementalGroups []int64
	FSGroup, RunAsUser *int64
}

// containerView is a container of the pod. The environment is kept as bytes, because it can be long and is
// rarely needed.
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

	index  *containerIndex // nil until the first look-up
	reader *appReader      // nil until expressions read it
}

type mountView struct {
	Name, Path, SubPath, SubPathExpr string
	ReadOnly                         bool
}

type deviceView struct{ Name, Path string }

// volumeView is a volume of the pod. Its bytes are compared only if an injected volume has the same name.
type volumeView struct {
	Name string
	raw  rawValue
	// readOnly is true if nothing can be created in it, because of its type; claim if it is a volume claim.
	readOnly, claim bool
}

// mustEnd reports whether the pod has to complete, like that of a Job.
func (p *podView) mustEnd() bool {
	return p.spec.RestartPolicy != "" && p.spec.RestartPolicy != "Always"
}

func decodeObject(raw []byte) (map[string]any, error) {
	object := map[string]any{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &object); err != nil {
		return nil, &MalformedPodError{Err: err}
	}
	return object, nil
}
