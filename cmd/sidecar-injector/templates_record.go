package main

import (
	"context"
	"fmt"
	"regexp"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/cases"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// recordCase records an object of the cluster as a case, and restricts the run to that case, with its
// result written as the expected one.
func (o *testOptions) recordCase(ctx context.Context, dir string, std streams) error {
	if !namesObject(o.record) {
		return &hinted{fmt.Errorf("--record %q: want KIND/NAME", o.record), "such as pod/web-0 or deploy/web"}
	}
	cluster := &offlineFlags{commonFlags: o.commonFlags}
	reader, err := cluster.newReader()
	if err != nil {
		return err
	}
	objects, err := cluster.objects([]string{o.record}, &selectorFlags{})
	if err != nil {
		return err
	}
	object := objects[0]
	namespace := new(inject.EnabledNamespace(object.GetNamespace()))
	if read, err := reader.Namespace(ctx, object.GetNamespace()); err != nil {
		return err
	} else if read != nil {
		namespace = read
	}
	_, injected := object.GetAnnotations()[inject.StatusAnnotation]
	name, err := cases.Record(dir, object.GetKind(), object.GetName(), object.Object, *namespace)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.ErrOut, "recorded %s; look for what should not be in it before you commit it\n", terminal.Palette{}.Printable(name))
	for _, note := range reader.Notes() {
		fmt.Fprintf(std.ErrOut, "note: %s\n", note)
	}
	if injected {
		fmt.Fprintln(std.ErrOut, "note: the pod has its sidecars already, so the case says that it stays as it is; to test a template, record what makes the pod")
	}
	o.run, o.update = "^"+regexp.QuoteMeta(name)+"$", true
	return nil
}
