package inject

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// maxStrays is the largest number of warnings of one kind, so that they do not displace all others.
const maxStrays = 5

// declarations are the parameters that the templates declare, for pods of a namespace.
type declarations struct {
	set       *templates.Set
	namespace string
}

// of returns the names of the parameters that a template declares, and whether there is the template.
func (d declarations) of(template string) (names []string, known bool) {
	entry, known := d.set.Lookup(d.namespace, template)
	if entry.Template == nil {
		return nil, known
	}
	return entry.Template.ParameterNames(), known
}

// stray returns warnings about the injector's annotations and labels on the pod that have no effect:
// parameters of an instance that is not requested, and unknown keys under the injector's domain.
func stray(p *podView, all []given, entries []asked, declared declarations) []string {
	warnings := strayParameters(all, entries, declared)
	var told []string
	for _, list := range []struct {
		field string
		keys  map[string]string
		meant func(name string, entries []asked, declared declarations) string
	}{{"metadata.annotations", p.metadata.Annotations, meant}, {"metadata.labels", p.metadata.Labels, meantByLabel}} {
		for _, key := range unknownKeys(list.keys) {
			if len(told) == maxStrays {
				break
			}
			text := fmt.Sprintf("%s[%q] means nothing", list.field, key)
			if near := list.meant(strings.TrimPrefix(key, Domain+"/"), entries, declared); near != "" {
				text += fmt.Sprintf("; did you mean %s?", near)
			}
			told = append(told, text)
		}
	}
	if text, ok := p.metadata.Annotations[InjectionLabel]; ok && asksInstead(text) {
		told = append(told, fmt.Sprintf("metadata.annotations[%q] is not read; did you mean %s: %s?", InjectionLabel, RequestAnnotation, message.Word(text)))
	}
	for _, key := range keys(p.metadata.Annotations, func(key string) bool { return misspelt(key, entries) != "" }) {
		if len(told) == maxStrays {
			break
		}
		told = append(told, fmt.Sprintf("metadata.annotations[%q] is not read; did you mean %s?", key, misspelt(key, entries)))
	}
	return append(warnings, told...)
}

// asksInstead reports whether the value of an annotation that is called as the label is asks for templates, as that
// of the annotation does.
func asksInstead(text string) bool { return strings.TrimSpace(text) != "" && switchFix(text) == "" }

// misspelt returns the injector's key that was probably meant by a key under a similar domain, or under the
// bare name of an instance; "" if the key seems to belong to another program.
func misspelt(key string, entries []asked) string {
	domain, name, prefixed := strings.Cut(key, "/")
	if !prefixed || domain == Domain || strings.HasSuffix(domain, "."+Domain) {
		return ""
	}
	for _, e := range entries {
		if domain == e.instance {
			return e.instance + parameterSuffix + "/" + name
		}
		if rest, ok := strings.CutPrefix(domain, e.instance+"."); ok && nearlyOurs(rest) {
			return e.instance + parameterSuffix + "/" + name
		}
	}
	if nearlyOurs(domain) && (name == "inject" || name == "injection") {
		return Domain + "/" + name
	}
	return ""
}

// nearlyOurs reports whether a domain resembles the injector's. Only domains that contain "sidecar" or
// "inject" are compared, which keeps it cheap.
func nearlyOurs(domain string) bool {
	return (strings.Contains(domain, "sidecar") || strings.Contains(domain, "inject")) && nearest(domain, []string{Domain}) != ""
}

// unknownKeys returns the keys under the injector's domain that it does not know, sorted. A known key in the
// wrong map, labels or annotations, is reported as misplaced instead.
func unknownKeys(all map[string]string) []string {
	return keys(all, func(key string) bool {
		name, ours := strings.CutPrefix(key, Domain+"/")
		return ours && key != InjectionLabel && key != RequestAnnotation && key != StatusAnnotation && !strings.HasPrefix(name, "config.")
	})
}

