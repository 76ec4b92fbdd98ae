package templates

// samplePod is the pod for which templates are rendered when they are loaded. It is as small as possible, so
// that expressions that read absent values are found.
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

// Raw is never called: renderings at load time are not cached.
func (samplePod) Raw([]string) []byte { return nil }

func sampleApp() map[string]any { return map[string]any{"name": "app", "image": "app"} }

// sampleContainer is the only container of the sample pod.
type sampleContainer struct{}

func (sampleContainer) Name() string { return "app" }

func (sampleContainer) Object() (map[string]any, error) { return sampleApp(), nil }

// Raw is never called.
func (sampleContainer) Raw([]string) []byte { return nil }

// SampleInput returns the input with which the template is rendered when it is loaded: for the sample pod and
// an instance of the template's own name, not native.
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
