package live

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
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

// Stand is the function Stand, with the state Unknown where Doubt applies.
func (r *Reader) Stand(set *templates.Set, settings *inject.Settings, namespace inject.Namespace, pod *Pod) (Standing, error) {
	s, err := Stand(set, settings, namespace, pod)
	if err != nil {
		return s, err
	}
	settled := false
	for i := range s.Instances {
		in := &s.Instances[i]
		if in.State != Outdated && in.State != Refused {
			continue
		}
		why, revision := r.Doubt(set, namespace.Name, in.Template)
		if why == "" {
			continue
		}
		settled = true
		in.State, in.Why, in.Today = Unknown, why, revision
		if in.Revision != "" && revision != "" && in.from == in.Template {
			in.State, in.Why = Current, ""
			if in.Revision != revision {
				in.State, in.Why = Outdated, "today's revision is "+revision
			}
		}
	}
	if settled {
		s.settle()
	}
	return s, nil
}
