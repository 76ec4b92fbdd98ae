// Package keeper looks after the fleet from inside the cluster, in one replica at a time. It counts pods by the state
// of their sidecars, and if it is told so it repairs and rolls out, by the code of the
// commands and within their limits.
//
// At trouble it pauses what it was about until a person has it go on: the pause stands on the Lease, so that
// the next holder heeds it.
package keeper

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
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

// Work is what a keeper does.
type Work string

// All that it can do.
const (
	Inventory Work = "inventory" // counting, which it does in any case
	Repair    Work = "repair"
	Rollout   Work = "rollout"
)

// ParseWork reads one.
func ParseWork(text string) (Work, error) {
	switch w := Work(text); w {
	case Inventory, Repair, Rollout:
		return w, nil
	}
	return "", fmt.Errorf("%s: want %s, %s or %s", message.Quote(text), Inventory, Repair, Rollout)
}

// Library has the templates in force.
type Library interface {
	Current() *templates.Set
	Ready() bool
}

// Options are what a keeper works with.
type Options struct {
	Config *rest.Config
	Client kubernetes.Interface
	// Namespace and Name are those of the Lease that the keeper works under, Host the name of its pod.
	Namespace, Name, Host string

	// Works are what it does; it counts whatever they are.
	Works     []Work
	Templates Library
	Settings  *inject.Settings
	Metrics   *Metrics
	Log       logr.Logger
}

// Keeper looks after the fleet as long as it runs.
type Keeper struct {
	Options
	counter, worker *look
	// held are pauses that could not be written yet, by work.
	held map[Work]string
}

// look reads the fleet; it serves one goroutine.
type look struct {
	*live.Reader
	noted int // of its notes, how many are in the log
}

// New makes a keeper; it asks the cluster nothing yet.
func New(o Options) (*Keeper, error) {
	config := rest.CopyConfig(o.Config)
	config.Timeout = answerTime
	k := &Keeper{Options: o, held: map[Work]string{}}
	for _, w := range o.Works {
		if w != Inventory {
			k.Metrics.changed(w, 0) // so that the first pod counts as an increase
		}
	}
	for _, l := range []**look{&k.counter, &k.worker} {
		reader, err := live.NewReader(config)
		if err != nil {
			return nil, fmt.Errorf("keeper: %w", err)
		}
		*l = &look{Reader: reader}
	}
	return k, nil
}

// Run works until ctx is done. What fails is logged, counted and tried again in the next round.
func (k *Keeper) Run(ctx context.Context) error {
	defer k.Metrics.forget()
	var all sync.WaitGroup
	all.Go(func() { k.repeat(ctx, k.count) })
	if slices.Contains(k.Works, Repair) || slices.Contains(k.Works, Rollout) {
		all.Go(func() { k.repeat(ctx, k.work) })
	}
	all.Wait()
	return nil
}

// repeat does rounds, each of which says how long it looked at pods.
func (k *Keeper) repeat(ctx context.Context, round func(context.Context) time.Duration) {
	for {
		wait := time.Second
		if k.Templates.Ready() {
			wait = max(pause, resting*round(ctx))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// count counts pods by the state of their worst sidecar, as status shows it.
func (k *Keeper) count(ctx context.Context) time.Duration {
	begun := time.Now()
	counts := map[fleet.State]int{}
	_, err := k.survey(ctx, k.counter, false, func(seen *live.Seen) error {
		seen.Standing.Obstruct(seen.Budgets)
		worst := fleet.Current
		for n := range seen.Standing.Instances {
			state, _ := seen.Standing.Instances[n].Shown()
			worst = max(worst, state)
		}
		counts[worst]++
		return nil
	})
	switch {
	case ctx.Err() != nil:
	case err != nil:
		k.Metrics.round(Inventory, failed)
		k.Log.Error(err, "pods could not be counted")
	default:
		k.Metrics.round(Inventory, done)
		k.Metrics.counted(counts, time.Now())
	}
	return time.Since(begun)
}

// surveyed is what pods were compared by.
type surveyed struct {
	today *fleet.Today
	known map[string]inject.Namespace
}

// survey visits all pods. Who means to change some needs to know of all budgets.
func (k *Keeper) survey(ctx context.Context, l *look, changes bool, visit func(*live.Seen) error) (*surveyed, error) {
	namespaces, err := l.Namespaces(ctx)
	if err != nil {
		return nil, fmt.Errorf("namespaces: %w", err)
	}
	server, err := l.Server(ctx)
	if err != nil {
		return nil, err
	}
	s := &surveyed{today: &fleet.Today{Set: k.Templates.Current(), Settings: k.Settings, Server: server}, known: map[string]inject.Namespace{}}
	for _, n := range namespaces {
		s.known[n.Name] = n
	}
	if err := l.Survey(ctx, s.today, live.Scope{Namespaces: namespaces, ByJob: true, Changes: changes}, visit); err != nil {
		return nil, err
	}
	if notes := l.Notes()[l.noted:]; len(notes) > 0 {
		l.noted += len(notes)
		k.Log.Info("something is not seen", "why", strings.Join(notes, "; "))
	}
	return s, nil
}
