package inject

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// given is one parameter annotation; parameter may be a reserved one.
type given struct {
	instance, parameter, text string
	onNamespace               bool
}

// place names the annotation for messages.
func (g given) place(namespace string) string {
	return annotationPlace(g.instance+parameterSuffix+"/"+g.parameter, g.onNamespace, namespace)
}

func (g given) origin() string {
	if g.onNamespace {
		return OriginNamespace
	}
	return OriginAnnotation
}

// The origins of a parameter's value.
const (
	OriginAnnotation = "annotation"
	OriginNamespace  = "namespace annotation"
	OriginDefault    = "default"
)

// parameterAnnotations collects <instance>.sidecar-injector.dev/<parameter> from
// pod and namespace, sorted by instance and parameter; the pod's come before the
// namespace's of the same name and hide them.
func parameterAnnotations(p *podView, ns *Namespace) []given {
	found := collect(nil, p.metadata.Annotations, false)
	found = collect(found, ns.Annotations, true)
	slices.SortFunc(found, func(a, b given) int {
		switch order := cmp.Or(cmp.Compare(a.instance, b.instance), cmp.Compare(a.parameter, b.parameter)); {
		case order != 0 || a.onNamespace == b.onNamespace:
			return order
		case b.onNamespace:
			return -1
		}
		return 1
	})
	return slices.CompactFunc(found, func(a, b given) bool { return a.instance == b.instance && a.parameter == b.parameter })
}

func collect(into []given, annotations map[string]string, onNamespace bool) []given {
	for key, text := range annotations {
		domain, parameter, ok := strings.Cut(key, "/")
		if !ok {
			continue
		}
		if instance, ours := strings.CutSuffix(domain, parameterSuffix); ours && instance != "" {
			into = append(into, given{instance: instance, parameter: parameter, text: text, onNamespace: onNamespace})
		}
	}
	return into
}

// of returns the annotations of one instance. The result is a part of all, which must be sorted.
func of(all []given, instance string) []given {
	start, found := slices.BinarySearchFunc(all, instance, func(g given, name string) int { return cmp.Compare(g.instance, name) })
	if !found {
		return nil
	}
	end := start
	for end < len(all) && all[end].instance == instance {
		end++
	}
	return all[start:end:end]
}

// lookup finds a parameter in the sorted annotations of one instance.
func lookup(all []given, parameter string) (given, bool) {
	i, found := slices.BinarySearchFunc(all, parameter, func(g given, name string) int { return cmp.Compare(g.parameter, name) })
	if !found {
		return given{}, false
	}
	return all[i], true
}

// entries returns the annotations for a parameter in the sorted annotations of one instance: the one
// without a key, and those with one, which only a map has.
func entries(all []given, parameter string) []given {
	start, _ := slices.BinarySearchFunc(all, parameter, func(g given, name string) int { return cmp.Compare(g.parameter, name) })
	end := start
	for end < len(all) && (all[end].parameter == parameter || strings.HasPrefix(all[end].parameter, parameter+keySeparator)) {
		end++
	}
	return all[start:end:end]
}

// keySeparator separates a parameter of the type map<string> from the key of an entry. It cannot occur in
// the name of a parameter.
const keySeparator = "."

// maxUnknown bounds the faults for unknown parameters of one instance.
const maxUnknown = 16

// givenAs returns the first annotation of the instance for a parameter of this type with this value; paths
// are compared after cleaning.
func (c *candidate) givenAs(kind v1alpha1.ParameterType, value string) (given, bool) {
	for _, p := range c.template.Parameters() {
		if p.Type != kind {
			continue
		}
		g, ok := lookup(c.given, p.Name)
		if ok && (g.text == value || kind == v1alpha1.TypePath && path.Clean(g.text) == value) {
			return g, true
		}
	}
	return given{}, false
}

// reserved reports whether the parameter is the injector's own, not the template's.
func reserved(parameter string) bool {
	return parameter == overrideParameter || parameter == nativeParameter || parameter == containersParameter
}

// withReserved returns the names of a template's parameters and of those that every instance has.
func withReserved(declared []string) []string {
	return append(slices.Clone(declared), containersParameter, nativeParameter, overrideParameter)
}

// keyCharacters are those that the name of an annotation has behind its prefix.
const keyCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// misgiven says what is wrong with an annotation for a known parameter: a map given without a key, or
// another parameter given with one. It returns "" if nothing is.
func misgiven(g given, name, key string, keyed, isMap bool) (what, fix string) {
	annotation := func(parameter string) string { return g.instance + parameterSuffix + "/" + parameter }
	switch {
	case isMap && !keyed:
		return fmt.Sprintf("parameter %s is a map, which is given entry by entry", message.Quote(name)), "write " + annotation(name) + keySeparator + "KEY: VALUE"
	case isMap && key == "":
		return fmt.Sprintf("parameter %s: the key of the entry is empty", message.Quote(name)), "write " + annotation(name) + keySeparator + "KEY: VALUE"
	case isMap && strings.Trim(key, keyCharacters) != "":
		return fmt.Sprintf("parameter %s: no annotation can have the key %s", message.Quote(name), message.Quote(key)), "a key has letters, digits, hyphens, points and _"
	case !isMap && keyed:
		return fmt.Sprintf("parameter %s has one value and no entries such as %s", message.Quote(name), message.Quote(key)), "write " + annotation(name) + ": VALUE"
	}
	return "", ""
}

