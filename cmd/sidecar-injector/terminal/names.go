package terminal

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// Plain says whether a name can be one of a workload. Owner references and annotations
// may hold any text: whoever may write pods chooses it, and others read it on their
// terminals and paste it into their shells.
func Plain(name string) bool { return len(validation.IsDNS1123Subdomain(name)) == 0 }

// Shown is a name for people: as it is if it is plain, else quoted and cut.
func Shown(name string) string {
	if Plain(strings.ToLower(name)) {
		return name
	}
	return message.Quote(name)
}

// ShellWord is a text as one word of a shell command. Characters that are not to
// be seen, other than breaks and tabs, become question marks: a terminal would act on some, and
// others turn the direction of text.
func ShellWord(text string) string {
	const harmless = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:,"
	if text != "" && strings.Trim(text, harmless) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(plain(text), "'", `'\''`) + "'"
}
