package offline

import (
	"fmt"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// A fault's place leads to the line that it is about, or as near as there is.
func TestPlacesLeadToLines(t *testing.T) {
	const text = `apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web}
  spec:
    template:
      metadata:
        annotations:
          sidecar-injector.dev/inject: tail
          "we\"ird.sidecar-injector.dev/a~b]": x
      spec:
        containers:
        - name: app
          env: []
        - name: other
          image: x
        volumes:
        - name: data
`
	stream, err := manifest.Parse("in.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	pods, err := stream.Pods()
	if err != nil || len(pods) != 1 {
		t.Fatalf("%d pods, %v", len(pods), err)
	}
	for place, want := range map[string]string{
		`metadata.annotations["sidecar-injector.dev/inject"]`:       "11:11",
		`metadata.annotations["we\"ird.sidecar-injector.dev/a~b]"]`: "12:11",
		`metadata.annotations["tail.sidecar-injector.dev/missing"]`: "10:9",
		`spec.containers[other].image`:                              "18:11",
		`spec.containers[app].env`:                                  "16:11",
		`spec.containers[none]`:                                     "14:9",
		`spec.volumes[data]`:                                        "20:11",
		`spec.initContainers[x]`:                                    "13:7",
		`namespace "shop": metadata.annotations["x"]`:               "4:0",
		`template "tail"`:                                           "4:0",
		``:                                                          "4:0",
		`metadata.annotations["`:                                    "4:0",
		`spec.containers[`:                                          "4:0",
		`spec..containers`:                                          "4:0",
		`metadata.annotations["sidecar-injector.dev/inject"].too.deep`: "11:11",
		`spec.containers[1]`:                                             "17:11",
		`spec.containers[99999999999999999999]`:                          "14:9",
		`metadata.annotations["sidecar-injector.dev/inject"] and a text`: "4:0",
	} {
		line, column := locate(manifest.At(stream.Documents[0].Root, pods[0].Pointer), pods[0].Line, place)
		if got := fmt.Sprintf("%d:%d", line, column); got != want {
			t.Errorf("%s is at %s, want %s", place, got, want)
		}
	}
}