// nearestOf returns the parameter that was probably meant, with the key of a map's entry, which may stand behind
// another separator; "" if none is near.
func nearestOf(given string, t *templates.Template, choice []string) string {
	name, key, keyed := strings.Cut(given, keySeparator)
	for i := 1; !keyed && i < len(given)-1; i++ {
		if strings.ContainsRune("-_/:", rune(given[i])) && t.IsMap(given[:i]) {
			return given[:i] + keySeparator + given[i+1:]
		}
	}
	near := nearest(name, choice)
	if keyed && t.IsMap(near) {
		return near + keySeparator + key
	}
	return near
}

// mapText returns the entries of a map parameter as a JSON object.
func mapText(all []given) (text string, given bool) {
	var object program.Object
	for _, g := range all {
		if _, key, keyed := strings.Cut(g.parameter, keySeparator); keyed && key != "" {
			object = append(object, program.Member{Name: key, Value: g.text})
		}
	}
	return string(object.AppendJSON(nil)), len(object) > 0
}

// bind checks the parameters of an instance and returns their values, those that have a value for display,
// and the faults, which name the annotation and the fix.
func (j *job) bind(c *candidate) (templates.Parameters, []Parameter, []Fault) {
	t, all, namespace := c.template, c.given, j.request.Namespace.Name
	known := t.ParameterNames()
	faults, told := unknownParameters(t, known, all, namespace)
	values, wrong := t.Bind(func(name string) (string, bool) {
		if t.IsMap(name) {
			return mapText(entries(all, name))
		}
		g, ok := lookup(all, name)
		return g.text, ok
	})
	for _, w := range wrong {
		parameter := w.Name
		if w.Key != "" {
			parameter += keySeparator + w.Key
		}
		if w.Key == "" && slices.Contains(told, w.Name) {
			continue // that it is required is known
		}
		g, ok := lookup(all, parameter)
		if !ok {
			g = given{instance: c.asked.instance, parameter: parameter}
		}
		faults = append(faults, Fault{Reason: BadParameter, Instance: c.asked.instance, Place: g.place(namespace),
			Message: fmt.Sprintf("parameter %s: %s", message.Quote(w.Name), w.Message), Fix: w.Fix})
	}
	return values, shownParameters(known, all, values, wrong), faults
}

// unknownParameters returns the faults of annotations for no parameter of the template, and of those for a
// parameter that is not given that way; told has the latter parameters.
func unknownParameters(t *templates.Template, known []string, all []given, namespace string) (faults []Fault, told []string) {
	for _, g := range all {
		if len(faults) == maxUnknown {
			break // further ones would add nothing
		}
		if reserved(g.parameter) {
			continue
		}
		name, key, keyed := strings.Cut(g.parameter, keySeparator)
		if slices.Contains(known, name) {
			if message, fix := misgiven(g, name, key, keyed, t.IsMap(name)); message != "" {
				told = append(told, name)
				faults = append(faults, Fault{Reason: BadParameter, Instance: g.instance, Place: g.place(namespace), Message: message, Fix: fix})
			}
			continue
		}
		choice := withReserved(known)
		fix := "known are " + listed(choice)
		if slices.Contains(t.Overrides, name) {
			fix = fmt.Sprintf("write %s as YAML in the annotation %s; %s", name, g.instance+parameterSuffix+"/"+overrideParameter, fix)
		}
		if name == "inject" || name == "injection" {
			fix = "drop it: the instance is asked for already"
		} else if near := nearestOf(g.parameter, t, choice); near != "" {
			fix = fmt.Sprintf("did you mean %s? %s", near, fix)
		}
		faults = append(faults, Fault{Reason: BadParameter, Instance: g.instance, Place: g.place(namespace),
			Message: fmt.Sprintf("template %s has no parameter %s", message.Quote(t.Name), message.Quote(g.parameter)), Fix: fix})
	}
	return faults, told
}

// shownParameters returns the parameters that have a value, for display; wrong are those that have none.
func shownParameters(known []string, all []given, values templates.Parameters, wrong []templates.ParameterFault) []Parameter {
	shown := make([]Parameter, 0, len(known))
	for _, name := range known {
		if len(wrong) > 0 && wrong[0].Name == name { // they come in the template's order
			for len(wrong) > 0 && wrong[0].Name == name {
				wrong = wrong[1:]
			}
			continue
		}
		p := Parameter{Name: name, Text: values.Text(name), Origin: OriginDefault, Given: name}
		for _, g := range entries(all, name) {
			if p.Origin, p.Given = g.origin(), g.parameter; p.Origin == OriginAnnotation {
				break // the entries of a map may come from the pod and from the namespace
			}
		}
		shown = append(shown, p)
	}
	return shown
}
