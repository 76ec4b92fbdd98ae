package webhook_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/webhook"
)

func TestTemplateLabelTakesNamesOfLoadedTemplatesOnly(t *testing.T) {
	e := newEdge(t, withTemplates(tail+"---\napiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: wrong}\nspec: {nonsense: 1}\n")).serve()
	e.post(review(asking("tail")))
	for i := range 50 {
		e.post(review(asking(fmt.Sprintf("made-up-%d, x%d=tail, wrong, y%d=Not A Name", i, i, i))))
	}
	families, err := e.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "template" {
					names[label.GetValue()] = true
				}
			}
		}
	}
	if diff := cmp.Diff(map[string]bool{"": true, "tail": true, "unknown": true}, names); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotBeReadOfARequestIsCountedBesideWhatCan(t *testing.T) {
	e := newEdge(t, withTemplates(tail)).serve()
	e.post(review(asking("tail, two=tail, two=other, , ")))
	for template, want := range map[string]float64{"unknown": 3, "": 0} {
		if got := e.count("sidecar_injector_decisions_total", "outcome", "refused", "reason", "BadRequest", "template", template); got != want {
			t.Errorf("template %q: %v faults of the request are counted, want %v", template, got, want)
		}
	}
}

func TestDecisionsAreTimedAndWhatIsTurnedAwayIsCountedByItself(t *testing.T) {
	e := newEdge(t, nil).serve()
	e.post(review(plainPod))
	e.post([]byte("nonsense"))
	e.reviewTemplate("nonsense")
	if n := e.count("sidecar_injector_admission_duration_seconds"); n != 1 {
		t.Errorf("%v timed, want the one that was decided", n)
	}
	for _, path := range []string{webhook.Path, webhook.TemplatesPath} {
		if n := e.count("sidecar_injector_turned_away_total", "path", path, "code", "400"); n != 1 {
			t.Errorf("%s: %v turned away, want 1", path, n)
		}
	}
}

func TestOneLogLinePerDecisionWithoutValues(t *testing.T) {
	e := newEdge(t, withTemplates(tail)).serve()
	const secret = "hunter2-hunter2"
	pod := strings.Replace(asking("tail, other=tail"), `"annotations":{`, `"annotations":{"tail.sidecar-injector.dev/token":"`+secret+`","tail.sidecar-injector.dev/tokn":"`+secret+`",`, 1)
	e.post(review(pod))
	pod = strings.Replace(asking("tail, other=tail"), `"annotations":{`, `"annotations":{"tail.sidecar-injector.dev/token":"`+secret+`",`, 1)
	response := e.post(review(pod)).response(t)

	lines := e.logs.FilterMessage("pod decided").All()
	if len(lines) != 2 {
		t.Fatalf("%d lines for 2 decisions", len(lines))
	}
	fields := lines[1].ContextMap()
	for field, want := range map[string]any{
		"namespace": "shop", "name": "", "generateName": "web-", "uid": uid,
		"outcome": "injected", "reason": "Annotation", "dryRun": false,
	} {
		if fields[field] != want {
			t.Errorf("%s: %v, want %v", field, fields[field], want)
		}
	}
	if _, timed := fields["duration"].(time.Duration); !timed {
		t.Errorf("duration: %v", fields["duration"])
	}
	if instances := fmt.Sprint(fields["instances"]); !strings.Contains(instances, "tail=tail@") || !strings.Contains(instances, "token") || !strings.Contains(instances, "other=tail@") {
		t.Errorf("instances: %s", instances)
	}
	for _, line := range e.logs.All() {
		if text := fmt.Sprint(line.Message, line.ContextMap()); strings.Contains(text, secret) {
			t.Errorf("a parameter's value is in the log: %s", text)
		}
	}
	audit, err := json.Marshal(response.AuditAnnotations)
	if err != nil || strings.Contains(string(audit), secret) {
		t.Errorf("a parameter's value is in the audit annotations: %s", audit)
	}
}

