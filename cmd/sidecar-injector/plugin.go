package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// pluginName is the command's name when the program runs as a plugin of kubectl.
const pluginName = "kubectl sidecar-injector"

// completerPrefix is the prefix of the program that kubectl runs to complete a plugin's arguments:
// kubectl_complete-sidecar_injector, a link to this program.
const completerPrefix = "kubectl_complete-"

// speakKubectl replaces the program's name in the help of a command and all its subcommands by pluginName.
func speakKubectl(cmd *cobra.Command) {
	if !cmd.HasParent() {
		cmd.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: pluginName}
	}
	lines := strings.Split(cmd.Example, "\n")
	for i, line := range lines {
		for _, before := range []string{"  ", "| "} {
			line = strings.Replace(line, before+"sidecar-injector ", before+pluginName+" ", 1)
		}
		lines[i] = line
	}
	cmd.Example = strings.Join(lines, "\n")
	for _, below := range cmd.Commands() {
		speakKubectl(below)
	}
}
