package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/playground"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/playground/page"
	"github.com/sidecar-injector/sidecar-injector/config"
)

// playgroundOptions are the flags of playground.
type playgroundOptions struct {
	fleetFlags
	listen string
}

func newPlaygroundCommand(std streams) *cobra.Command {
	o := &playgroundOptions{}
	cmd := &cobra.Command{
		Use:   "playground",
		Short: "Open a page that shows what becomes of a pod while you type",
		Long: `Serve a page on loopback: on its left a pod or workload, its namespace and templates,
on its right what becomes of the pod, and why, while you type.

It prints the page's address, which holds a token: only who has it gets an answer. What is
typed stays on this machine. Ctrl-C ends it.

With --context, --kubeconfig or -A the page also shows which workloads of the cluster have
which sidecars, and opens them; the injector's templates and settings then count. It reads
with your own rights, and changes nothing.`,
		Example: `  sidecar-injector playground
  sidecar-injector playground --template-dir templates
  sidecar-injector playground --context staging -A`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, std) },
	}
	o.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.configFile, "config", "", "`file` of the injector's settings")
	flags.StringVar(&o.listen, "listen", "127.0.0.1:0", "`address` of the page, on loopback; port 0: any that is free")
	return cmd
}

func (o *playgroundOptions) run(cmd *cobra.Command, std streams) error {
	connects, err := o.connects(cmd)
	if err != nil {
		return err
	}
	settings, err := config.Read(o.configFile)
	if err != nil {
		return err
	}
	set, err := o.templates()
	if err != nil {
		return err
	}
	engine := playground.NewEngine(set, settings.Settings())
	var cluster page.Cluster
	if connects {
		if cluster, err = newPlaygroundCluster(&o.fleetFlags, engine); err != nil {
			return err
		}
	}
	handler, err := page.NewHandler(engine, cluster)
	if err != nil {
		return err
	}
	listener, err := o.loopback()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Fprintf(std.Out, "http://%s%s\n", listener.Addr(), handler.Path())
	fmt.Fprintln(std.ErrOut, "Open this address in a browser. Ctrl-C ends the playground.")
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("playground: %w", err)
	}
	return nil
}

// connects reports whether the flags select a cluster. Flags that select pods of one do not do so alone.
func (o *playgroundOptions) connects(cmd *cobra.Command) (bool, error) {
	flags := cmd.Flags()
	if flags.Changed("context") || flags.Changed("kubeconfig") || o.all {
		return true, nil
	}
	for _, name := range []string{"namespace", "selector"} {
		if flags.Changed(name) {
			return false, &hinted{fmt.Errorf("--%s selects pods of a cluster, and without --context, --kubeconfig or -A the playground has none", name), "add --context NAME"}
		}
	}
	return false, nil
}

// loopback listens on --listen, which must be a loopback address.
func (o *playgroundOptions) loopback() (net.Listener, error) {
	address, err := net.ResolveTCPAddr("tcp", o.listen)
	if err != nil {
		return nil, &hinted{fmt.Errorf("--listen %q: %w", o.listen, err), "give an address and a port, such as 127.0.0.1:8099"}
	}
	if address.IP == nil || !address.IP.IsLoopback() {
		return nil, &hinted{fmt.Errorf("--listen %q: the playground is for this machine only", o.listen), "give an address on loopback, such as 127.0.0.1:8099; make playground makes a page for everybody"}
	}
	listener, err := net.ListenTCP("tcp", address)
	if err != nil {
		return nil, &hinted{fmt.Errorf("--listen: %w", err), "--listen 127.0.0.1:0 takes a port that is free"}
	}
	return listener, nil
}
