package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// shownNames is the largest number of names that a finding lists.
const shownNames = 5

func names(list []string) string {
	slices.Sort(list)
	if len(list) <= shownNames {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:shownNames], ", "), len(list)-shownNames)
}

// enabled returns the namespaces with the label "enabled", without the system's and the injector's own.
func (f *Facts) enabled() []inject.Namespace {
	kept := append(inject.SystemNamespaces(), f.installation().Namespace)
	var all []inject.Namespace
	for _, n := range f.Namespaces.Value {
		if n.Labels[inject.InjectionLabel] == "enabled" && !slices.Contains(kept, n.Name) {
			all = append(all, n)
		}
	}
	return all
}

func namespacesEnabled(f *Facts) []Finding {
	if f.Namespaces.Err != nil {
		return unseen("namespaces", "list namespaces", f.Namespaces.Err)
	}
	var list, kept []string
	for _, n := range f.enabled() {
		list = append(list, n.Name)
	}
	for _, n := range f.Namespaces.Value {
		if n.Labels[inject.InjectionLabel] == "enabled" && !slices.Contains(list, n.Name) {
			kept = append(kept, n.Name)
		}
	}
	var found []Finding
	if len(kept) > 0 {
		found = append(found, warning(fmt.Sprintf("the label %s on namespace %s has no effect", inject.InjectionLabel, names(kept)),
			"system namespaces and the injector's own are never injected into, so that the cluster can always start",
			"run the workloads in a namespace of their own"))
	}
	if len(list) == 0 {
		return append(found, warning("no namespace is enabled", "injection is opt-in: only pods with the label of their own get sidecars",
			fmt.Sprintf("kubectl label namespace NAMESPACE %s=enabled", inject.InjectionLabel)))
	}
	return append(found, ok("%s enabled: %s", count(len(list), "namespace is", "namespaces are"), names(list))...)
}

func namespaceLabels(f *Facts) []Finding {
	if f.Before || f.Namespaces.Err != nil {
		return nil
	}
	var found []Finding
	for _, n := range f.Namespaces.Value {
		value, there := n.Labels[inject.InjectionLabel]
		if there && value != "enabled" && value != "disabled" {
			found = append(found, failure(fmt.Sprintf("namespace %s says %s=%s, which means nothing", n.Name, inject.InjectionLabel, message.Quote(value)),
				"label values are compared exactly, and only enabled and disabled count: no pod of it gets a sidecar",
				fmt.Sprintf("kubectl label namespace %s %s=enabled --overwrite", n.Name, inject.InjectionLabel)))
		}
		for key, value := range n.Labels {
			if key == inject.RequestAnnotation {
				found = append(found, warning(fmt.Sprintf("namespace %s has the label %s=%s", n.Name, key, value),
					"that is the name of an annotation: as a label nobody reads it",
					fmt.Sprintf("kubectl label namespace %s %s- %s=enabled", n.Name, key, inject.InjectionLabel)))
			}
		}
	}
	if len(found) == 0 && len(f.Installations) > 0 {
		return ok("no namespace has an unknown value of the label")
	}
	return found
}
