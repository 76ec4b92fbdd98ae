package main

import (
	"cmp"
	"fmt"
)

// roots returns the types that a template, or an override, adds to pods.
func roots() []string {
	return []string{"Container", "Volume", "HostAlias", "Toleration", "PodDNSConfig", "LocalObjectReference"}
}

// unmarked returns the gates that are missing in the comments of k8s.io/api, by field.
func unmarked() map[string]string {
	return map[string]string{
		"Lifecycle.stopSignal":                             "ContainerStopSignals", // marked only at the field of the container's status
		"Container.restartPolicy=Never":                    "ContainerRestartRules",
		"Container.restartPolicy=OnFailure":                "ContainerRestartRules",
		"ContainerRestartRule.action=RestartAllContainers": "RestartAllContainersOnContainerExits",
		"Toleration.operator=Lt":                           "TaintTolerationComparisonOperators",
		"Toleration.operator=Gt":                           "TaintTolerationComparisonOperators",
	}
}

// misnamed maps gates that have a wrong name in the comments to their name in Kubernetes.
func misnamed() map[string]string {
	return map[string]string{"PodCertificateProjection": "PodCertificateRequest"}
}

// refused reports whether a field may not be set by a template in any version.
func refused(name string) bool { return name == "ResourceRequirements.claims" }

// tables collects the rows: all fields and values below the roots that not every version has by default.
type tables struct {
	all      []api // by minor version, the oldest first
	features map[string]feature
	rows     map[row]bool
	seen     map[string]bool
}

func table(all []api, features map[string]feature) (map[row]bool, error) {
	t := tables{all: all, features: features, rows: map[row]bool{}, seen: map[string]bool{}}
	for _, root := range roots() {
		if err := t.visit(root); err != nil {
			return nil, err
		}
	}
	return t.rows, nil
}

func (t *tables) visit(typeName string) error {
	if t.seen[typeName] {
		return nil
	}
	t.seen[typeName] = true
	for name, f := range t.all[len(t.all)-1].types[typeName] {
		if refused(typeName + "." + name) {
			continue
		}
		came := t.first(func(a api) bool { _, ok := a.types[typeName][name]; return ok })
		born := t.first(func(a api) bool { return a.types[typeName] != nil })
		if gate := t.gate(typeName, name); gate != "" || came > born {
			if err := t.add(row{Type: typeName, Name: name, Since: came, Gate: gate}); err != nil {
				return err
			}
		}
		if err := t.visitValues(typeName, name, f.typeName); err != nil {
			return err
		}
		if err := t.visit(f.typeName); err != nil {
			return err
		}
	}
	return nil
}

// visitValues adds the values of a field that were added later than the field's type.
func (t *tables) visitValues(typeName, name, of string) error {
	if of == "string" {
		return nil
	}
	born := t.first(func(a api) bool { return a.values[of] != nil })
	for value := range t.all[len(t.all)-1].values[of] {
		came := t.first(func(a api) bool { return a.values[of][value] })
		if came <= born {
			continue
		}
		r := row{Type: typeName, Name: name, Value: value, Since: came, Gate: unmarked()[typeName+"."+name+"="+value]}
		if err := t.add(r); err != nil {
			return err
		}
	}
	return nil
}

// add completes and adds a row, unless every version has it by default.
func (t *tables) add(r row) error {
	r.Default = r.Since
	if r.Gate != "" {
		f, known := t.features[r.Gate]
		if !known {
			return fmt.Errorf("%s.%s: feature gate %s is in no list", r.Type, r.Name, r.Gate)
		}
		r.Default = f.byDefault
	}
	if r.Default == 0 || r.Default > oldest {
		t.rows[r] = true
	}
	return nil
}

// first returns the first minor version for which has is true.
func (t *tables) first(has func(api) bool) int {
	for i, a := range t.all {
		if has(a) {
			return oldest + i
		}
	}
	return oldest + len(t.all)
}

// gate returns a field's feature gate from the newest release that names one: the comment is removed when the
// gate is locked to on.
func (t *tables) gate(typeName, name string) string {
	for i := len(t.all) - 1; i >= 0; i-- {
		if gate := t.all[i].types[typeName][name].gate; gate != "" {
			return cmp.Or(misnamed()[gate], gate)
		}
	}
	return unmarked()[typeName+"."+name]
}
