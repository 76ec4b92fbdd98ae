package main

import (
	"fmt"
	"strings"
)

// productLaws are what grows with a template and with a pod, both at once: what one may
// bring to the other is bounded, so that the work does not grow with the product.
func productLaws() []law {
	return []law{
		{"both: variables of a template, containers of a pod", 60, func(n int) job {
			return underTemplate(manyVariables(n), asking("many", nil, object{"containers": apps(n)}))
		}},
		{"both: mounts of a template, containers of a pod", 60, func(n int) job {
			template := templateOf("mounts", object{
				"app": object{"containers": "all", "volumeMounts": times(n, func(i int) any { return object{"name": "v", "mountPath": fmt.Sprintf("/m/%d", i)} })},
				"pod": object{"spec": object{"volumes": []any{object{"name": "v", "emptyDir": object{}}}}},
			})
			return underTemplate(template, asking("mounts", nil, object{"containers": apps(n)}))
		}},
		{"both: ports", 60, func(n int) job {
			template := templateOf("ports", adding(object{"ports": times(n, func(i int) any { return object{"containerPort": 30000 + i} })}))
			return underTemplate(template, asking("ports", nil, object{"containers": []any{with(app(0), object{"ports": ports(n)})}}))
		}},
		{"both: containers", 40, func(n int) job {
			template := templateOf("crowd", object{"pod": podWith(times(n, func(i int) any {
				return sidecar(i, object{"$position": []any{fmt.Sprintf("after:nobody-%d", i), "before:app-0"}})
			})...)})
			return underTemplate(template, asking("crowd", nil, object{"containers": apps(n)}))
		}},
		{"both: volumes", 100, func(n int) job {
			template := templateOf("volumes", object{"pod": object{"spec": object{"volumes": times(n, func(i int) any {
				return object{"name": fmt.Sprintf("t%d", i), "emptyDir": object{}}
			})}}})
			return underTemplate(template, asking("volumes", nil, object{"volumes": times(n, func(i int) any { return object{"name": fmt.Sprintf("v%d", i), "emptyDir": object{}} })}))
		}},
		{"both: labels and annotations", 100, func(n int) job {
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
		{"both: fields that expressions read, and annotations", 60, func(n int) job {
			template := templateOf("reader", object{"pod": object{"metadata": object{"annotations": object{
				"joined": "${" + joined(n, func(i int) string { return fmt.Sprintf("pod.metadata.?annotations.?k%d.orValue('')", i) }, " + ") + "}",
			}}}})
			own := object{}
			for i := range n {
				own[fmt.Sprintf("other%d", i)] = strings.Repeat("v", 20)
			}
			return underTemplate(template, asking("reader", own, object{}))
		}},
		{"both: items of each, containers of the pod", 40, func(n int) job {
			template := templateOf("each", adding(object{"env": []any{object{"$each": "${pod.spec.containers}", "name": "N_${eachIndex}", "value": "${each.name}"}}}))
			return underTemplate(template, asking("each", nil, object{"containers": apps(n)}))
		}},
		{"both: an expression over the pod's containers", 100, func(n int) job {
			template := templateOf("mapping", adding(object{"args": "${pod.spec.containers.map(c, c.name)}"}))
			return underTemplate(template, asking("mapping", nil, object{"containers": apps(n)}))
		}},
		{"both: a long parameter in all containers", 100, func(n int) job {
			return podJob(asking(collector, object{collector + of + "containers": "all", collector + of + "logDir": "/" + strings.Repeat("a", 20*n)}, object{"containers": apps(n)}))
		}},
		{"both: templates that match, and labels", 40, func(n int) job {
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
		{"both: templates that nearly match", 40, func(n int) job {
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
		{"both: values of a selector, and labels", 200, func(n int) job {
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

// joined is n texts with a separator between them.
func joined(n int, text func(i int) string, separator string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = text(i)
	}
	return strings.Join(parts, separator)
}
