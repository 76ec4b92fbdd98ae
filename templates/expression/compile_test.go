package expression

import (
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// The mark ¦ precedes the character at which the error is expected.
func TestCompileSaysWhatIsWrongAndWhere(t *testing.T) {
	for _, c := range []struct {
		text    string
		want    *schema.Schema
		reason  Reason
		message string
		hint    string // a part of it
	}{
		// Unknown names.
		{"${¦HOME}", text, UnknownVariable, `variable "HOME" is unknown`, "$${HOME}"},
		{"echo ${¦HOME}/bin", text, UnknownVariable, `variable "HOME" is unknown`, "$${HOME}"},
		{"${HOME¦:-/root}", text, ExpressionSyntax, `unexpected ":"`, "$${HOME:-/root}"},
		{"${ARGS[¦@]}", text, ExpressionSyntax, `unexpected "@"`, "$${ARGS[@]}"},
		{"${¦prams.text}", text, UnknownVariable, `variable "prams" is unknown`, "did you mean params?"},
		{"${¦foo}", text, UnknownVariable, `variable "foo" is unknown`, "$${foo}"},
		{"${¦APP}", text, UnknownVariable, `variable "APP" is unknown`, "$${APP}"},
		{"${¦foo + 'x'}", text, UnknownVariable, `variable "foo" is unknown`, "app, cluster, index"},
		{"${¦namespace}", text, UnknownVariable, `"namespace" is a reserved word of CEL`, "namespaceObject"},
		{"${¦sise(params.list)}", integer, UnknownVariable, `function "sise" is unknown`, "did you mean size?"},
		{"${params.list.¦all(x == '')}", boolean, UnknownVariable, `function "all" is unknown`, "write LIST.all(x, CONDITION)"},
		{"${params.list.¦every(x, x == '')}", boolean, UnknownVariable, `function "every" is unknown`, "write LIST.all(x, CONDITION)"},
		{"${!¦exists(app.readinessProbe)}", boolean, UnknownVariable, `function "exists" is unknown`, "or has(app.NAME) for a field"},
		{"${app.¦has('image')}", boolean, UnknownVariable, `function "has" is unknown`, "write has(app.NAME)"},
		{"${¦allow(1)}", text, UnknownVariable, `function "allow" is unknown`, ""},
		{"${¦range(3)}", texts, UnknownVariable, `function "range" is unknown`, "did you mean lists.range?"},
		{"${.¦Values.text}", text, UnknownVariable, `variable ".Values" is unknown`, "did you mean params?"},
		{"${app.name == ¦web}", boolean, UnknownVariable, `variable "web" is unknown`, `put a text in quotes: "web"; there are app`},
		{"${params.text.orValue¦('x')}", text, ExpressionType, `function "orValue" cannot take string.(string)`, "a parameter is always there"},
		{"${join¦(params.list, ',')}", text, ExpressionType, `function "join" cannot take (list(string), string)`, "VALUE.join(…)"},
		{"${¦!app.readinessProbe}", boolean, ExpressionType, "operator ! cannot take (core/v1.Probe)", "has(…)"},
		{"${has(app¦.?image)}", boolean, ExpressionSyntax, "has(…) asks for a field that is selected by a point", "write has(app.NAME)"},
		{"${¦if params.on then 'a'}", text, UnknownVariable, `"if" is a reserved word of CEL`, "write CONDITION ? A : B"},
		{"${params.on ? 'a'¦}", text, ExpressionSyntax, "the expression ends too early", "write CONDITION ? A : B"},
		{"${app.?securityContext?.runAsUser.orValue(1)¦}", integer, ExpressionSyntax, "the expression ends too early", "write .? before"},
		{"${params.list¦.0}", text, ExpressionSyntax, `unexpected ".0"`, "LIST[0]"},
		{"${params.text.¦uperAscii()}", text, UnknownVariable, `function "uperAscii" is unknown`, "did you mean upperAscii?"},

		// Unknown fields.
		{"${params.¦prot}", integer, UnknownField, `parameter "prot" is not declared`, "did you mean port?"},
		{"${params.¦whatever}", text, UnknownField, `parameter "whatever" is not declared`, "declared are count, empty"},
		{"${params.¦prot + 1}", integer, UnknownField, `parameter "prot" is not declared`, "did you mean port?"},
		{"${params.?¦prot.orValue(1)}", integer, UnknownField, `parameter "prot" is not declared`, "did you mean port?"},
		{"${has(params.¦prot)}", boolean, UnknownField, `parameter "prot" is not declared`, "did you mean port?"},
		{"${pod.spec.¦nodename}", text, UnknownField, `field "nodename" is unknown in core/v1.PodSpec`, "did you mean nodeName?"},
		{`${"é" + pod.spec.¦nodename}`, text, UnknownField, `field "nodename" is unknown in core/v1.PodSpec`, "did you mean nodeName?"},
		{"a\n${'x' +\n pod.spec.¦nodename}", text, UnknownField, `field "nodename" is unknown in core/v1.PodSpec`, "did you mean nodeName?"},
		{"${has(pod.spec.¦nodename)}", boolean, UnknownField, `field "nodename" is unknown in core/v1.PodSpec`, "did you mean nodeName?"},
		{"${pod.spec.containers.map(c, c.¦imagee)}", texts, UnknownField, `field "imagee" is unknown in core/v1.Container`, "did you mean image?"},
		{"${pod.spec.containers[0].¦imagee}", text, UnknownField, `field "imagee" is unknown in core/v1.Container`, "did you mean image?"},
		{"${app.?¦imagee.orValue('')}", text, UnknownField, `field "imagee" is unknown in core/v1.Container`, "did you mean image?"},
		{"${app.?securityContext.?¦runAsUsr.orValue(1)}", integer, UnknownField, `field "runAsUsr" is unknown in core/v1.SecurityContext`, "did you mean runAsUser?"},
		{"${namespaceObject.¦spec}", text, UnknownField, `field "spec" is unknown in Namespace`, ""},
		{"${pod.spec.containers.filter(c, true)[0].¦imagee}", text, UnknownField, `field "imagee" is unknown`, ""},
		{"${params.text.¦size}", integer, ExpressionType, `a string has no field "size"`, ""},
		{"${pod.spec.containers.¦name}", text, ExpressionType, `a list has no field "name"`, "[0]"},

		{`${¦"%.1000000000f".format([1.0])}`, text, ExpressionCost, "the format asks for more than 100 digits", ""},
		{`${params.count > 1 ? ¦"%d%% %.101e".format([1, 2.0]) : ""}`, text, ExpressionCost, "the format asks for more than 100 digits", ""},

		// Types within the expression.
		{"${true ¦? 'a' : 1}", text, ExpressionType, "the two branches of the conditional are string and int", "string(…)"},
		{"${params.text ¦+ 1}", text, ExpressionType, "operator + cannot take (string, int)", "string(…)"},
		{"${params.count ¦> 'a'}", boolean, ExpressionType, "operator > cannot take (int, string)", ""},
		{"${¦!params.text}", boolean, ExpressionType, "operator ! cannot take (string)", ""},
		{"${params.list¦['a']}", text, ExpressionType, "operator [ ] cannot take (list(string), string)", ""},
		{"${1 ¦in params.list}", boolean, ExpressionType, "operator in cannot take (int, list(string))", ""},
		{"${¦-params.text}", integer, ExpressionType, "operator - cannot take (string)", ""},
		{"${size¦(1)}", integer, ExpressionType, `function "size" cannot take (int)`, ""},
		{"${[1, ¦'a']}", texts, ExpressionType, "want int, got string", ""},
		{"${¦params}", anyValue, ExpressionType, "params has no value of its own", "params.text"},
		{"${¦params['text']}", text, ExpressionType, "params has no value of its own", "params.text"},
		{"${params.text.matches(¦'(')}", boolean, ExpressionType, "the argument is no valid regular expression", ""},
		{"${duration(¦'x')}", text, ExpressionType, "the argument is no valid duration", ""},

		// Types of the place.
		{"${¦params.text}", integer, ExpressionType, "want an integer, got a string", "int(…)"},
		{"${ ¦params.ratio}", integer, ExpressionType, "want an integer, got a number", "int(…)"},
		{"${¦params.text}", boolean, ExpressionType, "want a boolean, got a string", ""},
		{"${¦params.list}", text, ExpressionType, "want a string, got a list of string", ".join("},
		{"${¦params.text}", texts, ExpressionType, "want a list of string, got a string", "[ … ]"},
		{"${¦[[1]]}", texts, ExpressionType, "want a list of string, got a list of list of integer", ""},
		{"${¦app}", textMap, ExpressionType, "an expression cannot make a map of string: structure is written, its scalars may be computed", "write the mapping out, with expressions for its values"},
		{"${¦pod}", schema.Container(), ExpressionType, "an expression cannot make a core/v1.Container: structure is written, its scalars may be computed", "write the mapping out, with expressions for its values"},
		{"${¦null}", text, ExpressionType, "null is no value", "optional.ofNonZeroValue"},
		{"${¦params.on ? null : null}", text, ExpressionType, "null is no value", "optional.ofNonZeroValue"},
		{"${¦timestamp('2020-01-01T00:00:00Z')}", anyValue, ExpressionType, "a time is no value of a field", "string(…)"},
		{"${¦url('http://a')}", anyValue, ExpressionType, "a URL is no value of a field", ""},
		{"a${¦params.list}", text, ExpressionType, "a list of string cannot stand within text", ".join("},
		{"a${¦pod.spec.?nodeName}", text, ExpressionType, "an optional within text may be absent", "orValue"},
		{"¦8${index}", integer, ExpressionType, "text around an expression makes a string, but the place wants an integer", ""},

		// Syntax.
		{"${¦}", text, ExpressionSyntax, "the expression is empty", "$${"},
		{"${¦  }", text, ExpressionSyntax, "the expression is empty", "$${"},
		{"${1 +¦}", integer, ExpressionSyntax, "the expression ends too early", ""},
		{"${a ¦b}", text, ExpressionSyntax, `unexpected "b"`, ""},
		{"${params.text ¦# comment\n}", text, ExpressionSyntax, `unexpected "#"`, ""},
		{"${params.¦my-name}", text, UnknownField, `parameter "my" is not declared`, ""},
		{"¦${a", text, UnclosedExpression, `the expression opened by "${" is not closed`, "$${"},
	} {
		offset := strings.Index(c.text, "¦")
		source := strings.Replace(c.text, "¦", "", 1)
		x, err := compile(t, source, c.want)
		if err == nil {
			t.Errorf("%s: compiled to %v, want %s", source, x, c.reason)
			continue
		}
		if err.Reason != c.reason || err.Message != c.message || !strings.Contains(err.Hint, c.hint) {
			t.Errorf("%s:\n got %s: %s (%s)\nwant %s: %s (%s)", source, err.Reason, err.Message, err.Hint, c.reason, c.message, c.hint)
		}
		if err.Offset != offset {
			t.Errorf("%s: got offset %d, want %d", source, err.Offset, offset)
		}
	}
}

func TestTheFirstOfSeveralFaultsIsGiven(t *testing.T) {
	_, err := compile(t, "${params.text}-${foo}-${bar}", text)
	if err == nil || err.Message != `variable "foo" is unknown` {
		t.Errorf("got %v", err)
	}
}
