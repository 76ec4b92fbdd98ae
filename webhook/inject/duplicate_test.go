package inject_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// TestAMemberGivenTwiceIsNoPod: otherwise the decision and the API server's application of the patch could
// see different pods.
func TestAMemberGivenTwiceIsNoPod(t *testing.T) {
	const asks = `"annotations":{"sidecar-injector.dev/inject":"log-collector"}`
	const app = `"containers":[{"name":"app"}]`
	set := builtinSet(t)
	for place, pod := range map[string]string{
		"metadata":                 `{"metadata":{"labels":{"a":"b"}},"metadata":{` + asks + `},"spec":{` + app + `}}`,
		"spec":                     `{"metadata":{` + asks + `},"spec":{` + app + `},"spec":{"containers":[]}}`,
		"metadata.annotations":     `{"metadata":{` + asks + `,` + asks + `},"spec":{` + app + `}}`,
		"metadata.labels":          `{"metadata":{"labels":{},"labels":{},` + asks + `},"spec":{` + app + `}}`,
		"metadata.labels.a":        `{"metadata":{"labels":{"a":"1","a":"2"},` + asks + `},"spec":{` + app + `}}`,
		`metadata.annotations.key`: `{"metadata":{"annotations":{"key":"x","key":"x"}},"spec":{` + app + `}}`,
		"spec.containers":          `{"metadata":{` + asks + `},"spec":{` + app + `,"containers":[]}}`,
	} {
		_, err := inject.Inject(set, &inject.Settings{}, &inject.Request{Pod: []byte(pod), Namespace: enabled})
		var malformed *inject.MalformedPodError
		if !errors.As(err, &malformed) || !strings.Contains(err.Error(), place+": the member is there twice") {
			t.Errorf("%s: error %v", place, err)
		}
	}
}
