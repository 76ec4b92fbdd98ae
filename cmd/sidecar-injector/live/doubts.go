package live

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// templateKey identifies a template resource.
type templateKey struct{ kind, namespace, name string }

// gap is an input of the decisions about pods, such as the injector's settings, that could not be read.
type gap struct {
	kind gapKind
	// why says what is not known, and which permission is missing.
	why string
	// hides reports whether it may decide about a template that is requested in a namespace. found is the
	// entry among those that were read, nil if there is none.
	hides func(namespace, template string, found *templates.Entry) bool
}

type gapKind int

const (
	ofSettings gapKind = iota
	ofTemplates
	ofNamespace
	ofCanary
)

// always is the function hides of a gap that may decide about every template.
func always(string, string, *templates.Entry) bool { return true }

// missing describes, for a sentence, something that cannot be read without a permission.
func missing(what, verb, resource, namespace string) string {
	where := ""
	if namespace != "" {
		where = " in namespace " + namespace
	}
	return fmt.Sprintf("%s cannot be read with your rights, which lack %s %s%s", what, verb, resource, where)
}

// SettingsGiven closes the gaps of the settings: the user has given them by a flag.
func (r *Reader) SettingsGiven() { r.close(ofSettings) }

// TemplatesGiven closes the gaps of the templates: the user has given copies of them by a flag.
func (r *Reader) TemplatesGiven() { r.close(ofTemplates) }

// close removes the gaps of a kind.
func (r *Reader) close(kind gapKind) {
	r.gaps = slices.DeleteFunc(r.gaps, func(g gap) bool { return g.kind == kind })
}

// unreadTemplates adds the gap of template resources of a kind that cannot be read. A SidecarTemplate, and its
// canary, take precedence over all other templates of that name, so one that was not read may decide about any
// name in its namespace. A ClusterSidecarTemplate decides only where a namespace has none of that name.
func (r *Reader) unreadTemplates(kind, plural, namespace string) {
	what := kind + "s"
	r.gaps = append(r.gaps, gap{ofTemplates, missing(what, "list", plural+"."+v1alpha1.GroupVersion.Group, namespace), func(in, _ string, found *templates.Entry) bool {
		if kind == v1alpha1.ClusterSidecarTemplateKind {
			return !own(found)
		}
		return namespace == "" || namespace == in
	}})
}

// own reports whether an entry is a SidecarTemplate, which belongs to a namespace.
func own(e *templates.Entry) bool { return e != nil && e.Kind == v1alpha1.SidecarTemplateKind }

// unreadFiles adds the gap of the templates that the injector reads from files. Where a SidecarTemplate was
// read they do not decide, because it takes precedence.
func (r *Reader) unreadFiles(why string) {
	r.gaps = append(r.gaps, gap{ofTemplates, why, func(_, _ string, found *templates.Entry) bool {
		return !own(found) || found.Origin.Source != templates.SourceCluster
	}})
}

// remember records the revision of a template resource that, according to its status, is in force in the
// injector. If the resource is broken, that is an earlier version, which cannot be read. loaded is the present
// content. A broken canary is a gap, because its earlier version may take the place of another template.
func (r *Reader) remember(o *unstructured.Unstructured, loaded *templates.Entry) {
	revision, _, _ := unstructured.NestedString(o.Object, "status", "revision")
	if revision == "" {
		return
	}
	if r.inForce == nil {
		r.inForce = map[templateKey]string{}
	}
	r.inForce[templateKey{o.GetKind(), o.GetNamespace(), o.GetName()}] = revision
	if loaded.Canary && loaded.Template == nil {
		r.brokenCanary(o, revision)
	}
}

func (r *Reader) brokenCanary(o *unstructured.Unstructured, revision string) {
	of, _, err := unstructured.NestedString(o.Object, "spec", "canary", "of")
	if err != nil {
		of = "" // not a string: which template it stands in for is unknown
	}
	namespace := o.GetNamespace()
	why := fmt.Sprintf("canary %s has faults; the injector has its last good version, revision %s, in force, which cannot be read from the cluster",
		message.Quote(o.GetName()), terminal.Shown(revision))
	r.gaps = append(r.gaps, gap{ofCanary, why, func(in, template string, found *templates.Entry) bool {
		switch {
		case of != "" && of != template:
			return false
		case namespace != "":
			return namespace == in
		}
		return !own(found)
	}})
}

// Doubt returns why the user cannot determine what the injector does with a template for pods of a
// namespace: something that may decide about it is not known, or it is broken while its last good version
// is in force. The result is the zero value if what was read is sufficient.
func (r *Reader) Doubt(set *templates.Set, namespace, template string) fleet.Doubt {
	entry, known := set.Lookup(namespace, template)
	found := &entry
	if !known {
		found = nil
	}
	for _, g := range r.gaps {
		if g.hides(namespace, template, found) {
			return fleet.Doubt{Why: g.why, Always: true}
		}
	}
	if !known || entry.Template != nil || entry.Origin.Source != templates.SourceCluster {
		return fleet.Doubt{}
	}
	revision := r.inForce[templateKey{entry.Kind, entry.Namespace, entry.Name}]
	if revision == "" {
		return fleet.Doubt{}
	}
	return fleet.Doubt{Revision: revision, Why: fmt.Sprintf("template %s has faults; the injector has its last good version, revision %s, in force, which cannot be read from the cluster",
		message.Quote(template), terminal.Shown(revision))}
}