// keys returns the keys that are wanted, sorted: nil for nearly every pod.
func keys(all map[string]string, wanted func(key string) bool) []string {
	var found []string
	for key := range all {
		if wanted(key) {
			found = append(found, key)
		}
	}
	slices.Sort(found)
	return found
}

// meantByLabel returns what was probably meant by a label under the injector's domain. The injector reads
// one label only, so that a label whose name says that something is switched on meant that one.
func meantByLabel(name string, entries []asked, declared declarations) string {
	if nearest(name, []string{"enable", "enabled", "enabled-injection", "injection-enabled"}) != "" {
		return InjectionLabel + ": " + labelEnabled
	}
	return meant(name, entries, declared)
}

// meant returns the key that was probably meant by a name under the injector's domain; "" if nothing is
// near. A parameter is one that the template of an instance has, or nearly has.
func meant(name string, entries []asked, declared declarations) string {
	if near := nearest(name, []string{"inject", "injection"}); near != "" {
		return Domain + "/" + near
	}
	for _, e := range entries {
		given := name
		if rest, ok := strings.CutPrefix(name, e.instance); ok && rest != "" && strings.ContainsRune("./_-", rune(rest[0])) {
			given = rest[1:]
		}
		if near := nearestParameter(given, e.template, declared); near != "" {
			return e.instance + parameterSuffix + "/" + near
		}
	}
	if asked := strings.TrimPrefix(name, "inject."); asked != "" {
		if _, known := declared.of(asked); known {
			return RequestAnnotation + ": " + asked
		}
	}
	if nearest(name, []string{"template", "templates", "sidecar", "sidecars"}) != "" {
		return RequestAnnotation
	}
	return ""
}

// nearestParameter returns the parameter of a template that was probably meant, with the key of a map's entry.
func nearestParameter(given, template string, declared declarations) string {
	names, _ := declared.of(template)
	name, key, keyed := strings.Cut(given, keySeparator)
	near := nearest(name, withReserved(names))
	if near != "" && keyed {
		near += keySeparator + key
	}
	return near
}

// strayParameters returns warnings about parameter annotations on the pod for an instance that is not
// requested.
func strayParameters(all []given, entries []asked, declared declarations) []string {
	if len(all) == 0 {
		return nil
	}
	var names, good, wrong, asks []string
	for _, e := range entries {
		names = append(names, e.instance)
		if e.reason != TemplateMatch {
			asks = append(asks, e.text())
		}
		if _, known := declared.of(e.template); known {
			good = append(good, e.instance)
		} else {
			wrong = append(wrong, e.instance)
		}
	}
	slices.Sort(names)
	var warnings []string
	more := 0
	for _, g := range all {
		if g.onNamespace {
			continue
		}
		if _, asked := slices.BinarySearch(names, g.instance); asked {
			continue
		}
		// If the request misspells the template, the parameters may be right; the fault says what was
		// meant.
		if len(wrong) > 0 && nearest(g.instance, wrong) != "" {
			if _, known := declared.of(g.instance); known {
				continue
			}
		}
		if len(warnings) == maxStrays {
			more++
			continue
		}
		text := fmt.Sprintf("%s is ignored: no instance %s is asked for", g.place(""), message.Quote(g.instance))
		if near := nearest(g.instance, good); near != "" {
			text += fmt.Sprintf("; did you mean %s?", near)
		} else if i := slices.IndexFunc(entries, func(e asked) bool { return e.template == g.instance }); i >= 0 {
			text += fmt.Sprintf("; did you mean %s, the name that it is asked for by?", entries[i].instance)
		} else if _, known := declared.of(g.instance); known {
			text += fmt.Sprintf("; %s: %s asks for it", RequestAnnotation, strings.Join(append(slices.Clone(asks), g.instance), ", "))
		}
		warnings = append(warnings, text)
	}
	if more > 0 {
		warnings = append(warnings, fmt.Sprintf("%d more parameter annotations are ignored: no instance of their names is asked for", more))
	}
	return warnings
}
