package schema

import "iter"

// Members is an object that keeps its members in order. CheckJSON and Canonical
// take it wherever they take a map[string]any.
type Members interface {
	All() iter.Seq2[string, any]
}

// CheckJSON finds what does not fit in decoded JSON: nil, bool, string, int64,
// int, float64, []any, map[string]any, Members. Faults of a map are in the order of its keys.
func (s *Schema) CheckJSON(value any, at *Path) []Fault {
	return nil
}
