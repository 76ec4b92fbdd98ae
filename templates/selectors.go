package templates

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// selectorIndex finds the templates that select a pod without evaluating all selectors. A template is filed
// under one requirement that a selected pod must meet: a label with a value (under each value, if several are
// allowed), or else a label with any value. Of several such requirements, the one that the fewest templates
// share is used: thousands may require the same environment and each its own team. Only the templates filed
// under the pod's labels, and those that require no label, are then evaluated in full.
type selectorIndex struct {
	buckets map[string]*selectorBuckets // by namespace; "" for those of every namespace
}

type selectorBuckets struct {
	requirements  map[labelNeed][]*Template
	unconstrained []*Template

	all []*Template // until build
}

// labelNeed is a label that a pod, or its namespace, must have.
type labelNeed struct {
	ofNamespace bool
	key, value  string
	anyValue    bool
}

func (x *selectorIndex) add(namespace string, t *Template) {
	if t == nil || t.PodSelector == nil {
		return
	}
	if x.buckets == nil {
		x.buckets = map[string]*selectorBuckets{}
	}
	b := x.buckets[namespace]
	if b == nil {
		b = &selectorBuckets{requirements: map[labelNeed][]*Template{}}
		x.buckets[namespace] = b
	}
	b.all = append(b.all, t)
}

// build files the templates under their requirements.
func (x *selectorIndex) build() {
	for _, b := range x.buckets {
		b.build()
	}
}

func (b *selectorBuckets) build() {
	shared := map[labelNeed]int{}
	for _, t := range b.all {
		for _, choice := range alternatives(t) {
			for _, r := range choice {
				shared[r]++
			}
		}
	}
	for _, t := range b.all {
		choices := alternatives(t)
		if len(choices) == 0 {
			b.unconstrained = append(b.unconstrained, t)
			continue
		}
		crowd := func(choice []labelNeed) int {
			n := 0
			for _, r := range choice {
				n += shared[r]
			}
			return n
		}
		for _, r := range slices.MinFunc(choices, func(a, b []labelNeed) int { return crowd(a) - crowd(b) }) {
			b.requirements[r] = append(b.requirements[r], t)
		}
	}
	b.all = nil
}

// alternatives returns the requirements under which a template can be filed: each is a list of labels of
// which a selected pod, or its namespace, has at least one.
func alternatives(t *Template) [][]labelNeed {
	var choices [][]labelNeed
	for _, s := range []struct {
		selector    labels.Selector
		ofNamespace bool
	}{{t.PodSelector, false}, {t.NamespaceSelector, true}} {
		requirements, _ := s.selector.Requirements()
		for _, r := range requirements {
			switch r.Operator() {
			case selection.Equals, selection.DoubleEquals, selection.In:
				var choice []labelNeed
				for _, value := range slices.Compact(slices.Sorted(slices.Values(r.ValuesUnsorted()))) {
					choice = append(choice, labelNeed{ofNamespace: s.ofNamespace, key: r.Key(), value: value})
				}
				choices = append(choices, choice)
			case selection.Exists:
				choices = append(choices, []labelNeed{{ofNamespace: s.ofNamespace, key: r.Key(), anyValue: true}})
			}
		}
	}
	return choices
}

func byOrder(a, b *Template) int {
	return cmp.Or(
		cmp.Compare(a.Spec.Order, b.Spec.Order),
		strings.Compare(a.Name, b.Name),
		// A SidecarTemplate hides the ClusterSidecarTemplate, so a name occurs once.
		strings.Compare(a.Kind, b.Kind),
	)
}

func (x *selectorIndex) find(namespace string, podLabels, namespaceLabels map[string]string) []*Template {
	if len(x.buckets) == 0 {
		return nil
	}
	var found []*Template
	found = x.buckets[""].find(found, podLabels, namespaceLabels)
	if namespace != "" {
		found = x.buckets[namespace].find(found, podLabels, namespaceLabels)
	}
	slices.SortFunc(found, byOrder)
	return found
}

func (b *selectorBuckets) find(found []*Template, podLabels, namespaceLabels map[string]string) []*Template {
	if b == nil {
		return found
	}
	pod, space := labels.Set(podLabels), labels.Set(namespaceLabels)
	try := func(candidates []*Template) {
		for _, t := range candidates {
			if t.PodSelector.Matches(pod) && t.NamespaceSelector.Matches(space) {
				found = append(found, t)
			}
		}
	}
	for k, v := range podLabels {
		try(b.requirements[labelNeed{key: k, value: v}])
		try(b.requirements[labelNeed{key: k, anyValue: true}])
	}
	for k, v := range namespaceLabels {
		try(b.requirements[labelNeed{ofNamespace: true, key: k, value: v}])
		try(b.requirements[labelNeed{ofNamespace: true, key: k, anyValue: true}])
	}
	try(b.unconstrained)
	return found
}
