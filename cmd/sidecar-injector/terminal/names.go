package terminal

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// Plain reports whether a name can be that of a workload. Owner references and annotations may hold any
// text, chosen by users who may create pods, while other users see them on their terminals and paste them
// into their shells.
func Plain(name string) bool { return len(validation.IsDNS1123Subdomain(name)) == 0 }

// Shown returns a name for display: unchanged if it is plain, else quoted and shortened.
func Shown(name string) string {
	if Plain(strings.ToLower(name)) {
		return name
	}
	return message.Quote(name)
}

// ShellWord returns text as one word of a shell command, quoted if necessary. Unprintable characters other
// than line breaks and tabs become question marks, because a terminal would interpret some of them, and
// others change the direction of text.
func ShellWord(text string) string {
	const harmless = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:,"
	if text != "" && strings.Trim(text, harmless) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(plain(text), "'", `'\''`) + "'"
}

// Restarts reports whether kubectl rollout restart supports the kind.
func Restarts(kind string) bool {
	return slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet"}, kind)
}

// RestartCommand returns the command that creates the pods of a workload of such a kind anew.
func RestartCommand(kind, name, namespace string) string {
	return fmt.Sprintf("kubectl rollout restart %s %s -n %s", strings.ToLower(kind), ShellWord(name), ShellWord(namespace))
}
