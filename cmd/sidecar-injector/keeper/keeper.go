// Package keeper maintains the fleet from inside the cluster, in one replica at a time. It counts pods by
// the state of their sidecars and, if configured, repairs and rolls out, with the code of the commands and
// within their limits.
//
// If a change causes a problem, it pauses that kind of work until a user ends the pause. The pause is an
// annotation of the Lease, so that the next holder of the lease observes it.
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

// Between two rounds the keeper waits for at least pause, and for resting times as long as the last survey of
// all pods took, so that surveys run for less than a tenth of the time.
const (
	pause   = time.Minute
	resting = 10
)

// answerTime is the timeout of one request to the API server.
const answerTime = 30 * time.Second

// Work is a kind of work of the keeper.
type Work string

// The kinds of work.
const (
	Inventory Work = "inventory" // counting pods, which is always done
	Repair    Work = "repair"
	Rollout   Work = "rollout"
)

// ParseWork parses the name of a kind of work.
func ParseWork(text string) (Work, error) {
	switch w := Work(text); w {
	case Inventory, Repair, Rollout:
		return w, nil
	}
	return "", fmt.Errorf("%s: want %s, %s or %s", message.Quote(text), Inventory, Repair, Rollout)
}

// Library provides the templates in force.
type Library interface {
	Current() *templates.Set
	Ready() bool
}

// Options configure a Keeper. All fields are required.
type Options struct {
	Config *rest.Config
	Client kubernetes.Interface
	// Namespace and Name identify the Lease that the keeper holds; Host is the name of its pod.
	Namespace, Name, Host string

	// Works are the kinds of work to do; Inventory is done in any case.
	Works     []Work
	Templates Library
	Settings  *inject.Settings
	Metrics   *Metrics
	Log       logr.Logger
}

// Keeper maintains the fleet while Run runs.
type Keeper struct {
	Options
	counter, worker *look
	// held are pauses that could not be written to the Lease yet, by kind of work.
	held map[Work]string
}

// look is a reader of the cluster for use by one goroutine.
type look struct {
	*live.Reader
	noted int // number of its notes that are already logged
}

// New returns a Keeper. It does not contact the API server before Run.
func New(o Options) (*Keeper, error) {
	config := rest.CopyConfig(o.Config)
	config.Timeout = answerTime
	k := &Keeper{Options: o, held: map[Work]string{}}
	for _, w := range o.Works {
		if w != Inventory {
			k.Metrics.changed(w, 0) // so that Prometheus sees the first increase
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

// Run works until ctx is done. Errors are logged, counted and retried in the next round. It returns nil.
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

// repeat calls round until ctx is done. round returns how long it surveyed pods.
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

// count counts pods by the state of their worst sidecar, as the command status shows it.
func (k *Keeper) count(ctx context.Context) time.Duration {
	begun := time.Now()
	counts := map[fleet.State]int{}
	_, err := k.survey(ctx, k.counter, live.BudgetsShown, func(seen *live.Seen) error {
		seen.Standing.Obstruct(&seen.Cover)
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

// surveyed is what pods were compared with.
type surveyed struct {
	today *fleet.Today
	known map[string]inject.Namespace
}

// survey calls visit for all pods.
func (k *Keeper) survey(ctx context.Context, l *look, budgets live.BudgetUse, visit func(*live.Seen) error) (*surveyed, error) {
	namespaces, err := l.Namespaces(ctx)
	if err != nil {
		return nil, fmt.Errorf("namespaces: %w", err)
	}
	server, err := l.Server(ctx)
	if err != nil {
		return nil, err
	}
	s := &surveyed{today: &fleet.Today{Set: k.Templates.Current(), Settings: k.Settings, Server: server, Now: time.Now()}, known: map[string]inject.Namespace{}}
	for _, n := range namespaces {
		s.known[n.Name] = n
	}
	if err := l.Survey(ctx, s.today, live.Scope{Namespaces: namespaces, ByJob: true, Owners: l == k.worker, Budgets: budgets}, visit); err != nil {
		return nil, err
	}
	if notes := l.Notes()[l.noted:]; len(notes) > 0 {
		l.noted += len(notes)
		k.Log.Info("something is not seen", "why", strings.Join(notes, "; "))
	}
	return s, nil
}
