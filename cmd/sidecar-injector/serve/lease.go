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

// The usual durations of leader election in Kubernetes. If the holder dies, another replica takes over
// within 20 s, since each tries every 2 to 4.4 s. Admission does not depend on the lease.
const (
	leaseDuration = 15 * time.Second
	leaseRenewal  = 10 * time.Second
	leaseRetry    = 2 * time.Second
)

// lease elects the replica that writes the objects which all replicas share. The Lease object has the
// installation's name and namespace.
type lease struct {
	cluster *cluster
	log     logr.Logger
	// lead is called while the lease is held, and must return when ctx is done.
	lead func(ctx context.Context) error
}

// run acquires the lease and leads, again after losing it, until ctx is done.
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

// identity returns the pod's name, so that a restarted container still holds its lease; outside of a pod, a
// unique name.
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

// The states of a term.
const (
	waiting int32 = iota
	leading
	over
)

// term waits for the lease, leads, and ends when the lease is lost or ctx is done. The lease is released
// only after lead has returned.
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

// lock is a LeaseLock that creates a missing Lease by an update (PUT). That needs permissions for this one
// name only, and fails if another replica was faster.
type lock struct{ resourcelock.LeaseLock }

// Create creates the Lease.
func (l *lock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	_, err := l.Client.Leases(l.LeaseMeta.Namespace).Update(ctx, &coordinationv1.Lease{
		ObjectMeta: l.LeaseMeta,
		Spec:       resourcelock.LeaderElectionRecordToLeaseSpec(&record),
	}, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	_, _, err = l.Get(ctx) // lets the embedded lock remember the object
	return err
}
