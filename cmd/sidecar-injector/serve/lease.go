package serve

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// How long a lease lasts, as everywhere in Kubernetes: when its holder dies, another
// replica writes within 20 s, for each tries every 2 to 4.4 s. Nobody's admission waits for that.
const (
	leaseDuration = 15 * time.Second
	leaseRenewal  = 10 * time.Second
	leaseRetry    = 2 * time.Second
)

// lease lets one replica at a time write what all share. Its Lease has the
// installation's name and namespace.
type lease struct {
	cluster *cluster
	log     logr.Logger
	// lead works until ctx is done.
	lead func(ctx context.Context) error
}

// run takes the lease, leads, and takes it again after losing it, until ctx is done.
func (l *lease) run(ctx context.Context) error {
	identity, err := l.identity()
	if err != nil {
		return err
	}
	log := l.log.WithName("lease").WithValues("identity", identity)
	ctx = klog.NewContext(ctx, log)
	for ctx.Err() == nil {
		if err := l.term(ctx, log, identity); err != nil {
			return err
		}
	}
	return nil
}

// identity is the pod's name, so that a container that starts again still holds its lease.
func (l *lease) identity() (string, error) {
	if l.cluster.pod != "" {
		return l.cluster.pod, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("lease: %w", err)
	}
	return host + "_" + string(uuid.NewUUID()), nil
}

// What has become of a term.
const (
	waiting int32 = iota
	leading
	over
)

// term is one time of waiting, leading and giving up. The lease is given back only
// when the work under it has ended.
func (l *lease) term(ctx context.Context, log logr.Logger, identity string) error {
	holding, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	var state atomic.Int32
	defer context.AfterFunc(ctx, func() {
		if state.CompareAndSwap(waiting, over) {
			release()
		}
	})()
	worked := make(chan error, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Name: l.cluster.name,
		Lock: &lock{resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: l.cluster.namespace, Name: l.cluster.name},
			Client:     l.cluster.client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
		}},
		LeaseDuration:   leaseDuration,
		RenewDeadline:   leaseRenewal,
		RetryPeriod:     leaseRetry,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(held context.Context) {
				if !state.CompareAndSwap(waiting, leading) {
					return
				}
				log.Info("leading")
				work, end := context.WithCancel(held)
				defer end()
				defer context.AfterFunc(ctx, end)()
				worked <- l.lead(work)
				release()
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("lease %s/%s: %w", l.cluster.namespace, l.cluster.name, err)
	}
	elector.Run(holding)
	if state.CompareAndSwap(waiting, over) || state.Load() == over {
		return nil
	}
	err = <-worked
	log.Info("no longer leading")
	return err
}

// lock makes its Lease, where there is none, by a PUT: that asks for the right to create
// this one name only, and fails when another replica was quicker.
type lock struct{ resourcelock.LeaseLock }

// Create makes the Lease.
func (l *lock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	_, err := l.Client.Leases(l.LeaseMeta.Namespace).Update(ctx, &coordinationv1.Lease{
		ObjectMeta: l.LeaseMeta,
		Spec:       resourcelock.LeaderElectionRecordToLeaseSpec(&record),
	}, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	_, _, err = l.Get(ctx) // the lock remembers what it has got
	return err
}
