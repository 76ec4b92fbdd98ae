package inject_test

// Parts of the template language other than fields and expressions: a template's own variables and
// validations, target and workload, maps, and joined values.

// ownTexts and ownLists are usual expressions of the variables v0 and v1; oddVariables are rare ones.
var (
	ownTexts     = []string{"params.s", "json.encode(params.m)", "workload.name", "app.name + instance", "string(app.?ports[?0].?containerPort.orValue(0))"}
	ownLists     = []string{"params.l + ['a']", "params.m.map(k, k)", "pod.spec.containers.map(c, c.name)", "[variables.v0]"}
	oddVariables = []string{"pod.metadata.?labels.orValue({})", "[[1], [2]]", "{'a': {'b': [1]}}", "dyn([])", "optional.of(1)", "quantity(params.q)", "variables.v1", "pod.spec.containers", "[]", "{}", "null", "1.0 / 0.0", "type(1)", "pod"}
)

var (
	demands        = []string{"params.s != 'no'", "params.m.all(k, k != 'x')", "workload.kind != 'Job'", "variables.v1 == variables.v1", "variables.v0 != 'a'", "params.i > 0", "has(app.readinessProbe)", "native"}
	oddDemands     = []string{"dyn(true)", "pod.metadata.labels['app'] == 'web'", "false", "params.s", "target.name == 'app'"}
	demandMessages = []string{"message: the pod has no port", "messageExpression: \"'no ' + params.s\"", "messageExpression: variables.v0"}
	oddMessages    = []string{"message: \"\\u202eturned\"", "messageExpression: \"string(1 / index)\""}
)

// languageExpressions are the expressions for places that take a string or a list.
var languageExpressions = map[byte][]string{
	'S': {"variables.v0", "json.encode(variables.v1)", "workload.kind + '/' + workload.name", "json.encode(params.m)", "params.m[?'a'].orValue('b')"},
	'L': {"variables.v1", "params.m.map(k, k + params.m[k])", "dyn(variables.v1)"},
	'E': {"params.m", "variables.v1"},
	'e': {"json.encode(each)"},
	'?': {"variables.v2", "target", "target.?env.orValue([])", "variables", "workload", "each.key + '=' + each.value"},
}

var appVariables = []string{"name: TARGET_#, value: '${target.name}'", "name: IMAGE_#, value: '${target.?image.orValue(variables.v0)}'", "name: <S:LEVEL_#>, value: '$'"}

func languageOf(kind byte, list []string) []string {
	return append(list[:len(list):len(list)], languageExpressions[kind]...)
}

var joinWords = []string{"$append: ','", "$prepend: ' '", "$position: first", "$append: $", "$prepend: ("}

// language writes the members of a spec other than parameters, app and pod.
func (c *choices) language(line func(indent int, format string, args ...any)) {
	line(1, "- {name: m, type: map<string>, default: %s}", c.of([]string{"{}", "{a: b}", "{a: $, b: (A)}", "{x: z, 'é': z}"}))
	line(1, "variables:")
	for i, list := range [][]string{ownTexts, ownLists, oddVariables} {
		if i == 2 && !c.rarely(12) {
			break
		}
		if c.rarely(24) {
			list = oddVariables
		}
		line(1, "- {name: v%d, expression: %s}", i, quoted(c.of(list)))
	}
	if c.rarely(3) {
		line(1, "validations:")
		for range 1 + c.below(2) {
			list, messages := demands, demandMessages
			if c.rarely(12) {
				list, messages = oddDemands, oddMessages
			}
			line(1, "- {expression: %s, %s, action: %s, parameter: %s}", quoted(c.of(list)), c.of(messages), c.of([]string{"Warn", "Deny"}), c.of([]string{"s", "m", "i"}))
		}
	}
}
