package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/playground"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// shown returns the job of the playground for a pod: the decision, its explanation, the diff and all values.
func shown(pod []byte) job {
	set, _ := setOf(nil)
	request := encode(playground.Request{Pod: string(pod)})
	return job{bytes: len(pod), do: func() (outcome, error) {
		var answer playground.Answer
		if err := json.Unmarshal(playground.NewEngine(set, &inject.Settings{}).AnswerJSON(context.Background(), request), &answer); err != nil {
			return nil, err
		}
		return word(fmt.Sprintf("%.40s%d pods", answer.Error, len(answer.Pods))), nil
	}}
}

// playgroundLaws are the dimensions of a pod that is explained.
func playgroundLaws() []law {
	show := func(name string, n int, pod func(n int) object) law {
		return law{name: "playground: " + name, n: n, build: func(n int) job { return shown(lines(pod(n))) }}
	}
	return []law{
		show("containers", 60, func(n int) object { return collected(object{"containers": apps(n)}) }),
		show("variables", 400, func(n int) object {
			return collected(object{"containers": []any{with(app(0), object{"env": variables(n)})}})
		}),
		show("mounts", 400, func(n int) object {
			return collected(object{"containers": []any{with(app(0), object{"volumeMounts": times(n, func(i int) any {
				return object{"name": "v", "mountPath": fmt.Sprintf("/m/%d", i)}
			})})}})
		}),
		show("containers of the status", 200, func(n int) object {
			return asking(collector, object{inject.StatusAnnotation: `{"x":{"containers":["` + strings.ReplaceAll(strings.ReplaceAll(names(n), "n", "app-"), ",", `","`) + `"]}}`},
				object{"containers": apps(n)})
		}),
	}
}
