// Command grafana stands in for Grafana 9.3.8, which is not in any package registry.
//
// It has the health check, the provisioning of dashboards and data sources with the reload URLs, and lists of
// what was provisioned. It behaves like the original in these points:
//
//   - data sources are read at the start and by their reload URL only. If its file is deleted, a
//     data source is kept; with two default data sources, or one without a name or a type,
//     Grafana does not start;
//   - dashboards are read from the folders that the provider files name. If its file is
//     deleted, a dashboard is removed, unless the provider says disableDeletion;
//   - a file that is not a dashboard is only an error in the log;
//   - the reload URLs and the lists require the administrator's user name and password.
//
// Settings come from /etc/grafana/grafana.ini, if it exists, and from GF_SECTION_KEY. Invalid lines of that
// file are refused, and so are variables that end in __FILE. Unlike in the original, dashboards are not read
// again every updateIntervalSeconds, but only by the reload URL, so that a test can observe that it was
// called. There is no database, no user besides the administrator, and no user interface.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Environ(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "grafana:", err)
		os.Exit(1)
	}
}

// run provisions and serves until ctx ends.
func run(ctx context.Context, args, environ []string, out io.Writer) error {
	flags := flag.NewFlagSet("grafana", flag.ContinueOnError)
	flags.SetOutput(out)
	ini := flags.String("config", "/etc/grafana/grafana.ini", "configuration `file`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	s, err := newSettings(*ini, environ)
	if err != nil {
		return err
	}
	p := &provisioned{folder: s.provisioning, log: slog.New(slog.NewTextHandler(out, nil))}
	if err := p.reloadDataSources(); err != nil {
		return fmt.Errorf("data sources: %w", err)
	}
	if err := p.reloadDashboards(); err != nil {
		p.log.Error("Failed to provision dashboards", "error", err)
	}
	server := &http.Server{Addr: s.address, Handler: newHandler(s, p)}
	defer context.AfterFunc(ctx, func() {
		limited, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(limited)
	})()
	p.log.Info("HTTP Server Listen", "address", s.address)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
