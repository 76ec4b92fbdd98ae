package certs

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// patience is the number of consecutive checks, two seconds apart, after which a replica writes what it needs
// instead of waiting for the holder of the lease.
const patience = 3

// lender writes what its own replica's certificate needs if the holder of the lease does not. During an
// upgrade that changes how certificates are made, or the Secret's name, the holder is an old replica that
// does not know the new authority, and it is not terminated before the new replicas are ready. A lender
// only adds, it never removes.
type lender struct {
	in      *Installation
	keeper  Keeper
	lacking int // consecutive checks at which something was missing
}

func newLender(in *Installation) *lender {
	return &lender{in: in, keeper: Keeper{in: in, lends: true}}
}

// run checks every two seconds until ctx is done.
func (l *lender) run(ctx context.Context) error {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		// On a conflict another writer may already have written what is missing.
		if err := l.look(ctx); err != nil && ctx.Err() == nil && !apierrors.IsConflict(err) {
			l.in.Log.Error(err, "what this replica's certificate needs is not written")
		}
	}
}

// look checks once, and writes after patience checks.
func (l *lender) look(ctx context.Context) error {
	if !l.in.lacks() {
		l.lacking = 0
		return nil
	}
	if l.lacking++; l.lacking < patience {
		return nil
	}
	l.lacking = 0
	return l.keeper.keep(ctx)
}

// lacks reports whether there is no authority to sign with, or whether a bundle that is ours to write
// rejects the certificate that the replica should serve.
func (in *Installation) lacks() bool {
	for _, w := range in.watches {
		if w.synced() != nil {
			return false
		}
	}
	newest, tolerated := in.newest(), in.tolerated()
	if newest == nil {
		return true
	}
	hooks := in.hooks()
	for i := range hooks {
		if hooks[i].writtenByOthers() == "" && refusals(newest, hooks[i:i+1], tolerated, in.Now()) > 0 {
			return true
		}
	}
	return false
}
