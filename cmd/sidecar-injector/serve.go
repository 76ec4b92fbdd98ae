package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/keeper"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/offline"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/serve"
	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook"
)

// serveOptions are the flags of serve.
type serveOptions struct {
	serve.Options
	namespaceFile, configFile, logLevel string
	keeper                              []string
}

func newServeCommand(std streams) *cobra.Command {
	o := &serveOptions{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the admission webhook",
		Long: `Run the admission webhook: POST ` + webhook.Path + ` over HTTPS.

It watches the namespaces of the cluster that --kubeconfig names, or of the one that
it runs in. With --standalone it needs no cluster: every namespace counts as enabled
unless --namespace-file gives it.

SIGTERM drains: /readyz fails at once, requests are still answered for the time of
--drain, then the program ends. A second signal ends it at once.`,
		Example: `  sidecar-injector serve --standalone --listen 127.0.0.1:9443 --ca-out ca.crt`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(cmd); err != nil {
				return err
			}
			return o.run(std)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Listen, "listen", ":9443", "`address` of the webhook (HTTPS)")
	flags.StringVar(&o.MetricsListen, "metrics-listen", ":9445", "`address` of /metrics (HTTP); empty: none")
	flags.StringVar(&o.HealthListen, "health-listen", ":9444", "`address` of /healthz and /readyz (HTTP); empty: none")
	flags.StringVar(&o.PprofListen, "pprof-listen", "", "`address` of /debug/pprof (HTTP), best on loopback; empty: none")
	flags.BoolVar(&o.Standalone, "standalone", false, "run without a cluster: every namespace counts as enabled, certificates are made in memory")
	flags.StringVar(&o.Kubeconfig, "kubeconfig", "", "`file` that names the cluster; inside a pod the pod's own is the default")
	flags.StringVar(&o.Context, "context", "", "`context` of the kubeconfig")
	flags.StringVar(&o.Name, "name", "", "`name` of the installation, after which its objects in the cluster are named; empty: nothing in the cluster is written")
	flags.StringVar(&o.CertificateDir, "certificate-dir", "", "`directory` of tls.crt and tls.key, made elsewhere and read again when they change")
	flags.StringVar(&o.CAOut, "ca-out", "", "write the certificate authority's bundle to `file` (PEM)")
	flags.StringSliceVar(&o.Hosts, "host", nil, "further `name` or address that the certificate is for, beside localhost; may be repeated")
	flags.StringArrayVar(&o.TemplateDirs, "template-dir", nil, "`directory` of templates, read again when it changes; may be repeated")
	flags.StringVar(&o.namespaceFile, "namespace-file", "", "`file` of Namespaces that count as they stand in it")
	flags.StringVar(&o.configFile, "config", "", "`file` of the injector's settings")
	flags.StringSliceVar(&o.keeper, "keeper", nil, "look after the fleet in the replica that holds the lease, by `work`: inventory, which counts pods, repair, rollout")
	complete(cmd, "keeper", string(keeper.Inventory), string(keeper.Repair), string(keeper.Rollout))
	flags.DurationVar(&o.Drain, "drain", 10*time.Second, "how long to go on answering after SIGTERM")
	flags.StringVar(&o.logLevel, "log-level", "info", "info; or debug, which also logs requests that were turned away")
	complete(cmd, "log-level", "info", "debug")
	return cmd
}

func (o *serveOptions) validate(cmd *cobra.Command) error {
	switch {
	case !o.Standalone && o.namespaceFile != "":
		return &hinted{
			errors.New("--namespace-file: the cluster's own namespaces count"),
			"--standalone serves without a cluster",
		}
	case o.Standalone && o.Kubeconfig+o.Context != "":
		return &hinted{errors.New("--standalone: no cluster is asked, so --kubeconfig and --context have no use"), seeHelp(cmd)}
	case o.Standalone && o.Name != "":
		return &hinted{errors.New("--standalone: no cluster is there, so --name has no use"), seeHelp(cmd)}
	case o.Name != "" && len(validation.IsDNS1035Label(o.Name)) > 0:
		return &hinted{fmt.Errorf("--name %s: want a name that a Service may have", message.Quote(o.Name)), seeHelp(cmd)}
	case o.CAOut != "" && o.Name != "":
		return &hinted{errors.New("--ca-out: with --name the authority is shared by all replicas"), "the Secret " + o.Name + "-ca holds it under ca.crt"}
	case o.CAOut != "" && o.CertificateDir != "":
		return &hinted{errors.New("--ca-out: with --certificate-dir the authority is somebody else's"), seeHelp(cmd)}
	case len(o.keeper) > 0 && o.Name == "":
		return &hinted{errors.New("--keeper: one replica at a time looks after the fleet, the one that holds the lease of --name"), seeHelp(cmd)}
	case o.Drain < 0:
		return &hinted{fmt.Errorf("--drain %s: want no less than 0s", o.Drain), seeHelp(cmd)}
	case o.logLevel != "info" && o.logLevel != "debug":
		return &hinted{fmt.Errorf("--log-level %q: want info or debug", o.logLevel), seeHelp(cmd)}
	}
	for _, text := range o.keeper {
		work, err := keeper.ParseWork(text)
		if err != nil {
			return &hinted{fmt.Errorf("--keeper %w", err), seeHelp(cmd)}
		}
		o.Keeper = append(o.Keeper, work)
	}
	return nil
}

func (o *serveOptions) run(std streams) error {
	file, err := config.Read(o.configFile)
	if err != nil {
		return err
	}
	named, err := readNamespaceFile(o.namespaceFile)
	if err != nil {
		return err
	}
	o.Namespaces = offline.Namespaces(named)
	o.Settings, o.Debug, o.Build = file.Settings(), o.logLevel == "debug", readBuild()
	return serve.Run(&o.Options, std.ErrOut)
}
