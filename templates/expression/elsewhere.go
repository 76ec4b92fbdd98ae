package expression

import (
	"regexp"
	"slices"
	"strings"

	"github.com/google/cel-go/common/operators"
)

// spelling returns how CEL writes what another language writes as it stands at the offset; "" if it is none of the
// usual ones.
func spelling(source string, offset int) string {
	before, here := strings.TrimRight(source[:offset], " "), source[offset:]
	switch {
	case strings.HasPrefix(strings.TrimSpace(source), "{") && strings.HasPrefix(here, "}"):
		return "write one brace: ${" + strings.Trim(cut(source), "{} ") + "}"
	case len(source) < 500 && questionMark.MatchString(source): // a search takes its time
		return "write .? before what may be absent, in the place of ?."
	case indexed.MatchString(here):
		return "write an index in brackets: LIST[" + indexed.FindString(here)[1:] + "]"
	case here == "" && strings.Contains(source, " ? ") && strings.Count(source, "?") > strings.Count(source, ":"):
		return conditionalHint
	case notWord.MatchString(before):
		return "write ! for not"
	case strings.HasSuffix(before, "?") && strings.HasPrefix(here, "?"):
		return "write orValue(…) behind what may be absent"
	case strings.HasSuffix(before, "-") && strings.HasPrefix(here, ">"):
		return "write a comma for ->: LIST.exists(x, …)"
	case strings.HasPrefix(here, ",") && inParentheses.MatchString(before):
		return "write a list in brackets: in [a, b]"
	}
	for _, known := range spellings {
		if strings.HasPrefix(here, known.other) {
			return known.hint
		}
	}
	return ""
}

const conditionalHint = "write CONDITION ? A : B, or drop the field with optional.ofNonZeroValue(…)"

// questionMark matches the selection of a field as JavaScript writes it, indexed that of an item.
var (
	questionMark = regexp.MustCompile(`\w\?\.[A-Za-z_]`)
	indexed      = regexp.MustCompile(`^\.[0-9]+`)
)

// notWord matches a text that ends with the word not.
var notWord = regexp.MustCompile(`\bnot$`)

// inParentheses matches a text that ends within the parentheses behind in.
var inParentheses = regexp.MustCompile(`\bin \([^()]*$`)

var spellings = []struct{ other, hint string }{
	{"${", "write the expression without ${}"},
	{"=>", "write a comma for =>: LIST.exists(x, …)"},
	{"for ", "write LIST.map(x, …)"},
	{"*]", "write LIST.map(x, x.NAME) for what each item has"},
	{"`", `write quotes, and + between the parts: "a" + b`},
	{"and ", "write && for and"},
	{"or ", "write || for or"},
	{"= ", "write == to compare"},
	{"if ", conditionalHint},
	{"| ", "write || for or, and a function before what it is given: string(x)"},
	{"& ", "write && for and"},
	{"“", `write straight quotes: "`},
	{"”", `write straight quotes: "`},
	{"‘", `write straight quotes: '`},
	{"’", `write straight quotes: '`},
}

// variablesElsewhere are the names that templates of other programs have for what is there under another.
var variablesElsewhere = map[string]string{
	"parameters": paramsVariable, "parameter": paramsVariable, "param": paramsVariable, "values": paramsVariable, "inputs": paramsVariable,
	"input": paramsVariable, "args": paramsVariable, "vars": variablesVariable, "var": variablesVariable,
	"container": appVariable, "spec": "pod.spec", "metadata": "pod.metadata", "containers": "pod.spec.containers",
	"labels": "pod.metadata.labels", "annotations": "pod.metadata.annotations",
}

// macroCalls are how macros are called; they are no functions.
var macroCalls = map[string]string{
	"has": "has(app.NAME)", "all": "LIST.all(x, CONDITION)", "exists": "LIST.exists(x, CONDITION), or has(app.NAME) for a field",
	"exists_one": "LIST.exists_one(x, CONDITION)", "filter": "LIST.filter(x, CONDITION)", "map": "LIST.map(x, …)",
	"transformList": "MAP.transformList(k, v, …)", "transformMap": "MAP.transformMap(k, v, …)", "sortBy": "LIST.sortBy(x, …)",
	"every": "LIST.all(x, CONDITION)", "any": "LIST.exists(x, CONDITION)", "some": "LIST.exists(x, CONDITION)", "forEach": "LIST.map(x, …)",
	"select": "LIST.filter(x, CONDITION)", "items": "MAP.transformList(k, v, …)", "entries": "MAP.transformList(k, v, …)",
}

