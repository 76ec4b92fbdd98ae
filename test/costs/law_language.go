package main

import (
	"fmt"
	"strings"
)

// languageLaws are the dimensions of a template's own variables, of its validations, and of what it joins to
// the app's values.
func languageLaws() []law {
	return []law{
		{name: "template: variables of its own", n: 40, bounded: "a template has at most 500 expressions", build: func(n int) job {
			s := adding(object{"args": times(n, func(i int) any { return fmt.Sprintf("${variables.v%d}", i) })})
			s["variables"] = times(n, func(i int) any {
				return object{"name": fmt.Sprintf("v%d", i), "expression": fmt.Sprintf("instance + '%d'", i)}
			})
			return loadSpec(s)
		}},
		{name: "template: variables that read the one before", n: 40, bounded: "a template has at most 500 expressions", build: func(n int) job {
			s := adding(object{"args": []any{fmt.Sprintf("${variables.v%d}", n-1)}})
			s["variables"] = times(n, func(i int) any {
				if i == 0 {
					return object{"name": "v0", "expression": "instance"}
				}
				return object{"name": fmt.Sprintf("v%d", i), "expression": fmt.Sprintf("variables.v%d + 'x'", i-1)}
			})
			return loadSpec(s)
		}},
		{name: "template: validations", n: 40, build: func(n int) job {
			s := adding(nil)
			s["validations"] = times(n, func(i int) any {
				return object{"expression": fmt.Sprintf("index < %d", i), "message": "no", "action": "Warn"}
			})
			return loadSpec(s)
		}},
		{name: "template: containers that follow each other", n: 50, build: func(n int) job {
			template := templateOf("row", object{"pod": podWith(times(n, func(i int) any {
				return sidecar(i, object{"$position": fmt.Sprintf("after:sidecar-%d", i+1)})
			})...)})
			return underTemplate(template, asking("row", nil, object{}))
		}},
		{name: "both: validations, containers of the pod", n: 60, build: func(n int) job {
			s := adding(nil)
			s["validations"] = times(n, func(i int) any {
				return object{"expression": fmt.Sprintf("app.name == 'x%d'", i), "message": fmt.Sprintf("no x%d", i), "action": "Warn"}
			})
			return underTemplate(templateOf("demands", s), asking("demands", nil, object{"containers": apps(n)}))
		}},
		{name: "both: what reads the target, containers of the pod", n: 200, build: func(n int) job {
			template := templateOf("target", object{"app": object{"containers": "all", "env": times(n, func(i int) any {
				return object{"name": fmt.Sprintf("V%d", i), "value": "${target.name}"}
			})}})
			return underTemplate(template, asking("target", nil, object{"containers": apps(n)}))
		}},
		{name: "both: values that are joined, containers of the pod", n: 400, build: func(n int) job {
			template := templateOf("join", object{"app": object{"containers": "all", "env": times(n, func(i int) any {
				return object{"name": fmt.Sprintf("V%d", i), "value": "x", "$append": ","}
			})}})
			return underTemplate(template, asking("join", nil, object{"containers": apps(n)}))
		}},
		{name: "both: values that are joined to one, a long value", n: 60, build: func(n int) job {
			template := templateOf("long", object{"app": object{"env": []any{
				object{"$each": "${lists.range(60)}", "name": "${pod.metadata.?labels[?'name'].orValue('N' + string(each))}", "value": "${'x' + string(each)}", "$append": ","},
			}}})
			own := with(app(0), object{"env": []any{object{"name": "B", "value": strings.Repeat("y", 100*n)}}})
			pod := asking("long", nil, object{"containers": []any{own}})
			pod["metadata"].(object)["labels"] = object{"name": "B"}
			return underTemplate(template, pod)
		}},
		{name: "pod: entries of a map", n: 200, build: func(n int) job {
			s := adding(object{"args": []any{"${params.m.size()}"}})
			s["parameters"] = []any{object{"name": "m", "type": "map<string>"}}
			own := object{}
			for i := range n {
				own[fmt.Sprintf("map%sm.k%d", of, i)] = "v"
			}
			return underTemplate(templateOf("map", s), asking("map", own, object{}))
		}},
		{name: "pod: containers that are left out", n: 100, build: func(n int) job {
			var skipped strings.Builder
			for i := range n {
				fmt.Fprintf(&skipped, ", -app-%d", i)
			}
			return podJob(asking(collector, object{collector + of + "containers": "all" + skipped.String()}, object{"containers": apps(n + 1)}))
		}},
		{name: "template: items with each", n: 40, bounded: "a template has at most 500 expressions", build: func(n int) job {
			return loadSpec(adding(object{"env": times(n, func(i int) any {
				return object{"$each": "${['a', 'b', 'c']}", "name": fmt.Sprintf("V%d_${eachIndex}", i), "value": "${each}"}
			})}))
		}},
		{name: "template: elements of each", n: 30, build: func(n int) job {
			return loadSpec(adding(object{"env": []any{
				object{"$each": "${[" + joined(n, func(i int) string { return fmt.Sprintf("'e%d'", i) }, ", ") + "]}", "name": "V_${eachIndex}", "value": "${each}"},
			}}))
		}},
		{name: "template: types within each other", n: 6, bounded: "lists and maps within each other make a type of 16 at most", build: func(n int) job {
			return loadSpec(adding(object{"args": []any{"${json.encode(" + strings.Repeat("[", n) + "'x'" + strings.Repeat("]", n) + ")}"}}))
		}},
		{name: "template: texts that hold the one before twice, in a command", n: 8, bounded: "a template has at most 500 expressions", build: func(n int) job {
			s := adding(object{"command": []any{"sh", "-c", "ls", fmt.Sprintf("${variables.v%d}", n-1)}})
			s["parameters"] = []any{object{"name": "p", "type": "string", "default": ""}}
			s["variables"] = times(n, func(i int) any {
				if i == 0 {
					return object{"name": "v0", "expression": "params.p"}
				}
				return object{"name": fmt.Sprintf("v%d", i), "expression": fmt.Sprintf("variables.v%d + variables.v%d", i-1, i-1)}
			})
			return loadSpec(s)
		}},
		{name: "template: parameters in a command, a long enum", n: 50, bounded: "of a template at most 30,000 parts of commands are read", build: func(n int) job {
			s := adding(object{"args": []any{"sh", "${" + joined(n, func(int) string { return "params.p.trim()" }, " + ") + "}"}})
			s["parameters"] = []any{object{"name": "p", "type": "string", "default": "-0", "enum": texts(20*n, "-%d")}}
			return loadSpec(s)
		}},
		{name: "template: texts that are encoded", n: 60, build: func(n int) job {
			return loadSpec(adding(object{"args": []any{"${json.encode([" + joined(n, func(i int) string { return fmt.Sprintf("'t%d'", i) }, ", ") + "])}"}}))
		}},
		{name: "template: containers of the app that are left out", n: 200, build: func(n int) job {
			return loadSpec(object{"app": object{"containers": "all" + joined(n, func(i int) string { return fmt.Sprintf(", -c%d", i) }, ""), "env": variables(1)}})
		}},
		{name: "template: values that are joined", n: 100, build: func(n int) job {
			return loadSpec(object{"app": object{"env": times(n, func(i int) any {
				return object{"name": fmt.Sprintf("V%d", i), "value": "x", "$append": ","}
			})}})
		}},
		{name: "both: values that are joined to another template's", n: 800, build: func(n int) job {
			env := func(more object) []any {
				return times(n, func(i int) any { return with(object{"name": fmt.Sprintf("V%d", i), "value": "x"}, more) })
			}
			template := append(append(templateOf("base", object{"app": object{"env": env(nil)}}), "---\n"...),
				templateOf("more", object{"order": 1, "app": object{"env": env(object{"$append": ",", "value": "y"})}})...)
			return underTemplate(template, asking("base, more", nil, object{}))
		}},
		{name: "both: containers that are left out, containers of the pod", n: 200, build: func(n int) job {
			template := templateOf("skip", object{"app": object{"containers": "all" + joined(n, func(i int) string { return fmt.Sprintf(", -c%d", i) }, ""), "env": variables(1)}})
			return underTemplate(template, asking("skip", nil, object{"containers": apps(n)}))
		}},
		{name: "both: entries of a map, items of each", n: 30, build: func(n int) job {
			s := adding(object{"env": []any{object{"$each": "${params.m}", "name": "E_${eachIndex}", "value": "${each.key}=${each.value}"}}})
			s["parameters"] = []any{object{"name": "m", "type": "map<string>"}}
			own := object{}
			for i := range n {
				own[fmt.Sprintf("map%sm.k%d", of, i)] = "v"
			}
			return underTemplate(templateOf("map", s), asking("map", own, object{}))
		}},
		{name: "both: variables that a matching template evaluates, templates", n: 20, build: func(n int) job {
			var files []byte
			for i := range n {
				spec := object{"app": object{"env": []any{object{"name": fmt.Sprintf("T%d", i), "value": "${variables.v}"}}}, "match": object{"podSelector": object{}},
					"variables":   []any{object{"name": "v", "expression": "pod.spec.containers.map(c, c.name).join()"}},
					"validations": []any{object{"expression": "variables.v != ''", "message": "no"}}}
				files = append(append(files, templateOf(fmt.Sprintf("m%d", i), spec)...), "---\n"...)
			}
			return underTemplate(files, asking("", nil, object{"containers": apps(10)}))
		}},
		{name: "pod: claims in an override", n: 200, build: func(n int) job {
			claims := make([]string, n)
			for i := range claims {
				claims[i] = fmt.Sprintf("{name: c%d}", i)
			}
			return podJob(asking(collector, object{collector + of + "override": "resources: {claims: [" + strings.Join(claims, ", ") + "]}"},
				object{"resourceClaims": times(n, func(i int) any { return object{"name": fmt.Sprintf("c%d", i)} })}))
		}},
	}
}
