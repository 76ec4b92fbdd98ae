package explain

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Trouble describes a problem of a sidecar in an existing pod, and where to read more.
type Trouble struct {
	// Says is the cluster's message about it: the termination message, or why the container does not start or
	// is not ready.
	Says string `json:"says,omitempty"`
	// ExitCode is the exit code of the last run that failed; 0 if there is none. Reason is the cluster's word
	// for that end, such as OOMKilled.
	ExitCode int    `json:"exitCode,omitempty"`
	Reason   string `json:"reason,omitempty"`
	// Log is the command that shows the sidecar's log. LastLine is the last line of the log, if it could be
	// read.
	Log      string `json:"log,omitempty"`
	LastLine string `json:"lastLine,omitempty"`

	// previous is true if the log is that of the previous run of the container.
	previous bool
	// silent is true if the container runs and its status says nothing, unprepared if the pod's containers cannot be
	// created yet: then events tell.
	silent, unprepared bool
}

// containerState is one of waiting, running, terminated.
type containerState struct {
	Reason, Message string
	ExitCode        int
}

// maxSaid is the longest message or line of a log that is shown, in bytes.
const maxSaid = 500

// findTrouble sets Trouble of the sidecars of a live pod. A healthy sidecar that may not be able to read
// the app's files is included, because only its log shows that. Of the other healthy ones the log is noted:
// see SetLastLine.
func (e *Explanation) findTrouble(pod *podFields) {
	e.uid = pod.Metadata.UID
	if pod.Status.Phase == "Failed" && pod.Status.Reason != "" {
		e.endedByCluster(inject.OneLine(pod.Status.Reason, maxSaid), inject.OneLine(strings.TrimSpace(pod.Status.Message), maxSaid))
	}
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
		_, waits := s.State["waiting"]
		switch {
		case t != nil:
		case waits && pod.Status.unprepared():
			t = &Trouble{unprepared: true, Says: fmt.Sprintf("the pod waits for what containers need to be created, such as volumes; kubectl describe pod %s -n %s tells", terminal.ShellWord(e.Name), terminal.ShellWord(e.Namespace))}
		case e.apart(c.Instance):
			t = &Trouble{}
		}
		e.doubtful = e.doubtful || t != nil
		log := fmt.Sprintf("kubectl logs %s -c %s -n %s", terminal.ShellWord(e.Name), terminal.ShellWord(c.Name), terminal.ShellWord(e.Namespace))
		if t == nil {
			if s.Ready && c.Counts {
				c.log = log
			}
			continue
		}
		if !waits || s.RestartCount > 0 {
			t.Log = log
			if t.previous {
				t.Log += " --previous"
			}
		}
		_, runs := s.State["running"]
		t.silent = runs && t.Says == ""
		c.Trouble = t
		if t.ExitCode != 0 && pod.Status.Phase == "Succeeded" {
			e.Warnings = append(e.Warnings, fmt.Sprintf("%s %s, and the pod counts as succeeded all the same: Kubernetes looks at the app's containers only", c.Name, t.ended()))
		}
	}
}

// killed is the exit code of a container that got SIGKILL.
const killed = 128 + 9

// ended says how a container of a pod that is over ended.
func (t *Trouble) ended() string {
	switch {
	case t.Reason == "OOMKilled":
		return fmt.Sprintf("was killed, for it took more memory than its limit (OOMKilled, exit code %d)", t.ExitCode)
	case t.ExitCode == killed:
		return fmt.Sprintf("was killed, for the time that the pod has to end, terminationGracePeriodSeconds, ran out (exit code %d)", t.ExitCode)
	}
	return fmt.Sprintf("ended with exit code %d", t.ExitCode)
}

func (e *Explanation) apart(instance string) bool {
	return slices.ContainsFunc(e.Instances, func(in Instance) bool { return in.Name == instance && len(in.Apart) > 0 })
}

