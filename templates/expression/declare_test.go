package expression

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// declareAll declares variables, given as name and expression in turn, and evaluates them for an activation.
func declareAll(t *testing.T, c *Compiler, in *Activation, variables ...string) *Environment {
	t.Helper()
	e := c.Environment(append(slices.Clip(parameters), Parameter{"labels", v1alpha1.TypeStringMap}))
	in.Parameters["labels"] = map[string]any{"b": "2", "a": "1"}
	in.Variables = map[string]any{}
	for i := 0; i < len(variables); i += 2 {
		x, within, err := e.Declare(variables[i], Whole(variables[i+1]))
		if err != nil {
			t.Fatalf("%s: %s (%s)", variables[i+1], err.Message, err.Hint)
		}
		value, _, failed := x.Evaluate(in, new(Budget))
		if failed != nil {
			t.Fatalf("%s: %v", variables[i+1], failed)
		}
		in.Variables[variables[i]], e = value, within
	}
	return e
}

func TestVariablesHaveTheTypeOfTheirExpressions(t *testing.T) {
	in := activation(t)
	e := declareAll(t, NewCompiler(), in,
		"port", "params.port + 1",
		"folders", `params.list.map(l, "/" + l)`,
		"team", `namespaceObject.metadata.?labels[?"team"].orValue("none")`,
		"next", "variables.port + 1",
		"container", "pod.spec.containers[0]",
		"byName", "pod.spec.containers.map(c, c.name)",
		"nested", "[[params.list]]",
		"table", `{"x": params.list}`,
		"marked", `"$(POD_NAME)"`,
	)
	for _, c := range []struct {
		text string
		want *schema.Schema
		got  any
	}{
		{"${variables.port}", integer, int64(8081)},
		{"${variables.port}", text, "8081"},
		{"${variables.next + 1}", integer, int64(8083)},
		{"${variables.folders}", texts, []any{"/x", "/y"}},
		{`${variables.folders.join(":")}`, text, "/x:/y"},
		{"${variables.team}-x", text, "red-x"},
		{"${variables.?team.orValue('')}", text, "red"},
		{"${variables.container.image}", text, "web:1"},
		{"${variables.container.ports[0].containerPort}", integer, int64(80)},
		{"${variables.byName}", texts, []any{"web", "helper"}},
		{"${variables.nested[0][0][1]}", text, "y"},
		{`${variables.table["x"]}`, texts, []any{"x", "y"}},
		{"${variables.marked + ''}", text, "$(POD_NAME)"},
		{`${params.labels["a"]}`, text, "1"},
		{`${params.labels.map(k, k + "=" + params.labels[k]).join(",")}`, text, "a=1,b=2"},
		{`${json.encode(params.labels)}`, text, `{"a":"1","b":"2"}`},
		{`${json.encode(app.ports)}`, text, `[{"containerPort":80}]`},
		{`${json.encode({"q": dyn("\"\n"), "n": dyn(1.5), "l": dyn([true, false])})}`, text, `{"l":[true,false],"n":1.5,"q":"\"\n"}`},
		{`${base64.encode(b"ab")}`, text, "YWI="},
	} {
		scanned, err := Scan(c.text)
		if err != nil {
			t.Fatal(err)
		}
		x, err := e.Compile(scanned, c.want)
		if err != nil {
			t.Errorf("%s: %s (%s)", c.text, err.Message, err.Hint)
			continue
		}
		value, _, failed := x.Evaluate(in, new(Budget))
		if failed != nil {
			t.Errorf("%s: %v", c.text, failed)
			continue
		}
		if diff := cmp.Diff(c.got, value); diff != "" {
			t.Errorf("%s: -want +got:\n%s", c.text, diff)
		}
	}
}

func TestExpressionsOfOneTextAreToldApartByTheirVariables(t *testing.T) {
	c := NewCompiler()
	for _, value := range []string{`"a"`, `7`, `["a"]`, `"a"`} {
		in := activation(t)
		e := declareAll(t, c, in, "x", value)
		want, _, err := mustDeclare(t, e, "y", "variables.x").Evaluate(in, new(Budget))
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := mustDeclare(t, e, "y", "[variables.x][0]").Evaluate(in, new(Budget))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", value, diff)
		}
	}
}

func mustDeclare(t *testing.T, e *Environment, name, source string) *Expression {
	t.Helper()
	x, _, err := e.Declare(name, Whole(source))
	if err != nil {
		t.Fatalf("%s: %s", source, err.Message)
	}
	return x
}

func TestVariablesThatCannotBeAreRefused(t *testing.T) {
	for source, want := range map[string]string{
		"variables.later":                   `variable "later" is not declared before it is read`,
		"variables":                         "variables has no value of its own",
		"optional.none()":                   "the value of a variable cannot be optional",
		"optional.of(1)":                    "the value of a variable cannot be optional",
		"duration('1s')":                    "a duration is no value of a field",
		"null":                              "null is no value",
		"[[[[[[1]]]]]]":                     "cannot be the value of a variable",
		"target.name":                       `variable "target" is unknown here`,
		"each":                              `variable "each" is unknown`,
		"workload.nam":                      `field "nam" is unknown in workload`,
		"json.encode(b'x' + 1)":             "operator + cannot take",
		"params.labels.a + variables.port1": `variable "port1" is not declared before it is read`,
	} {
		e := declareAll(t, NewCompiler(), activation(t), "port", "1")
		_, _, err := e.Declare("x", Whole(source))
		if err == nil || !strings.Contains(err.Message, want) {
			t.Errorf("%s: got %v, want %s", source, err, want)
		}
	}
}

func TestTargetIsTheContainerThatGetsTheValue(t *testing.T) {
	in := activation(t)
	e := NewCompiler().Environment(parameters).WithTarget()
	lookedUp, called := mustDeclare(t, e, "x", "target.name"), mustDeclare(t, e, "x", `target.name + "/" + target.?image.orValue("none")`)
	for _, c := range []struct {
		target      container
		name, image string
	}{
		{container{"name": "web", "image": "web:1"}, "web", "web/web:1"},
		{container{"name": "helper"}, "helper", "helper/none"},
	} {
		in.SetTarget(c.target)
		for x, want := range map[*Expression]string{lookedUp: c.name, called: c.image} {
			if got, _, err := x.Evaluate(in, new(Budget)); err != nil || got != want {
				t.Errorf("%s: got %v, %v, want %s", c.name, got, err, want)
			}
		}
	}
	if uses := called.Uses(); !uses.Target || !uses.deep(targetVariable) || uses.deep(appVariable) {
		t.Errorf("uses %+v, want the target's image", uses)
	}
}

func TestJSONThatIsTooLargeIsNotMade(t *testing.T) {
	in := activation(t)
	in.Parameters["text"] = strings.Repeat("\x01", 400_000)
	x := mustCompile(t, `${json.encode([params.text]).size() > 0}`, boolean)
	failed := (*Error)(nil)
	if _, _, err := x.Evaluate(in, new(Budget)); !errors.As(err, &failed) || failed.Reason != ExpressionCost {
		t.Errorf("got %v, want %s", err, ExpressionCost)
	}
}

func TestFunctionsAreThoseThatCanBeCalled(t *testing.T) {
	for _, name := range []string{"json.encode", "base64.encode", "quantity", "join", "has"} {
		if got, want := slices.Contains(Functions(), name), name != "has"; got != want {
			t.Errorf("%s: got %t, want %t", name, got, want)
		}
	}
}
