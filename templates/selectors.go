package templates

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// selectorIndex finds the templates that select a pod without trying each of
// them. A template stands under one requirement that a pod must meet to be
// selected: a label with a value (under each of the values, where several are allowed), or else a label
// whatever its value. Only what stands under the pod's own labels, and the templates
// that require no label, are then tried in full.
type selectorIndex struct {
	buckets map[string]*selectorBuckets // by namespace; "" for those of every namespace
}

type selectorBuckets struct {
	pairs         map[label][]*Template // of the pod
	keys          map[string][]*Template
	spacePairs    map[label][]*Template // of its namespace
	spaceKeys     map[string][]*Template
	unconstrained []*Template
}

type label struct{ key, value string }

func (x *selectorIndex) add(namespace string, t *Template) {
	if t == nil || t.PodSelector == nil {
		return
	}
	if x.buckets == nil {
		x.buckets = map[string]*selectorBuckets{}
	}
	b := x.buckets[namespace]
	if b == nil {
		b = &selectorBuckets{
			pairs: map[label][]*Template{}, keys: map[string][]*Template{},
			spacePairs: map[label][]*Template{}, spaceKeys: map[string][]*Template{},
		}
		x.buckets[namespace] = b
	}
	podPairs, podKey := required(t.PodSelector)
	spacePairs, spaceKey := required(t.NamespaceSelector)
	switch {
	case len(podPairs) > 0 && (len(spacePairs) == 0 || len(podPairs) <= len(spacePairs)):
		for _, pair := range podPairs {
			b.pairs[pair] = append(b.pairs[pair], t)
		}
	case len(spacePairs) > 0:
		for _, pair := range spacePairs {
			b.spacePairs[pair] = append(b.spacePairs[pair], t)
		}
	case podKey != "":
		b.keys[podKey] = append(b.keys[podKey], t)
	case spaceKey != "":
		b.spaceKeys[spaceKey] = append(b.spaceKeys[spaceKey], t)
	default:
		b.unconstrained = append(b.unconstrained, t)
	}
}

// required picks the requirement with the fewest values among those that name
// values, and the first key that must be there at all.
func required(selector labels.Selector) (pairs []label, key string) {
	requirements, _ := selector.Requirements()
	for _, r := range requirements {
		switch r.Operator() {
		case selection.Equals, selection.DoubleEquals, selection.In:
			values := slices.Compact(slices.Sorted(slices.Values(r.ValuesUnsorted())))
			if pairs != nil && len(values) >= len(pairs) {
				continue
			}
			pairs = make([]label, 0, len(values))
			for _, v := range values {
				pairs = append(pairs, label{r.Key(), v})
			}
		case selection.Exists:
			if key == "" {
				key = r.Key()
			}
		}
	}
	return pairs, key
}

func (x *selectorIndex) sort() {
	for _, b := range x.buckets {
		for _, m := range []map[label][]*Template{b.pairs, b.spacePairs} {
			for _, list := range m {
				slices.SortFunc(list, byOrder)
			}
		}
		for _, m := range []map[string][]*Template{b.keys, b.spaceKeys} {
			for _, list := range m {
				slices.SortFunc(list, byOrder)
			}
		}
		slices.SortFunc(b.unconstrained, byOrder)
	}
}

func byOrder(a, b *Template) int {
	return cmp.Or(
		cmp.Compare(a.Spec.Order, b.Spec.Order),
		strings.Compare(a.Name, b.Name),
		// A SidecarTemplate hides the ClusterSidecarTemplate, so one name comes once.
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
		try(b.pairs[label{k, v}])
		try(b.keys[k])
	}
	for k, v := range namespaceLabels {
		try(b.spacePairs[label{k, v}])
		try(b.spaceKeys[k])
	}
	try(b.unconstrained)
	return found
}
