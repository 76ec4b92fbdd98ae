package main

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// TestWatchTellsOfRowsThatChangeLeaveAndGo follows one watch of missed sidecars.
func TestWatchTellsOfRowsThatChangeLeaveAndGo(t *testing.T) {
	row := func(name, template string, state fleet.State, pods int) *fleet.Row {
		return &fleet.Row{Workload: fleet.Workload{Namespace: "shop", Kind: "Deployment", Name: name}, Instance: "logs", Template: template,
			State: state, Pods: pods, States: map[string]int{state.String(): pods}, Revisions: map[string]int{"": pods}}
	}
	o := &statusOptions{only: []fleet.State{fleet.Missed}, output: outputTable}
	shown := watched{}
	for n, turn := range []struct {
		rows []*fleet.Row
		want []string
	}{
		{[]*fleet.Row{row("pay", "logs", fleet.Missed, 2), row("pay", "old", fleet.Missed, 1), row("web", "logs", fleet.Current, 3)}, []string{"pay missed 2", "pay missed 1"}},
		{[]*fleet.Row{row("pay", "logs", fleet.Missed, 2), row("pay", "old", fleet.Missed, 1), row("web", "logs", fleet.Current, 3)}, nil},
		{[]*fleet.Row{row("pay", "logs", fleet.Missed, 1), row("pay", "old", fleet.Missed, 1), row("web", "logs", fleet.Current, 4)}, []string{"pay missed 1"}},
		{[]*fleet.Row{row("pay", "logs", fleet.Current, 2), row("web", "logs", fleet.Missed, 4)}, []string{"pay current 2", "web missed 4", "pay gone 0"}},
		{[]*fleet.Row{row("pay", "logs", fleet.Restart, 2), row("web", "logs", fleet.Missed, 4)}, nil},
		{nil, []string{"web gone 0"}},
		{nil, nil},
	} {
		var changed []*fleet.Row
		changed, shown = o.changed(shown, turn.rows)
		text, err := o.format(changed, false)
		must(t, err)
		var got []string
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			got = append(got, strings.TrimPrefix(f[1], "deployment/")+" "+f[3]+" "+f[4])
		}
		if strings.Join(got, "; ") != strings.Join(turn.want, "; ") {
			t.Errorf("turn %d shows %q, want %q", n, got, turn.want)
		}
	}
}

// TestAWorkloadIsNamedOnce by -o name, whatever states its sidecars have.
func TestAWorkloadIsNamedOnce(t *testing.T) {
	row := func(name, instance string, state fleet.State) *fleet.Row {
		return &fleet.Row{Workload: fleet.Workload{Namespace: "shop", Kind: "Deployment", Name: name}, Instance: instance, State: state, Pods: 1}
	}
	o := &statusOptions{output: outputName}
	text, err := o.format([]*fleet.Row{row("web", "logs", fleet.Failing), row("pay", "logs", fleet.Missed), row("web", "sync", fleet.Current)}, true)
	if err != nil || string(text) != "deployment/web\ndeployment/pay\n" {
		t.Errorf("%q (%v)", text, err)
	}
}

// TestNothingToDoIsAnEmptyList: in JSON a list is a list, also without an item.
func TestNothingToDoIsAnEmptyList(t *testing.T) {
	kubeconfig := smallCluster(t, nil, nil)
	for command, want := range map[string]string{
		"status":            `"sidecars": []`,
		"rollout --dry-run": `"steps": []`,
		"repair --dry-run":  `"steps": []`,
		"repair":            `"workloads": []`,
	} {
		var out, complaints bytes.Buffer
		args := append([]string{"sidecar-injector"}, strings.Fields(command)...)
		code := run(append(args, "-o", "json", "--kubeconfig", kubeconfig), streams{Out: &out, ErrOut: &complaints})
		if code != 0 || !strings.Contains(out.String(), want) {
			t.Errorf("%s: code %d, %s%s, want %s", command, code, &out, &complaints, want)
		}
	}
}

// stopper is a writer that calls stop when a text is written.
type stopper struct {
	bytes.Buffer
	at   string
	stop func()
}

func (s *stopper) Write(p []byte) (int, error) {
	if strings.Contains(string(p), s.at) {
		s.stop()
	}
	return s.Buffer.Write(p)
}

// TestAWatchThatHasNothingToShowSaysSo stops the watch when it has.
func TestAWatchThatHasNothingToShowSaysSo(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var out bytes.Buffer
	complaints := &stopper{at: "no sidecar is missed, so far\n", stop: stop}
	cmd := newStatusCommand(streams{Out: &out, ErrOut: complaints})
	cmd.SetArgs([]string{"--watch", "--state", "missed", "--kubeconfig", smallCluster(t, nil, nil)})
	if err := cmd.ExecuteContext(ctx); err != nil || out.Len() > 0 || !strings.Contains(complaints.String(), complaints.at) {
		t.Errorf("%v: %s%s", err, &out, complaints)
	}
}

// TestAWatchGoesOnWhenTheAPIServerDoes: of an outage it says once that it began, by each way in which requests
// fail, and that it is over. What it knew before is not gone.
func TestAWatchGoesOnWhenTheAPIServerDoes(t *testing.T) {
	pod := collected(t, "web-1", 1000, statusOf("Running", true, 0, map[string]any{"running": map[string]any{}}, nil))
	kubeconfig := smallCluster(t, map[string]map[string]any{"web-1": pod}, nil)
	away := failing(503, "ServiceUnavailable", "away")
	var lists atomic.Int32
	var pods http.HandlerFunc
	const path = "/api/v1/namespaces/shop/pods"
	behind := inFront(t, kubeconfig, map[string]http.HandlerFunc{path: func(w http.ResponseWriter, r *http.Request) { pods(w, r) }})
	available := proxyTo(t, kubeconfig)
	pods = func(w http.ResponseWriter, r *http.Request) {
		switch n := lists.Add(1); {
		case n == 2, n == 3, n == 6:
			away(w, r)
		case n == 4:
			failing(401, "Unauthorized", "Unauthorized")(w, r)
		default:
			available.ServeHTTP(w, r)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	over := "the cluster can be asked again\n"
	want := "error: the API server cannot answer for now: pods: away; trying again\n" +
		"error: the API server does not know who asks: pods: Unauthorized; trying again\n" +
		over + "error: the API server cannot answer for now: pods: away; trying again\n" + over
	var out bytes.Buffer
	complaints := &stopper{at: over, stop: func() {
		if lists.Load() > 6 {
			stop()
		}
	}}
	o := &statusOptions{output: outputName, rest: func(time.Duration) time.Duration { return 0 }}
	cmd := &cobra.Command{}
	o.add(cmd)
	must(t, cmd.Flags().Parse([]string{"--kubeconfig", behind}))
	must(t, o.watching(ctx, streams{Out: &out, ErrOut: complaints}, palette{}))
	if got := complaints.String(); !strings.HasSuffix(got, want) || strings.Count(got, "error:") != 3 {
		t.Errorf("it says\n%swant\n%s", got, want)
	}
	if got := out.String(); got != "pod/web-1\n" {
		t.Errorf("it shows %q", got)
	}
}
