package main

import (
	"fmt"
	"strings"
)

// productLaws enlarge a template and a pod together: what one may add to the other is bounded, so that the
// work does not grow with the product of the sizes. If the product itself is added to the pod, the sizes are
// those at which the bound is reached.
func productLaws() []law {
	return []law{
		{name: "both: variables of a template, containers of a pod", n: 200, build: func(n int) job {
			return underTemplate(manyVariables(n), asking("many", nil, object{"containers": apps(n)}))
		}},
		{name: "both: mounts of a template, containers of a pod", n: 200, build: func(n int) job {
			template := templateOf("mounts", object{
				"app": object{"containers": "all", "volumeMounts": times(n, func(i int) any { return object{"name": "v", "mountPath": fmt.Sprintf("/m/%d", i)} })},
				"pod": object{"spec": object{"volumes": []any{object{"name": "v", "emptyDir": object{}}}}},
			})
			return underTemplate(template, asking("mounts", nil, object{"containers": apps(n)}))
		}},
		{name: "both: mounts of a template, the length of a volume that they are in", n: 200, build: func(n int) job {
			template := templateOf("mounts", object{
				"app": object{"volumeMounts": times(n, func(i int) any { return object{"name": "v", "mountPath": fmt.Sprintf("/m/%d", i)} })},
				"pod": object{"spec": object{"volumes": []any{object{"name": "v", "emptyDir": object{}}}}},
			})
			return underTemplate(template, asking("mounts", nil, object{
				"containers": []any{with(app(0), object{"volumeMounts": []any{object{"name": "long", "mountPath": "/m"}}})},
				"volumes":    []any{object{"name": "long", "emptyDir": object{}, "future": same(n, object{"name": "x"})}},
			}))
		}},
		{name: "both: resources of a pod, containers of a template", n: 60, build: func(n int) job {
			amounts := object{}
			for i := range n {
				amounts[fmt.Sprintf("example.com/r%d", i)] = "1"
			}
			last := with(sidecar(n, nil), object{"resources": object{"requests": amounts, "limits": amounts}})
			template := templateOf("crowd", object{"pod": podWith(append(times(n, func(i int) any { return sidecar(i, nil) }), last)...)})
			return underTemplate(template, asking("crowd", nil, object{"resources": object{"requests": amounts, "limits": amounts}}))
		}},
		{name: "both: ports", n: 60, build: func(n int) job {
			template := templateOf("ports", adding(object{"ports": times(n, func(i int) any { return object{"containerPort": 30000 + i} })}))
			return underTemplate(template, asking("ports", nil, object{"containers": []any{with(app(0), object{"ports": ports(n)})}}))
		}},
		{name: "both: containers", n: 40, build: func(n int) job {
			template := templateOf("crowd", object{"pod": podWith(times(n, func(i int) any {
				return sidecar(i, object{"$position": []any{fmt.Sprintf("after:nobody-%d", i), "before:app-0"}})
			})...)})
			return underTemplate(template, asking("crowd", nil, object{"containers": apps(n)}))
		}},
		{name: "both: volumes", n: 100, build: func(n int) job {
			template := templateOf("volumes", object{"pod": object{"spec": object{"volumes": times(n, func(i int) any {
				return object{"name": fmt.Sprintf("t%d", i), "emptyDir": object{}}
			})}}})
			return underTemplate(template, asking("volumes", nil, object{"volumes": times(n, func(i int) any { return object{"name": fmt.Sprintf("v%d", i), "emptyDir": object{}} })}))
		}},
		{name: "both: labels and annotations", n: 100, build: func(n int) job {
			keys := object{}
			for i := range n {
				keys[fmt.Sprintf("t%d", i)] = "v"
			}
			template := templateOf("keys", object{"pod": object{"metadata": object{"labels": keys, "annotations": keys}}})
			own := object{}
			for i := range n {
				own[fmt.Sprintf("example.com/k%d", i)] = "v"
			}
			return underTemplate(template, asking("keys", own, object{}))
		}},
		{name: "both: fields that expressions read, and annotations", n: 60, build: func(n int) job {
			template := templateOf("reader", object{"pod": object{"metadata": object{"annotations": object{
				"joined": "${" + joined(n, func(i int) string { return fmt.Sprintf("pod.metadata.?annotations.?k%d.orValue('')", i) }, " + ") + "}",
			}}}})
			own := object{}
			for i := range n {
				own[fmt.Sprintf("other%d", i)] = strings.Repeat("v", 20)
			}
			return underTemplate(template, asking("reader", own, object{}))
		}},
		{name: "both: items of each, containers of the pod", n: 40, build: func(n int) job {
			template := templateOf("each", adding(object{"env": []any{object{"$each": "${pod.spec.containers}", "name": "N_${eachIndex}", "value": "${each.name}"}}}))
			return underTemplate(template, asking("each", nil, object{"containers": apps(n)}))
		}},
		{name: "both: an expression over the pod's containers", n: 100, build: func(n int) job {
			template := templateOf("mapping", adding(object{"args": "${pod.spec.containers.map(c, c.name)}"}))
			return underTemplate(template, asking("mapping", nil, object{"containers": apps(n)}))
		}},
		{name: "both: a long parameter in all containers", n: 1600, // regexp changes its way below
			build: func(n int) job {
				return podJob(asking(collector, object{collector + of + "containers": "all", collector + of + "logDir": "/" + strings.Repeat("a", 20*n)}, object{"containers": apps(n)}))
			}},
		{name: "both: templates that match, and labels", n: 600, // each above 64 is an error
			build: func(n int) job {
				var files []byte
				for i := range n {
					spec := object{"app": object{"env": []any{object{"name": fmt.Sprintf("T%d", i), "value": "x"}}}, "match": object{"podSelector": object{}}}
					files = append(append(files, templateOf(fmt.Sprintf("m%d", i), spec)...), "---\n"...)
				}
				pod, labels := asking("", nil, object{}), object{}
				for i := range n {
					labels[fmt.Sprintf("k%d", i)] = "v"
				}
				pod["metadata"].(object)["labels"] = labels
				return underTemplate(files, pod)
			}},
		{name: "both: templates that nearly match", n: 40, build: func(n int) job {
			var files []byte
			for i := range n {
				spec := object{"app": object{"env": []any{object{"name": "T", "value": "x"}}},
					"match": object{"podSelector": object{"matchLabels": object{"k0": "v", fmt.Sprintf("not%d", i): "v"}}}}
				files = append(append(files, templateOf(fmt.Sprintf("m%d", i), spec)...), "---\n"...)
			}
			pod := asking("", nil, object{})
			pod["metadata"].(object)["labels"] = object{"k0": "v"}
			return underTemplate(files, pod)
		}},
		{name: "both: values of a selector, and labels", n: 200, build: func(n int) job {
			template := templateOf("select", object{"app": object{"env": []any{object{"name": "T", "value": "x"}}},
				"match": object{"podSelector": object{"matchExpressions": []any{object{"key": "k0", "operator": "NotIn", "values": texts(n, "v%d")}}}}})
			pod, labels := asking("", nil, object{}), object{}
			for i := range n {
				labels[fmt.Sprintf("k%d", i)] = "w"
			}
			pod["metadata"].(object)["labels"] = labels
			return underTemplate(template, pod)
		}},
	}
}

// joined returns n texts, joined by a separator.
func joined(n int, text func(i int) string, separator string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = text(i)
	}
	return strings.Join(parts, separator)
}
