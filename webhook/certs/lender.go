package certs

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// patience is how many looks a replica leaves it to the holder of the lease to write what it needs.
const patience = 3

// lender helps its own replica where the holder of the lease does not: that one makes its
// certificate in another way or of another Secret, as in an upgrade which changes that, knows nothing of
// our authority, and goes only when we are ready. A lender adds, and takes nothing away.
type lender struct {
	in      *Installation
	keeper  Keeper
	lacking int // looks in a row
}

func newLender(in *Installation) *lender {
	return &lender{in: in, keeper: Keeper{in: in, lends: true}}
}

// run looks until ctx is done.
func (l *lender) run(ctx context.Context) error {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		// Who was quicker has perhaps written what we lack.
		if err := l.look(ctx); err != nil && ctx.Err() == nil && !apierrors.IsConflict(err) {
			l.in.Log.Error(err, "what this replica's certificate needs is not written")
		}
	}
}

// look looks once, and writes when patience is over.
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

// lacks says whether there is no authority to sign with, or a bundle that is ours to write
// does not accept the certificate that we would like to serve.
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
