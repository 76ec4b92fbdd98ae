package inject_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// asking returns a pod with annotations and that many containers, each with the members that more returns.
func asking(t testing.TB, annotations map[string]any, containers int, more func(i int) map[string]any) []byte {
	t.Helper()
	list := make([]any, containers)
	for i := range list {
		c := map[string]any{"name": fmt.Sprintf("c%d", i), "image": "x"}
		if more != nil {
			for k, v := range more(i) {
				c[k] = v
			}
		}
		list[i] = c
	}
	return marshal(t, map[string]any{"metadata": map[string]any{"annotations": annotations}, "spec": map[string]any{"containers": list}})
}

func repeated(n int, item func(i int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = item(i)
	}
	return strings.Join(parts, ", ")
}

const longTemplate = `
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: long}
spec:
  parameters: [{name: text, type: string, default: x}]
  app: {containers: all, env: [{name: "TEXT_${index}", value: "${params.text}"}]}
  pod: {metadata: {annotations: {"example.com/${instance}": b}}}
`

func TestAPodGrowsByNoMoreThanEtcdStores(t *testing.T) {
	set := builtinSet(t, longTemplate)
	pod := asking(t, map[string]any{
		inject.RequestAnnotation:         "long",
		"long.sidecar-injector.dev/text": strings.Repeat("a", 200_000),
	}, 1000, nil)
	result := run(t, set, pod)
	if result.Outcome != inject.Refused || len(result.Faults) != 1 {
		t.Fatalf("%s: %s", result.Outcome, result.Message())
	}
	f := result.Faults[0]
	if f.Reason != inject.BudgetExceeded || !strings.Contains(f.Message, `instance "long" would make the pod grow by at least 1`) || !strings.Contains(f.Message, "1572864") {
		t.Errorf("%+v", f)
	}
	// The check ends at the limit, not after 1,000 containers.
	if result.Work > 100 {
		t.Errorf("work %d", result.Work)
	}
}

func TestAllInstancesTogetherGrowThePod(t *testing.T) {
	annotations, names := map[string]any{}, []string{}
	for i := range 4 {
		name := fmt.Sprintf("i%d", i)
		names = append(names, name+"=long")
		annotations[name+".sidecar-injector.dev/text"] = strings.Repeat("a", 190_000)
	}
	annotations[inject.RequestAnnotation] = strings.Join(names, ",")
	result := run(t, builtinSet(t, longTemplate), asking(t, annotations, 3, nil))
	if result.Outcome != inject.Refused || result.Reason != inject.BudgetExceeded || !strings.Contains(result.Message(), "with what the instances before it add") {
		t.Errorf("%s: %s", result.Outcome, result.Message())
	}
}

// costlyTemplates returns templates that match every pod, each with a cost near the limit of one template.
func costlyTemplates(n int, policy string) string {
	const e = "string(lists.range(5000).map(i, i + 1).size()) + pod.metadata.?labels[?'x'].orValue('')"
	var all []string
	for i := range n {
		annotations := repeated(8, func(k int) string { return fmt.Sprintf(`"example.com/%d-%d": "${%s}"`, i, k, e) })
		all = append(all, fmt.Sprintf(`
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: m%d}
spec: {failurePolicy: %s, match: {podSelector: {}}, pod: {metadata: {annotations: {%s}}}}
`, i, policy, annotations))
	}
	return strings.Join(all, "---")
}

func TestTheExpressionsOfAPodHaveOneBudget(t *testing.T) {
	set := builtinSet(t, costlyTemplates(4, "Ignore"), tinyTemplate)
	pod := asking(t, map[string]any{inject.RequestAnnotation: "tiny"}, 1, nil)
	for _, when := range []string{"rendered", "kept"} {
		result := run(t, set, pod)
		outcomes := map[string]int{}
		for _, in := range result.Instances {
			outcomes[string(in.Outcome)+" "+string(in.Reason)]++
		}
		if result.Instances[0].Outcome != inject.Injected || outcomes["admittedWithout BudgetExceeded"] < 2 || outcomes["injected TemplateMatch"] < 1 {
			t.Errorf("%s: %v", when, outcomes)
		}
		if !result.Allowed() || !strings.Contains(strings.Join(result.Warnings, "\n"), "2000000 units of CEL's work") {
			t.Errorf("%s: %s %q", when, result.Outcome, result.Warnings)
		}
	}
}

