package cases

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/pod-security-admission/api"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Runner runs cases.
type Runner struct {
	Set *templates.Set
	// Settings are used for cases without their own.
	Settings *inject.Settings
	// Namespaces are used as given, for cases without their own. Fallback is the namespace of pods that
	// name none.
	Namespaces map[string]inject.Namespace
	Fallback   string
	// Cover, if not nil, records what the cases cover.
	Cover *Cover
}

// Result is the result of one case.
type Result struct {
	Case     *Case
	Answer   *inject.Result
	Failures []Failure
	// After is the injected pod as JSON; nil if the pod is refused or the patch does not apply.
	After []byte
}

// Failure is one expectation that is not met.
type Failure struct {
	// File is the file that states the expectation; Line is 0 if no line does.
	File string
	Line int
	// Message is one sentence; Diff a unified diff, or "".
	Message, Diff string
}

// Run runs one case and compares the result. An error means that the case could not be run, not that it
// failed.
func (r *Runner) Run(c *Case) (*Result, error) {
	settings := r.Settings
	if c.config != nil {
		settings = c.config.Settings()
	}
	request := &inject.Request{Pod: c.pod.JSON, Namespace: r.namespace(c), Owner: inject.OwnerOf(c.pod.APIVersion, c.pod.Kind, c.pod.Name),
		ClaimVolumes: c.pod.ClaimVolumes(), Offline: true, Canary: &c.Spec.Canary}
	if err := r.canary(c, request.Namespace.Name); err != nil {
		return nil, err
	}
	if r.Cover != nil {
		request.Permissions, request.Cover = true, &r.Cover.branches
	}
	answer, err := inject.Inject(r.Set, settings, request)
	if malformed := (*inject.MalformedPodError)(nil); errors.As(err, &malformed) {
		return nil, fmt.Errorf("%s: %w", c.podFile, malformed.Err)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Dir, err)
	}
	if r.Cover != nil {
		r.Cover.note(answer)
	}
	result := &Result{Case: c, Answer: answer}
	result.outcome()
	if !answer.Allowed() {
		if c.want != nil {
			result.fail(c.file(WantFile), 0, "want this pod, got "+result.got())
		}
		result.unsaid()
		return result, nil
	}
	if result.After, err = Applied(c.pod.JSON, answer); err != nil {
		result.fail(c.Dir, 0, err.Error())
		return result, nil
	}
	result.promises(func() (*inject.Result, error) {
		again := *request
		again.Pod, again.Cover = result.After, nil
		return inject.Inject(r.Set, settings, &again)
	})
	return result, result.compare(request.Namespace)
}

// unsaid reports the expectations about the injected pod, where the pod is refused.
func (r *Result) unsaid() {
	spec := r.Case.spec
	if want := r.Case.Spec.Want; want != nil && want.PodSecurity != "" {
		r.fail(spec.file, manifest.Child(manifest.Child(spec.root, "want"), "podSecurity").Line, fmt.Sprintf("Pod Security: want level %s, got a pod that is refused", want.PodSecurity))
	}
	for _, a := range r.Case.Spec.Assert {
		r.fail(spec.file, a.line, cmp.Or(a.Path, a.Expression)+": want an injected pod, got one that is refused")
	}
}

// canary checks that the canary that the case names exists.
func (r *Runner) canary(c *Case, namespace string) error {
	name := c.Spec.Canary
	if name == "" {
		return nil
	}
	if tried, ok := r.Set.Canary(namespace, name); ok && tried.Template != nil {
		return nil
	}
	var names []string
	for _, e := range r.Set.Entries() {
		if t := e.Template; t != nil && t.Canary != nil {
			names = append(names, e.Name)
		}
	}
	hint := message.DidYouMean(name, names, "a canary is a template with spec.canary, among those that the cases are about")
	return c.spec.fault("canary", "there is no canary "+message.Quote(name)+" for the pod", hint)
}

func (r *Runner) namespace(c *Case) inject.Namespace {
	if c.namespace != nil {
		return *c.namespace
	}
	name := c.pod.Namespace
	if name == "" {
		name = r.Fallback
	}
	if n, ok := r.Namespaces[name]; ok {
		return n
	}
	return inject.EnabledNamespace(name)
}

