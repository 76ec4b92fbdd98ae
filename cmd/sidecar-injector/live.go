package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// selectorFlags select objects of a cluster, as in kubectl.
type selectorFlags struct {
	labels labelSelector
	all    bool
}

// labelSelector is the value of --selector: one that the API server would refuse is an error of the flag.
type labelSelector string

func (s *labelSelector) String() string { return string(*s) }
func (s *labelSelector) Type() string   { return "labels" }

// Set parses a label selector as the API server does.
func (s *labelSelector) Set(text string) error {
	_, err := labels.Parse(text)
	*s = labelSelector(text)
	return err
}

func (s *selectorFlags) add(cmd *cobra.Command) {
	cmd.Flags().VarP(&s.labels, "selector", "l", "`labels` of the objects of the cluster, such as app=web")
	cmd.Flags().BoolVarP(&s.all, "all-namespaces", "A", false, "objects of all namespaces of the cluster")
	cmd.Flags().Lookup("namespace").Usage = "`namespace` of the objects (default: in files that name none \"default\", in a cluster the context's)"
	cmd.Flags().Lookup("kubeconfig").Usage = kubeconfigUsage
	cmd.Flags().Lookup("context").Usage = contextUsage
	cmd.Flags().Lookup("request-timeout").Usage = timeoutUsage
}

// asked reports whether arguments and flags select objects of a cluster; otherwise the cluster is not
// contacted.
func (s *selectorFlags) asked(args []string) bool {
	return s.all || s.labels != "" || len(args) > 1 || len(args) == 1 && strings.Contains(args[0], "/")
}

// discoveryBurst is the rate limit of discovery, as in kubectl, so that the resources of a large cluster
// are discovered without delay.
const discoveryBurst = 300

// requestTimeout is the default of --request-timeout, for one response of the API server. kubectl's default
// is no timeout, which does not suit commands that diagnose faults.
const requestTimeout = answerTime(10 * time.Second)

// answerTime is the value of --request-timeout, written as in kubectl.
type answerTime time.Duration

func (a *answerTime) String() string { return time.Duration(*a).String() }
func (a *answerTime) Type() string   { return "duration" }

// Set parses a duration, or a number of seconds.
func (a *answerTime) Set(text string) error {
	d, err := clientcmd.ParseTimeout(text)
	*a = answerTime(d)
	return err
}

// newConfigFlags returns the flags that select the cluster. --request-timeout is not one of them, because
// client-go uses the in-cluster configuration only if no field of its own is set.
func newConfigFlags(namespace *string, timeout *answerTime) *genericclioptions.ConfigFlags {
	flags := &genericclioptions.ConfigFlags{Namespace: namespace, KubeConfig: new(string), Context: new(string)}
	flags.WrapConfigFn = func(c *rest.Config) *rest.Config {
		c.UserAgent = "sidecar-injector/" + readBuild().Version
		c.Timeout = time.Duration(*timeout)
		c.Wrap(live.OnlyAPIServers)
		return c
	}
	return flags.WithDiscoveryBurst(discoveryBurst).WithDiscoveryQPS(discoveryBurst)
}

// newReader returns a reader of the cluster that the flags select.
func (c *commonFlags) newReader() (*live.Reader, error) {
	// client-go logs errors that it also returns.
	klog.SetLogger(logr.Discard())
	config, err := c.cluster.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return live.NewReader(config)
}

// unreachable adds a hint to an error if no cluster was configured at all.
func (c *commonFlags) unreachable(err error) error {
	config, missing := c.cluster.ToRESTConfig()
	if missing == nil && config.Host == clientcmd.ClusterDefaults.Server {
		return &hinted{err, "no kubeconfig names a cluster: set KUBECONFIG, or give --kubeconfig FILE"}
	}
	return err
}

// currentNamespace returns the namespace of -n, else that of the kubeconfig's context.
func (c *commonFlags) currentNamespace() (string, error) {
	namespace, _, err := c.cluster.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", fmt.Errorf("cluster: %w", err)
	}
	return namespace, nil
}

// loadFor reads the objects of a cluster that arguments name, or else the files.
func (o *offlineFlags) loadFor(ctx context.Context, args []string, which *selectorFlags, std streams) (*loaded, error) {
	if !which.asked(args) {
		return o.load(std)
	}
	if len(o.names) > 0 {
		return nil, &hinted{errors.New("-f names files, and the other arguments objects of a cluster: want one of both"), "leave out -l and -A, or -f"}
	}
	return o.loadLive(ctx, args, which)
}

// newLoaded returns an input that is empty except for the reader of the cluster.
func newLoaded(reader *live.Reader) *loaded {
	l := &loaded{Input: offline.Input{Live: true}, reader: reader}
	l.Doubt = func(namespace, template string) (string, bool) {
		d := reader.Doubt(l.Set, namespace, template)
		return d.Why, d.Always
	}
	return l
}

// loadLive reads the selected objects, and the namespaces, settings and templates that apply to them.
func (o *offlineFlags) loadLive(ctx context.Context, args []string, which *selectorFlags) (*loaded, error) {
	reader, err := o.newReader()
	if err != nil {
		return nil, err
	}
	objects, err := o.objects(args, which)
	if err != nil {
		return nil, err
	}
	l := newLoaded(reader)
	if l.Fallback, err = o.currentNamespace(); err != nil {
		return nil, err
	}
	for _, object := range objects {
		stream, err := liveStream(object)
		if err != nil {
			return nil, err
		}
		l.Streams = append(l.Streams, stream)
	}
	if err := l.collect(o.namespaceFile); err != nil {
		return nil, err
	}
	if err := l.readNamespaces(ctx); err != nil {
		return nil, err
	}
	var namespaces []string
	for _, pod := range l.Pods {
		if !slices.Contains(namespaces, pod.Namespace) {
			namespaces = append(namespaces, pod.Namespace)
		}
	}
	return l, o.readInjector(ctx, l, namespaces...)
}

