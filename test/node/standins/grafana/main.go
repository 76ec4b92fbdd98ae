// Command grafana stands in for Grafana 9.3.8, which no package registry has.
//
// It has the health check, the provisioning of dashboards and data sources with the URLs
// that repeat it, and lists of what was provisioned. It keeps these habits:
//
//   - data sources are read at the start and by their reload URL, at no other time. One whose
//     file is gone stays; two that are the default, or one without a name or a type, keep
//     Grafana from starting;
//   - dashboards are read from the folders that the provider files name. One whose file is
//     gone goes, too, unless the provider says disableDeletion;
//   - a file that is no dashboard is an error in the log only;
//   - the reload URLs and the lists want the administrator's user name and password.
//
// Settings come from /etc/grafana/grafana.ini, if it is there, and from GF_SECTION_KEY. A
// line of that file that is no setting is refused, and so are variables that end in __FILE.
// Dashboards are not looked at every updateIntervalSeconds: they change by the reload URL
// alone, so that a test sees that it was called. There is no database, no user besides the
// administrator, and nothing for a browser.
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