// methods are functions of what stands before them, which other languages give it as the first argument.
var methods = []string{
	"contains", "startsWith", "endsWith", "matches", "replace", "split", "join", "substring", "trim", "indexOf", "lowerAscii", "upperAscii",
	"orValue", "hasValue", "getSeconds", "asInteger", "distinct", "sort", "flatten", "first", "last",
}

// functionsElsewhere are the names that functions have in other languages.
var functionsElsewhere = map[string]string{
	"len": "size", "length": "size", "count": "size",
	"lower": "lowerAscii", "toLower": "lowerAscii", "toLowerCase": "lowerAscii",
	"upper": "upperAscii", "toUpper": "upperAscii", "toUpperCase": "upperAscii",
	"default": "orValue", "coalesce": "orValue", "str": "string", "toString": "string", "quote": "strings.quote",
	"toJson": "json.encode", "tojson": "json.encode", "jsonencode": "json.encode", "b64enc": "base64.encode",
	"range": "lists.range", "seconds": "getSeconds", "minutes": "getMinutes", "hours": "getHours", "milliseconds": "getMilliseconds",
	"keys": "map(k, k)", "replaceAll": "replace", "toYaml": "json.encode", "substr": "substring", "strip": "trim", "regexMatch": "matches", "hasPrefix": "startsWith", "hasSuffix": "endsWith",
}

// overloadMessage says that an operator or function cannot take its arguments, whose types CEL lists.
func overloadMessage(function, arguments string) (message, hint string) {
	if function == operators.Conditional {
		if m := ternaryBranch.FindStringSubmatch(arguments); m != nil {
			return "the two branches of the conditional are " + strings.Replace(m[1], ", ", " and ", 1),
				"make them one type, as with string(…), or drop the field with optional.ofNonZeroValue(…)"
		}
		return "the condition before ? is no bool: " + arguments, `compare it, as with != ""`
	}
	if symbol, ok := operators.FindReverse(function); ok {
		hint = operatorHint(symbol, arguments)
		if symbol == "" {
			symbol = "[ ]"
		}
		return "operator " + symbol + " cannot take " + arguments, hint
	}
	return "function " + quote(function) + " cannot take " + arguments, functionHint(function, arguments)
}

func operatorHint(symbol, arguments string) string {
	has := func(word string) bool { return strings.Contains(arguments, word) }
	switch {
	case has("null"):
		return "has(…) asks whether a field is there"
	case (symbol == "==" || symbol == "!=") && has("string"):
		return "make both sides one type, as with string(…)"
	case symbol == "+" && has("string") && has("list("):
		return `add to each item with LIST.map(x, …), or join the list with .join(",")`
	case symbol == "+" && has("string"):
		return "turn the other side into text with string(…)"
	case symbol == "!" && arguments == "(string)":
		return `compare it: … == ""`
	case symbol == "!" && arguments == "(int)":
		return "compare it: … == 0"
	case symbol == "!" && has("/v1."):
		return "has(…) asks whether a field is there"
	case symbol == "in" && arguments == "(string, string)":
		return "ask a text with TEXT.contains(…)"
	case slices.Contains([]string{"<", "<=", ">", ">="}, symbol) && has("string") && has("int"):
		return "turn the text into a number with int(…)"
	case has("int") && has("double"):
		return "make both sides one type: double(…) and int(…) convert, and 2.0 is a double"
	}
	return ""
}

// functionHint returns a hint for a function that cannot take its arguments. They are those of a method if the
// type of what it is called on stands before them: string.(int).
func functionHint(function, arguments string) string {
	receiver, _, method := strings.Cut(arguments, ".(")
	switch {
	case !method && slices.Contains(methods, function):
		return "it is called on the value: VALUE." + function + "(…)"
	case !method:
		return ""
	case slices.Contains([]string{"orValue", "or", "hasValue", "value", "optMap", "optFlatMap"}, function):
		if inner, optional := strings.CutPrefix(receiver, "optional_type("); optional {
			return "give it what it stands in for: " + strings.TrimSuffix(inner, ")")
		}
		return "it is of what may be absent: select that with .?NAME or [?KEY]"
	case function == "contains" && strings.HasPrefix(receiver, "list("):
		return "ask a list with VALUE in LIST"
	case receiver == "string" && strings.HasPrefix(function, "get"):
		return "make the text a duration with duration(…), or a time with timestamp(…)"
	case receiver == "string" && slices.Contains([]string{"asInteger", "isInteger", "asApproximateFloat", "isLessThan", "isGreaterThan", "compareTo", "sub", "add"}, function):
		return "make the text a quantity with quantity(…)"
	}
	return ""
}
