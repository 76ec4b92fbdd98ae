package cases

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// readCase reads the files of one case. The error lists everything that is wrong with them.
func readCase(name, dir string, from files, unwanted bool) (*Case, error) {
	c := &Case{Name: name, Dir: dir, unwanted: unwanted}
	var faults []error
	note := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	note(c.readSpec(from[SpecFile]))
	note(c.readPod(from))
	if path := from[NamespaceFile]; path != "" {
		note(c.readNamespace(path))
	}
	if path := from[ConfigFile]; path != "" {
		data, err := read(path)
		if err == nil {
			c.config, err = config.Parse(path, data)
		}
		note(err)
	}
	if path := from[WantFile]; path != "" {
		var err error
		c.want, err = read(path)
		note(err)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if c.want == nil && !c.Spec.wants() && !unwanted {
		return nil, faulty(fmt.Sprintf("write %s, or want or assert in %s; --update writes what comes out", WantFile, SpecFile), "%s: the case says nothing that it wants", dir)
	}
	if c.want != nil && c.Spec.Want != nil && slices.Contains([]string{string(inject.Refused), string(inject.Skipped)}, c.Spec.Want.Outcome) {
		return nil, faulty("remove one of them", "%s: the case wants a pod in %s, and that none comes out in %s", dir, WantFile, SpecFile)
	}
	return c, nil
}

// readPod reads the only pod of the case.
func (c *Case) readPod(from files) error {
	path := from[PodFile] + from[WorkloadFile] // never both
	data := []byte(PlainPod)
	if path != "" {
		var err error
		if data, err = read(path); err != nil {
			return err
		}
	}
	c.podFile = path
	if path == "" {
		c.podFile = "the plain pod"
	}
	stream, err := manifest.Parse(c.podFile, data)
	if err != nil {
		return err
	}
	pods, err := stream.Pods()
	if err != nil {
		return err
	}
	if len(pods) != 1 {
		return faulty("a case is about one Pod, or one workload that makes pods", "%s: holds %d pods, want 1", c.podFile, len(pods))
	}
	namespaces, err := stream.Namespaces()
	if err != nil {
		return err
	}
	for _, n := range namespaces {
		if n.Name == pods[0].Namespace || pods[0].Namespace == "" {
			c.namespace = &inject.Namespace{Name: n.Name, Labels: n.Labels, Annotations: n.Annotations}
		}
	}
	c.pod = pods[0]
	if err := strictly(&c.pod); err != nil {
		return err
	}
	return c.annotate()
}

// strictly returns what the API server, which reads strictly, would refuse in a pod or one of Kubernetes' own
// workloads: fields that are unknown or have a value of another type. Workloads of other kinds may have fields of
// their own directly in the pod's spec.
func strictly(pod *manifest.Pod) error {
	pointer, wanted := pod.Workload, workloads()[pod.APIVersion+" "+pod.Kind]
	others := wanted == nil
	if others {
		pointer, wanted = pod.Pointer, reflect.TypeFor[corev1.PodTemplateSpec]()
	}
	var faults []error
	for _, f := range schema.Of(wanted).CheckYAML(manifest.At(pod.Document.Root, pointer), nil) {
		if others && f.Reason == schema.UnknownField && strings.Count(f.Path, ".") <= 1 {
			continue
		}
		faults = append(faults, &manifest.Error{File: pod.Document.File, Line: f.Node.Line, Column: f.Node.Column, Message: f.Error(), Hint: f.Hint})
	}
	return errors.Join(faults...)
}

// workloads returns the types of pods and of Kubernetes' own workloads, by apiVersion and kind.
func workloads() map[string]reflect.Type {
	return map[string]reflect.Type{
		"v1 Pod":                   reflect.TypeFor[corev1.Pod](),
		"v1 PodTemplate":           reflect.TypeFor[corev1.PodTemplate](),
		"v1 ReplicationController": reflect.TypeFor[corev1.ReplicationController](),
		"apps/v1 Deployment":       reflect.TypeFor[appsv1.Deployment](),
		"apps/v1 ReplicaSet":       reflect.TypeFor[appsv1.ReplicaSet](),
		"apps/v1 StatefulSet":      reflect.TypeFor[appsv1.StatefulSet](),
		"apps/v1 DaemonSet":        reflect.TypeFor[appsv1.DaemonSet](),
		"batch/v1 Job":             reflect.TypeFor[batchv1.Job](),
		"batch/v1 CronJob":         reflect.TypeFor[batchv1.CronJob](),
	}
}

func (c *Case) readNamespace(path string) error {
	data, err := read(path)
	if err != nil {
		return err
	}
	stream, err := manifest.Parse(path, data)
	if err != nil {
		return err
	}
	found, err := stream.Namespaces()
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return faulty("kubectl get namespace NAME -o yaml prints one", "%s: holds %d Namespaces, want 1", path, len(found))
	}
	if own := c.pod.Namespace; own != "" && own != found[0].Name {
		return c.stray(path, found[0])
	}
	c.namespace = &inject.Namespace{Name: found[0].Name, Labels: found[0].Labels, Annotations: found[0].Annotations}
	return nil
}

