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
	// They fail only for a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("namespace", c.completeNamespaces)
	_ = cmd.RegisterFlagCompletionFunc("context", c.completeContexts)
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
	library := source.NewLibrary(time.Now, nil, source.Usual(nil, directories)...)
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

// loaded is what flags and arguments name, ready to be decided about.
type loaded struct {
	offline.Input
	// reader is nil unless the pods come from a cluster.
	reader *live.Reader
}

// load reads all that the flags name. Faults of the manifests come all at once.
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

// collect finds pods and Namespaces; the Namespaces of the file count more, because somebody
// named it.
func (l *loaded) collect(namespaceFile string) error {
	if err := l.Collect(); err != nil {
		return err
	}
	named, err := readNamespaceFile(namespaceFile)
	l.Give(named...)
	return err
}
