package inject_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// traced has a template of each kind that the trace distinguishes.
const traced = `
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: side}
spec:
  parameters: [{name: level, type: string, default: info}, {name: port, type: port, default: 9000}]
  overrides: [image]
  app: {containers: [app]}
  pod: {spec: {containers: [{name: "${instance}", image: "side:1", env: [{name: LEVEL, value: "${params.level}"}], resources: {requests: {cpu: 1m, memory: 1Mi}}}]}}
---
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: matched}
spec:
  match: {podSelector: {matchLabels: {match: this}}}
  parameters: [{name: level, type: string, default: info}]
  pod: {metadata: {labels: {"from-match": "${params.level}"}}}
---
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: broken}
spec: {nonsense: 1}
`

// tracedPod returns a pod with parts given as JSON: metadata without annotations, and the spec without
// containers.
func tracedPod(metadata, spec string, annotations ...string) []byte {
	var pairs []string
	for i := 0; i < len(annotations); i += 2 {
		pairs = append(pairs, fmt.Sprintf("%q:%q", annotations[i], annotations[i+1]))
	}
	return fmt.Appendf(nil, `{"metadata":{%s"annotations":{%s}},"spec":{%s"containers":[{"name":"app","image":"app"}]}}`, metadata, strings.Join(pairs, ","), spec)
}

const (
	matching  = `"labels":{"match":"this"},`
	request   = inject.RequestAnnotation
	isWindows = `"os":{"name":"windows"},`
	hostNet   = `"hostNetwork":true,`
	mustEnd   = `"restartPolicy":"Never",`
)

