package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// trouble is what a sidecar of a pod that exists suffers from, and where more can be read.
type trouble struct {
	// Says is what the cluster says of it: the message of its end, or why it does not start.
	Says string `json:"says,omitempty"`
	// ExitCode is that of a container that has ended badly.
	ExitCode int `json:"exitCode,omitempty"`
	// Log is the command that shows the sidecar's log, LastLine what stands last in it, where
	// somebody may read it.
	Log      string `json:"log,omitempty"`
	LastLine string `json:"lastLine,omitempty"`

	// previous says that the log is that of the container's last start.
	previous bool
}

// containerState is one of waiting, running, terminated.
type containerState struct {
	Reason, Message string
	ExitCode        int
}

// maxSaid is how much is shown of a message or of a line of a log, in bytes.
const maxSaid = 500

// findTrouble looks at each sidecar of a live pod. One that is well, but may not be able to read
// what the app writes, counts too: only its log tells.
func (e *explanation) findTrouble(pod *podFields) {
	statuses := map[string]containerStatus{}
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		statuses[s.Name] = s
	}
	for i := range e.Containers {
		c := &e.Containers[i]
		s, seen := statuses[c.Name]
		if c.Instance == "" || !seen {
			continue
		}
		t := s.trouble(c.Counts)
		if t == nil && e.apart(c.Instance) {
			t = &trouble{}
		}
		if t == nil {
			continue
		}
		if _, waits := s.State["waiting"]; !waits || s.RestartCount > 0 {
			previous := ""
			if t.previous {
				previous = " --previous"
			}
			t.Log = fmt.Sprintf("kubectl logs %s -c %s -n %s%s", shellWord(e.Name), shellWord(c.Name), shellWord(e.Namespace), previous)
		}
		c.Trouble = t
		if t.ExitCode != 0 && pod.Status.Phase == "Succeeded" {
			e.Warnings = append(e.Warnings, fmt.Sprintf("%s ended with exit code %d, and the pod counts as succeeded all the same: Kubernetes looks at the app's containers only", c.Name, t.ExitCode))
		}
	}
}

func (e *explanation) apart(instance string) bool {
	return slices.ContainsFunc(e.Instances, func(in explainedInstance) bool { return in.Name == instance && len(in.Apart) > 0 })
}

// trouble is nil for a container that is ready, or has ended well.
func (s containerStatus) trouble(counts bool) *trouble {
	if at, ended := s.State["terminated"]; ended {
		if at.ExitCode == 0 {
			return nil
		}
		return &trouble{Says: lastLine(at.Message), ExitCode: at.ExitCode}
	}
	if at, waits := s.State["waiting"]; waits {
		if at.Reason == "PodInitializing" || at.Reason == "ContainerCreating" && at.Message == "" {
			return nil // its turn is still to come
		}
		t := &trouble{Says: lastLine(at.Message)}
		if last, ended := s.LastState["terminated"]; ended {
			t.ExitCode, t.previous = last.ExitCode, true
			if text := lastLine(last.Message); text != "" {
				t.Says = text
			}
		}
		return t
	}
	if s.Ready || !counts {
		return nil
	}
	return &trouble{}
}

// badEnds are the sidecars of a pod that is over which ended badly, a sentence each.
func badEnds(pod *live.Pod, standing *live.Standing) []string {
	var fields podFields
	if json.Unmarshal(pod.JSON, &fields) != nil {
		return nil // what cannot be read is told where the pod itself is explained
	}
	var ends []string
	for _, s := range slices.Concat(fields.Status.InitContainerStatuses, fields.Status.ContainerStatuses) {
		ours := slices.ContainsFunc(standing.Decided, func(in inject.Instance) bool {
			return slices.ContainsFunc(in.Containers, func(c inject.AddedContainer) bool { return c.Name == s.Name })
		})
		if t := s.trouble(true); ours && t != nil && t.ExitCode != 0 {
			text := fmt.Sprintf("in pod %s %s ended with exit code %d, at which Kubernetes does not look", live.Shown(pod.Name), live.Shown(s.Name), t.ExitCode)
			if t.Says != "" {
				text += ": " + t.Says
			}
			ends = append(ends, text)
		}
	}
	return ends
}

// lastLine is the last line of a text that has something in it.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return inject.OneLine(strings.TrimSpace(lines[len(lines)-1]), maxSaid)
}

// maxLogs is how many logs are read for one pod.
const maxLogs = 5

// addLogs reads the last line of the log of each sidecar in trouble. Who may not read logs, or
// cannot reach the node, has the command.
func (o *offline) addLogs(ctx context.Context, explanations []*explanation) {
	if o.reader == nil {
		return
	}
	for _, e := range explanations {
		read := 0
		for i := range e.Containers {
			t := e.Containers[i].Trouble
			if t == nil || t.Log == "" || read == maxLogs {
				continue
			}
			read++
			t.LastLine = logLine(ctx, o.reader, e.Namespace, e.Name, e.Containers[i].Name, t.previous)
		}
	}
}

func logLine(ctx context.Context, reader *live.Reader, namespace, pod, container string, previous bool) string {
	lines, bytes := int64(1), int64(8*maxSaid)
	text, err := reader.Client().CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{
		Container: container, Previous: previous, TailLines: &lines, LimitBytes: &bytes,
	}).DoRaw(ctx)
	if err != nil {
		return ""
	}
	return lastLine(string(text))
}

// trouble tells of the sidecars of an instance that are not well, and where to read more.
func (w *explanationWriter) trouble(in *explainedInstance) {
	for _, c := range w.e.Containers {
		if c.Instance != in.Name || c.Trouble == nil {
			continue
		}
		if t := c.Trouble; t.ExitCode != 0 {
			w.field("ended", w.yellow(fmt.Sprintf("%s, with exit code %d", c.Name, t.ExitCode)))
		}
		if c.Trouble.Says != "" {
			w.field("says", c.Trouble.Says)
		}
		if c.Trouble.LastLine != "" && c.Trouble.LastLine != c.Trouble.Says {
			w.field("last line", c.Trouble.LastLine)
		}
		if c.Trouble.Log != "" {
			w.field("log", w.cyan(c.Trouble.Log))
		}
	}
}