// breaks matches the end of a line with the blanks around it, as in an expression of several lines.
var breaks = regexp.MustCompile(`\s*\n\s*`)

func (r *Result) fail(file string, line int, message string) {
	r.Failures = append(r.Failures, Failure{File: file, Line: line, Message: breaks.ReplaceAllString(message, " ")})
}

// outcome compares the decision with the one that is expected.
func (r *Result) outcome() {
	want, line := Want{}, 0
	if r.Case.Spec.Want != nil {
		want = *r.Case.Spec.Want
		line = manifest.Child(r.Case.spec.root, "want").Line
	}
	file := r.Case.spec.file
	if file == "" {
		file = r.Case.Dir
	}
	got := r.got()
	switch {
	case want.Outcome != "" && want.Outcome != string(r.Answer.Outcome):
		r.fail(file, line, fmt.Sprintf("want %s, got %s", want.Outcome, got))
	case want.Reason != "" && !slices.Contains(r.reasons(), inject.Reason(want.Reason)):
		r.fail(file, line, fmt.Sprintf("want reason %s, got %s", want.Reason, got))
	case want.Message != "" && !slices.ContainsFunc(r.why(), func(text string) bool { return strings.Contains(text, want.Message) }):
		r.fail(file, line, fmt.Sprintf("want a message with %s, got %s", message.Quote(want.Message), got))
	case !want.decides():
		for _, missing := range r.missing() {
			r.fail(file, line, "want injected, got "+missing.text)
		}
	case want.Outcome != "" && want.Reason == "" && r.broken():
		r.fail(file, line, fmt.Sprintf("want %s because of the pod (reason: %s, if a template's own faults are meant), got %s", want.Outcome, inject.TemplateInvalid, got))
	}
	if want.Warnings != nil {
		r.warnings(*want.Warnings, file, line)
	}
}

// absence is something that was asked for and is not in the pod: the reason, and a description for a failure.
type absence struct {
	reason inject.Reason
	text   string
}

// missing returns what was requested and is not in the pod: the pod as a whole if no sidecar was injected, else
// the instances that it lacks. A case that states no outcome expects that nothing is missing. A template that
// matches the pod without being requested may be left out.
func (r *Result) missing() []absence {
	if !holds(r.Answer.Outcome) {
		return []absence{{r.Answer.Reason, r.got()}}
	}
	var all []absence
	for _, in := range r.Answer.Instances {
		if in.AskedBy == inject.TemplateMatch || holds(in.Outcome) {
			continue
		}
		text := fmt.Sprintf("%s: %s, %s", in.Name, in.Outcome, in.Reason)
		if in.Detail != "" {
			text += ": " + in.Detail
		}
		all = append(all, absence{in.Reason, text})
	}
	return all
}

// got describes the decision.
func (r *Result) got() string {
	text := fmt.Sprintf("%s, %s", r.Answer.Outcome, r.Answer.Reason)
	if why := r.why(); len(why) > 0 {
		text += ": " + strings.Join(why, "; ")
	}
	return text
}

// holds reports whether an outcome fulfils a case that states none.
func holds(outcome inject.Outcome) bool {
	return outcome == inject.Injected || outcome == inject.Unchanged
}

// broken reports whether a fault of a template, rather than the pod, has a part in the decision.
func (r *Result) broken() bool {
	return slices.ContainsFunc(r.Answer.Faults, func(f inject.Fault) bool { return f.Reason == inject.TemplateInvalid }) ||
		slices.Contains(r.reasons(), inject.TemplateInvalid)
}

// reasons returns the reasons of the pod and of each instance.
func (r *Result) reasons() []inject.Reason {
	all := []inject.Reason{r.Answer.Reason}
	for _, in := range r.Answer.Instances {
		all = append(all, in.Reason)
	}
	return all
}

// why returns the details of the pod and of the instances that were not injected.
func (r *Result) why() []string {
	var all []string
	for _, text := range []string{r.Answer.Message(), r.Answer.Detail} {
		if text != "" {
			all = append(all, text)
		}
	}
	for _, in := range r.Answer.Instances {
		if in.Outcome != inject.Injected && in.Outcome != inject.Refused && in.Detail != "" {
			all = append(all, in.Name+": "+in.Detail)
		}
	}
	return all
}

