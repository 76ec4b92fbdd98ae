package load

import (
	"slices"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// match reads the template's pod and namespace selectors; both are nil for a template without match. Invalid
// selectors are reported.
func match(spec *yaml.Node, m *v1alpha1.Match, declared []*templates.Parameter, r *report) (pod, namespace labels.Selector) {
	n, at := valueAt(spec, "match"), specPath().Member("match")
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	if m == nil || m.PodSelector == nil && m.NamespaceSelector == nil {
		r.fault(n, at, templates.BadMatch, "give podSelector or namespaceSelector; podSelector: {} is every pod", "match is empty")
		return nil, nil
	}
	if size := selectorSize(m.PodSelector) + selectorSize(m.NamespaceSelector); size > maxSelected {
		r.fault(n, at, templates.TooLarge, "label the pods or namespaces that are meant, and select that label",
			"match compares with %d values, at most %d are allowed", size, maxSelected)
		return nil, nil
	}
	pod = selector(n, "podSelector", m.PodSelector, r)
	namespace = selector(n, "namespaceSelector", m.NamespaceSelector, r)
	list := valueAt(spec, "parameters")
	for _, p := range declared {
		if p.Required {
			r.fault(manifest.Resolve(list.Content[p.Index]), specPath().Member("parameters").Item(p.Index), templates.BadMatch, "give it a default instead of required",
				"parameter %s is required, and nobody sets it where the template injects by match", message.Quote(p.Name))
		}
	}
	return pod, namespace
}

// selectorSize returns the number of keys and values with which labels are compared.
func selectorSize(s *metav1.LabelSelector) int {
	if s == nil {
		return 0
	}
	n := len(s.MatchLabels)
	for i := range s.MatchExpressions {
		n += 1 + len(s.MatchExpressions[i].Values)
	}
	return n
}

func selector(match *yaml.Node, field string, s *metav1.LabelSelector, r *report) labels.Selector {
	if s == nil {
		return labels.Everything()
	}
	return labelSelector(valueAt(match, field), s, specPath().Member("match").Member(field), templates.BadMatch, r)
}

// labelSelector compiles a selector; an invalid one is reported and selects everything.
func labelSelector(n *yaml.Node, s *metav1.LabelSelector, at *schema.Path, reason templates.FindingReason, r *report) labels.Selector {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		r.fault(n, at, reason, selectorHint(s), "selector cannot be read: %s", err)
		return labels.Everything()
	}
	return selector
}

// selectorHint returns what an operator of a selector was probably meant to be; "" if they are all known.
func selectorHint(s *metav1.LabelSelector) string {
	operators := []string{"In", "NotIn", "Exists", "DoesNotExist"}
	for _, e := range s.MatchExpressions {
		if !slices.Contains(operators, string(e.Operator)) {
			return message.DidYouMean(string(e.Operator), operators, "the operators are "+message.List(operators))
		}
	}
	return ""
}
