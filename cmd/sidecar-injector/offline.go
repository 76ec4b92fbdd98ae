package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/progress"
	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
)

// commonFlags are the flags of every command that works offline.
type commonFlags struct {
	templateDirs []string
	configFile   string
	color        string
	// All commands accept namespaceFile and cluster, so that a script can pass the same flags to each. The
	// kubeconfig is read only if arguments select objects of a cluster; otherwise not even its namespace is
	// used.
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

// addCluster adds the flags that also apply to commands that read a cluster.
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
	// They fail only for a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("namespace", c.completeNamespaces)
	_ = cmd.RegisterFlagCompletionFunc("context", c.completeContexts)
}

// complete registers the values of a flag for completion.
func complete(cmd *cobra.Command, flag string, values ...string) {
	// It fails only for a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// palettes returns the palettes for standard output and for the report on standard error.
func (c *commonFlags) palettes(std streams) (out, report palette, err error) {
	if out, err = newPalette(c.color, std.Out, os.Getenv); err != nil {
		return out, report, &hinted{err, "auto colours a terminal only, and nothing under CI or with NO_COLOR"}
	}
	report, err = newPalette(c.color, std.ErrOut, os.Getenv)
	return out, report, err
}

// templates loads the built-in templates and those of --template-dir. A broken template is not an error: a
// pod that requests it gets TemplateInvalid.
func (c *commonFlags) templates() (*templates.Set, error) {
	var directories []string // each once, or its templates would be duplicates
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
	library := source.NewLibrary(time.Now, nil, source.Usual(nil, directories)...)
	if err := library.Load(); err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	return library.Current(), nil
}

// offlineFlags are the flags of the commands that read manifests.
type offlineFlags struct {
	commonFlags
	fileFlags
}

func (o *offlineFlags) add(cmd *cobra.Command) {
	o.fileFlags.add(cmd, "manifests")
	o.commonFlags.add(cmd)
}

// loaded is the input that flags and arguments select, with what is needed to decide on it.
type loaded struct {
	offline.Input
	// reader is nil unless the pods come from a cluster.
	reader *live.Reader
	// absent is true if the cluster has no injector.
	absent bool
}

// load reads the files of the flags. The error lists all faults of the manifests.
func (o *offlineFlags) load(std streams) (*loaded, error) {
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
	read, err := o.read(std)
	if err != nil {
		return nil, err
	}
	l := &loaded{Input: offline.Input{Set: set, Settings: settings.Settings(), Fallback: cmp.Or(o.namespace, "default"), Streams: read, Progress: progress.On(std.ErrOut).Show}}
	return l, l.collect(o.namespaceFile)
}

// collect finds the pods and Namespaces in the manifests. Namespaces of namespaceFile take precedence,
// because they are given explicitly.
func (l *loaded) collect(namespaceFile string) error {
	if err := l.Collect(); err != nil {
		return err
	}
	named, err := readNamespaceFile(namespaceFile)
	l.Read(named...)
	return err
}
