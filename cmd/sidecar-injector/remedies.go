package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// remedy is one thing to do about a pod that did not get what somebody wanted.
type remedy struct {
	Text string `json:"text"`
	// Command to type, "" if there is none; Lines of YAML to write, nil if there are none.
	Command string   `json:"command,omitempty"`
	Lines   []string `json:"lines,omitempty"`
}

// remedies are what to do, the most likely first.
func remedies(a *answer) []remedy {
	var all []remedy
	for _, group := range a.misplaced {
		first := group.keys[0]
		r := remedy{
			Text:  fmt.Sprintf("in %s, move this from %s to %s:", group.pod.Document.File, first.Where, first.Belongs),
			Lines: snippet(group.keys),
		}
		if a.live && restarts(group.pod.Kind) {
			values := map[string]*string{}
			for _, m := range group.keys {
				values[m.Key] = &m.Value
			}
			r.Command = patchCommand(a, group.pod, first.Belongs, values)
		}
		all = append(all, r)
	}
	switch a.result.Reason {
	case inject.NothingRequested:
		if asking := a.result.Trace.Asking; asking.Declines() && strings.TrimSpace(asking.Hidden) != "" {
			why := fmt.Sprintf("to get what the namespace asks for (%s), remove the annotation", cutText(asking.Hidden))
			all = append(all, removeFromPod(a, inject.RequestAnnotation, false, why))
		} else if len(a.misplaced) == 0 && len(a.result.Instances) == 0 {
			all = append(all, setOnPod(a, inject.RequestAnnotation, "TEMPLATE", false, "ask for a template (sidecar-injector templates list shows the names)"))
		}
		return all
	case inject.NamespaceDisabled, inject.NotEnabled:
		return append(all, labelNamespace(a))
	case inject.PodDisabled:
		return append(all, removeFromPod(a, inject.InjectionLabel, true, "remove the label"))
	case inject.UnknownLabelValue:
		if a.result.Trace.LabelOn == inject.OnNamespace {
			return append(all, labelNamespace(a))
		}
		return append(all, setOnPod(a, inject.InjectionLabel, "enabled", true, "write enabled or disabled"))
	}
	for _, in := range a.result.Instances {
		if in.Outcome == inject.Skipped {
			all = append(all, remedy{Text: in.Name + ": " + fixOf(in.Reason)})
		}
	}
	for _, f := range a.result.Faults {
		text := f.Fix
		if text == "" {
			text = fixOf(f.Reason)
			if f.Index >= 0 {
				text = strings.ReplaceAll(text, "TEMPLATE", a.result.Instances[f.Index].TemplateName)
			}
		}
		all = append(all, remedy{Text: fmt.Sprintf("%s: %s: %s", a.place(f.Place), f.Place, text)})
	}
	return all
}

func fixOf(reason inject.Reason) string {
	for _, info := range inject.Reasons() {
		if info.Reason == reason {
			return info.Fix
		}
	}
	return ""
}

func labelNamespace(a *answer) remedy {
	return remedy{
		Text:    "enable the namespace; pods that are there already have to be created anew",
		Command: fmt.Sprintf("kubectl label namespace %s %s=enabled --overwrite", shellWord(a.namespace.Name), inject.InjectionLabel),
	}
}

// setOnPod adds a label or annotation to the pod template.
func setOnPod(a *answer, key, value string, isLabel bool, why string) remedy {
	field := podMetadata(a.pod.Kind, "annotations")
	if isLabel {
		field = podMetadata(a.pod.Kind, "labels")
	}
	r := remedy{Text: why + ", in " + a.pod.Document.File + ":", Lines: snippet([]inject.Misplaced{{Key: key, Value: value, Belongs: field}})}
	if restarts(a.pod.Kind) {
		r.Command = patchCommand(a, a.pod, field, map[string]*string{key: &value})
	}
	return r
}

func removeFromPod(a *answer, key string, isLabel bool, why string) remedy {
	field := "annotations"
	if isLabel {
		field = "labels"
	}
	r := remedy{Text: fmt.Sprintf("%s at %s", why, a.place(fmt.Sprintf("metadata.%s[%q]", field, key)))}
	if restarts(a.pod.Kind) {
		r.Command = patchCommand(a, a.pod, podMetadata(a.pod.Kind, field), map[string]*string{key: nil})
	}
	return r
}

// restarts says whether a change of the pod template reaches the pods by itself and is
// allowed: a pod is injected when it is created, and a Job's template cannot be changed.
func restarts(kind string) bool {
	return slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet", "CronJob"}, kind)
}

// patchCommand sets keys of a workload in the cluster; a value of nil removes one.
func patchCommand(a *answer, workload manifest.Pod, field string, values map[string]*string) string {
	var patch any = values
	names := strings.Split(field, ".")
	for _, name := range slices.Backward(names) {
		patch = map[string]any{name: patch}
	}
	text, _ := json.Marshal(patch) // maps of strings always can be
	return fmt.Sprintf("kubectl patch %s %s -n %s --type merge -p %s",
		strings.ToLower(workload.Kind), shellWord(shownName(workload)), shellWord(a.namespace.Name), shellWord(string(text)))
}

func shellWord(text string) string { return live.ShellWord(text) }
