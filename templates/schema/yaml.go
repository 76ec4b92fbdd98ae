package schema

import "go.yaml.in/yaml/v3"

// Hooks let the caller of CheckYAML take over some places. Both may be nil.
type Hooks struct {
	// Text sees each string scalar that holds "${", with the schema of the place;
	// the scalar is then not checked further.
	Text func(n *yaml.Node, want *Schema, at *Path)
	// Extra sees each key that an object within a list lacks in its schema, and
	// says whether the caller knows it. When it does, its value is not checked.
	Extra func(item *yaml.Node, key, value *yaml.Node, at *Path) bool
}

// CheckYAML finds what does not fit in a YAML tree, in the order of the text.
// The tree must have no cycles of aliases.
func (s *Schema) CheckYAML(n *yaml.Node, at *Path, hooks Hooks) []Fault {
	return nil
}
