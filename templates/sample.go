package templates

import (
	"regexp/syntax"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

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

// sampleInput is what a template of that name is rendered with when it is loaded.
func (t *Template) sampleInput(p Parameters) *Input {
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
		Pod:           samplePod{namespace},
		NamespaceName: namespace,
		WorkloadKind:  "Pod",
		WorkloadName:  samplePod{}.Name(),
	}
}

// synthesise finds a text that a required parameter takes. It is false where the
// constraints leave nothing that is easily found.
func (p *parameter) synthesise() (string, bool) {
	candidates := append([]string(nil), p.enum...)
	for _, b := range []*bound{p.minimum, p.maximum} {
		if b != nil {
			candidates = append(candidates, b.text)
		}
	}
	switch p.kind {
	case v1alpha1.TypeInteger, v1alpha1.TypeNumber, v1alpha1.TypeQuantity:
		candidates = append(candidates, "1")
	case v1alpha1.TypePort:
		candidates = append(candidates, "9")
	case v1alpha1.TypeBoolean:
		candidates = append(candidates, "true")
	case v1alpha1.TypeDuration:
		candidates = append(candidates, "1m")
	case v1alpha1.TypePath:
		candidates = append(candidates, "/sample", "sample")
	case v1alpha1.TypeURL:
		candidates = append(candidates, "http://localhost/sample")
	default:
		candidates = append(candidates, "sample")
	}
	if p.pattern != nil {
		if re, err := syntax.Parse(p.pattern.text, syntax.Perl); err == nil {
			candidates = append(candidates, shortest(re))
		}
	}
	for _, text := range candidates {
		if text == "" {
			continue
		}
		if _, fault := p.parse(text); fault == nil {
			return text, true
		}
	}
	return "", false
}

// shortest is a short text that a regular expression matches.
func shortest(re *syntax.Regexp) string {
	var b strings.Builder
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			b.WriteRune(r)
		}
	case syntax.OpCharClass:
		if len(re.Rune) > 0 {
			b.WriteRune(re.Rune[0])
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('a')
	case syntax.OpCapture, syntax.OpPlus:
		b.WriteString(shortest(re.Sub[0]))
	case syntax.OpRepeat:
		for range re.Min {
			b.WriteString(shortest(re.Sub[0]))
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			b.WriteString(shortest(sub))
		}
	case syntax.OpAlternate:
		b.WriteString(shortest(re.Sub[0]))
	default: // stars, question marks and anchors match nothing as well
	}
	return b.String()
}
