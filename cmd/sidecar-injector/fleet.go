package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/progress"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// fleetFlags select the pods of status, rollout and repair.
type fleetFlags struct {
	offlineFlags
	all      bool
	selector labelSelector
}

func (o *fleetFlags) add(cmd *cobra.Command) {
	o.addCluster(cmd)
	flags := cmd.Flags()
	flags.Lookup("namespace").Usage = "`namespace` to look at (default: the one of the kubeconfig's context)"
	flags.BoolVarP(&o.all, "all-namespaces", "A", false, "look at all namespaces")
	flags.VarP(&o.selector, "selector", "l", "`labels` of the pods, such as app=web")
}

// surveyed is the input of the commands about the fleet.
type surveyed struct {
	*loaded
	scope live.Scope
	today *fleet.Today
}

// survey reads the injector's settings and templates that apply to the selected pods.
func (o *fleetFlags) survey(ctx context.Context, std streams) (*surveyed, error) {
	reader, err := o.newReader()
	if err != nil {
		return nil, err
	}
	reader.Progress = progress.On(std.ErrOut).Show
	reader.Progress("asking the cluster", 0, 0)
	s := &surveyed{loaded: newLoaded(reader), scope: live.Scope{Selector: o.selector.String()}}
	if s.scope.Namespace, s.scope.Namespaces, err = o.namespaces(ctx, reader); err != nil {
		return nil, err
	}
	if err := o.readInjector(ctx, s.loaded, s.scope.Namespace); err != nil {
		return nil, err
	}
	if s.today, err = s.judge(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// judge returns what decides on pods of the cluster now.
func (l *loaded) judge(ctx context.Context) (*fleet.Today, error) {
	return l.reader.Today(ctx, l.Set, l.Settings, time.Now())
}

// namespaces returns the selected namespaces; the name is "" if all are selected.
func (o *fleetFlags) namespaces(ctx context.Context, reader *live.Reader) (string, []inject.Namespace, error) {
	if o.all {
		all, err := reader.Namespaces(ctx)
		if live.Denied(err) {
			return "", nil, &fleet.DeniedError{Verb: "list", Resource: "namespaces", Err: err}
		}
		if err != nil {
			return "", nil, fmt.Errorf("namespaces: %w", err)
		}
		return "", all, nil
	}
	name, err := o.currentNamespace()
	if err != nil {
		return "", nil, err
	}
	one, err := reader.Namespace(ctx, name)
	if err != nil {
		return "", nil, err
	}
	if one == nil {
		one = new(inject.EnabledNamespace(name))
	}
	return name, []inject.Namespace{*one}, nil
}
