package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// commonFlags are those of every command that works offline.
type commonFlags struct {
	templateDirs []string
	configFile   string
	color        string
	// namespaceFile and cluster are there in all of them so that one set of flags
	// serves a script. The kubeconfig is read only for arguments that name objects of a
	// cluster, not even its namespace otherwise.
	namespaceFile string
	namespace     string
	cluster       *genericclioptions.ConfigFlags
	timeout       answerTime
}

func (c *commonFlags) add(cmd *cobra.Command) {
	c.addCluster(cmd)
	flags := cmd.Flags()
	flags.Lookup("namespace").Usage = "`namespace` of objects that name none (default \"default\")"
	flags.Lookup("kubeconfig").Usage = "accepted as in kubectl; this command reads no cluster"
	flags.Lookup("context").Usage = "accepted as in kubectl; this command reads no cluster"
	flags.Lookup("request-timeout").Usage = "accepted as in kubectl; this command reads no cluster"
	flags.StringVar(&c.namespaceFile, "namespace-file", "", "`file` of Namespaces that count as they stand in it")
	flags.StringVar(&c.configFile, "config", "", "`file` of the injector's settings")
}

const (
	kubeconfigUsage = "`file` that names the cluster"
	contextUsage    = "`context` of the kubeconfig"
	timeoutUsage    = "`duration` that one answer of the API server may take; 0 is for ever"
)

// addCluster adds the flags that make sense for a cluster as well.
func (c *commonFlags) addCluster(cmd *cobra.Command) {
	c.timeout = requestTimeout
	c.cluster = newConfigFlags(&c.namespace, &c.timeout)
	flags := cmd.Flags()
	c.cluster.AddFlags(flags)
	flags.Var(&c.timeout, "request-timeout", timeoutUsage)
	flags.Lookup("kubeconfig").Usage = kubeconfigUsage
	flags.Lookup("context").Usage = contextUsage
	flags.StringArrayVar(&c.templateDirs, "template-dir", nil, "`directory` of templates; may be repeated")
	flags.StringVar(&c.color, "color", "auto", "auto, always or never")
	complete(cmd, "color", "auto", "always", "never")
}

// complete tells the shell the values of a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	// It fails only for a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// palettes are those of the answer and of the report.
func (c *commonFlags) palettes(std streams) (out, report palette, err error) {
	if out, err = newPalette(c.color, std.Out, os.Getenv); err != nil {
		return out, report, &hinted{err, "auto colours a terminal only, and nothing under CI or with NO_COLOR"}
	}
	report, err = newPalette(c.color, std.ErrOut, os.Getenv)
	return out, report, err
}

// templates loads the set in force. A broken template is no error here: a pod that
// asks for it is answered with TemplateInvalid.
func (c *commonFlags) templates() (*templates.Set, error) {
	var directories []string // each once: one that is named twice holds nothing twice
	for _, directory := range c.templateDirs {
		if directory = filepath.Clean(directory); !slices.Contains(directories, directory) {
			directories = append(directories, directory)
		}
		if info, err := os.Stat(directory); err != nil {
			return nil, fmt.Errorf("template directory: %w", err)
		} else if !info.IsDir() {
			return nil, &hinted{fmt.Errorf("template directory: %s: not a directory", directory), "name the folder that the file lies in"}
		}
	}
	library := newLibrary(directories, nil)
	if err := library.Load(); err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	return library.Current(), nil
}

// offlineFlags are those of the commands that read manifests.
type offlineFlags struct {
	commonFlags
	fileFlags
}

func (o *offlineFlags) add(cmd *cobra.Command) {
	o.fileFlags.add(cmd, "manifests")
	o.commonFlags.add(cmd)
}

// offline is everything that decides about a pod without a cluster.
type offline struct {
	set      *templates.Set
	settings *inject.Settings
	// given are the namespaces that count as they stand, by name; fallback is that of
	// objects that name none.
	given    map[string]inject.Namespace
	fallback string
	streams  []*manifest.Stream
	pods     []manifest.Pod
	// reader is nil unless the pods come from a cluster.
	reader *live.Reader
}

// load reads all that the flags name. Faults of the manifests come all at once.
func (o *offlineFlags) load(std streams) (*offline, error) {
	if err := o.required(); err != nil {
		return nil, err
	}
	settings, err := config.Read(o.configFile)
	if err != nil {
		return nil, err
	}
	set, err := o.templates()
	if err != nil {
		return nil, err
	}
	read, err := o.read(std.In)
	if err != nil {
		return nil, err
	}
	loaded := &offline{set: set, settings: settings.Settings(), given: map[string]inject.Namespace{}, fallback: o.namespace, streams: read}
	if loaded.fallback == "" {
		loaded.fallback = "default"
	}
	if err := loaded.collect(o.namespaceFile); err != nil {
		return nil, err
	}
	return loaded, nil
}

// collect finds the pods of the manifests, and the Namespaces wherever they stand;
// those of the file count more because somebody named it.
func (o *offline) collect(file string) error {
	var faults []error
	for _, stream := range o.streams {
		for _, document := range stream.Documents {
			alone := single(stream, document)
			found, err := alone.Namespaces()
			if err != nil {
				faults = append(faults, err)
				continue
			}
			for _, n := range found {
				o.given[n.Name] = inject.Namespace{Name: n.Name, Labels: n.Labels, Annotations: n.Annotations}
			}
			pods, err := alone.Pods()
			if err != nil {
				faults = append(faults, err)
			}
			o.pods = append(o.pods, pods...)
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	named, err := readNamespaceFile(file)
	for _, n := range named {
		o.given[n.Name] = n
	}
	return err
}

// single is a stream of one of the documents, so that a fault in one hides none in another.
func single(stream *manifest.Stream, document *manifest.Document) *manifest.Stream {
	return &manifest.Stream{File: stream.File, Documents: []*manifest.Document{document}}
}

// namespace is what counts of the namespace of that name, and whether somebody gave it.
func (o *offline) namespace(name string) (inject.Namespace, bool) {
	if name == "" {
		name = o.fallback
	}
	if n, ok := o.given[name]; ok {
		return n, true
	}
	return inject.Namespace{Name: name, Labels: map[string]string{inject.InjectionLabel: "enabled"}}, false
}
