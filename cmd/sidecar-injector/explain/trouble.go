package explain

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Trouble is what a sidecar of a pod that exists suffers from, and where more can be read.
type Trouble struct {
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

// trouble is nil for a container that is ready, or has ended well.
func (s containerStatus) trouble(counts bool) *Trouble {
	if at, ended := s.State["terminated"]; ended {
		if at.ExitCode == 0 {
			return nil
		}
		return &Trouble{Says: lastLine(at.Message), ExitCode: at.ExitCode}
	}
	if at, waits := s.State["waiting"]; waits {
		if at.Reason == "PodInitializing" || at.Reason == "ContainerCreating" && at.Message == "" {
			return nil // its turn is still to come
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

// BadEnds are the sidecars of a pod that is over which ended badly, a sentence each. ours says which
// containers are sidecars.
func BadEnds(pod []byte, name string, ours func(container string) bool) []string {
	var fields podFields
	if json.Unmarshal(pod, &fields) != nil {
		return nil // what cannot be read is told where the pod itself is explained
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

// lastLine is the last line of a text that has something in it.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return inject.OneLine(strings.TrimSpace(lines[len(lines)-1]), maxSaid)
}

// Log names a log of which the last line tells more about a sidecar in trouble.
type Log struct {
	Namespace, Pod, Container string
	// Previous says that it is the log of the container's last start.
	Previous bool
	// Bytes is how much of the line is of use.
	Bytes int64
}

// maxLogs is how many logs are read for one pod.
const maxLogs = 5

// Logs are those that are worth reading. Whoever cannot read them has the command that does.
func (e *Explanation) Logs() []Log {
	var logs []Log
	for _, c := range e.Containers {
		if t := c.Trouble; t != nil && t.Log != "" && len(logs) < maxLogs {
			logs = append(logs, Log{Namespace: e.Namespace, Pod: e.Name, Container: c.Name, Previous: t.previous, Bytes: 8 * maxSaid})
		}
	}
	return logs
}

// SetLastLine takes the end of a container's log.
func (e *Explanation) SetLastLine(container, text string) {
	for i := range e.Containers {
		if c := &e.Containers[i]; c.Name == container && c.Trouble != nil {
			c.Trouble.LastLine = lastLine(text)
		}
	}
}

// trouble tells of the sidecars of an instance that are not well, and where to read more.
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
