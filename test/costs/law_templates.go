package main

import (
	"bytes"
	"fmt"
	"strings"
)

// templateLaws are the dimensions of a template that its author can enlarge.
func templateLaws() []law {
	spec := func(name string, n int, build func(n int) object) law {
		return law{name: "template: " + name, n: n, build: func(n int) job { return loadSpec(build(n)) }}
	}
	bounded := func(l law, why string) law {
		l.bounded = why
		return l
	}
	return []law{
		spec("containers", 50, func(n int) object {
			return object{"pod": podWith(times(n, func(i int) any { return sidecar(i, nil) })...)}
		}),
		spec("containers with positions", 50, func(n int) object {
			return object{"pod": podWith(times(n, func(i int) any {
				return sidecar(i, object{"$position": texts(4, fmt.Sprintf("after:sidecar-%d%%d", i))})
			})...)}
		}),
		spec("positions of a container", 200, func(n int) object { return adding(object{"$position": texts(n, "after:c%d")}) }),
		spec("volumes", 100, func(n int) object {
			return object{"pod": object{"spec": object{"volumes": times(n, func(i int) any { return object{"name": fmt.Sprintf("v%d", i), "emptyDir": object{}} })}}}
		}),
		spec("mounts", 100, func(n int) object {
			more := object{"volumeMounts": times(n, func(i int) any { return object{"name": fmt.Sprintf("v%d", i), "mountPath": fmt.Sprintf("/m/%d", i)} })}
			pod := podWith(sidecar(0, more))
			pod["spec"].(object)["volumes"] = times(n, func(i int) any { return object{"name": fmt.Sprintf("v%d", i), "emptyDir": object{}} })
			return object{"pod": pod}
		}),
		spec("mounts without volumes", 100, func(n int) object {
			return adding(object{"volumeMounts": times(n, func(i int) any { return object{"name": fmt.Sprintf("v%d", i), "mountPath": fmt.Sprintf("/m/%d", i)} })})
		}),
		spec("mounts in a container, without volumes, volumes beside them", 150, func(n int) object {
			pod := podWith(sidecar(0, object{"volumeMounts": times(n, func(i int) any {
				return object{"name": fmt.Sprintf("volume-%d", i), "mountPath": fmt.Sprintf("/m/%d", i)}
			})}))
			pod["spec"].(object)["volumes"] = times(n, func(i int) any { return object{"name": fmt.Sprintf("v%d", i), "emptyDir": object{}} })
			return object{"pod": pod}
		}),
		spec("variables of a container", 200, func(n int) object { return adding(object{"env": variables(n)}) }),
		spec("variables of one name", 200, func(n int) object { return adding(object{"env": same(n, object{"name": "A", "value": "x"})}) }),
		spec("variables of the app", 200, func(n int) object { return object{"app": object{"env": variables(n)}} }),
		spec("ports", 100, func(n int) object { return adding(object{"ports": ports(n)}) }),
		spec("ports that clash", 200, func(n int) object { return adding(object{"ports": same(n, object{"containerPort": 80})}) }),
		spec("words of a command", 400, func(n int) object { return adding(object{"args": texts(n, "w%d")}) }),
		spec("prompts in a command", 100, func(n int) object {
			return adding(object{"args": times(2*n, func(i int) any { return []string{"cmd", "/c"}[i%2] })})
		}),
		spec("shells of Windows in a command", 100, func(n int) object {
			return adding(object{"args": times(2*n, func(i int) any { return []string{"powershell", "-Command"}[i%2] })})
		}),
		spec("shells in a command", 100, func(n int) object {
			return adding(object{"args": times(3*n, func(i int) any { return []string{"sh", "-c", "true"}[i%3] })})
		}),
		spec("shells in a list that an expression makes", 40, func(n int) object {
			s := adding(object{"args": "${[" + joined(n, func(int) string { return `"sh", params.p` }, ", ") + "]}"})
			s["parameters"] = []any{object{"name": "p", "type": "string", "default": ""}}
			return s
		}),
		spec("variables in a command", 100, func(n int) object {
			return adding(object{"env": variables(n), "args": append([]any{"cmd", "/c"}, texts(n, "$(V%d)")...)})
		}),
		spec("a long variable in a command", 300, func(n int) object {
			return adding(object{"env": []any{object{"name": "B", "value": strings.Repeat("x", 50*n)}}, "args": same(n, "$(B)")})
		}),
		spec("variables of variables", 20, func(n int) object {
			return adding(object{"env": times(n, func(i int) any {
				return object{"name": fmt.Sprintf("V%d", i), "value": fmt.Sprintf("$(V%d)$(V%d)", i-1, i-1)}
			}), "args": []any{fmt.Sprintf("$(V%d)", n-1)}})
		}),
		bounded(spec("parameters", 50, func(n int) object { return withParameters(n, object{"type": "string", "default": ""}) }), "a template has at most 200 parameters"),
		bounded(spec("parameters that nothing reads", 50, func(n int) object {
			s := withParameters(n, object{"type": "string", "default": ""})
			s["app"] = object{"env": []any{object{"name": "A", "value": "x"}}}
			return s
		}), "a template has at most 200 parameters"),
		spec("an enum", 200, func(n int) object {
			return oneParameter(object{"type": "string", "default": "e0", "enum": texts(n, "e%d")})
		}),
		spec("an enum of a shell's words", 100, func(n int) object {
			s := oneParameter(object{"type": "string", "default": "e0", "enum": texts(n, "e%d")})
			s["pod"] = podWith(sidecar(0, object{"args": []any{"sh", "-c", "true", "${params.p0}"}}))
			return s
		}),
		spec("an enum, and conditions that ask for other words", 400, func(n int) object {
			s := oneParameter(object{"type": "string", "default": "e0", "enum": texts(n, "e%d")})
			s["pod"] = podWith(sidecar(0, object{"env": times(n, func(i int) any {
				return object{"$when": fmt.Sprintf(`${params.p == "another-%d"}`, i), "name": fmt.Sprintf("V%d", i), "value": "x"}
			})}))
			return s
		}),
		spec("an enum of equal words", 200, func(n int) object {
			return oneParameter(object{"type": "string", "default": "e", "enum": same(n, "e")})
		}),
		spec("a pattern", 100, func(n int) object {
			return oneParameter(object{"type": "string", "default": "", "pattern": strings.Repeat("(a|b)", n)})
		}),
		spec("repetitions in a pattern", 60, func(n int) object {
			return oneParameter(object{"type": "string", "default": "", "pattern": strings.Repeat("a{5}", n)})
		}),
		spec("a long default", 2000, func(n int) object { return oneParameter(object{"type": "string", "default": strings.Repeat("x", n)}) }),
		spec("items of a default", 200, func(n int) object {
			s := oneParameter(object{"type": "list<string>", "default": texts(n, "i%d")})
			s["pod"] = podWith(sidecar(0, object{"args": "${params.p0}"}))
			return s
		}),
		spec("examples", 15, func(n int) object {
			s := oneParameter(object{"type": "string", "default": ""})
			s["examples"] = times(n, func(i int) any {
				return object{"name": fmt.Sprintf("e%d", i), "parameters": object{"p0": fmt.Sprintf("v%d", i)}}
			})
			return s
		}),
		bounded(spec("examples of a long template", 20, func(n int) object {
			s := oneParameter(object{"type": "string", "default": ""})
			s["pod"] = podWith(sidecar(0, object{"args": []any{strings.Repeat("x", 200*n)}}))
			s["examples"] = times(n, func(i int) any { return object{"name": fmt.Sprintf("e%d", i)} })
			return s
		}), "at most 50,000 values are rendered, so that there are at most some 120 examples"),
		bounded(spec("parameters of an example", 50, func(n int) object {
			s := withParameters(n, object{"type": "string", "default": ""})
			values := object{}
			for i := range n {
				values[fmt.Sprintf("p%d", i)] = "v"
			}
			s["examples"] = []any{object{"name": "e", "parameters": values}}
			return s
		}), "a template has at most 200 parameters"),
		spec("containers of the app by name", 200, func(n int) object {
			return object{"app": object{"containers": texts(n, "c%d"), "env": variables(1)}}
		}),
		spec("permissions", 100, func(n int) object {
			s := adding(nil)
			s["permissions"] = times(n, func(i int) any {
				return object{"apiGroups": []any{""}, "resources": []any{fmt.Sprintf("r%d", i)}, "verbs": []any{"get"}}
			})
			return s
		}),
		spec("lists of a permission", 50, func(n int) object {
			s := adding(nil)
			s["permissions"] = []any{object{"apiGroups": texts(n, "g%d"), "resources": texts(n, "r%d"), "verbs": texts(n, "v%d"), "resourceNames": texts(n, "n%d"), "namespaces": texts(n, "s%d")}}
			return s
		}),
		spec("requirements of a selector", 100, func(n int) object {
			return matching(times(n, func(i int) any { return object{"key": fmt.Sprintf("k%d", i), "operator": "Exists"} }))
		}),
		spec("values of a selector", 200, func(n int) object {
			return matching([]any{object{"key": "k", "operator": "In", "values": texts(n, "v%d")}})
		}),
		spec("requirements and values of a selector", 100, func(n int) object {
			return matching(append([]any{object{"key": "a", "operator": "In", "values": texts(n, "v%d")}}, same(2*n, object{"key": "b", "operator": "In", "values": []any{"x"}})...))
		}),
		spec("namespaces of a selector", 200, func(n int) object {
			s := matching([]any{})
			s["match"] = object{"namespaceSelector": object{"matchExpressions": []any{object{"key": "kubernetes.io/metadata.name", "operator": "In", "values": texts(n, "v%d")}}}}
			return s
		}),
		spec("overrides", 200, func(n int) object {
			s := adding(nil)
			s["overrides"] = texts(n, "imagee%d")
			return s
		}),
		spec("supports", 200, func(n int) object {
			s := adding(nil)
			s["supports"] = texts(n, "windowss%d")
			return s
		}),
		spec("a description", 4000, func(n int) object {
			s := adding(nil)
			s["description"] = strings.Repeat("text ", n)
			return s
		}),
		spec("unknown fields", 400, func(n int) object {
			more := object{}
			for i := range n {
				more[fmt.Sprintf("imagee%d", i)] = "x"
			}
			return adding(more)
		}),
		spec("labels and annotations", 200, func(n int) object {
			keys := object{}
			for i := range n {
				keys[fmt.Sprintf("k%d", i)] = "v"
			}
			return object{"pod": object{"metadata": object{"labels": keys, "annotations": keys}}}
		}),
		spec("bad labels", 400, func(n int) object {
			keys := object{}
			for i := range n {
				keys[fmt.Sprintf("not a key %d", i)] = "v"
			}
			return object{"pod": object{"metadata": object{"labels": keys}}}
		}),
		spec("a label of dots", 2000, func(n int) object {
			return object{"pod": object{"metadata": object{"labels": object{strings.Repeat("a.", n): "v"}}}}
		}),
		{name: "template: a spec on one line", n: 200, build: func(n int) job { return loadResource(adding(object{"env": variables(n)})) }},
		{name: "template: surrogates on one line", n: 200, build: func(n int) job {
			text := bytes.ReplaceAll(encode(document("t", adding(object{"env": variables(n)}))), []byte(`"x"`), []byte(`"\ud83d\ude00"`))
			return loadFile(text)
		}},
		{name: "template: templates in a file", n: 20, build: func(n int) job {
			var files []byte
			for i := range n {
				files = append(append(files, templateOf(fmt.Sprintf("t%d", i), adding(object{"env": variables(i%5 + 1)}))...), "---\n"...)
			}
			return loadFile(files)
		}},
		{name: "template: templates of one name", n: 20, build: func(n int) job {
			var files []byte
			for i := range n {
				files = append(append(files, templateOf("t", adding(object{"env": variables(i%3 + 1)}))...), "---\n"...)
			}
			return loadFile(files)
		}},
		{name: "template: canaries of templates that there are not", n: 400, build: func(n int) job { // each is compared with 100,000 names at most
			var files []byte
			for i := range n {
				spec := object{"app": object{"env": variables(1)}}
				files = append(append(files, templateOf(fmt.Sprintf("t%d", i), spec)...), "---\n"...)
				files = append(append(files, templateOf(fmt.Sprintf("c%d", i), with(spec, object{"canary": object{"of": fmt.Sprintf("none%d", i), "percent": 1}}))...), "---\n"...)
			}
			return loadFile(files)
		}},
		{name: "template: keys set twice", n: 200, build: func(n int) job {
			return loadFile(append(templateOf("t", adding(nil)), strings.Repeat("kind: x\n", n)...))
		}},
		{name: "template: a comment for each line", n: 200, build: func(n int) job {
			return loadFile(bytes.ReplaceAll(templateOf("t", adding(object{"env": variables(n)})), []byte("\n"), []byte(" # text\n# text\n")))
		}},
	}
}

// withParameters returns the spec of a template with n parameters that a container reads.
func withParameters(n int, declaration object) object {
	s := adding(object{"args": times(n, func(i int) any { return fmt.Sprintf("${params.p%d}", i) })})
	s["parameters"] = times(n, func(i int) any { return with(object{"name": fmt.Sprintf("p%d", i)}, declaration) })
	return s
}

func oneParameter(declaration object) object { return withParameters(1, declaration) }

// matching returns the spec of a template that selects pods by requirements.
func matching(requirements []any) object {
	return object{"app": object{"env": variables(1)}, "match": object{"podSelector": object{"matchExpressions": requirements}}}
}
