package chart

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/cel/environment"
)

// validations compiles a policy as the API server of that release does. The returned function evaluates it for the
// values of Kubernetes' own variables, and returns the messages of those validations that refuse the request.
func validations(t *testing.T, policy *admissionregistrationv1.ValidatingAdmissionPolicy, minor uint) func(given map[string]any) []string {
	t.Helper()
	env := environment.MustBaseEnvSet(version.MajorMinor(1, minor)).NewExpressionsEnv()
	declare := func(name string, of *cel.Type) {
		var err error
		env, err = env.Extend(cel.Variable(name, of))
		must(t, err)
	}
	for _, name := range []string{"object", "oldObject", "request"} {
		declare(name, cel.DynType)
	}
	type compiled struct {
		name string
		cel.Program
	}
	compile := func(name, expression string) (compiled, *cel.Type) {
		ast, issues := env.Compile(strings.ReplaceAll(expression, "variables.", "variables_"))
		must(t, issues.Err())
		program, err := env.Program(ast)
		must(t, err)
		return compiled{name, program}, ast.OutputType()
	}
	var variables, conditions []compiled
	for _, v := range policy.Spec.Variables {
		program, of := compile("variables_"+v.Name, v.Expression)
		variables = append(variables, program)
		declare(program.name, of) // its type is that of its expression
	}
	for _, v := range policy.Spec.Validations {
		program, _ := compile(v.Message, v.Expression)
		conditions = append(conditions, program)
	}
	return func(given map[string]any) (messages []string) {
		known := maps.Clone(given)
		for _, v := range variables {
			value, _, err := v.Eval(known)
			must(t, err)
			known[v.name] = value
		}
		for _, v := range conditions {
			value, _, err := v.Eval(known)
			must(t, err)
			if value != types.True {
				messages = append(messages, v.name)
			}
		}
		return messages
	}
}

// TestTheKeeperChangesWhatTheStatusLists and no container that is called like something else in it.
func TestTheKeeperChangesWhatTheStatusLists(t *testing.T) {
	policy := named[*admissionregistrationv1.ValidatingAdmissionPolicy](t, render(t, "--set", "keeper.enabled=true,keeper.rollout=true"), release+"-keeper")
	pod := func(status, name, image string) map[string]any {
		return map[string]any{
			"metadata": map[string]any{"name": "web", "annotations": map[string]any{"sidecar-injector.dev/status": status}},
			"spec": map[string]any{"containers": []any{
				map[string]any{"name": "app", "image": "app:1"},
				map[string]any{"name": name, "image": image},
			}},
		}
	}
	const status = `{"logs":{"template":"SidecarTemplate/shop/own","revision":"c21945fb08","parameters":"e3b0c44298","sidecars":["web-logs","web-more"],"initContainers":["web-once"],"volumes":["sc-logs"],"labels":["team"]},` +
		`"more":{"template":"ClusterSidecarTemplate/b","revision":"1","parameters":"2","containers":["web-plain"]}}`
	for _, minor := range []uint{30, 37} {
		refused := validations(t, policy, minor)
		for name, listed := range map[string]bool{
			"web-logs": true, "web-more": true, "web-once": true, "web-plain": true,
			"logs": false, "template": false, "sidecars": false, "volumes": false, "containers": false, "sc-logs": false, "team": false, "1": false, "web": false, "other": false,
		} {
			request := func(before, after, image string) []string {
				return refused(map[string]any{
					"object": pod(after, name, image), "oldObject": pod(before, name, "x:1"),
					"request": map[string]any{"operation": "UPDATE", "namespace": "shop", "resource": map[string]any{"resource": "pods"}},
				})
			}
			var want []string
			if !listed {
				want = []string{"the injector may change images of containers that the pod's annotation sidecar-injector.dev/status lists, and no others"}
			}
			if diff := cmp.Diff(want, request(status, strings.ReplaceAll(status, "c21945fb08", "9"), "x:2")); diff != "" {
				t.Errorf("1.%d, the image of %s (-want +got):\n%s", minor, name, diff)
			}
			if got := request(strings.ReplaceAll(status, ":[", ": [ "), status, "x:2"); (got == nil) != listed {
				t.Errorf("1.%d, the image of %s, with blanks in the status: %v", minor, name, got)
			}
			if want != nil {
				want = []string{"the injector may list no further containers in the pod's annotation sidecar-injector.dev/status"}
			}
			if diff := cmp.Diff(want, request(status, strings.ReplaceAll(status, "web-logs", name), "x:1")); diff != "" {
				t.Errorf("1.%d, %s in the list (-want +got):\n%s", minor, name, diff)
			}
		}
	}
}
