package explain

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Remedy is one step to get a pod the sidecars that were wanted.
type Remedy struct {
	Text string `json:"text"`
	// Command is a shell command, "" if there is none; Lines are lines of YAML to add, nil if there are
	// none.
	Command string   `json:"command,omitempty"`
	Lines   []string `json:"lines,omitempty"`
}

// remedies returns what can be done, the most likely first.
func remedies(a *offline.Answer) []Remedy {
	var all []Remedy
	for _, group := range a.Misplaced {
		first := group.Keys[0]
		r := Remedy{
			Text:  fmt.Sprintf("in %s, move this from %s to %s:", group.Pod.Document.File, first.Where, first.Belongs),
			Lines: offline.Snippet(group.Keys),
		}
		if a.Live && restarts(group.Pod.Kind) {
			values := map[string]*string{}
			for _, m := range group.Keys {
				values[m.Key] = &m.Value
			}
			r.Command = patchCommand(a, group.Pod, first.Belongs, values)
		}
		all = append(all, r)
	}
	switch a.Result.Reason {
	case inject.NothingRequested:
		if asking := a.Result.Trace.Asking; asking.Declines() && strings.TrimSpace(asking.Hidden) != "" {
			why := fmt.Sprintf("to get what the namespace asks for (%s), remove the annotation", terminal.Cut(asking.Hidden))
			all = append(all, removeFromPod(a, inject.RequestAnnotation, false, why))
		} else if len(a.Misplaced) == 0 && len(a.Result.Instances) == 0 {
			all = append(all, setOnPod(a, inject.RequestAnnotation, "TEMPLATE", false, "ask for a template (sidecar-injector templates list shows the names)"))
		}
		return all
	case inject.NamespaceDisabled, inject.NotEnabled:
		return append(all, labelNamespace(a))
	case inject.PodDisabled:
		return append(all, removeFromPod(a, inject.InjectionLabel, true, "remove the label"))
	case inject.UnknownLabelValue:
		if a.Result.Trace.LabelOn == inject.OnNamespace {
			return append(all, labelNamespace(a))
		}
		return append(all, setOnPod(a, inject.InjectionLabel, "enabled", true, "write enabled or disabled"))
	}
	for _, in := range a.Result.Instances {
		if in.Outcome == inject.Skipped {
			all = append(all, Remedy{Text: in.Name + ": " + in.Reason.Info().Fix})
		}
	}
	for i := range a.Result.Faults {
		f := &a.Result.Faults[i]
		text := f.Fix
		if text == "" {
			text = f.Reason.Info().Fix
			if f.Index >= 0 {
				text = strings.ReplaceAll(text, "TEMPLATE", a.Result.Instances[f.Index].TemplateName)
			}
		}
		all = append(all, Remedy{Text: fmt.Sprintf("%s: %s: %s", a.FaultPlace(f), f.Place, text)})
	}
	return all
}

func labelNamespace(a *offline.Answer) Remedy {
	return Remedy{
		Text:    "enable the namespace; pods that are there already have to be created anew",
		Command: fmt.Sprintf("kubectl label namespace %s %s=enabled --overwrite", terminal.ShellWord(a.Namespace.Name), inject.InjectionLabel),
	}
}

// setOnPod returns the remedy that sets a label or annotation in the pod template.
func setOnPod(a *offline.Answer, key, value string, isLabel bool, why string) Remedy {
	field := offline.PodMetadata(a.Pod, "annotations")
	if isLabel {
		field = offline.PodMetadata(a.Pod, "labels")
	}
	r := Remedy{Text: why + ", in " + a.Pod.Document.File + ":", Lines: offline.Snippet([]inject.Misplaced{{Key: key, Value: value, Belongs: field}})}
	if restarts(a.Pod.Kind) {
		r.Command = patchCommand(a, a.Pod, field, map[string]*string{key: &value})
	}
	return r
}

func removeFromPod(a *offline.Answer, key string, isLabel bool, why string) Remedy {
	field := "annotations"
	if isLabel {
		field = "labels"
	}
	r := Remedy{Text: fmt.Sprintf("%s at %s", why, a.Place(fmt.Sprintf("metadata.%s[%q]", field, key)))}
	if restarts(a.Pod.Kind) {
		r.Command = patchCommand(a, a.Pod, offline.PodMetadata(a.Pod, field), map[string]*string{key: nil})
	}
	return r
}

// restarts reports whether a pod template of the kind can be changed, with the effect that pods are
// recreated. That is not so for a Pod, which is injected only when it is created, and for a Job, whose
// template is immutable.
func restarts(kind string) bool {
	return slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet", "CronJob"}, kind)
}

// patchCommand returns the command that sets keys of a workload in the cluster; a nil value removes the
// key.
func patchCommand(a *offline.Answer, workload manifest.Pod, field string, values map[string]*string) string {
	var patch any = values
	names := strings.Split(field, ".")
	for _, name := range slices.Backward(names) {
		patch = map[string]any{name: patch}
	}
	text, _ := json.Marshal(patch) // maps of strings can always be marshalled
	return fmt.Sprintf("kubectl patch %s %s -n %s --type merge -p %s",
		strings.ToLower(workload.Kind), terminal.ShellWord(offline.Name(workload)), terminal.ShellWord(a.Namespace.Name), terminal.ShellWord(string(text)))
}
