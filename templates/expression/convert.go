package expression

import (
	"encoding/base64"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	apiservercel "k8s.io/apiserver/pkg/cel"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// native converts a CEL value to decoded JSON. Empty optionals are left out of lists and maps. left is the
// number of values that the result may still have: CEL can share one list between many places, JSON has a
// copy in each.
func native(v ref.Val, left *int, depth int) (value any, present bool, err *Error) {
	if *left--; *left < 0 || depth > deepest {
		return nil, false, &Error{Reason: ExpressionCost, Message: "the value is too large"}
	}
	switch v := v.(type) {
	case types.String:
		*left -= len(v) / bytesOfValue
		return string(v), true, nil
	case types.Int:
		return int64(v), true, nil
	case types.Bool:
		return bool(v), true, nil
	case types.Double:
		return float64(v), true, nil
	case types.Uint:
		if v > math.MaxInt64 {
			return nil, false, failed("the number " + strconv.FormatUint(uint64(v), 10) + " is too large")
		}
		return int64(v), true, nil
	case types.Null:
		return nil, true, nil
	case types.Bytes:
		*left -= len(v) / bytesOfValue
		return base64.StdEncoding.EncodeToString(v), true, nil
	case apiservercel.Quantity:
		return v.Quantity.String(), true, nil
	case *apiservercel.Quantity:
		return v.Quantity.String(), true, nil
	case *types.Optional:
		if !v.HasValue() {
			return nil, false, nil
		}
		return native(v.GetValue(), left, depth+1)
	case traits.Lister:
		return nativeList(v, left, depth)
	case traits.Mapper:
		return nativeMap(v, left, depth)
	}
	return nil, false, failed("a value of type " + v.Type().TypeName() + " is no value of a field")
}

func nativeList(v traits.Lister, left *int, depth int) (any, bool, *Error) {
	list := []any{}
	for it := v.Iterator(); it.HasNext() == types.True; {
		item, present, err := native(it.Next(), left, depth+1)
		if err != nil {
			return nil, false, err
		}
		if present {
			list = append(list, item)
		}
	}
	return list, true, nil
}

func nativeMap(v traits.Mapper, left *int, depth int) (any, bool, *Error) {
	m := map[string]any{}
	for it := v.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, _, err := native(key, left, depth+1)
		if err != nil {
			return nil, false, err
		}
		text, err := appendText(nil, name)
		if err != nil {
			return nil, false, err
		}
		member, present, err := native(v.Get(key), left, depth+1)
		if err != nil {
			return nil, false, err
		}
		if present {
			m[string(text)] = member
		}
	}
	return m, true, nil
}

// convert converts decoded JSON to the schema want; nil accepts every value. A value that already fits is
// returned unchanged.
func convert(value any, want *schema.Schema) (any, *Error) {
	if number, ok := value.(float64); ok && (math.IsNaN(number) || math.IsInf(number, 0)) {
		return nil, failed("the number is infinite or none")
	}
	if value == nil {
		return nil, failed("the value is null")
	}
	if list, ok := value.([]string); ok {
		value = anyList(list)
	}
	if want == nil {
		return value, nil
	}
	switch want.Kind {
	case schema.Any:
		return value, nil
	case schema.String, schema.Quantity:
		return convertText(value, want)
	case schema.Integer, schema.Number, schema.IntOrString:
		return convertNumber(value, want)
	case schema.Boolean:
		if _, ok := value.(bool); ok {
			return value, nil
		}
	case schema.List:
		if list, ok := value.([]any); ok {
			return convertList(list, want.Elem)
		}
	case schema.Map:
		if m, ok := value.(map[string]any); ok {
			return convertMap(m, want.Elem)
		}
	case schema.Object:
		if _, ok := value.(map[string]any); ok {
			return value, nil
		}
	}
	return nil, unfit(value, want)
}

func convertText(value any, want *schema.Schema) (any, *Error) {
	switch v := value.(type) {
	case string:
		return value, nil
	case int64, float64:
	case bool:
		if want.Kind == schema.Quantity {
			return nil, unfit(v, want)
		}
	default:
		return nil, unfit(v, want)
	}
	text, err := appendText(nil, value)
	return string(text), err
}

func convertNumber(value any, want *schema.Schema) (any, *Error) {
	switch v := value.(type) {
	case int64:
		if want.Kind != schema.Number && (v < want.Min || v > want.Max) {
			return nil, failed("the number " + strconv.FormatInt(v, 10) + " is out of range")
		}
		return value, nil
	case float64:
		if want.Kind == schema.Number {
			return value, nil
		}
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return convertNumber(int64(v), want)
		}
	case string:
		if want.Kind == schema.IntOrString {
			return value, nil
		}
	}
	return nil, unfit(value, want)
}

// convertList converts the items; the list is copied if any of them changes.
func convertList(list []any, want *schema.Schema) (any, *Error) {
	var changed []any
	for i, item := range list {
		converted, err := convert(item, want)
		if err != nil {
			err.Message = "item " + strconv.Itoa(i) + ": " + err.Message
			return nil, err
		}
		if changed == nil && !same(item, converted) {
			changed = append(make([]any, 0, len(list)), list[:i]...)
		}
		if changed != nil {
			changed = append(changed, converted)
		}
	}
	if changed != nil {
		return changed, nil
	}
	return list, nil
}

// convertMap converts the members; the map is copied if any of them changes.
func convertMap(m map[string]any, want *schema.Schema) (any, *Error) {
	converted := make(map[string]any, len(m))
	for name, member := range m {
		value, err := convert(member, want)
		if err != nil {
			err.Message = "member " + quote(name) + ": " + err.Message
			return nil, err
		}
		converted[name] = value
	}
	return converted, nil
}

// same reports whether a conversion left a scalar unchanged. Lists and maps count as changed.
func same(before, after any) bool {
	switch before.(type) {
	case string, bool, int64, float64:
		return before == after
	}
	return false
}

// appendText appends a scalar as text: numbers as JSON writes them.
func appendText(text []byte, value any) ([]byte, *Error) {
	switch v := value.(type) {
	case string:
		return append(text, v...), nil
	case int64:
		return strconv.AppendInt(text, v, 10), nil
	case bool:
		return strconv.AppendBool(text, v), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, failed("the number is infinite or none")
		}
		return append(text, jsontext.Float(v).String()...), nil
	}
	return nil, failed("want text, got " + kindOf(value))
}

func failed(message string) *Error { return &Error{Reason: ExpressionFailed, Message: message} }

// unfit returns the error for a value whose type became known only at evaluation. The message does not repeat
// the value, which may come from the pod.
func unfit(value any, want *schema.Schema) *Error {
	return failed("want " + message.Article(want.Type) + ", got " + kindOf(value))
}

func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case int64:
		return "an integer"
	case float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "another type"
}

func anyList(list []string) []any {
	out := make([]any, len(list))
	for i, item := range list {
		out[i] = item
	}
	return out
}

func anyMap(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for name, value := range m {
		out[name] = value
	}
	return out
}
