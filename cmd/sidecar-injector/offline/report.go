package offline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Report returns a summary of what is injected into each workload.
func Report(answers []Answer, p terminal.Palette) string {
	if len(answers) == 0 {
		return "nothing to inject: the input holds no pod and no workload\n"
	}
	var b strings.Builder
	for i := range answers {
		a := &answers[i]
		fmt.Fprintf(&b, "%s: %s\n", p.Bold(a.Title()), summary(a.Result, p))
		if ignored := ignoredFaults(a.Result); len(ignored) > 1 {
			for _, f := range ignored {
				fmt.Fprintf(&b, "  %s%s, %s: %s\n", prefixed(f.Instance), OutcomeText(inject.AdmittedWithout, p), f.Reason, f)
			}
		}
		for _, in := range a.Result.Instances {
			if in.Outcome != a.Result.Outcome {
				fmt.Fprintf(&b, "  %s: %s, %s: %s\n", in.Name, OutcomeText(in.Outcome, p), in.Reason, in.Detail)
			}
		}
	}
	return p.Printable(b.String())
}

// summary returns the outcome of one pod in one line.
func summary(r *inject.Result, p terminal.Palette) string {
	text := OutcomeText(r.Outcome, p)
	switch r.Outcome {
	case inject.Injected, inject.Unchanged:
		var names []string
		for _, in := range r.Instances {
			if in.Outcome == r.Outcome {
				names = append(names, in.Name+" ("+containersText(in)+")")
			}
		}
		for i := 0; len(r.Instances) == 0 && i < len(r.Leftovers); i++ { // one of them was repaired
			names = append(names, r.Leftovers[i].Name)
		}
		return text + " " + strings.Join(names, ", ")
	}
	if ignored := ignoredFaults(r); len(ignored) > 1 {
		return text + ", " + terminal.Plural(len(ignored), "fault")
	} else if len(ignored) == 1 {
		return fmt.Sprintf("%s, %s: %s%s", text, ignored[0].Reason, prefixed(ignored[0].Instance), ignored[0])
	}
	detail := r.Detail
	if i := slices.IndexFunc(r.Instances, func(in inject.Instance) bool { return in.Outcome == r.Outcome }); detail == "" && i >= 0 {
		detail = r.Instances[i].Name + ": " + r.Instances[i].Detail
	}
	if detail == "" {
		return fmt.Sprintf("%s, %s", text, r.Reason)
	}
	return fmt.Sprintf("%s, %s: %s", text, r.Reason, detail)
}

// ignoredFaults returns the faults that the policy ignores.
func ignoredFaults(r *inject.Result) []inject.Fault {
	var ignored []inject.Fault
	for _, f := range r.Faults {
		if f.Ignored {
			ignored = append(ignored, f)
		}
	}
	return ignored
}

// prefixed returns an instance's name as a prefix; "" for the request as a whole.
func prefixed(instance string) string {
	if instance == "" {
		return ""
	}
	return instance + ": "
}

// containersText lists the containers that an instance adds.
func containersText(in inject.Instance) string {
	if len(in.Containers) == 0 {
		return "no container"
	}
	names := make([]string, len(in.Containers))
	for i, c := range in.Containers {
		names[i] = c.Name
		if c.Native {
			names[i] = "native sidecar " + c.Name
		}
	}
	return strings.Join(names, ", ")
}

// OutcomeText returns an outcome in words.
func OutcomeText(outcome inject.Outcome, p terminal.Palette) string {
	switch outcome {
	case inject.Injected:
		return p.Green("injected")
	case inject.Unchanged:
		return p.Green("unchanged: already there")
	case inject.Skipped:
		return p.Yellow("skipped")
	case inject.AdmittedWithout:
		return p.Yellow("admitted without")
	}
	return p.Red(string(outcome))
}

// placeIn returns the first place of the pod in a warning, written as in faults, or the field that it is
// about; else the request annotation, or "" if that is not in the pod.
func (a *Answer) placeIn(warning string) string {
	if found := placeText.FindString(warning); found != "" {
		return found
	}
	if found := ofThePod.FindStringSubmatch(warning); found != nil {
		return "spec.containers[" + found[1] + "]"
	}
	requested := annotation(inject.RequestAnnotation)
	for _, about := range []struct{ words, place string }{
		{"the pod has the label " + inject.InjectionLabel, fmt.Sprintf("metadata.labels[%q]", inject.InjectionLabel)},
		{inject.StatusAnnotation + " cannot be read", annotation(inject.StatusAnnotation)},
		{"the pod's restartPolicy is ", "spec.restartPolicy"},
		{"the pod uses the node's network", "spec.hostNetwork"},
		{"the pod runs on Windows", "spec.os"},
		{"the pod runs on Windows", "spec.nodeSelector"},
		{"", requested},
	} {
		if strings.Contains(warning, about.words) && a.has(about.place) {
			return about.place
		}
	}
	return ""
}

func annotation(key string) string { return fmt.Sprintf("metadata.annotations[%q]", key) }

var ofThePod = regexp.MustCompile(`container "([a-z0-9-]+)" of the pod`)

var placeText = regexp.MustCompile(`(?:namespace "[^"]*": )?metadata\.(?:annotations|labels)\["(?:[^"\\]|\\.)*"\]|spec\.(?:initContainers|containers|volumes)\[[^\]]*\](?:\.[a-zA-Z]+)*|spec\.[a-zA-Z]+`)

// Mentions returns warnings about objects that contain one of the injector's keys but no known pod
// template.
func (in *Input) Mentions(p terminal.Palette) string {
	var b strings.Builder
	for _, stream := range in.Streams {
		for _, m := range stream.Mentions() {
			fmt.Fprintf(&b, "%s %s:%d:%d: %s %s: %s stands where this command knows no pod template: nothing is injected here. Where the key reaches the pods, they are injected in the cluster\n",
				p.Yellow("warning:"), m.Document.File, m.Line, m.Column, m.Kind, message.Quote(m.Name), message.Quote(m.Key))
		}
	}
	return p.Printable(b.String())
}

// Warnings returns the warnings of all workloads, with their places.
func Warnings(answers []Answer, p terminal.Palette) string {
	var b strings.Builder
	for i := range answers {
		a := &answers[i]
		for _, w := range a.Result.Warnings {
			fmt.Fprintf(&b, "%s %s: %s: %s\n", p.Yellow("warning:"), a.Place(a.placeIn(w)), a.Title(), w)
		}
		for _, group := range a.Misplaced {
			fmt.Fprintf(&b, "%s %s: %s: %s:\n", p.Yellow("warning:"), a.at(group.line, group.column), a.Title(), group.Text())
			for _, line := range Snippet(group.Keys) {
				fmt.Fprintf(&b, "    %s\n", line)
			}
		}
	}
	return p.Printable(b.String())
}
