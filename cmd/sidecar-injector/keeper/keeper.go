// Package keeper looks after the fleet from inside the cluster: it counts pods by the state of their
// sidecars, again and again. One replica at a time runs it.
package keeper

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Between two rounds it rests for at least pause, and ten times as long as a look at all pods
// took, so that it is never more than a tenth of what the API server and its own processors can do.
const (
	pause   = time.Minute
	resting = 10
)

// answerTime is how long one answer of the API server may take.
const answerTime = 30 * time.Second

// Library has the templates in force.
type Library interface {
	Current() *templates.Set
	Ready() bool
}

// Options are what a keeper works with.
type Options struct {
	Config    *rest.Config
	Templates Library
	Settings  *inject.Settings
	Metrics   *Metrics
	Log       logr.Logger
}

// Keeper looks after the fleet as long as it runs.
type Keeper struct {
	Options
	reader *live.Reader
	noted  int // of the reader's notes, how many are in the log
}

// New makes a keeper; it asks the cluster nothing yet.
func New(o Options) (*Keeper, error) {
	config := rest.CopyConfig(o.Config)
	config.Timeout = answerTime
	reader, err := live.NewReader(config)
	if err != nil {
		return nil, fmt.Errorf("keeper: %w", err)
	}
	return &Keeper{Options: o, reader: reader}, nil
}

// Run works until ctx is done. What fails is logged, counted and tried again in the next round.
func (k *Keeper) Run(ctx context.Context) error {
	defer k.Metrics.forget()
	for {
		wait := time.Second
		if k.Templates.Ready() {
			wait = max(pause, resting*k.round(ctx))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// round looks at all pods once, and says how long that took.
func (k *Keeper) round(ctx context.Context) time.Duration {
	begun := time.Now()
	counts, err := k.count(ctx)
	took := time.Since(begun)
	for _, note := range k.reader.Notes()[k.noted:] {
		k.Log.Info("pods are not seen as they are", "why", note)
		k.noted++
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		k.Metrics.round(inventory, failed)
		k.Log.Error(err, "pods could not be counted")
	default:
		k.Metrics.round(inventory, done)
		k.Metrics.counted(counts, time.Now())
	}
	return took
}

// count counts pods by the state of their worst sidecar, as status shows it.
func (k *Keeper) count(ctx context.Context) (map[fleet.State]int, error) {
	today, scope, err := k.survey(ctx)
	if err != nil {
		return nil, err
	}
	counts := map[fleet.State]int{}
	err = k.reader.Survey(ctx, today, scope, func(seen *live.Seen) error {
		seen.Standing.Obstruct(seen.Budgets)
		worst := fleet.Current
		for n := range seen.Standing.Instances {
			state, _ := seen.Standing.Instances[n].Shown()
			worst = max(worst, state)
		}
		counts[worst]++
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("pods: %w", err)
	}
	return counts, nil
}

// survey is what decides about pods now, and all namespaces.
func (k *Keeper) survey(ctx context.Context) (*fleet.Today, live.Scope, error) {
	namespaces, err := k.reader.Namespaces(ctx)
	if err != nil {
		return nil, live.Scope{}, fmt.Errorf("namespaces: %w", err)
	}
	server, err := k.reader.Server(ctx)
	if err != nil {
		return nil, live.Scope{}, err
	}
	return &fleet.Today{Set: k.Templates.Current(), Settings: k.Settings, Server: server}, live.Scope{Namespaces: namespaces, ByJob: true}, nil
}