// trouble returns the problem of a container; nil if it is ready and never was restarted, has succeeded, or
// is not due to start yet.
func (s containerStatus) trouble(counts bool) *Trouble {
	if at, ended := s.State["terminated"]; ended {
		if at.ExitCode == 0 {
			return nil
		}
		return &Trouble{Says: lastLine(at.Message), ExitCode: at.ExitCode, Reason: at.Reason}
	}
	last, ended := s.LastState["terminated"]
	at, waits := s.State["waiting"]
	if waits && !ended && (at.Reason == "PodInitializing" || at.Reason == "ContainerCreating" && at.Message == "") {
		return nil // not due to start yet
	}
	t := &Trouble{Says: lastLine(at.Message)}
	if ended {
		t.ExitCode, t.Reason = last.ExitCode, last.Reason
		// What runs and is not ready says itself what is wrong; what is well now does not say why it ended.
		t.previous = waits || last.ExitCode != 0 && s.Ready
		if text := lastLine(last.Message); text != "" {
			t.Says = text
		}
	}
	if !waits && s.RestartCount == 0 && (s.Ready || !counts) {
		return nil
	}
	return t
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
			text := fmt.Sprintf("in pod %s %s %s, at which Kubernetes does not look", terminal.Shown(name), terminal.Shown(s.Name), t.ended())
			switch {
			case t.Says == "":
			case t.ExitCode == killed:
				text += "; before, it said: " + t.Says
			default:
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

// Logs returns the logs that should be read, those of sidecars with a problem first. If they cannot be read,
// Trouble.Log has the command to do so.
func (e *Explanation) Logs() []Log {
	var logs, well []Log
	for _, c := range e.Containers {
		l := Log{Namespace: e.Namespace, Pod: e.Name, Container: c.Name, Bytes: 8 * maxSaid}
		switch t := c.Trouble; {
		case t != nil && t.Log != "":
			l.Previous = t.previous
			logs = append(logs, l)
		case c.log != "":
			well = append(well, l)
		}
	}
	logs = append(logs, well...)
	return logs[:min(len(logs), maxLogs)]
}

// SetLastLine sets the last line of a container's log. Of a healthy sidecar it is shown if another one of the
// pod has a problem, or if it tells of one: a sidecar can be ready and get nothing done.
func (e *Explanation) SetLastLine(container, text string) {
	for i := range e.Containers {
		c := &e.Containers[i]
		switch line := lastLine(text); {
		case c.Name != container || line == "":
		case c.Trouble != nil:
			c.Trouble.LastLine = line
		case c.log != "" && (e.doubtful || complains(line)):
			c.Trouble = &Trouble{Log: c.log, LastLine: line}
		}
	}
}

// complaint matches what programs write when something went wrong.
var complaint = regexp.MustCompile(`(?i)\b(err(or)?s?|fail(s|ed|ure|ing)?|fatal|panic|warn(ing)?|denied|refused|unauthori[sz]ed|forbidden|unreachable|timed ?-?out|` +
	`not (be )?(found|resolved?)|no such|no route|cannot|can't|could not|unable)\b|HTTP/[0-9.]+"? [45][0-9][0-9]\b|\b(status|response|code)\b[^0-9]{0,12}\b[45][0-9][0-9]\b`)

// harmless matches what programs write when nothing did.
var harmless = regexp.MustCompile(`(?i)\b(no|0|without( an?)?) (err(or)?|failure|warning)s?\b|\b(err(or)?|failure|warning|failed|fail)s?"?[:=] ?("?(0|none|null|nil|false)\b|""|'')`)

// complains reports whether a line of a log reads like a problem.
func complains(line string) bool { return complaint.MatchString(harmless.ReplaceAllString(line, "")) }

// trouble writes the problems of an instance's sidecars, and where to read more.
func (w *writer) trouble(in *Instance) {
	for _, c := range w.e.Containers {
		if c.Instance != in.Name || c.Trouble == nil {
			continue
		}
		if t := c.Trouble; t.ExitCode != 0 {
			why := ""
			if t.Reason != "" && t.Reason != "Error" {
				why = " (" + t.Reason + ")"
			}
			w.field("ended", w.Yellow(fmt.Sprintf("%s, with exit code %d%s", c.Name, t.ExitCode, why)))
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
