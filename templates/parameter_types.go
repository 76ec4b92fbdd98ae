package templates

import (
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// typeTraits describes a type of parameters.
type typeTraits struct {
	kind v1alpha1.ParameterType
	// wanted describes a value for a message, samples are values that most constraints allow.
	wanted  string
	samples []string
	// zero is the value of a parameter that is neither given nor defaulted, and other what an expression appends to
	// the parameter to ask whether it has another one.
	zero  any
	other string
	// textual says that length and pattern can be constrained, ordered that there may be bounds.
	textual, ordered bool
}

// parameterTypes are in the order in which messages list them.
var parameterTypes = []typeTraits{
	{v1alpha1.TypeString, "text", []string{"sample"}, "", ` != ""`, true, false},
	{v1alpha1.TypeInteger, "an integer", []string{"1"}, int64(0), " != 0", false, true},
	{v1alpha1.TypeNumber, "a number", []string{"1"}, float64(0), " != 0.0", false, true},
	{v1alpha1.TypeBoolean, "true or false", []string{"true"}, false, "", false, false},
	{v1alpha1.TypeQuantity, "a quantity such as 100m or 64Mi", []string{"1"}, "", ` != ""`, false, true},
	{v1alpha1.TypeDuration, "a duration such as 30s or 1h15m", []string{"1m"}, "", ` != ""`, false, true},
	{v1alpha1.TypePath, "a path without .. and :", []string{"/sample", "sample"}, "", ` != ""`, true, false},
	{v1alpha1.TypeURL, "a URL such as https://host/path", []string{"http://localhost/sample"}, "", ` != ""`, true, false},
	{v1alpha1.TypeName, "a name of lower-case letters, digits, - and .", []string{"sample"}, "", ` != ""`, true, false},
	{v1alpha1.TypePort, "a port from 1 to 65535", []string{"9"}, int64(0), " != 0", false, true},
	{v1alpha1.TypeStringList, "values separated by commas", []string{"sample"}, []any{}, ".size() > 0", true, false},
	{v1alpha1.TypeStringMap, "entries, each by an annotation of its own", []string{"sample"}, map[string]any{}, ".size() > 0", true, false},
}

// traitsOf returns the description of a type, which must be one of parameterTypes.
func traitsOf(kind v1alpha1.ParameterType) typeTraits {
	return parameterTypes[slices.IndexFunc(parameterTypes, func(t typeTraits) bool { return t.kind == kind })]
}

// ParameterTypes are the types of parameters, in the order in which messages list them.
func ParameterTypes() []string {
	names := make([]string, len(parameterTypes))
	for i, t := range parameterTypes {
		names[i] = string(t.kind)
	}
	return names
}
