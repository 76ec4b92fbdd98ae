package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/watch"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// syncer keeps the files of a folder equal to the objects of the API server.
type syncer struct {
	settings
	client corev1.CoreV1Interface
	log    *slog.Logger
	ready  atomic.Bool

	mu      sync.Mutex
	written map[string][]string // paths, by the key of their object
}

func newSyncer(s settings, client corev1.CoreV1Interface, out io.Writer) *syncer {
	log := slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: s.level}))
	return &syncer{settings: s, client: client, log: log, written: map[string][]string{}}
}

func (y *syncer) places() (all []place) {
	for _, kind := range y.kinds {
		for _, namespace := range y.namespaces {
			all = append(all, place{kind, namespace})
		}
	}
	return all
}

// pass synchronises everything once.
func (y *syncer) pass(ctx context.Context, call bool) error {
	for _, p := range y.places() {
		if err := y.look(ctx, p, call); err != nil {
			return y.explain(err)
		}
	}
	return nil
}

// explain returns an error of the API server with the original's text.
func (y *syncer) explain(err error) error {
	if text, ok := apiException(err); ok {
		return errors.New(text)
	}
	return err
}

func (y *syncer) look(ctx context.Context, p place, call bool) error {
	y.log.Info("Performing list-based sync on " + p.kind + " resources of " + p.namespace)
	objects, err := list(ctx, y.client, p, y.selector)
	if err != nil {
		return err
	}
	changed, listed := false, map[string]bool{}
	for _, o := range objects {
		listed[o.key()] = true
		changed = y.update(o) || changed
	}
	changed = y.sweep(p, listed) || changed
	if changed {
		y.changed(ctx, call)
	}
	return nil
}

// follow watches every place until ctx ends.
func (y *syncer) follow(ctx context.Context) {
	var group sync.WaitGroup
	for _, p := range y.places() {
		group.Go(func() {
			for ctx.Err() == nil {
				if err := y.round(ctx, p); err != nil && ctx.Err() == nil {
					y.log.Error(y.explain(err).Error())
					wait(ctx, y.throttle)
				}
			}
		})
	}
	group.Wait()
}

// round is one pass with a pause, or one watch.
func (y *syncer) round(ctx context.Context, p place) error {
	if y.method == "SLEEP" {
		err := y.look(ctx, p, true)
		if err == nil {
			wait(ctx, y.sleep)
		}
		return err
	}
	events, err := open(ctx, y.client, p, y.selector)
	if err != nil {
		return err
	}
	defer events.Stop()
	for event := range events.ResultChan() {
		if err := y.handle(ctx, event); err != nil {
			return err
		}
	}
	return nil
}

func (y *syncer) handle(ctx context.Context, event watch.Event) error {
	o, err := newObject(event.Object)
	if err != nil {
		return err
	}
	y.log.Debug(fmt.Sprintf("Working on %s %s", event.Type, o.key()))
	changed := false
	if event.Type == watch.Deleted {
		changed = y.remove(o)
	} else {
		changed = y.update(o)
	}
	if changed {
		y.changed(ctx, true)
	}
	return nil
}
