package schema

import (
	"maps"
	"math"
	"slices"
	"strconv"
)

// Canonical converts decoded JSON to the form that the API server sends: numbers in fields of type quantity
// become strings, and null fields of objects that contain quantities are dropped. Nothing else is changed; a
// value without quantities is returned as it is. The argument is not modified.
func (s *Schema) Canonical(value any) any {
	out, _ := s.canonical(value)
	return out
}

func (s *Schema) canonical(value any) (out any, changed bool) {
	if !s.quantities {
		return value, false
	}
	switch v := value.(type) {
	case int64:
		if s.Kind == Quantity {
			return strconv.FormatInt(v, 10), true
		}
	case float64:
		if s.Kind == Quantity && !math.IsInf(v, 0) && !math.IsNaN(v) {
			return strconv.FormatFloat(v, 'f', -1, 64), true
		}
	case []any:
		if s.Kind == List {
			return s.canonicalList(v)
		}
	case map[string]any:
		return s.canonicalMap(v)
	}
	return value, false
}

func (s *Schema) canonicalList(list []any) (any, bool) {
	var copied []any
	for i, item := range list {
		if out, changed := s.Elem.canonical(item); changed {
			if copied == nil {
				copied = slices.Clone(list)
			}
			copied[i] = out
		}
	}
	if copied == nil {
		return list, false
	}
	return copied, true
}

func (s *Schema) canonicalMap(m map[string]any) (any, bool) {
	var copied map[string]any
	own := func() map[string]any {
		if copied == nil {
			copied = maps.Clone(m)
		}
		return copied
	}
	switch s.Kind {
	case Map:
		for name, member := range m {
			if out, changed := s.Elem.canonical(member); changed {
				own()[name] = out
			}
		}
	case Object:
		for name, member := range m {
			field, ok := s.Field(name)
			switch {
			case member == nil: // the API server treats it as absent
				delete(own(), name)
			case ok:
				if out, changed := field.Schema.canonical(member); changed {
					own()[name] = out
				}
			}
		}
	}
	if copied == nil {
		return m, false
	}
	return copied, true
}
