package main

import (
	"fmt"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// injectedBefore returns the job for a pod with a status annotation set by its author.
func injectedBefore(status object, spec object) job {
	return podJob(asking(collector, object{inject.StatusAnnotation: string(encode(status))}, spec))
}

func texts(n int, format string) []any {
	return times(n, func(i int) any { return fmt.Sprintf(format, i) })
}

// statusLaws are the dimensions of a forged status. It is read up to 64 KiB, so the sizes are below that.
func statusLaws() []law {
	return []law{
		{name: "status: entries", n: 30, build: func(n int) job {
			status := object{}
			for i := range n {
				status[fmt.Sprintf("i%d", i)] = object{"template": "ClusterSidecarTemplate/x", "containers": []any{}}
			}
			return injectedBefore(status, object{})
		}},
		{name: "status: entries, and containers of the pod", n: 30, build: func(n int) job {
			status := object{}
			for i := range n {
				status[fmt.Sprintf("i%d", i)] = object{"template": "ClusterSidecarTemplate/x", "containers": texts(10, fmt.Sprintf("app-%d%%d", i))}
			}
			return injectedBefore(status, object{"containers": apps(10 * n)})
		}},
		{name: "status: containers", n: 1000, build: func(n int) job {
			return injectedBefore(object{"x": object{"containers": texts(n, "app-%d")}}, object{"containers": apps(n)})
		}},
		{name: "status: native sidecars that lost their policy", n: 400, build: func(n int) job {
			return injectedBefore(object{"x": object{"sidecars": texts(n, "app-%d")}}, object{"initContainers": apps(n), "containers": []any{object{"name": "web"}}})
		}},
		{name: "status: volumes", n: 1000, build: func(n int) job {
			return injectedBefore(object{"x": object{"volumes": texts(n, "v%d")}}, object{"volumes": times(n, func(i int) any { return object{"name": fmt.Sprintf("v%d", i)} })})
		}},
		{name: "status: labels", n: 1000, build: func(n int) job {
			pod, labels := asking(collector, object{inject.StatusAnnotation: string(encode(object{"x": object{"labels": texts(n, "k%d")}}))}, object{}), object{}
			for i := range n {
				labels[fmt.Sprintf("k%d", i)] = "v"
			}
			pod["metadata"].(object)["labels"] = labels
			return podJob(pod)
		}},
		{name: "status: indexes of one template", n: 30, build: func(n int) job {
			status := object{}
			for i := range n {
				status[fmt.Sprintf("i%d", i)] = object{"template": "ClusterSidecarTemplate/" + collector, "index": i}
			}
			return injectedBefore(status, object{})
		}},
		{name: "status: no JSON", n: 4000, build: func(n int) job {
			return podJob(asking(collector, object{inject.StatusAnnotation: strings.Repeat("[", n)}, object{}))
		}},
	}
}
