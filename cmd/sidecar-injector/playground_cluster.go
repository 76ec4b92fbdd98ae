package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/playground"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/playground/page"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// playgroundCluster gives the playground's page access to the cluster that the flags select.
type playgroundCluster struct {
	flags  *fleetFlags
	engine *playground.Engine
	name   string
}

func newPlaygroundCluster(flags *fleetFlags, engine *playground.Engine) (*playgroundCluster, error) {
	raw, err := flags.cluster.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	if _, err := flags.cluster.ToRESTConfig(); err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return &playgroundCluster{flags: flags, engine: engine, name: cmp.Or(*flags.cluster.Context, raw.CurrentContext, "cluster")}, nil
}

// Name returns the name of the kubeconfig's context.
func (c *playgroundCluster) Name() string { return c.name }

// Fleet returns the rows of status, and makes the engine use the cluster's templates and settings.
func (c *playgroundCluster) Fleet(ctx context.Context) (*page.Fleet, error) {
	status := &statusOptions{fleetFlags: *c.flags}
	loaded, rows, err := status.rows(ctx, streams{})
	if err != nil {
		return nil, withMeaning(c.flags.unreachable(err))
	}
	c.engine.Use(loaded.Set, loaded.Settings)
	if rows == nil {
		rows = []*fleet.Row{}
	}
	return &page.Fleet{Rows: rows, Templates: templatesOfPage(loaded.Set), Notes: loaded.reader.Notes()}, nil
}

// templatesOfPage returns the templates of a set, the built-in ones last.
func templatesOfPage(set *templates.Set) []page.Template {
	all := []page.Template{}
	for _, e := range set.Entries() {
		t := page.Template{Name: e.Name, Namespace: e.Namespace, Source: e.Origin.Source}
		if e.Template != nil {
			t.Revision = e.Template.Revision
		} else if len(e.Findings) > 0 {
			t.Fault = e.Findings[0].String()
		}
		all = append(all, t)
	}
	slices.SortStableFunc(all, func(a, b page.Template) int {
		return cmp.Or(cmp.Compare(rank(a.Source), rank(b.Source)), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// rank sorts built-in templates last.
func rank(source string) int {
	if source == templates.SourceBuiltIn {
		return 1
	}
	return 0
}

// Object returns a pod or workload as kubectl get -o yaml prints it, with its namespace. An empty namespace
// is the current one.
func (c *playgroundCluster) Object(ctx context.Context, namespace, name string) (*playground.Request, error) {
	if namespace == "" {
		var err error
		if namespace, err = c.flags.currentNamespace(); err != nil {
			return nil, err
		}
	}
	if !namesObject(name) {
		return nil, errors.New("name a pod or workload as kubectl does: deploy/web, pod/web-0")
	}
	infos, err := resource.NewBuilder(c.flags.cluster).Unstructured().NamespaceParam(namespace).DefaultNamespace().
		ResourceTypeOrNameArgs(true, name).Do().Infos()
	if err != nil {
		return nil, withMeaning(c.flags.unreachable(fmt.Errorf("cluster: %w", err)))
	}
	object, ok := infos[0].Object.(*unstructured.Unstructured)
	if !ok || !slices.Contains(podKinds(), object.GetKind()) {
		return nil, fmt.Errorf("%s: makes no pods; name a pod, or something that makes pods: deploy, sts, ds, rs, job, cronjob", name)
	}
	stream, err := liveStream(object)
	if err != nil {
		return nil, err
	}
	reader, err := c.flags.newReader()
	if err != nil {
		return nil, err
	}
	of, err := reader.Namespace(ctx, object.GetNamespace())
	if err != nil {
		return nil, withMeaning(err)
	}
	request := &playground.Request{}
	for _, document := range stream.Documents {
		request.Pod += string(document.Text)
	}
	if of != nil {
		request.Namespace, err = namespaceYAML(of)
	}
	return request, err
}

// namespaceYAML returns a manifest of the namespace with its labels and annotations.
func namespaceYAML(n *inject.Namespace) (string, error) {
	type metadata struct {
		Name        string            `json:"name"`
		Labels      map[string]string `json:"labels,omitempty"`
		Annotations map[string]string `json:"annotations,omitempty"`
	}
	text, err := structured(outputYAML, struct {
		APIVersion string   `json:"apiVersion"`
		Kind       string   `json:"kind"`
		Metadata   metadata `json:"metadata"`
	}{"v1", "Namespace", metadata{n.Name, n.Labels, n.Annotations}})
	return string(text), err
}
