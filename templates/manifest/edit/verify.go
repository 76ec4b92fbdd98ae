package edit

import (
	"encoding/json"
	"errors"
	"reflect"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// verify parses an edited text and compares its value with the document patched by another implementation of
// RFC 6902.
func verify(d *manifest.Document, operations []Operation, text []byte) error {
	result, err := d.With(text)
	if err != nil {
		return cannotEdit(d, "the result would not be YAML: "+err.Error())
	}
	want, err := patched(d.JSON(), operations)
	if err != nil {
		return cannotEdit(d, err.Error())
	}
	same, err := sameJSON(result.JSON(), want)
	if err != nil {
		return cannotEdit(d, err.Error())
	}
	if !same {
		return fault(d, "document cannot be edited: the result would mean something else", "lay it out in block style, without aliases")
	}
	return nil
}

func patched(object []byte, operations []Operation) ([]byte, error) {
	type operation struct {
		Op    string          `json:"op"`
		Path  string          `json:"path"`
		Value json.RawMessage `json:"value"`
	}
	list := make([]operation, len(operations))
	for i, o := range operations {
		list[i] = operation{"add", o.Path, o.Value}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatch.DecodePatch(text)
	if err != nil {
		return nil, err
	}
	return patch.Apply(object)
}

// sameJSON reports whether two JSON values are equal; numbers are compared by value, and the order of members
// is ignored.
func sameJSON(a, b []byte) (bool, error) {
	var left, right any
	if err := errors.Join(json.Unmarshal(a, &left), json.Unmarshal(b, &right)); err != nil {
		return false, err
	}
	return reflect.DeepEqual(left, right), nil
}
