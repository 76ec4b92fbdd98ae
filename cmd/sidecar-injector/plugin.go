package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// pluginName is what people type when the program is a plugin of kubectl.
const pluginName = "kubectl sidecar-injector"

// completerPrefix begins the name of the program that kubectl asks what can follow a
// plugin's name: kubectl_complete-sidecar_injector, a link to this one.
const completerPrefix = "kubectl_complete-"

// speakKubectl makes the help of a command and of all below it name the plugin.
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