// TestNamesAreCutInTheLog: the API server validates names after admission, and anybody who reaches the port can
// send any.
func TestNamesAreCutInTheLog(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	e := newEdge(t, withTemplates(tail)).serve()
	for _, pod := range []string{
		strings.Replace(plainPod, `"generateName":"web-"`, `"name":"`+long+`"`, 1),
		strings.Replace(plainPod, "web-", long, 1),
	} {
		e.post(review(pod)).response(t)
	}
	if response := e.post(review(plainPod, uid, long)).response(t); string(response.UID) != long {
		t.Error("the UID is not the one that was sent")
	}
	e.templateResponse(createTemplate(strings.Replace(clusterTemplate("", goodSpec), "extra", long, 1)))
	e.warnings(strings.Replace(createDeployment(`{"metadata":{"labels":7},"spec":{"template":{}}}`), `"name":"web"`, `"name":"`+long+`"`, 1))
	lines := e.logs.All()
	if len(lines) != 5 {
		t.Errorf("%d lines for 5 requests", len(lines))
	}
	for _, line := range lines {
		if text := fmt.Sprint(line.Message, line.ContextMap()); len(text) > 2048 {
			t.Errorf("a line has %d bytes: %.200s", len(text), text)
		}
	}
}

// TestAuditAnnotationsSayWhoAskedAndWhatIsThere: an existing sidecar's revision is that of the status
// annotation, not today's, and the pod's author can write anything there.
func TestAuditAnnotationsSayWhoAskedAndWhatIsThere(t *testing.T) {
	e := newEdge(t, withTemplates(tail+matched)).serve()
	today := setOf(tail).Entries()[0].Template.Revision
	there := func(revision string) string {
		return fmt.Sprintf(`{"tail":{"template":"ClusterSidecarTemplate/tail","revision":%q}}`, revision)
	}
	const request, status, parameter = "sidecar-injector.dev/inject", "sidecar-injector.dev/status", "tail.sidecar-injector.dev/token"
	for name, c := range map[string]struct {
		pod, want string
	}{
		"injected":                {owned(request, "tail", parameter, "s3cret"), "tail=tail@" + today + " injected Annotation parameters token"},
		"there":                   {owned(request, "tail", parameter, "s3cret", status, there("0123456789")), "tail=tail@0123456789 unchanged AlreadyInjected by Annotation parameters token"},
		"there, with a lie":       {owned(request, "tail", status, there("s3cret")), "tail=tail@? unchanged AlreadyInjected by Annotation parameters token"},
		"there, with another lie": {owned(request, "tail", status, there("01234567890123456789")), "tail=tail@? unchanged AlreadyInjected by Annotation parameters token"},
		"unknown":                 {owned(request, "tial"), "tial=tial refused UnknownTemplate by Annotation"},
		"faulty":                  {owned(request, "tail", parameter, "s3cret", "tail.sidecar-injector.dev/tokn", "s3cret"), "tail=tail@" + today + " refused BadParameter by Annotation parameters token"},
		"a match that fails": {strings.Replace(owned(request, "", "matched.sidecar-injector.dev/containers", "s3cret"), `"annotations"`, `"labels":{"match":"this"},"annotations"`, 1),
			"matched=matched@" + setOf(matched).Entries()[0].Template.Revision + " admittedWithout NoTarget by TemplateMatch"},
	} {
		t.Run(name, func(t *testing.T) {
			response := e.post(review(c.pod)).response(t)
			if diff := cmp.Diff(c.want, response.AuditAnnotations["instances"]); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, line := range e.logs.All() {
		if text := fmt.Sprint(line.Message, line.ContextMap()); strings.Contains(text, "s3cret") {
			t.Errorf("a value is in the log: %s", text)
		}
	}
}

func TestAuditAnnotationsAreCut(t *testing.T) {
	e := newEdge(t, nil).serve()
	var names []string
	for i := range 16 {
		names = append(names, fmt.Sprintf("i%d-%s=t%d-%s", i, strings.Repeat("x", 25), i, strings.Repeat("y", 25)))
	}
	response := e.post(review(asking(strings.Join(names, ",")))).response(t)
	for key, value := range response.AuditAnnotations {
		if len(value) > 1024 {
			t.Errorf("%s is %d bytes long", key, len(value))
		}
	}
}

// swapped is a library whose set can be replaced.
type swapped struct{ set *templates.Set }

func (s *swapped) Current() *templates.Set { return s.set }
func (s *swapped) Ready() bool             { return true }

func TestSeriesOfATemplateThatIsGoneAreCollectedOnceMoreAndThenNever(t *testing.T) {
	const tail2 = "\n---\napiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: tail2}\nspec: {pod: {metadata: {labels: {a: b}}}}\n"
	current := &swapped{setOf(tail + tail2)}
	e := newEdge(t, func(o *webhook.Options) { o.Templates = current }).serve()
	e.registry.MustRegister(webhook.NewTemplateCollector(current, times{}, e.handler.Metrics))
	e.post(review(asking("tail, tail2, no-such"))).response(t)
	e.post(review(asking("tail, tail2"))).response(t)
	series := func(template string) float64 {
		return e.count("sidecar_injector_decisions_total", "template", template)
	}
	for range 3 {
		if n := series("tail2"); n != 2 {
			t.Fatalf("%v decisions on a template that is in force", n)
		}
	}
	current.set = setOf(tail)
	e.count("sidecar_injector_decisions_total") // the last collection with the series
	eventually(t, "the template that is gone has no series", func() bool { return series("tail2") == 0 })
	if series("tail") != 2 || series("unknown") != 1 {
		t.Errorf("tail %v, unknown %v", series("tail"), series("unknown"))
	}
	current.set = setOf(tail + tail2)
	e.post(review(asking("tail2"))).response(t)
	if n := series("tail2"); n != 1 {
		t.Errorf("%v decisions after it came back", n)
	}
}

// times are the times at which templates were loaded.
type times map[string]time.Time

func (t times) Loaded() map[string]time.Time { return t }

func TestTemplateMetricsTellStateRevisionAndTime(t *testing.T) {
	good := load.Load(templates.SourceDirectory, "t.yaml", []byte(tail))
	stale := templates.Entry{Name: "stale", Kind: good[0].Kind, Origin: good[0].Origin, Template: good[0].Template,
		Findings: []templates.Finding{{Severity: templates.SeverityError, Reason: templates.YAMLSyntax}}}
	invalid := stale
	invalid.Name, invalid.Template = "invalid", nil
	set := templates.NewSet(append(good, stale, invalid))
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(webhook.NewTemplateCollector(library{set, true}, times{"tail": time.Unix(1700000000, 500e6)}, webhook.NewMetrics(prometheus.NewRegistry())))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&got, family); err != nil {
			t.Fatal(err)
		}
	}
	want := `# HELP sidecar_injector_template_info Always 1, for each template and revision in force.
# TYPE sidecar_injector_template_info gauge
sidecar_injector_template_info{revision="` + good[0].Template.Revision + `",template="tail"} 1
# HELP sidecar_injector_template_last_success_timestamp_seconds When the version of a template that is in force was loaded, in seconds since 1970.
# TYPE sidecar_injector_template_last_success_timestamp_seconds gauge
sidecar_injector_template_last_success_timestamp_seconds{template="tail"} 1.7000000005e+09
# HELP sidecar_injector_templates Templates by state: loaded; stale, which is broken with the last good version in force; invalid, which is broken with none in force.
# TYPE sidecar_injector_templates gauge
sidecar_injector_templates{state="invalid"} 1
sidecar_injector_templates{state="loaded"} 1
sidecar_injector_templates{state="stale"} 1
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}
