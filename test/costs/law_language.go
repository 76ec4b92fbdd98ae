package main

import (
	"fmt"
	"strings"
)

// languageLaws are what a template names once and uses often, what it demands of pods, and what it joins
// to the app's own.
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
	}
}
