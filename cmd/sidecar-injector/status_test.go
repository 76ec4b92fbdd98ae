package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

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
		if err != nil {
			t.Fatal(err)
		}
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
