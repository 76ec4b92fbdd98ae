package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

const (
	collector = "log-collector"
	// of separates instance and parameter in the names of parameter annotations.
	of = ".sidecar-injector.dev/"
)

// collected returns a pod that requests the built-in log collector in all its containers.
func collected(spec object) object {
	return asking(collector, object{collector + of + "containers": "all"}, spec)
}

// annotated returns the job for a pod with n annotations besides those that request the log collector.
func annotated(n int, key func(i int) string, value string) job {
	annotations := object{}
	for i := range n {
		annotations[key(i)] = value
	}
	return podJob(asking(collector, annotations, object{}))
}

func named(prefix string) func(i int) string {
	return func(i int) string { return fmt.Sprintf("%s%d", prefix, i) }
}

// names returns n names, joined by commas.
func names(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("n%d", i)
	}
	return strings.Join(list, ",")
}

// podLaws are the dimensions of a pod that its author can enlarge.
func podLaws() []law {
	return []law{
		{name: "pod: containers", n: 200, build: func(n int) job { return podJob(asking(collector, nil, object{"containers": apps(n)})) }},
		{name: "pod: containers that are all targets", n: 200, build: func(n int) job { return podJob(collected(object{"containers": apps(n)})) }},
		{name: "pod: containers that are all targets of 16 instances", n: 50, build: func(n int) job {
			annotations := object{}
			var request []string
			for i := range 16 {
				instance := fmt.Sprintf("i%d", i)
				request = append(request, instance+"="+collector)
				annotations[instance+of+"containers"], annotations[instance+of+"logDir"] = "all", fmt.Sprintf("/l%d", i)
			}
			return podJob(asking(strings.Join(request, ","), annotations, object{"containers": apps(n)}))
		}},
		{name: "pod: init containers", n: 400, build: func(n int) job {
			return podJob(asking(collector, nil, object{"initContainers": times(n, func(i int) any { return with(app(i), object{"name": fmt.Sprintf("init-%d", i)}) })}))
		}},
		{name: "pod: native sidecars of its own", n: 400, build: func(n int) job {
			return podJob(asking(collector, nil, object{"initContainers": times(n, func(i int) any {
				return object{"name": fmt.Sprintf("init-%d", i), "image": "x", "restartPolicy": "Always"}
			})}))
		}},
		{name: "pod: volumes", n: 1000, build: func(n int) job {
			return podJob(collected(object{"volumes": times(n, func(i int) any { return object{"name": fmt.Sprintf("v%d", i), "emptyDir": object{}} })}))
		}},
		{name: "pod: volumes, and one that is not there", n: 400, build: func(n int) job {
			return podJob(asking(collector, object{collector + of + "volume": "elsewhere"},
				object{"volumes": times(n, func(i int) any { return object{"name": fmt.Sprintf("v%d", i), "emptyDir": object{}} })}))
		}},
		{name: "pod: mounts of one container", n: 400, build: func(n int) job {
			return podJob(collected(object{"containers": []any{with(app(0), object{"volumeMounts": times(n, func(i int) any {
				return object{"name": fmt.Sprintf("v%d", i), "mountPath": fmt.Sprintf("/m/%d", i)}
			})})}}))
		}},
		{name: "pod: mounts and containers", n: 30, build: func(n int) job {
			return podJob(collected(object{"containers": times(n, func(i int) any {
				return with(app(i), object{"volumeMounts": times(20, func(k int) any {
					return object{"name": "v", "mountPath": fmt.Sprintf("/m/%d", k)}
				})})
			})}))
		}},
		{name: "pod: mounts within one another", n: 200, build: func(n int) job {
			return podJob(collected(object{"containers": []any{with(app(0), object{"volumeMounts": times(n, func(i int) any {
				return object{"name": "v", "readOnly": true, "mountPath": "/var" + strings.Repeat("/", i%7) + fmt.Sprintf("/%d", i)}
			})})}}))
		}},
		{name: "pod: devices of one container", n: 400, build: func(n int) job {
			return podJob(collected(object{"containers": []any{with(app(0), object{"volumeDevices": times(n, func(i int) any {
				return object{"name": fmt.Sprintf("v%d", i), "devicePath": fmt.Sprintf("/d/%d", i)}
			})})}}))
		}},
		{name: "pod: variables of one container", n: 1000, build: func(n int) job {
			return underTemplate(manyVariables(1), asking("many", nil, object{"containers": []any{with(app(0), object{"env": variables(n)})}}))
		}},
		{name: "pod: variables of one container, the template's too", n: 200, build: func(n int) job {
			return underTemplate(manyVariables(n), asking("many", nil, object{"containers": []any{with(app(0), object{"env": variables(n)})}}))
		}},
		{name: "pod: sources of variables", n: 400, build: func(n int) job {
			return podJob(collected(object{"containers": []any{with(app(0), object{"envFrom": same(n, object{"configMapRef": object{"name": "x"}})})}}))
		}},
		{name: "pod: ports", n: 400, build: func(n int) job {
			return podJob(collected(object{"containers": []any{with(app(0), object{"ports": ports(n)})}}))
		}},
		{name: "pod: ports that clash", n: 400, build: func(n int) job {
			return podJob(collected(object{"containers": []any{with(app(0), object{"ports": same(n, object{"name": "fluent-bit-0", "containerPort": 2020})})}}))
		}},
		{name: "pod: ports and containers", n: 60, build: func(n int) job {
			return podJob(collected(object{"containers": times(n, func(i int) any { return with(app(i), object{"ports": ports(8)}) })}))
		}},
		{name: "pod: host aliases, tolerations, pull secrets", n: 400, build: func(n int) job {
			return podJob(collected(object{
				"hostAliases":      times(n, func(i int) any { return object{"ip": fmt.Sprintf("10.0.%d.%d", i/250, i%250), "hostnames": []any{"a"}} }),
				"tolerations":      times(n, func(i int) any { return object{"key": fmt.Sprintf("k%d", i), "operator": "Exists"} }),
				"imagePullSecrets": times(n, func(i int) any { return object{"name": fmt.Sprintf("s%d", i)} }),
			}))
		}},
		{name: "pod: supplemental groups", n: 400, build: func(n int) job {
			return podJob(collected(object{"securityContext": object{"supplementalGroups": times(n, func(i int) any { return i })}}))
		}},
		{name: "pod: node selector", n: 400, build: func(n int) job {
			selector := object{}
			for i := range n {
				selector[fmt.Sprintf("k%d", i)] = "v"
			}
			return podJob(collected(object{"nodeSelector": selector}))
		}},
		{name: "pod: labels", n: 400, build: func(n int) job {
			pod, labels := collected(object{}), object{}
			for i := range n {
				labels[fmt.Sprintf("k%d", i)] = "v"
			}
			pod["metadata"].(object)["labels"] = labels
			return podJob(pod)
		}},
		{name: "pod: annotations", n: 400, build: func(n int) job { return annotated(n, named("example.com/k"), "v") }},
		{name: "pod: a long annotation", n: 4000, build: func(n int) job { return annotated(1, named("example.com/k"), strings.Repeat("é\n\"", n)) }},
		{name: "pod: parameters that nobody asked for", n: 400, build: func(n int) job {
			return annotated(n, func(i int) string { return fmt.Sprintf("other%d%sp", i, of) }, "v")
		}},
		{name: "pod: unknown parameters", n: 400, build: func(n int) job { return annotated(n, named(collector+of+"p"), "v") }},
		{name: "pod: owner references", n: 400, build: func(n int) job {
			pod := collected(object{})
			pod["metadata"].(object)["ownerReferences"] = times(n, func(i int) any {
				return object{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": fmt.Sprintf("r%d", i), "uid": "u", "controller": true}
			})
			return podJob(pod)
		}},
		{name: "pod: managed fields", n: 400, build: func(n int) job {
			pod := collected(object{})
			pod["metadata"].(object)["managedFields"] = same(n, object{"manager": "m", "fieldsV1": object{"f:spec": object{"k:{\"name\":\"x\"}": object{}}}})
			return podJob(pod)
		}},
		{name: "pod: deep", n: 200, build: func(n int) job {
			body := reviewOf(collected(object{"future": "DEEP"}))
			deep := strings.Repeat(`{"a":[`, n) + strings.Repeat(`]}`, n) // deeper than encoding/json writes
			return reviewJob(nil, bytes.Replace(body, []byte(`"DEEP"`), []byte(deep), 1))
		}},
		{name: "pod: entries of the request", n: 400, build: func(n int) job { return podJob(asking(names(n), nil, object{})) }},
		{name: "pod: an entry again and again", n: 16, build: func(n int) job {
			return podJob(asking(strings.TrimSuffix(strings.Repeat(collector+",", n), ","), nil, object{}))
		}},
		{name: "pod: names in containers", n: 400, build: func(n int) job {
			return podJob(asking(collector, object{collector + of + "containers": strings.ReplaceAll(names(n), "n", "app-")}, object{"containers": apps(n)}))
		}},
		{name: "pod: names in containers that are not there", n: 400, build: func(n int) job {
			return podJob(asking(collector, object{collector + of + "containers": names(n)}, object{}))
		}},
		{name: "pod: names that may be evicted", n: 400, build: func(n int) job {
			return annotated(1, func(int) string { return "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes" }, names(n))
		}},
		{name: "pod: override", n: 60, build: func(n int) job {
			return underTemplate(overridable(n), asking("open", object{"open" + of + "override": string(encode(object{"env": variables(n)}))}, object{}))
		}},
		{name: "pod: override, unknown fields", n: 200, build: func(n int) job {
			return podJob(asking(collector, object{collector + of + "override": "{" + strings.ReplaceAll(names(n), ",", ": 1,") + ": 1}"}, object{}))
		}},
		{name: "pod: a long parameter", n: 4000, build: func(n int) job {
			return annotated(1, func(int) string { return collector + of + "logDir" }, "/"+strings.Repeat("a", n))
		}},
		{name: "pod: a long parameter that is no path", n: 4000, build: func(n int) job {
			return annotated(1, func(int) string { return collector + of + "logDir" }, strings.Repeat("../", n))
		}},
		{name: "pod: items of a list", n: 400, build: func(n int) job {
			return underTemplate(listed(1), asking("listed", object{"listed" + of + "items": names(n)}, object{}))
		}},
		{name: "pod: items of a list, the template's enum too", n: 200, build: func(n int) job {
			return underTemplate(listed(n), asking("listed", object{"listed" + of + "items": strings.TrimSuffix(strings.Repeat(fmt.Sprintf("e%d,", n-1), n), ",")}, object{}))
		}},
		{name: "pod: a request that is declined", n: 400, build: func(n int) job {
			pod := asking("", nil, object{"containers": apps(n)})
			pod["metadata"].(object)["labels"] = object{inject.InjectionLabel: "disabled"}
			return podJob(pod)
		}},
	}
}

func ports(n int) []any {
	return times(n, func(i int) any { return object{"name": fmt.Sprintf("p%d", i), "containerPort": 10_000 + i%50_000} })
}

// variables returns n environment variables.
func variables(n int) []any {
	return times(n, func(i int) any { return object{"name": fmt.Sprintf("V%d", i), "value": "x"} })
}
