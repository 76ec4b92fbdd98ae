package templates

// Set is an immutable collection of templates. Its answers do not depend on the
// order in which the entries were given.
type Set struct{}

// NewSet indexes entries. Two of one name, kind and namespace in one source are both broken.
func NewSet(entries []Entry) *Set { return &Set{} }

// Lookup gives the template that a pod of the namespace gets by that name: a
// SidecarTemplate of the namespace, or a ClusterSidecarTemplate of the cluster, the directory, the built-ins.
func (s *Set) Lookup(namespace, name string) (Entry, bool) { return Entry{}, false }

// Matching gives the templates whose match selects the pod, by order, then name.
// The result must not be changed.
func (s *Set) Matching(namespace string, podLabels, namespaceLabels map[string]string) []*Template {
	return nil
}

// Entries gives all entries, sorted by name, namespace, kind, source, file and line. Read-only.
func (s *Set) Entries() []Entry { return nil }

// Names gives the names that a pod of the namespace may ask for, sorted; broken templates' too.
func (s *Set) Names(namespace string) []string { return nil }
