package templates

// samplePod is the pod that templates are rendered for when they are loaded: as
// small as a pod can be, so that an expression that counts on more is found.
type samplePod struct{ namespace string }

func (samplePod) Name() string { return "sample" }

func (p samplePod) Namespace() string { return p.namespace }

func (p samplePod) Object() (map[string]any, error) {
	return map[string]any{
		"apiVersion": "v1",
		"kind":       "Pod",
		"metadata":   map[string]any{"name": p.Name(), "namespace": p.namespace},
		"spec":       map[string]any{"containers": []any{sampleApp()}},
	}, nil
}

// Raw is never asked for: what is rendered at load is not kept.
func (samplePod) Raw([]string) []byte { return nil }

func sampleApp() map[string]any { return map[string]any{"name": "app", "image": "app"} }

// sampleContainer is the sample pod's one container.
type sampleContainer struct{}

func (sampleContainer) Name() string { return "app" }

func (sampleContainer) Object() (map[string]any, error) { return sampleApp(), nil }

// Raw is never asked for.
func (sampleContainer) Raw([]string) []byte { return nil }

// SampleInput is what the template is rendered with when it is loaded: for an instance of its own
// name, as regular containers.
func (t *Template) SampleInput(p Parameters) *Input {
	namespace := t.Namespace
	if namespace == "" {
		namespace = "default"
	}
	instance := t.Name
	if !ValidName(instance) {
		instance = "sample"
	}
	return &Input{
		Parameters:    p,
		Instance:      instance,
		App:           sampleContainer{},
		Targets:       []AppReader{sampleContainer{}},
		Pod:           samplePod{namespace},
		NamespaceName: namespace,
		WorkloadKind:  "Pod",
		WorkloadName:  samplePod{}.Name(),
	}
}
