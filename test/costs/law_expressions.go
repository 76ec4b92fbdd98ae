package main

import (
	"fmt"
	"strings"
)

// expressionLaws are the dimensions of expressions that a template's author can enlarge.
func expressionLaws() []law {
	arg := func(name string, n int, text func(n int) any) law {
		return law{name: "expression: " + name, n: n, build: func(n int) job {
			s := adding(object{"args": text(n)})
			s["parameters"] = []any{
				object{"name": "text", "type": "string", "default": ""}, object{"name": "items", "type": "list<string>", "default": []any{"a"}},
			}
			return loadSpec(s)
		}}
	}
	// CEL's work within one expression may grow faster than the expression, which has at most 8,192
	// characters and whose evaluation costs at most 100,000 units.
	within := func(l law) law {
		l.bounded = "an expression has at most 8,192 characters and 100,000 units"
		return l
	}
	whole := func(text string) any { return []any{"${" + text + "}"} }
	return []law{
		arg("expressions", 60, func(n int) any { return times(n, func(i int) any { return fmt.Sprintf("${params.text + '%d'}", i) }) }),
		arg("equal expressions", 60, func(n int) any { return same(n, "${params.text + 'x'}") }),
		arg("look-ups", 60, func(n int) any { return same(n, "${params.text}") }),
		arg("expressions in one text", 60, func(n int) any { return []any{strings.Repeat("x${params.text}", n)} }),
		arg("text around expressions", 2000, func(n int) any { return []any{strings.Repeat("x", n) + "${params.text}" + strings.Repeat("y", n)} }),
		arg("dollars", 2000, func(n int) any { return []any{strings.Repeat("$", n)} }),
		arg("escapes", 1000, func(n int) any { return []any{strings.Repeat("$${", n)} }),
		arg("not closed", 60, func(n int) any { return same(n, "${params.text") }),
		arg("braces that are not closed", 1000, func(n int) any { return []any{"${" + strings.Repeat("{", n)} }),
		arg("sums", 60, func(n int) any { return whole(joined(n, func(int) string { return "params.text" }, " + ")) }),
		arg("brackets", 20, func(n int) any { return whole(strings.Repeat("(", n) + "params.text" + strings.Repeat(")", n)) }),
		arg("conditions", 20, func(n int) any { return whole(strings.Repeat("index > 0 ? params.text : ", n) + "params.text") }),
		arg("a list", 200, func(n int) any {
			return "${[" + joined(n, func(i int) string { return fmt.Sprintf("'%d'", i) }, ", ") + "]}"
		}),
		arg("a long literal", 2000, func(n int) any { return whole("'" + strings.Repeat("x", n) + "'") }),
		arg("fields that there are not", 200, func(n int) any {
			return whole(joined(n, func(i int) string { return fmt.Sprintf("params.txt%d", i) }, " + "))
		}),
		arg("variables that there are not", 200, func(n int) any { return whole(joined(n, named("txt"), " + ")) }),
		arg("operators that do not fit", 200, func(n int) any { return whole(joined(n, func(int) string { return "params.text" }, " - ")) }),
		arg("fields of the pod", 60, func(n int) any {
			return whole(joined(n, func(i int) string { return fmt.Sprintf("pod.metadata.?labels.?k%d.orValue('')", i) }, " + "))
		}),
		arg("fields of the pod, in as many expressions", 60, func(n int) any {
			return times(n, func(i int) any { return fmt.Sprintf("${pod.metadata.?labels.?k%d.orValue('')}", i) })
		}),
		within(arg("one map in the other", 6, func(n int) any {
			const ten = "[1,2,3,4,5,6,7,8,9,10]" // both sizes exceed the limit of an expression's cost
			return whole("string(" + strings.Repeat(ten+".map(a, ", n) + ten + strings.Repeat(")", n) + ".size())")
		})),
		within(arg("one map after the other", 20, func(n int) any { return "${params.items" + strings.Repeat(".map(a, a)", n) + "}" })),
		arg("elements of a loop", 1000, func(n int) any {
			return whole("'" + strings.Repeat("x,", n) + "'.split(',').all(x, x != 'y') ? 'a' : 'b'")
		}),
		within(arg("texts that are quoted again and again", 24, func(n int) any { // both sizes exceed the limit
			return whole(strings.Repeat("strings.quote(", n) + "'\"'" + strings.Repeat(")", n))
		})),
		arg("one optional after the other", 20, func(n int) any {
			return whole("optional.of('x')" + strings.Repeat(".optMap(a, a)", n) + ".orValue('')")
		}),
		within(arg("one optional in the other", 10, func(n int) any {
			return whole(strings.Repeat("optional.of('x').optFlatMap(a, ", n) + "optional.of('x')" + strings.Repeat(")", n) + ".orValue('')")
		})),
		within(arg("sums of lists", 20, func(n int) any {
			return "${" + strings.Repeat("[params.items].map(a, a + a)[0] + ", n) + "params.items}"
		})),
		arg("literals that a shell may read, parameters", 20, func(n int) any {
			return []any{"sh", "-c", "true", "${[" + joined(n, func(i int) string { return fmt.Sprintf("'%d'", i) }, ", ") + "][0] + params.text}"}
		}),
		arg("patterns of matches", 40, func(n int) any { return whole("params.text.matches('" + strings.Repeat("(a|b)", n) + "') ? 'x' : 'y'") }),
	}
}
