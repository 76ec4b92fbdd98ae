package expression

import (
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apiserver/pkg/cel/library"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// constantWork lists the functions whose work does not depend on the size of their operands: they read one
// number or one item, or wrap a value.
var constantWork = []string{
	operators.LogicalNot, operators.Negate, operators.Modulo, operators.Multiply, operators.Subtract, operators.Divide,
	operators.LogicalAnd, operators.LogicalOr, operators.Conditional, operators.Index, operators.OptIndex, operators.OptSelect,
	operators.NotStrictlyFalse, "__not_strictly_false__",
	"dyn", "type", "first", "last",
	"optional.of", "optional.ofNonZeroValue", "optional.none", "hasValue", "value", "or", "orValue",
	// Accessors of parsed values. Those of timestamps and durations are in accessors.
	"asApproximateFloat", "asInteger", "isInteger", "sign",
	"family", "isGlobalUnicast", "isLinkLocalMulticast", "isLinkLocalUnicast", "isLoopback", "isUnspecified", "masked", "prefixLength",
	"major", "minor", "patch",
	"format.byte", "format.date", "format.datetime", "format.dns1035Label", "format.dns1035LabelPrefix", "format.dns1123Label",
	"format.dns1123LabelPrefix", "format.dns1123Subdomain", "format.dns1123SubdomainPrefix", "format.labelValue",
	"format.qualifiedName", "format.uri", "format.uuid",
}

// authorizerFunctions lists the functions of the authorizer of admission policies. No variable has such a
// value here, so they cannot be called.
var authorizerFunctions = []string{
	"allowed", "check", "error", "errored", "fieldSelector", "group", "labelSelector", "name", "namespace", "path", "reason", "resource", "serviceAccount", "subresource",
}

// accessors lists the functions that return a part of a timestamp, optionally in a time zone. Their work is
// constant too.
var accessors = []string{
	"getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds",
}

// linearWork lists the functions that read their operands a few times and whose result is not larger than the
// operands together.
var linearWork = []string{
	operators.Equals, operators.NotEquals, operators.In, operators.OldIn, "in",
	operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
	"bool", "bytes", "double", "duration", "int", "string", "timestamp", "uint",
	"contains", "endsWith", "startsWith", "charAt", "lowerAscii", "upperAscii", "trim", "substring",
	"isSorted", "max", "min", "sum", "reverse", "slice", "includes", "flatten", "optional.unwrap", "unwrapOpt",
	"cidr", "ip", "ip.isCanonical", "isCIDR", "isIP", "containsCIDR", "containsIP",
	"isURL", "url", "getEscapedPath", "getHost", "getHostname", "getPort", "getQuery", "getScheme",
	"add", "sub", "compareTo", "isGreaterThan", "isLessThan", "isSemver", "semver",
	"format.named", "validate",
}

// otherWork has the work of the functions whose work, or whose result, grows faster than their operands.
var otherWork = map[string]func(args []ref.Val) int{
	operators.Add:           sumWork,
	"cel.@mapInsert":        insertWork,
	orderedFunction:         orderedWork,
	"distinct":              func(args []ref.Val) int { return product(weigh(args[0]), weigh(args[0])) },
	"sets.contains":         pairsWork,
	"sets.equivalent":       func(args []ref.Val) int { return 2 * pairsWork(args) },
	"sets.intersects":       pairsWork,
	"indexOf":               searchWork,
	"lastIndexOf":           searchWork,
	"size":                  sizeWork,
	"sort":                  sortWork,
	"@sortByAssociatedKeys": sortWork,
	"lists.range":           rangeWork,
	"isQuantity":            quantityWork,
	"quantity":              quantityWork,
	"join":                  func(args []ref.Val) int { return textWork(joinedSize(args)) },
	"replace":               func(args []ref.Val) int { return textWork(replacedSize(args)) },
	"split":                 func(args []ref.Val) int { return linear(args) + pieces(args) },
	"format":                formatWork,
	"matches":               regexWork,
	"find":                  regexWork,
	jsonFunction:            func(args []ref.Val) int { return textWork(6 * bytesPerUnit * linear(args)) }, // one byte may become \u0000
	"base64.decode":         linear,
	"base64.encode":         func(args []ref.Val) int { return textWork(sized(args)*4/3) + linear(args) },
	"strings.quote":         func(args []ref.Val) int { return 10 * textWork(2*sized(args)) }, // written character by character
	"findAll":               func(args []ref.Val) int { return regexWork(args) + textLength(args[0]) },
}

// measure estimates the work of a call: the number of values, and of hundreds of bytes of text, that it reads
// or makes, at least one. It stops counting above tooMuch.
type measure func(args []ref.Val) int

// measureOf returns the measure of a function, or nil if the work does not depend on the operands. A function
// in no list is assumed to compare all its operands with each other.
func measureOf(function string) measure {
	switch {
	case slices.Contains(constantWork, function), slices.Contains(authorizerFunctions, function), slices.Contains(accessors, function):
		return nil
	case otherWork[function] != nil:
		return otherWork[function]
	case slices.Contains(linearWork, function):
		return linear
	}
	return allPairs
}

// costs is Kubernetes' cost estimator, with at least the measured work of each call.
type costs struct {
	library.CostEstimator
	measures map[string]measure // of all functions of the environment; nil as in measureOf
}

func newCosts(env *cel.Env) *costs {
	c := &costs{measures: map[string]measure{}}
	for name := range env.Functions() {
		c.measures[name] = measureOf(name)
	}
	return c
}

// CallCost implements interpreter.ActualCostEstimator.
func (c *costs) CallCost(function, overload string, args []ref.Val, result ref.Val) *uint64 {
	if function == loopFunction {
		return new(uint64)
	}
	cost := c.CostEstimator.CallCost(function, overload, args, result)
	work, known := c.measures[function]
	if !known {
		work = measureOf(function)
	}
	if work == nil {
		return cost
	}
	weighed := uint64(work(args))
	if cost == nil || *cost < weighed {
		return &weighed
	}
	return cost
}

// tooMuch is more work than any call is allowed.
const tooMuch = ExpressionLimit + 1

func linear(args []ref.Val) int {
	total := 0
	for _, arg := range args {
		total = min(total+weigh(arg), tooMuch)
	}
	return total
}

// allPairs is the work of comparing all values with each other.
func allPairs(args []ref.Val) int {
	all := linear(args)
	return product(all, all)
}

func product(a, b int) int {
	if b > 0 && a > tooMuch/b {
		return tooMuch
	}
	return a * b
}

// textWork is the work of making a text of so many bytes.
func textWork(bytes int) int {
	if bytes > longestResult {
		return tooMuch
	}
	return bytes/bytesPerUnit + 1
}

// sumWork counts only the appended items if the first operand is the accumulator of a loop.
func sumWork(args []ref.Val) int {
	if _, grows := args[0].(traits.MutableLister); grows && len(args) == 2 {
		return weigh(args[1])
	}
	if sized(args) > longestResult {
		return tooMuch
	}
	return linear(args)
}

// sized returns the total length of the operands that are texts, in bytes.
func sized(args []ref.Val) int {
	total := 0
	for _, arg := range args {
		switch arg := arg.(type) {
		case types.String:
			total += len(arg)
		case types.Bytes:
			total += len(arg)
		}
	}
	return total
}

func insertWork(args []ref.Val) int {
	if _, grows := args[0].(traits.MutableMapper); grows {
		return linear(args[1:])
	}
	return linear(args)
}

func pairsWork(args []ref.Val) int {
	if len(args) != 2 {
		return tooMuch
	}
	return product(weigh(args[0]), weigh(args[1]))
}

// searchWork assumes that a text is compared at each character; a list is walked once.
func searchWork(args []ref.Val) int {
	all := linear(args)
	if len(args) > 1 {
		return min(all+textLength(args[0])*textLength(args[1])/bytesPerUnit, tooMuch)
	}
	return all
}

// sizeWork assumes that the characters of a text are counted; lists and maps know their length.
func sizeWork(args []ref.Val) int { return 1 + textLength(args[0])/bytesPerUnit }

func sortWork(args []ref.Val) int {
	all := linear(args)
	return min(product(all, logarithm(all)), tooMuch)
}

func rangeWork(args []ref.Val) int {
	n, _ := args[0].(types.Int)
	return int(min(max(n, 0), tooMuch)) + 1
}

// quantityWork refuses quantities with a huge exponent: parsing them is fast, but every operation on them
// takes too long.
func quantityWork(args []ref.Val) int {
	text := textOf(args[0])
	if len(text) > schema.LongestQuantity {
		return linear(args) // see shortQuantity
	}
	if _, err := resource.ParseQuantity(text); err != nil {
		return linear(args) // CEL returns the error
	}
	if _, err := schema.ParseQuantity(text); err != nil {
		return tooMuch
	}
	return linear(args)
}

func formatWork(args []ref.Val) int {
	if format, ok := args[0].(types.String); ok && tooLong(string(format)) >= 0 {
		return tooMuch
	}
	return min(textWork(formattedSize(args))+linear(args), tooMuch)
}