func TestWhatAPodMustHaveIsNotStarvedByWhatItMayLack(t *testing.T) {
	must := strings.Replace(tinyTemplate, "spec:\n", "spec:\n  order: 9\n  match: {podSelector: {}}\n  failurePolicy: Fail\n", 1)
	result := run(t, builtinSet(t, costlyTemplates(4, "Ignore"), must), asking(t, nil, 1, nil))
	for _, in := range result.Instances {
		if in.Name == "tiny" && in.Outcome != inject.Injected {
			t.Errorf("%s: %s", in.Outcome, in.Detail)
		}
	}
}

// readingTemplates returns templates that match every pod and read it.
func readingTemplates(n int, read, more string) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: r%d}
spec: {failurePolicy: Ignore, match: {podSelector: {}}, pod: {metadata: {annotations: {"example.com/%d": "${string(%s.size())}"}}}%s}
`, i, i, read, more))
	}
	return strings.Join(all, "---")
}

// TestTemplatesThatReadALargePodLeaveRoomForWhatIsAskedFor checks that an instance is added completely or
// not at all, even if others use up the pod's budget before it is planned.
func TestTemplatesThatReadALargePodLeaveRoomForWhatIsAskedFor(t *testing.T) {
	for _, read := range []string{"pod.spec.containers", "app.env"} {
		set := builtinSet(t, readingTemplates(60, read, ""), tinyTemplate)
		pod := asking(t, map[string]any{inject.RequestAnnotation: "tiny, log-collector"}, 1, func(int) map[string]any {
			env := make([]any, 20_000)
			for i := range env {
				env[i] = map[string]any{"name": fmt.Sprintf("V%d", i), "value": strings.Repeat("x", 40)}
			}
			return map[string]any{"env": env}
		})
		result := run(t, set, pod)
		for _, in := range result.Instances[:2] {
			if in.Outcome != inject.Injected {
				t.Errorf("%s: %s %s: %s", read, in.Name, in.Outcome, in.Detail)
			}
		}
		if !strings.Contains(string(result.Patch()), "preStop") {
			t.Errorf("%s: tiny lacks its hook", read)
		}
		injected, exceeded := 0, 0
		for _, in := range result.Instances[2:] {
			switch {
			case in.Outcome == inject.Injected:
				injected++
			case in.Reason == inject.BudgetExceeded:
				exceeded++
			}
		}
		if injected == 0 || exceeded < 40 || injected+exceeded != 60 {
			t.Errorf("%s: %d injected, %d beyond the budget", read, injected, exceeded)
		}
	}
}

func TestPermissionsHaveABudgetOfTheirOwn(t *testing.T) {
	const costly = `, permissions: [{apiGroups: [""], resources: ["${string(lists.range(5000).map(i, i + 1).size())}"], verbs: [get], resourceNames: ["${string(pod.spec.containers.size())}"]}]`
	set := builtinSet(t, readingTemplates(60, "pod.metadata.name", costly))
	pod := asking(t, map[string]any{"a": "b"}, 1, nil)
	decide := func(permissions bool) *inject.Result {
		result, err := inject.Inject(set, &inject.Settings{}, &inject.Request{Pod: pod, Permissions: permissions, Namespace: enabled})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	asked, unasked := decide(true), decide(false)
	told := 0
	for _, in := range asked.Instances {
		if len(in.Permissions) > 0 {
			told++
		}
	}
	if told == 0 || told > 40 {
		t.Errorf("the permissions of %d of 60 instances are told", told)
	}
	if string(asked.Patch()) != string(unasked.Patch()) || asked.Work != unasked.Work {
		t.Error("to be asked changes the answer")
	}
}

func TestNoMoreInstancesThanAStatusCanList(t *testing.T) {
	var all []string
	for i := range 70 {
		all = append(all, fmt.Sprintf("\napiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: m%02d}\nspec: {match: {podSelector: {}}, pod: {metadata: {annotations: {\"example.com/%d\": x}}}}\n", i, i))
	}
	set := builtinSet(t, strings.Join(all, "---"))
	pod := asking(t, map[string]any{"a": "b"}, 1, nil)
	result := run(t, set, pod)
	injected, exceeded := 0, 0
	for _, in := range result.Instances {
		switch {
		case in.Outcome == inject.Injected:
			injected++
		case in.Reason == inject.BudgetExceeded:
			exceeded++
		}
	}
	if injected != 64 || exceeded != 6 {
		t.Errorf("%d injected, %d too many", injected, exceeded)
	}
	if again := run(t, set, apply(t, pod, result)); len(again.Operations) != 0 {
		t.Errorf("a second injection changes the pod: %s", again.Patch())
	}
}

const wideTemplate = `
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: wide}
spec:
  failurePolicy: %s
  app: {containers: all, env: [%s]}
  pod: {metadata: {annotations: {example.com/a: b}}}
