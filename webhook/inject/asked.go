package inject

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// asked is one entry of a request.
type asked struct {
	instance, template string
	reason             Reason // Annotation, NamespaceAnnotation or TemplateMatch
}

// text returns the entry as the request annotation has it.
func (e asked) text() string {
	if e.instance == e.template {
		return e.template
	}
	return e.instance + "=" + e.template
}

// requestPlace returns the place of the request annotation, for messages.
func requestPlace(reason Reason, namespace string) string {
	return annotationPlace(RequestAnnotation, reason == NamespaceAnnotation, namespace)
}

func annotationPlace(key string, onNamespace bool, namespace string) string {
	place := fmt.Sprintf("metadata.annotations[%q]", key)
	if onNamespace {
		return fmt.Sprintf("namespace %s: %s", message.Quote(namespace), place)
	}
	return place
}

// request returns the request annotation in force: the pod's, else the namespace's.
func request(p *podView, ns *Namespace) Asking {
	text, onNamespace := ns.Annotations[RequestAnnotation]
	if own, ok := p.metadata.Annotations[RequestAnnotation]; ok {
		return Asking{By: Annotation, Text: own, Hidden: text}
	}
	if onNamespace {
		return Asking{By: NamespaceAnnotation, Text: text}
	}
	return Asking{}
}

// InstancesAsked returns the instances that the value of a request annotation asks for, and the template of each.
// Malformed entries are left out.
func InstancesAsked(request string) (instances, templates []string) {
	entries, _ := parseRequest(request, Annotation, "")
	for _, e := range entries {
		instances, templates = append(instances, e.instance), append(templates, e.template)
	}
	return instances, templates
}

// parseRequest parses a list of [instance=]template. Malformed entries become faults, and the others are
// returned all the same. If the list as a whole is at fault, no entry is returned.
func parseRequest(text string, reason Reason, namespace string) ([]asked, []Fault) {
	var entries []asked
	var faults []Fault
	bad := func(instance, message, fix string) {
		faults = append(faults, Fault{Reason: BadRequest, Instance: instance, Place: requestPlace(reason, namespace), Message: message, Fix: fix})
	}
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if entries := strings.Count(text, ",") + 1; entries > maxEntries {
		bad("", fmt.Sprintf("it has %d entries, of which at most %d can be instances", entries, maxInstances), "ask for fewer")
		return nil, faults
	}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			bad("", fmt.Sprintf("%s has an empty entry", message.Quote(text)), "remove the extra comma")
			continue
		}
		instance, template, named := strings.Cut(part, "=")
		instance, template = strings.TrimSpace(instance), strings.TrimSpace(template)
		if !named {
			template = instance
		}
		switch {
		case switchFix(part) != "" && nameFault("template", part) != "":
			bad("", fmt.Sprintf("%s is not a template", message.Quote(part)), switchFix(part))
		case nameFault("template", template) != "":
			bad("", nameFault("template", template), requestFix(part))
		case nameFault("instance", instance) != "":
			bad("", nameFault("instance", instance), requestFix(part))
		default:
			entries = append(entries, asked{instance: instance, template: template, reason: reason})
		}
	}
	entries, faults = unique(entries, faults, namespace)
	if len(entries) > maxInstances {
		return nil, append(faults, Fault{Reason: BadRequest, Place: requestPlace(reason, namespace),
			Message: fmt.Sprintf("%d instances are asked for, more than %d", len(entries), maxInstances), Fix: "ask for fewer"})
	}
	return entries, faults
}

// requestFix returns the fix for a malformed entry: the entry rewritten with valid separators and letters,
// if that is possible.
func requestFix(part string) string {
	const grammar = "write [instance=]template, separated by commas"
	if fix := templates.Unfilled(part); fix != "" {
		return fix
	}
	if len(part) > maxFixed {
		return grammar
	}
	if fix := entryFix(part); fix != "" {
		return fix
	}
	word := strings.ToLower(strings.ReplaceAll(part, "_", "-"))
	for _, pair := range []string{": ", " : ", " :"} {
		word = strings.ReplaceAll(word, pair, ":")
	}
	words := strings.FieldsFunc(word, func(r rune) bool { return strings.ContainsRune("; |&+\t\r\n[](){}\"'", r) })
	words = slices.DeleteFunc(words, func(word string) bool { return word == "-" }) // of a list in YAML
	for i, entry := range words {
		words[i] = strings.Replace(entry, ":", "=", 1)
		instance, template, named := strings.Cut(words[i], "=")
		if nameFault("", instance) != "" || named && nameFault("", template) != "" {
			return grammar
		}
	}
	if len(words) == 0 {
		return grammar
	}
	return fmt.Sprintf("did you mean %s? %s", message.Quote(strings.Join(words, ", ")), grammar)
}

