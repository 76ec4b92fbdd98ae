package templates

// JSONSchema is the JSON Schema (draft-07) of a template document, for editors.
func JSONSchema() ([]byte, error) { return []byte("{}"), nil }
