package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// reportLines says in short what became of each workload.
func reportLines(answers []answer, p palette) string {
	if len(answers) == 0 {
		return "nothing to inject: the input holds no pod and no workload\n"
	}
	var b strings.Builder
	for i := range answers {
		a := &answers[i]
		fmt.Fprintf(&b, "%s: %s\n", p.bold(a.title()), summary(a.result, p))
		if ignored := ignoredFaults(a.result); len(ignored) > 1 {
			for _, f := range ignored {
				fmt.Fprintf(&b, "  %s%s, %s: %s\n", prefixed(f.Instance), outcomeText(inject.AdmittedWithout, p), f.Reason, f)
			}
		}
		for _, in := range a.result.Instances {
			if in.Outcome != a.result.Outcome {
				fmt.Fprintf(&b, "  %s: %s, %s: %s\n", in.Name, outcomeText(in.Outcome, p), in.Reason, in.Detail)
			}
		}
	}
	return p.printable(b.String())
}

// summary is the outcome of one pod in a line.
func summary(r *inject.Result, p palette) string {
	text := outcomeText(r.Outcome, p)
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
		return text + ", " + plural(len(ignored), "fault")
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

// ignoredFaults are those for which the pod is admitted without something.
func ignoredFaults(r *inject.Result) []inject.Fault {
	var ignored []inject.Fault
	for _, f := range r.Faults {
		if f.Ignored {
			ignored = append(ignored, f)
		}
	}
	return ignored
}

// prefixed is an instance's name before what is said of it; "" for the request as a whole.
func prefixed(instance string) string {
	if instance == "" {
		return ""
	}
	return instance + ": "
}

// containersText names what an instance adds.
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

func outcomeText(outcome inject.Outcome, p palette) string {
	switch outcome {
	case inject.Injected:
		return p.green("injected")
	case inject.Unchanged:
		return p.green("unchanged: already there")
	case inject.Skipped:
		return p.yellow("skipped")
	case inject.AdmittedWithout:
		return p.yellow("admitted without")
	}
	return p.red(string(outcome))
}

// warningLines are the warnings of all workloads, each with its place.
func warningLines(answers []answer, p palette) string {
	var b strings.Builder
	for i := range answers {
		a := &answers[i]
		for _, w := range a.result.Warnings {
			fmt.Fprintf(&b, "%s %s: %s: %s\n", p.yellow("warning:"), a.at(a.pod.Line, 0), a.title(), w)
		}
		for _, group := range a.misplaced {
			fmt.Fprintf(&b, "%s %s: %s: %s:\n", p.yellow("warning:"), a.at(group.line, group.column), a.title(), group.text())
			for _, line := range snippet(group.keys) {
				fmt.Fprintf(&b, "    %s\n", line)
			}
		}
	}
	return p.printable(b.String())
}

// plural is "1 sidecar", "2 sidecars".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