`

func TestWorkThatAPodsBytesDoNotEarnIsAFaultByPolicy(t *testing.T) {
	env := repeated(3000, func(i int) string { return fmt.Sprintf("{name: V%d, value: x}", i) })
	own := make([]any, 3000)
	for i := range own {
		own[i] = map[string]any{"name": fmt.Sprintf("V%d", i)}
	}
	pod := asking(t, map[string]any{inject.RequestAnnotation: "wide"}, 400, func(i int) map[string]any { return map[string]any{"env": own[:min(len(own), 1000)]} })
	for policy, want := range map[string]inject.Outcome{"Fail": inject.Refused, "Ignore": inject.AdmittedWithout} {
		set := builtinSet(t, fmt.Sprintf(wideTemplate, policy, env))
		result := run(t, set, pod)
		if result.Outcome != want || result.Reason != inject.BudgetExceeded {
			t.Errorf("policy %s: %s %s: %s", policy, result.Outcome, result.Reason, result.Message())
		}
		if again := run(t, set, pod); again.Work != result.Work {
			t.Errorf("work %d, then %d", result.Work, again.Work)
		}
	}
	// In a pod of usual size the same template fits.
	if result := run(t, builtinSet(t, fmt.Sprintf(wideTemplate, "Fail", env)), asking(t, map[string]any{inject.RequestAnnotation: "wide"}, 3, nil)); result.Outcome != inject.Injected {
		t.Errorf("%s", result.Message())
	}
}

func TestATooLargeValueIsThePodAuthors(t *testing.T) {
	const sized = `
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: sized}
spec:
  parameters: [{name: size, type: integer, default: 1}, {name: grace, type: integer, default: 5}]
  pod: {metadata: {annotations: {example.com/a: "${string(lists.range(params.size).map(i, lists.range(params.size)).size())}"}}, spec: {terminationGracePeriodSeconds: "${params.grace * 1000000000}"}}
