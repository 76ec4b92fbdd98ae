package expression

import (
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	apiservercel "k8s.io/apiserver/pkg/cel"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// unwrapOptional returns the type within an optional, and whether t is an optional.
func unwrapOptional(t *cel.Type) (*cel.Type, bool) {
	if t.Kind() == types.OpaqueKind && t.TypeName() == "optional_type" && len(t.Parameters()) == 1 {
		return t.Parameters()[0], true
	}
	return t, false
}

// dynamic reports whether a type is known only at run time.
func dynamic(t *cel.Type) bool {
	switch t.Kind() {
	case types.DynKind, types.AnyKind, types.TypeParamKind:
		return true
	}
	return false
}

func isQuantity(t *cel.Type) bool {
	return t.TypeName() == apiservercel.QuantityType.TypeName()
}

// printable reports whether values of the type can be converted to text without a call.
func printable(t *cel.Type) bool {
	switch t.Kind() {
	case types.StringKind, types.IntKind, types.UintKind, types.DoubleKind, types.BoolKind:
		return true
	}
	return dynamic(t) || isQuantity(t)
}

// fitsText checks the type of an expression that is surrounded by text.
func fitsText(t *cel.Type) *Error {
	inner, optional := unwrapOptional(t)
	switch {
	case optional:
		return typeError("an optional within text may be absent", "say what stands there then, with orValue(…)")
	case printable(inner):
		return nil
	}
	return typeError(message.Article(typeName(t))+" cannot stand within text", textHint(t))
}

func textHint(t *cel.Type) string {
	switch t.Kind() {
	case types.ListKind:
		return `join a list of strings with .join(",")`
	case types.DurationKind, types.TimestampKind, types.BytesKind:
		return "turn it into text with string(…)"
	case types.StructKind:
		if typeName(t) == entryType {
			return "write each.key or each.value"
		}
		return "name one of its fields"
	}
	return ""
}

// structured reports whether a field holds mappings, or lists of anything but scalars. Such structure has to
// be written out in the template; only its scalars can be computed.
func structured(want *schema.Schema) bool {
	switch want.Kind {
	case schema.Object, schema.Map:
		return true
	case schema.List:
		switch want.Elem.Kind {
		case schema.Object, schema.Map, schema.List, schema.Any:
			return true
		}
	}
	return false
}

// computedStructure returns the error for an expression in such a field.
func computedStructure(want *schema.Schema) *Error {
	hint := "write the mapping out, with expressions for its values"
	if want.Kind == schema.List {
		hint = "write the items out; for one item for each element of a list, write one item with $each: ${LIST}"
	}
	return typeError("an expression cannot make "+message.Article(want.Type)+": structure is written, its scalars may be computed", hint)
}

// fits checks a type against the schema of the field; nil accepts whatever JSON can represent.
func fits(t *cel.Type, want *schema.Schema) *Error {
	if want != nil && structured(want) {
		return computedStructure(want)
	}
	if dynamic(t) {
		return nil
	}
	if t.Kind() == types.NullTypeKind {
		return typeError("null is no value", "to leave the field out, use an optional, as in optional.ofNonZeroValue(…)")
	}
	if want == nil || want.Kind == schema.Any {
		if !hasJSON(t) {
			return typeError(message.Article(typeName(t))+" is no value of a field", textHint(t))
		}
		return nil
	}
	if accepts(t, want) {
		return nil
	}
	hint := ""
	switch {
	case want.Kind == schema.String && t.Kind() == types.ListKind:
		hint = textHint(t) + `; in a list, write the whole list as one expression: ${["a"] + LIST}`
	case want.Kind == schema.String || want.Kind == schema.Quantity:
		hint = textHint(t)
	case t.Kind() == types.StringKind && want.Kind == schema.Integer:
		hint = "turn it into a number with int(…), a duration with duration(…).getSeconds()"
	case t.Kind() == types.StringKind && want.Kind == schema.Boolean:
		hint = `compare it: … != ""`
	case t.Kind() == types.IntKind && want.Kind == schema.Boolean:
		hint = "compare it: … != 0"
	case t.Kind() == types.ListKind && want.Kind == schema.Boolean:
		hint = "ask for its size: size(…) > 0"
	case t.Kind() == types.DoubleKind && want.Kind == schema.Integer:
		hint = "round it with int(…)"
	case want.Kind == schema.List && printable(t):
		hint = "a list of one item is [ … ]"
	}
	return typeError("want "+message.Article(want.Type)+", got "+message.Article(typeName(t)), hint)
}

// hasJSON reports whether values of the type can be represented in JSON.
func hasJSON(t *cel.Type) bool {
	switch t.Kind() {
	case types.ListKind:
		elem, _ := unwrapOptional(t.Parameters()[0])
		return hasJSON(elem)
	case types.MapKind:
		return hasJSON(t.Parameters()[1]) && accepts(t.Parameters()[0], schema.NewScalar(schema.String))
	case types.StructKind:
		return !strings.HasPrefix(t.TypeName(), "kubernetes.") || isQuantity(t)
	}
	return printable(t)
}

// accepts reports whether values of the type can be converted to the schema.
func accepts(t *cel.Type, want *schema.Schema) bool {
	if dynamic(t) {
		return true
	}
	kind := t.Kind()
	switch want.Kind {
	case schema.Any:
		return hasJSON(t)
	case schema.Boolean:
		return kind == types.BoolKind
	case schema.Integer:
		return kind == types.IntKind || kind == types.UintKind
	case schema.Number:
		return kind == types.IntKind || kind == types.UintKind || kind == types.DoubleKind
	case schema.IntOrString:
		return kind == types.IntKind || kind == types.UintKind || kind == types.StringKind
	case schema.Quantity:
		return printable(t) && kind != types.BoolKind
	case schema.String:
		return printable(t) || want.Format == schema.ByteFormat && kind == types.BytesKind
	case schema.List:
		if kind != types.ListKind {
			return false
		}
		elem, _ := unwrapOptional(t.Parameters()[0])
		return accepts(elem, want.Elem)
	}
	return false
}

// typeName returns the name of a CEL type, in the terms of package schema.
func typeName(t *cel.Type) string {
	if inner, optional := unwrapOptional(t); optional {
		return "optional " + typeName(inner)
	}
	switch t.Kind() {
	case types.IntKind, types.UintKind:
		return "integer"
	case types.DoubleKind:
		return "number"
	case types.BoolKind:
		return "boolean"
	case types.ListKind:
		return "list of " + typeName(t.Parameters()[0])
	case types.MapKind:
		return "map of " + typeName(t.Parameters()[1])
	case types.NullTypeKind:
		return "null"
	case types.TypeKind:
		return "type"
	case types.DurationKind:
		return "duration"
	case types.TimestampKind:
		return "time"
	}
	if dynamic(t) {
		return "any value"
	}
	return strings.TrimPrefix(t.TypeName(), "kubernetes.")
}
