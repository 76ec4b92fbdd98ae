package live

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// templateKey identifies a template resource.
type templateKey struct{ kind, namespace, name string }

// remember records the revision that the injector reports as in force, which differs from the resource's
// content if that is broken.
func (r *Reader) remember(o *unstructured.Unstructured) {
	if revision, _, _ := unstructured.NestedString(o.Object, "status", "revision"); revision != "" {
		if r.inForce == nil {
			r.inForce = map[templateKey]string{}
		}
		r.inForce[templateKey{o.GetKind(), o.GetNamespace(), o.GetName()}] = revision
	}
}

// Doubt returns why the user cannot determine what the injector does with a template: it may not be read,
// or is broken while its last good version is in force. why is "" if set is sufficient. revision is the one
// in force, "" if unknown.
func (r *Reader) Doubt(set *templates.Set, namespace, template string) (why, revision string) {
	entry, known := set.Lookup(namespace, template)
	switch {
	case known && entry.Template != nil:
		return "", ""
	case known:
		revision = r.inForce[templateKey{entry.Kind, entry.Namespace, entry.Name}]
		if entry.Origin.Source != templates.SourceCluster || revision == "" {
			return "", ""
		}
		return fmt.Sprintf("template %s has faults; the injector has its last good version, revision %s, in force, which cannot be read from the cluster",
			message.Quote(template), terminal.Shown(revision)), revision
	case r.unread:
		return fmt.Sprintf("template %s is not among those that can be read with your rights", message.Quote(template)), ""
	}
	return "", ""
}
