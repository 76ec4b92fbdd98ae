package explain

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Trouble describes a problem of a sidecar in an existing pod, and where to read more.
type Trouble struct {
	// Says is the cluster's message about it: the termination message, or why the container does not start.
	Says string `json:"says,omitempty"`
	// ExitCode is the exit code of a container that failed; 0 if it did not end.
	ExitCode int `json:"exitCode,omitempty"`
	// Log is the command that shows the sidecar's log. LastLine is the last line of the log, if it could be
	// read.
	Log      string `json:"log,omitempty"`
	LastLine string `json:"lastLine,omitempty"`

	// previous is true if the log is that of the previous run of the container.
	previous bool
}

// containerState is one of waiting, running, terminated.
type containerState struct {
	Reason, Message string
	ExitCode        int
}

// maxSaid is the longest message or line of a log that is shown, in bytes.
const maxSaid = 500

// findTrouble sets Trouble of the sidecars of a live pod. A healthy sidecar that may not be able to read
// the app's files is included, because only its log shows that.
func (e *Explanation) findTrouble(pod *podFields) {
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
			t = &Trouble{}
		}
		if t == nil {
			continue
		}
		if _, waits := s.State["waiting"]; !waits || s.RestartCount > 0 {
			previous := ""
			if t.previous {
				previous = " --previous"
			}
			t.Log = fmt.Sprintf("kubectl logs %s -c %s -n %s%s", terminal.ShellWord(e.Name), terminal.ShellWord(c.Name), terminal.ShellWord(e.Namespace), previous)
		}
		c.Trouble = t
		if t.ExitCode != 0 && pod.Status.Phase == "Succeeded" {
			e.Warnings = append(e.Warnings, fmt.Sprintf("%s ended with exit code %d, and the pod counts as succeeded all the same: Kubernetes looks at the app's containers only", c.Name, t.ExitCode))
		}
	}
}

func (e *Explanation) apart(instance string) bool {
	return slices.ContainsFunc(e.Instances, func(in Instance) bool { return in.Name == instance && len(in.Apart) > 0 })
}

// trouble returns the problem of a container; nil if it is ready, has succeeded, or is not due to start
// yet.
func (s containerStatus) trouble(counts bool) *Trouble {
	if at, ended := s.State["terminated"]; ended {
		if at.ExitCode == 0 {
			return nil
		}
		return &Trouble{Says: lastLine(at.Message), ExitCode: at.ExitCode}
	}
	if at, waits := s.State["waiting"]; waits {
		if at.Reason == "PodInitializing" || at.Reason == "ContainerCreating" && at.Message == "" {
			return nil // not due to start yet
		}
		t := &Trouble{Says: lastLine(at.Message)}
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
	return &Trouble{}
}

// BadEnds returns a sentence for each sidecar that failed in a pod that has ended. ours reports whether a
// container is a sidecar.
func BadEnds(pod []byte, name string, ours func(container string) bool) []string {
	var fields podFields
	if json.Unmarshal(pod, &fields) != nil {
		return nil // an unreadable pod is reported where it is explained
	}
	var ends []string
	for _, s := range slices.Concat(fields.Status.InitContainerStatuses, fields.Status.ContainerStatuses) {
		if t := s.trouble(true); t != nil && t.ExitCode != 0 && ours(s.Name) {
			text := fmt.Sprintf("in pod %s %s ended with exit code %d, at which Kubernetes does not look", terminal.Shown(name), terminal.Shown(s.Name), t.ExitCode)
			if t.Says != "" {
				text += ": " + t.Says
			}
			ends = append(ends, text)
		}
	}
	return ends
}

// lastLine returns the last non-empty line of a text.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return inject.OneLine(strings.TrimSpace(lines[len(lines)-1]), maxSaid)
}

// Log identifies a log whose last line is useful for a sidecar with a problem.
type Log struct {
	Namespace, Pod, Container string
	// Previous is true for the log of the previous run of the container.
	Previous bool
	// Bytes is the largest useful length of the line.
	Bytes int64
}

// maxLogs is the largest number of logs that are read for one pod.
const maxLogs = 5

// Logs returns the logs that should be read. If they cannot be read, Trouble.Log has the command to do so.
func (e *Explanation) Logs() []Log {
	var logs []Log
	for _, c := range e.Containers {
		if t := c.Trouble; t != nil && t.Log != "" && len(logs) < maxLogs {
			logs = append(logs, Log{Namespace: e.Namespace, Pod: e.Name, Container: c.Name, Previous: t.previous, Bytes: 8 * maxSaid})
		}
	}
	return logs
}

// SetLastLine sets the last line of a container's log.
func (e *Explanation) SetLastLine(container, text string) {
	for i := range e.Containers {
		if c := &e.Containers[i]; c.Name == container && c.Trouble != nil {
			c.Trouble.LastLine = lastLine(text)
		}
	}
}

// trouble writes the problems of an instance's sidecars, and where to read more.
func (w *writer) trouble(in *Instance) {
	for _, c := range w.e.Containers {
		if c.Instance != in.Name || c.Trouble == nil {
			continue
		}
		if t := c.Trouble; t.ExitCode != 0 {
			w.field("ended", w.Yellow(fmt.Sprintf("%s, with exit code %d", c.Name, t.ExitCode)))
		}
		if c.Trouble.Says != "" {
			w.field("says", c.Trouble.Says)
		}
		if c.Trouble.LastLine != "" && c.Trouble.LastLine != c.Trouble.Says {
			w.field("last line", c.Trouble.LastLine)
		}
		if c.Trouble.Log != "" {
			w.field("log", w.Cyan(c.Trouble.Log))
		}
	}
}
