// Command fluent-bit stands in for Fluent Bit 5.1.1, which is not in any package registry.
//
// It reads the YAML that the template log-collector writes and behaves like the original in these points:
//
//   - ${NAME} is replaced by the environment's value after the YAML is parsed, so a value cannot
//     add YAML structure;
//   - the tail input finds new files only by the scan every refresh_interval, also after
//     a rotation; it reads changes by inotify, and does not scan at SIGTERM;
//   - a file without read permission is only an error in its own log, at every scan;
//   - a rotated file is read until rotate_wait has passed and then forgotten, also in the database:
//     if a pattern matches its new name, it is read again from its beginning;
//   - at SIGTERM it stops reading, delivers what it has read, and exits when that is done, at
//     the latest after grace seconds;
//   - the root path of its HTTP server only shows that the process runs, not the state of the outputs.
//
// It has the input tail, the filter record_modifier and the outputs stdout, http and loki. Keys, values and
// plugins that it does not have are refused, even if Fluent Bit has them. mem_buf_limit is checked but not
// applied. multiline.parser, of any language, joins lines that start with white space, "at ", "..." or
// "Caused by" to the line before them, which waits for them for 4 seconds; docker and cri are refused. The
// database is a JSON text.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "fluent-bit:", err)
		os.Exit(1)
	}
}

// run reads the configuration that args name and runs until ctx ends.
func run(ctx context.Context, args []string, env lookup, stdout, stderr io.Writer) error {
	path, err := configPath(args, stderr)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	doc, err := parse(text, env)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	e, err := newEngine(doc, stdout, stderr)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return e.run(ctx)
}

func configPath(args []string, stderr io.Writer) (string, error) {
	flags := flag.NewFlagSet("fluent-bit", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var path string
	flags.StringVar(&path, "config", "", "configuration `file`")
	flags.StringVar(&path, "c", "", "configuration `file`")
	if err := flags.Parse(args); err != nil {
		return "", err
	}
	if flags.NArg() > 0 {
		return "", fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if path == "" {
		return "", errors.New("--config is missing")
	}
	return path, nil
}