// short returns the reasons of rules, with a minus before those that were not passed.
func short(rules []inject.Rule) string {
	var words []string
	for _, r := range rules {
		word := string(r.Reason)
		if !r.Passed {
			word = "-" + word
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestTheTraceOfAPodHasTheRulesUpToTheOneThatSaidNo(t *testing.T) {
	namespace := func(label string, annotations ...string) inject.Namespace {
		n := inject.Namespace{Name: "shop", Labels: map[string]string{}, Annotations: map[string]string{}}
		if label != "" {
			n.Labels[inject.InjectionLabel] = label
		}
		if len(annotations) > 0 {
			n.Annotations[request] = annotations[0]
		}
		return n
	}
	label := func(value string) string { return fmt.Sprintf(`"labels":{%q:%q},`, inject.InjectionLabel, value) }
	const six = "MirrorPod SystemNamespace NamespaceDisabled PodDisabled UnknownLabelValue NotEnabled"
	for name, c := range map[string]struct {
		pod       []byte
		namespace inject.Namespace
		want      string
		labelOn   inject.Holder
		text      string // of the last rule
	}{
		"a mirror pod":                        {tracedPod("", "", "kubernetes.io/config.mirror", ""), namespace("enabled"), "-MirrorPod", "", "the pod mirrors a static pod"},
		"a namespace of the cluster":          {tracedPod("", ""), inject.Namespace{Name: "kube-system"}, "MirrorPod -SystemNamespace", "", "cluster's or the injector's own"},
		"a disabled namespace":                {tracedPod(label("enabled"), ""), namespace("disabled"), "MirrorPod SystemNamespace -NamespaceDisabled", inject.OnNamespace, "has the label"},
		"a disabled pod":                      {tracedPod(label("disabled"), ""), namespace("enabled"), "MirrorPod SystemNamespace NamespaceDisabled -PodDisabled", inject.OnPod, "has the label"},
		"a namespace with another value":      {tracedPod(label("x"), ""), namespace("x"), "MirrorPod SystemNamespace NamespaceDisabled PodDisabled -UnknownLabelValue", inject.OnNamespace, `namespace "shop" has`},
		"a pod with another value":            {tracedPod(label(""), ""), namespace("enabled"), "MirrorPod SystemNamespace NamespaceDisabled PodDisabled -UnknownLabelValue", inject.OnPod, "the pod has"},
		"enabled nowhere":                     {tracedPod("", ""), namespace(""), "MirrorPod SystemNamespace NamespaceDisabled PodDisabled UnknownLabelValue -NotEnabled", "", "neither namespace"},
		"nothing requested":                   {tracedPod("", ""), namespace("enabled"), six + " -NothingRequested", inject.OnNamespace, "no annotation asks"},
		"declined":                            {tracedPod(label("enabled"), "", request, " "), namespace("", "side"), six + " -NothingRequested", inject.OnPod, "declines what its namespace asks for"},
		"an empty annotation that hides none": {tracedPod("", "", request, ""), namespace("enabled"), six + " -NothingRequested", inject.OnNamespace, "asks for nothing"},
		"a namespace's empty annotation":      {tracedPod("", ""), namespace("enabled", ""), six + " -NothingRequested", inject.OnNamespace, "of the namespace is empty"},
		"asked for":                           {tracedPod("", "", request, "side"), namespace("enabled"), six + " NothingRequested", inject.OnNamespace, "a sidecar is asked for"},
		"matched":                             {tracedPod(matching, ""), namespace("enabled"), six + " NothingRequested", inject.OnNamespace, "a template matches"},
		"a request that cannot be read":       {tracedPod("", "", request, "side,,"), namespace("enabled"), six + " NothingRequested -BadRequest -BadRequest", inject.OnNamespace, "empty entry"},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := inject.Inject(tracedSet(t), &inject.Settings{}, &inject.Request{Pod: c.pod, Namespace: c.namespace})
			if err != nil {
				t.Fatal(err)
			}
			rules := result.Rules()
			if diff := cmp.Diff(c.want, short(rules)); diff != "" {
				t.Error(diff)
			}
			if last := rules[len(rules)-1]; !strings.Contains(last.Text, c.text) || result.Trace.LabelOn != c.labelOn {
				t.Errorf("label on %q, last rule %q", result.Trace.LabelOn, last.Text)
			}
			if result.Detail != "" && result.Detail != rules[len(rules)-1].Text {
				t.Errorf("detail %q, last rule %q", result.Detail, rules[len(rules)-1].Text)
			}
		})
	}
}

func TestTheTraceOfAnInstanceHasTheRulesInTheOrderInWhichTheyWereTried(t *testing.T) {
	const fits = "BadParameter NoTarget BadOverride ValidationFailed"
	const found = "AlreadyInjected UnknownTemplate TemplateInvalid"
	const all = found + " WindowsPod HostNetwork " + fits + " TemplateInvalid BadRequest NeverCompletes Conflict"
	status := func(entry string) string { return `{"side":{"template":"ClusterSidecarTemplate/side",` + entry + `}}` }
	for name, c := range map[string]struct {
		pod  []byte
		want []string // by instance
	}{
		"injected":        {tracedPod("", "", request, "side"), []string{all + " Annotation"}},
		"matched":         {tracedPod(matching, ""), []string{"Conflict " + all + " TemplateMatch"}},
		"unknown":         {tracedPod("", "", request, "sid"), []string{"AlreadyInjected -UnknownTemplate"}},
		"broken":          {tracedPod("", "", request, "broken"), []string{"AlreadyInjected UnknownTemplate -TemplateInvalid"}},
		"windows":         {tracedPod("", isWindows, request, "side"), []string{found + " -WindowsPod"}},
		"host network":    {tracedPod("", hostNet, request, "side"), []string{found + " WindowsPod -HostNetwork"}},
		"never completes": {tracedPod("", mustEnd, request, "side"), []string{found + " WindowsPod HostNetwork " + fits + " TemplateInvalid BadRequest -NeverCompletes"}},
		"never completes, and has a fault": {tracedPod("", mustEnd, request, "side", "side.sidecar-injector.dev/port", "x"),
			[]string{found + " WindowsPod HostNetwork NoTarget BadOverride -NeverCompletes"}},
		"several faults": {tracedPod("", "", request, "side", "side.sidecar-injector.dev/port", "x", "side.sidecar-injector.dev/containers", "none-such"),
			[]string{found + " WindowsPod HostNetwork BadOverride NeverCompletes -NoTarget -BadParameter"}},
		"a bad override": {tracedPod("", "", request, "side", "side.sidecar-injector.dev/override", "{name: x}"),
			[]string{found + " WindowsPod HostNetwork BadParameter NoTarget NeverCompletes -BadOverride"}},
		"a conflict with the pod": {tracedPod("", `"initContainers":[{"name":"side"}],`, request, "side"),
			[]string{found + " WindowsPod HostNetwork " + fits + " TemplateInvalid BadRequest NeverCompletes -Conflict"}},
		"there already": {tracedPod("", "", request, "side", inject.StatusAnnotation, status(`"containers":["app"]`)), []string{"-AlreadyInjected"}},
		"there in part": {tracedPod("", "", request, "side", inject.StatusAnnotation, status(`"containers":["app"],"volumes":["gone"]`)), []string{all + " Annotation"}},
		"left out before": {tracedPod("", "", request, "side", inject.StatusAnnotation, status(`"leftOut":"Conflict"`)),
			[]string{"AlreadyInjected -Conflict"}},
		"well, in a pod that is refused":             {tracedPod("", "", request, "side,sid"), []string{all + " Annotation", "AlreadyInjected -UnknownTemplate"}},
		"a match whose name the pod gave to another": {tracedPod(matching, "", request, "matched=side"), []string{all + " Annotation", "-Conflict"}},
		// The fault of the request carries the name of an instance that is not at fault.
		"a match beside an ambiguous entry of its name": {tracedPod(matching, "", request, "matched=side,matched=sid"), []string{"Conflict " + all + " TemplateMatch"}},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := inject.Inject(tracedSet(t), &inject.Settings{}, &inject.Request{Pod: c.pod, Namespace: enabled})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i := range result.Instances {
				got = append(got, short(result.InstanceRules(i)))
				for _, r := range result.InstanceRules(i) {
					if r.Text == "" || r.Reason == inject.InternalError {
						t.Errorf("rule %+v", r)
					}
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheTraceSaysWhoAskedForEachInstance(t *testing.T) {
	set := tracedSet(t)
	for name, c := range map[string]struct {
		pod      []byte
		want     []string
		declines bool
	}{
		"the pod":                                       {tracedPod("", "", request, "side, b=side"), []string{"side Annotation", "b=side Annotation"}, false},
		"its namespace":                                 {tracedPod("", ""), []string{"matched=side NamespaceAnnotation"}, false},
		"both, of which the pod counts":                 {tracedPod("", "", request, "side"), []string{"side Annotation"}, false},
		"the match of a pod that declines":              {tracedPod(matching, "", request, ""), []string{"matched TemplateMatch"}, true},
		"the match of a pod that asks for another":      {tracedPod(matching, "", request, "side"), []string{"side Annotation", "matched TemplateMatch"}, false},
		"the match of a pod whose request is too long":  {tracedPod(matching, "", request, "matched"+strings.Repeat(",x", 70)), []string{"matched TemplateMatch"}, false},
		"the match of a pod that asks for it misspelt":  {tracedPod(matching, "", request, "matched=a b"), []string{"matched TemplateMatch"}, false},
		"the match beside the namespace's of that name": {tracedPod(matching, ""), []string{"matched=side NamespaceAnnotation", "matched TemplateMatch"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := enabled
			namespace.Annotations = map[string]string{request: "matched=side"}
			result, err := inject.Inject(set, &inject.Settings{}, &inject.Request{Pod: c.pod, Namespace: namespace})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, in := range result.Instances {
				text := in.Name
				if in.Name != in.TemplateName {
					text += "=" + in.TemplateName
				}
				got = append(got, text+" "+string(in.AskedBy))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if got := result.Trace.Asking.Declines(); got != c.declines {
				t.Errorf("declines: %v", got)
			}
		})
	}
}

func TestParametersAreToldWhateverBecameOfTheInstance(t *testing.T) {
	const level, port = "side.sidecar-injector.dev/level", "side.sidecar-injector.dev/port"
	both := []string{"level=warn (annotation)", "port=9000 (default)"}
	for name, c := range map[string]struct {
		pod  []byte
		want []string
	}{
		"skipped":              {tracedPod("", hostNet, request, "side", level, "warn"), both},
		"refused for another":  {tracedPod("", "", request, "side,sid", level, "warn"), both},
		"without a target":     {tracedPod("", "", request, "side", level, "warn", "side.sidecar-injector.dev/containers", "x"), both},
		"in conflict":          {tracedPod("", `"initContainers":[{"name":"side"}],`, request, "side", level, "warn"), both},
		"unchanged":            {tracedPod("", "", request, "side", level, "warn", inject.StatusAnnotation, `{"side":{"template":"ClusterSidecarTemplate/side"}}`), both},
		"left out before":      {tracedPod("", "", request, "side", level, "warn", inject.StatusAnnotation, `{"side":{"template":"ClusterSidecarTemplate/side","leftOut":"Conflict"}}`), both},
		"faulty, the good one": {tracedPod("", "", request, "side", level, "warn", port, "x"), both[:1]},
		"unknown":              {tracedPod("", "", request, "side=sid", level, "warn"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			result := run(t, tracedSet(t), c.pod)
			var got []string
			for _, p := range result.Instances[0].Parameters {
				got = append(got, fmt.Sprintf("%s=%s (%s)", p.Name, p.Text, p.Origin))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLeftoversAreWholeAndNobodyAsksForThem(t *testing.T) {
	const status = `{"b":{"template":"ClusterSidecarTemplate/side","revision":"1","containers":["app"]},` +
		`"a":{"template":"SidecarTemplate/shop/gone","revision":"2"},` +
		`"left-out":{"template":"ClusterSidecarTemplate/side","leftOut":"Conflict"},` +
		`"not-there":{"template":"ClusterSidecarTemplate/side","containers":["other"]},` +
		`"elsewhere":{"template":"ClusterSidecarTemplate/side","sidecars":["app"]},` +
		`"asked":{"template":"ClusterSidecarTemplate/side"}}`
	want := []string{"a gone@2 false", "b side@1 true"}
	all := []string{want[0], "asked side@ true", want[1]}
	for name, c := range map[string]struct {
		pod       []byte
		namespace inject.Namespace
		want      []string
	}{
		"beside one that is asked for": {tracedPod("", "", request, "asked=side", inject.StatusAnnotation, status), enabled, want},
		"of a pod that asks for none":  {tracedPod("", "", inject.StatusAnnotation, status), enabled, all},
		"where nothing is enabled":     {tracedPod("", "", inject.StatusAnnotation, status), inject.Namespace{Name: "shop"}, all},
		"of no status":                 {tracedPod("", "", request, "side"), enabled, nil},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := inject.Inject(tracedSet(t), &inject.Settings{}, &inject.Request{Pod: c.pod, Namespace: c.namespace})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range result.Leftovers {
				got = append(got, fmt.Sprintf("%s %s@%s %v", l.Name, l.TemplateName(), l.Revision, l.Today != nil))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func tracedSet(t testing.TB) *templates.Set {
	t.Helper()
	return templates.NewSet(load.Load(templates.SourceDirectory, "t.yaml", []byte(traced)))
}