`
	set := builtinSet(t, sized)
	for parameter, value := range map[string]string{"size": "9000", "grace": "9223372036854775807"} {
		key := "sized.sidecar-injector.dev/" + parameter
		result := run(t, set, asking(t, map[string]any{inject.RequestAnnotation: "sized", key: value}, 1, nil))
		if result.Outcome != inject.Refused || result.Reason != inject.BadParameter || result.Faults[0].Place != fmt.Sprintf("metadata.annotations[%q]", key) {
			t.Errorf("%s: %s %s: %s", parameter, result.Outcome, result.Reason, result.Message())
		}
	}
}

func TestATemplateThatMustNotBeMissedIsMissedWithAWarning(t *testing.T) {
	must := strings.Replace(tinyTemplate, "spec:\n", "spec:\n  match: {podSelector: {}}\n  failurePolicy: %s\n", 1)
	pods := map[string]map[string]any{
		"WindowsPod":     {"nodeSelector": map[string]any{"kubernetes.io/os": "windows"}},
		"HostNetwork":    {"hostNetwork": true},
		"NeverCompletes": {"restartPolicy": "Never"},
	}
	for reason, spec := range pods {
		for policy, want := range map[string]int{"Fail": 1, "Ignore": 0} {
			spec["containers"] = []any{map[string]any{"name": "web"}}
			result := run(t, builtinSet(t, fmt.Sprintf(must, policy)), marshal(t, map[string]any{"metadata": map[string]any{}, "spec": spec}))
			if string(result.Reason) != reason || len(result.Warnings) != want {
				t.Errorf("%s, policy %s: %s %q", reason, policy, result.Reason, result.Warnings)
			}
		}
	}
}

func TestAClaimBesideAnUnknownFieldIsAClaim(t *testing.T) {
	const group = `
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: group}
spec: {pod: {spec: {securityContext: {fsGroup: 7}}}}
`
	set := builtinSet(t, group)
	pod := []byte(`{"metadata":{"annotations":{"sidecar-injector.dev/inject":"group"}},"spec":{"containers":[{"name":"app"}],
		"volumes":[{"name":"d","aField":{},"persistentVolumeClaim":{"claimName":"d"},"zField":{"a":"b"}}]}}`)
	for range 20 {
		if result := run(t, set, pod); strings.Contains(string(result.Patch()), "fsGroup") {
			t.Fatalf("a claim's files would change owner: %s", result.Patch())
		}
	}
}

func TestEqualPortsAreOneCause(t *testing.T) {
	ports := make([]any, 20_000)
	for i := range ports {
		ports[i] = map[string]any{"name": "fluent-bit-0", "containerPort": 2020}
	}
	result := run(t, builtinSet(t), asking(t, map[string]any{inject.RequestAnnotation: "log-collector"}, 1, func(int) map[string]any { return map[string]any{"ports": ports} }))
	if n := len(result.Causes()); n != 1 {
		t.Errorf("%d causes", n)
	}
}

func TestManyFaultsAreToldInPart(t *testing.T) {
	same := func(int) map[string]any {
		return map[string]any{"ports": []any{map[string]any{"name": "fluent-bit-0", "containerPort": 9}}}
	}
	result := run(t, builtinSet(t), asking(t, map[string]any{inject.RequestAnnotation: "log-collector"}, 5000, same))
	if n := len(result.Faults); n != 65 {
		t.Errorf("%d faults", n)
	}
	causes := result.Causes()
	if n := len(causes); n != 65 || causes[64].Message != "and 1 more causes" {
		t.Errorf("%d causes, the last %+v", n, causes[n-1])
	}
	if !strings.Contains(result.Message(), "more") {
		t.Errorf("%s", result.Message())
	}
}

// TestManyTemplatesAreComparedWithFewNames: the pod's author chooses how many names are looked for, and the
// number of templates multiplies the cost.
func TestManyTemplatesAreComparedWithFewNames(t *testing.T) {
	for count, want := range map[int]int{1000: 16, 6000: 2, 20_000: 1} {
		set := manyTemplates(count)
		names := repeated(16, func(i int) string { return fmt.Sprintf("i%d=template-0000%dx", i, i%10) })
		result := run(t, set, asking(t, map[string]any{inject.RequestAnnotation: names}, 1, nil))
		suggested := 0
		for _, f := range result.Faults {
			if strings.HasPrefix(f.Fix, "did you mean template-0000") {
				suggested++
			}
		}
		if len(result.Faults) != 16 || suggested != want {
			t.Errorf("of %d templates %d are suggested for %d instances, want %d", count, suggested, len(result.Faults), want)
		}
	}
}

// manyTemplates returns a set of broken templates, whose names can be suggested all the same.
func manyTemplates(n int) *templates.Set {
	entries := make([]templates.Entry, n)
	for i := range entries {
		entries[i] = templates.Entry{Kind: "ClusterSidecarTemplate", Name: fmt.Sprintf("template-%06d", i), Origin: templates.Origin{Source: templates.SourceDirectory, File: "t.yaml"}}
	}
	return templates.NewSet(entries)
}