func (r *Result) warnings(wanted []string, file string, line int) {
	for _, want := range wanted {
		if !slices.ContainsFunc(r.Answer.Warnings, func(got string) bool { return strings.Contains(got, want) }) {
			r.fail(file, line, fmt.Sprintf("want a warning with %s, got %s", message.Quote(want), orNone(r.Answer.Warnings)))
		}
	}
	for _, got := range r.Answer.Warnings {
		if !slices.ContainsFunc(wanted, func(want string) bool { return strings.Contains(got, want) }) {
			r.fail(file, line, "want no such warning, got "+got)
		}
	}
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, "; ")
}

// promises checks the properties that hold for every pod.
func (r *Result) promises(again func() (*inject.Result, error)) {
	before := r.Case.pod.JSON
	if text, err := inText(before, r.Answer.Operations); err != nil {
		r.fail(r.Case.Dir, 0, fmt.Sprintf("the pod's text cannot be edited: %v", err))
	} else if !sameJSON(text, r.After) {
		r.fail(r.Case.Dir, 0, "the patch makes another pod than the text does that inject prints")
	}
	own, _ := plainJSON(before)
	now, _ := plainJSON(r.After)
	if place := Lost(own, now); place != "" {
		r.fail(r.Case.Dir, 0, "the pod's own "+strings.TrimPrefix(place, ".")+" is lost or changed")
	}
	for _, fault := range strict(r.After) {
		r.fail(r.Case.Dir, 0, "what comes out is no pod for Kubernetes: "+fault.Error())
	}
	second, err := again()
	switch {
	case err != nil:
		r.fail(r.Case.Dir, 0, fmt.Sprintf("a second injection fails: %v", err))
	case !second.Allowed():
		r.fail(r.Case.Dir, 0, "a second injection is refused: "+second.Message())
	case len(second.Operations) > 0:
		r.fail(r.Case.Dir, 0, "a second injection changes the pod again: "+string(second.Patch()))
	}
	r.security()
}

// security compares the levels of Pod Security before and after.
func (r *Result) security() {
	version := r.Case.Spec.version
	before, _, err := security(r.Case.pod.JSON, version)
	if err != nil {
		return // reported by promises
	}
	after, why, err := security(r.After, version)
	if err != nil {
		return
	}
	file, line, wanted := r.Case.Dir, 0, ""
	if want := r.Case.Spec.Want; want != nil && want.PodSecurity != "" {
		wanted = want.PodSecurity
		file, line = r.Case.spec.file, manifest.Child(manifest.Child(r.Case.spec.root, "want"), "podSecurity").Line
	}
	switch {
	case wanted != "" && api.Level(wanted) != after:
		r.fail(file, line, fmt.Sprintf("Pod Security: want level %s, got %s (before: %s)%s", wanted, after, before, because(why)))
	case wanted == "" && rank(after) < rank(before):
		r.fail(file, line, fmt.Sprintf("Pod Security: want level %s, as before, got %s%s; want.podSecurity: %s in %s says that this is meant", before, after, because(why), after, SpecFile))
	}
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func sameJSON(a, b []byte) bool {
	x, err := program.ObjectFromJSON(a)
	if err != nil {
		return false
	}
	y, err := program.ObjectFromJSON(b)
	return err == nil && equal(x, y)
}

// compare compares the pod with want.yaml and evaluates the assertions.
func (r *Result) compare(namespace inject.Namespace) error {
	after, err := program.ObjectFromJSON(r.After)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Case.Dir, err)
	}
	if r.Case.want != nil {
		if err := r.whole(after); err != nil {
			return err
		}
	}
	in := expression.Activation{NamespaceName: namespace.Name, NamespaceLabels: namespace.Labels, NamespaceAnnotations: namespace.Annotations}
	for i := range r.Case.Spec.Assert {
		a := &r.Case.Spec.Assert[i]
		if text := a.check(after, in); text != "" {
			if a.Message != "" {
				text = strings.TrimSpace(a.Message) + ": " + text
			}
			r.fail(r.Case.spec.file, a.line, text)
		}
	}
	return nil
}
