package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/serve"
)

// Set by the linker: -X main.version=v1.2.3 -X main.commit=….
var (
	version string
	commit  string
)

// readBuild returns the build's version: the values set by the linker, or else those that the Go tool
// recorded.
func readBuild() serve.Build {
	b := serve.Build{Version: version, Commit: commit, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if ok && b.Version == "" && info.Main.Version != "(devel)" {
		b.Version = info.Main.Version
	}
	if ok && b.Commit == "" {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				b.Commit = setting.Value
			}
		}
	}
	if b.Version == "" {
		b.Version = "devel"
	}
	if b.Commit == "" {
		b.Commit = "unknown"
	}
	return b
}

func newVersionCommand(std streams) *cobra.Command {
	output := outputText
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit and the Go version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := knownOutput(cmd, output, outputText, outputJSON); err != nil {
				return err
			}
			b := readBuild()
			if output == outputJSON {
				text, err := json.Marshal(map[string]string{"version": b.Version, "commit": b.Commit, "go": b.Go})
				if err != nil {
					return fmt.Errorf("version: %w", err)
				}
				return writeOut(std, append(text, '\n'))
			}
			return writeOut(std, fmt.Appendf(nil, "version: %s\ncommit: %s\ngo: %s\n", b.Version, b.Commit, b.Go))
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", outputText, "text or json")
	complete(cmd, "output", outputText, outputJSON)
	return cmd
}