// stray returns the error for a Namespace that is not the pod's own.
func (c *Case) stray(path string, n manifest.Namespace) error {
	e := &manifest.Error{File: path, Line: n.Line,
		Message: fmt.Sprintf("metadata.name: the Namespace is %s, and the pod in %s is in namespace %s", message.Quote(n.Name), c.podFile, message.Quote(c.pod.Namespace)),
		Hint:    "give both one name, or leave the pod's namespace out"}
	if at := manifest.At(n.Document.Root, n.Pointer+"/metadata/name"); at != nil {
		e.Line, e.Column = at.Line, at.Column
	}
	return e
}

// annotate sets the annotations of the Spec on the pod, overwriting its own.
func (c *Case) annotate() error {
	added := maps.Clone(c.Spec.Annotations)
	if added == nil {
		added = map[string]string{}
	}
	if c.Spec.Inject != nil {
		added[inject.RequestAnnotation] = *c.Spec.Inject
	}
	pod, err := program.ObjectFromJSON(c.pod.JSON)
	if err != nil {
		return fmt.Errorf("%s: %w", c.podFile, err)
	}
	metadata := pod.Object("metadata")
	annotations := metadata.Object("annotations")
	request, asked := added[inject.RequestAnnotation]
	if !asked {
		request = annotations.Text(inject.RequestAnnotation)
	}
	if len(c.Spec.Parameters) > 0 {
		instances, _ := inject.InstancesAsked(request)
		if len(instances) != 1 {
			return c.spec.fault("parameters", "parameters are of one instance, and the pod asks for "+message.Quote(request),
				"give each parameter as an annotation, instance."+inject.Domain+"/parameter")
		}
		for name, value := range c.Spec.Parameters {
			maps.Copy(added, parameterAnnotations(instances[0]+"."+inject.Domain+"/"+name, value.Raw))
		}
	}
	if len(added) == 0 {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(added)) {
		annotations = annotations.With(key, added[key])
	}
	c.pod.JSON = pod.With("metadata", metadata.With("annotations", annotations)).AppendJSON(nil)
	return nil
}

// parameterAnnotations returns the annotations that give a parameter its value: JSON for a list, one
// annotation for each entry of a map.
func parameterAnnotations(key string, value []byte) map[string]string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return map[string]string{key: text}
	}
	if entries := map[string]json.RawMessage{}; json.Unmarshal(value, &entries) == nil && entries != nil && bytes.HasPrefix(value, []byte("{")) {
		all := map[string]string{}
		for name, entry := range entries {
			maps.Copy(all, parameterAnnotations(key+"."+name, entry))
		}
		return all
	}
	return map[string]string{key: string(value)}
}