// entryFix returns the fix for an entry with something beside the template's name that other programs have there: a
// namespace, a version, a switch, or parameters; "" if there is none.
func entryFix(part string) string {
	name, rest, valued := strings.Cut(part, "=")
	switch name, rest = strings.TrimSpace(name), strings.TrimSpace(rest); {
	case valued && nameFault("", name) == "" && (rest == "" || reservedName(rest)):
		return fmt.Sprintf("write %s: to name the template is to ask for it", name)
	case valued && nameFault("", rest) == "" && (name == "" || reservedName(name)):
		return fmt.Sprintf("write %s: to name the template is to ask for it", rest)
	case strings.HasPrefix(part, "!") || strings.HasPrefix(part, "-") && !strings.HasPrefix(part, "- "):
		return "leave it out: this annotation names the templates that are wanted, in the place of those of the namespace"
	}
	if end := strings.IndexAny(part, "({?"); end > 0 && nameFault("", part[:end]) == "" && strings.ContainsAny(part[end:], "=:") {
		return fmt.Sprintf("parameters are annotations of their own: %s%s/PARAMETER: VALUE", part[:end], parameterSuffix)
	}
	name = part[strings.LastIndexByte(part, '/')+1:]
	if end := strings.IndexAny(name, ":@"); end >= 0 && (len(name) < len(part) || name[end] == '@' || strings.ContainsRune(name[end:], '.')) {
		name = name[:end] // what is before a version
	}
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".yaml"), ".yml")
	if name == part || nameFault("", name) != "" {
		return ""
	}
	return fmt.Sprintf("did you mean %s? The name alone is looked up in the pod's namespace, then in the cluster", name)
}

// switchFix returns the fix for a word that switches injection on or off rather than naming a template; "" if it
// is none. A template may be called so, such as enabled.
func switchFix(word string) string {
	switch strings.ToLower(word) {
	case "true", "enabled", "enable", "yes", "on":
		return fmt.Sprintf("opting in is the label %s: %s on the namespace or pod; this annotation names templates, such as log-collector", InjectionLabel, labelEnabled)
	case "false", "disabled", "disable", "no", "off", "none":
		return fmt.Sprintf("opting out is the label %s: %s on the pod; an empty value of this annotation asks for nothing", InjectionLabel, labelDisabled)
	}
	return ""
}

// maxFixed is the longest entry, in bytes, that requestFix tries to rewrite.
const maxFixed = 200

// unique removes repeated entries. An instance name that stands for two templates is a fault, and both
// entries are removed.
func unique(entries []asked, faults []Fault, namespace string) ([]asked, []Fault) {
	kept := make([]asked, 0, len(entries))
	var ambiguous []string
	for _, e := range entries {
		i := slices.IndexFunc(kept, func(k asked) bool { return k.instance == e.instance })
		switch {
		case i < 0:
			kept = append(kept, e)
		case kept[i].template != e.template && !slices.Contains(ambiguous, e.instance):
			ambiguous = append(ambiguous, e.instance)
			faults = append(faults, Fault{Reason: BadRequest, Instance: e.instance, Place: requestPlace(e.reason, namespace),
				Message: fmt.Sprintf("instance %s stands for two templates, %s and %s", message.Quote(e.instance), message.Quote(kept[i].template), message.Quote(e.template)),
				Fix:     "give one of them another name: name=template"})
		}
	}
	kept = slices.DeleteFunc(kept, func(k asked) bool { return slices.Contains(ambiguous, k.instance) })
	return kept, faults
}

func reservedName(s string) bool { return s == "true" || s == "false" || s == "none" }

// nameFault says what is wrong with an instance's or template's name; "" if nothing is.
func nameFault(what, name string) string {
	switch {
	case name == "":
		return what + " name is empty"
	case len(name) > templates.MaxName:
		return fmt.Sprintf("%s name %s is longer than %d characters", what, message.Quote(name), templates.MaxName)
	case reservedName(name):
		return fmt.Sprintf("%s name %s is reserved", what, message.Quote(name))
	case !templates.IsLabel(name):
		return fmt.Sprintf("%s name %s is not made of lower-case letters, digits and inner hyphens", what, message.Quote(name))
	}
	return ""
}

// matching appends the templates that select the pod, except those of which an instance is already
// requested. An instance of another template under the same name does not count.
func matching(entries []asked, found []*templates.Template) []asked {
	requested := entries // at most 16; matching templates have distinct names
	for _, t := range found {
		taken := slices.ContainsFunc(requested, func(e asked) bool {
			return e.template == t.Name
		})
		if !taken {
			entries = append(entries, asked{instance: t.Name, template: t.Name, reason: TemplateMatch})
		}
	}
	return entries
}