// objects reads the objects of the cluster that the arguments select. Objects that have no pods are an
// error.
func (o *offlineFlags) objects(args []string, which *selectorFlags) ([]*unstructured.Unstructured, error) {
	namespace, err := o.currentNamespace()
	if err != nil {
		return nil, err
	}
	infos, err := resource.NewBuilder(o.cluster).Unstructured().
		NamespaceParam(namespace).DefaultNamespace().AllNamespaces(which.all).
		LabelSelectorParam(which.labels.String()).
		ResourceTypeOrNameArgs(true, args...).
		RequestChunksOf(500).ContinueOnError().Flatten().Do().Infos()
	if err != nil {
		return nil, o.unreachable(fmt.Errorf("cluster: %w", err))
	}
	if len(infos) == 0 {
		return nil, errors.New("cluster: no such object")
	}
	var objects []*unstructured.Unstructured
	for _, info := range infos {
		object, ok := info.Object.(*unstructured.Unstructured)
		if !ok || !slices.Contains(podKinds(), object.GetKind()) {
			return nil, &hinted{
				fmt.Errorf("%s: makes no pods", info.ObjectName()),
				"name a pod, or something that makes pods: deploy, sts, ds, rs, job, cronjob",
			}
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// podKinds returns the kinds that are a pod or contain a pod template.
func podKinds() []string {
	return []string{"Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job", "CronJob", "PodTemplate"}
}

// liveStream returns an object as kubectl get -o yaml prints it, with kind/name in place of a file's name.
func liveStream(object *unstructured.Unstructured) (*manifest.Stream, error) {
	name := strings.ToLower(object.GetKind()) + "/" + object.GetName()
	object.SetManagedFields(nil)
	text, err := structured(outputYAML, object)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return manifest.Parse(name, text)
}

// readNamespaces reads the namespaces of the pods, except those given by --namespace-file.
func (l *loaded) readNamespaces(ctx context.Context) error {
	seen := map[string]bool{}
	for _, pod := range l.Pods {
		if _, given := l.Given[pod.Namespace]; given || seen[pod.Namespace] {
			continue
		}
		seen[pod.Namespace] = true
		n, err := l.reader.Namespace(ctx, pod.Namespace)
		if err != nil {
			return err
		}
		if n != nil {
			l.Give(*n)
		}
	}
	return nil
}

// readInjector reads the settings and templates of the cluster's injector; those given by flags take
// precedence. SidecarTemplates are read from the given namespaces; "" stands for all.
func (o *offlineFlags) readInjector(ctx context.Context, l *loaded, namespaces ...string) error {
	installations, err := l.reader.Installations(ctx)
	if err != nil {
		return err
	}
	entries, err := l.reader.Templates(ctx, installations, namespaces...)
	if err != nil {
		return err
	}
	set, err := o.templates()
	if err != nil {
		return err
	}
	l.Set = templates.NewSet(append(entries, set.Entries()...))
	if len(o.templateDirs) > 0 {
		l.reader.TemplatesGiven()
	}
	if l.absent = len(installations) == 0 && len(l.reader.Notes()) == 0; l.absent {
		l.reader.Note("no injector is installed in this cluster: what follows is what one would do")
	}
	var settings *config.Config
	switch {
	case o.configFile != "":
		if settings, err = config.Read(o.configFile); err != nil {
			return err
		}
		l.reader.SettingsGiven()
	case len(installations) > 0:
		settings = installations[0].Settings
	default:
		settings = l.reader.Defaults(ctx)
	}
	l.Settings = settings.Settings()
	return nil
}

// notes returns what could not be read, as lines for the report.
func (l *loaded) notes(p palette) string {
	if l.reader == nil {
		return ""
	}
	var b strings.Builder
	for _, note := range l.reader.Notes() {
		fmt.Fprintf(&b, "%s %s\n", p.Yellow("note:"), note)
	}
	return p.Printable(b.String())
}

// owner reads the workload that a live pod belongs to, so that mistakes in it can be reported with the pod.
// It returns nil if there is none or it may not be read.
func (o *offlineFlags) owner(pod manifest.Pod) (*manifest.Pod, error) {
	read, err := live.ReadPod(pod.JSON)
	if err != nil || !slices.Contains(podKinds(), read.Owner.Kind) || !terminal.Plain(read.Owner.Name) {
		return nil, err
	}
	infos, err := resource.NewBuilder(o.cluster).Unstructured().NamespaceParam(pod.Namespace).DefaultNamespace().
		ResourceTypeOrNameArgs(true, read.Owner.String()).Do().Infos()
	if live.Denied(err) || apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	object, ok := infos[0].Object.(*unstructured.Unstructured)
	if !ok {
		return nil, nil
	}
	stream, err := liveStream(object)
	if err != nil {
		return nil, err
	}
	pods, err := stream.Pods()
	if err != nil || len(pods) == 0 {
		return nil, err
	}
	return &pods[0], nil
}

// addOwners reports annotations that are on the workloads of live pods instead of their pod templates.
func (o *offlineFlags) addOwners(answers []offline.Answer) error {
	for i := range answers {
		a := &answers[i]
		if !a.Live || a.Pod.Kind != "Pod" {
			continue
		}
		owner, err := o.owner(a.Pod)
		if err != nil {
			return err
		}
		if owner != nil {
			a.Misplaced = append(a.Misplaced, offline.FindMisplaced(*owner)...)
		}
	}
	return nil
}
