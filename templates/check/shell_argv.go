package check

import (
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// word is one word of a command line.
type word struct {
	written string // as in the template, with marks
	text    string // with $(NAME) expanded as Kubernetes does
	place   program.Place
	list    bool // an expression that may give any number of words
	maybe   bool // one of several alternatives
}

type shellFamily uint8

const (
	noShell shellFamily = iota
	posixShell
	switchUser
	powerShell
	commandPrompt
)

func shellOf(text string) shellFamily {
	text = text[strings.LastIndexAny(text, `/\`)+1:]
	switch strings.TrimSuffix(strings.ToLower(text), ".exe") {
	case "sh", "ash", "bash", "dash", "rbash", "hush", "ksh", "mksh", "lksh", "pdksh", "zsh", "yash", "fish", "csh", "tcsh":
		return posixShell
	case "su", "runuser":
		return switchUser
	case "powershell", "pwsh":
		return powerShell
	case "cmd":
		return commandPrompt
	}
	return noShell
}

// argv finds the words that a shell reads as commands.
type argv struct {
	check *shellCheck
	env   variables
	// done are the shell families whose remaining words have all been checked.
	done [commandPrompt + 1]bool
}

// read looks for shells at any position, because env, timeout, busybox and others execute the words that
// follow.
func (a *argv) read(words []word) {
	for i := 0; i < len(words); i++ {
		rest := words[i+1:]
		switch family := shellOf(words[i].text); {
		case family == posixShell:
			i += a.posix(rest)
		case family == noShell || a.done[family]:
		case family == switchUser:
			a.switchUser(rest)
		default: // Windows shells: every value is reported, because quoting depends on the program
			a.done[family] = true
			for j := range rest {
				a.check.script(&rest[j], family, -1, a.env)
			}
		}
	}
}

// posix checks the words after a POSIX shell and returns how many of them belong to it: its options, the
// commands, and the name ($0) under which they run.
func (a *argv) posix(words []word) int {
	commands, argument, ended := false, false, false
	for i := range words {
		w := &words[i]
		option := !ended && len(w.text) > 1 && strings.ContainsAny(w.text[:1], "-+")
		switch {
		case w.list:
			a.check.script(w, posixShell, -1, a.env) // it may hold -c and the commands
		case argument:
			argument = false
		case !ended && (w.text == "--" || w.text == "-"):
			ended = true
		case commands && !option:
			a.check.script(w, posixShell, -1, a.env)
			if !w.maybe {
				return i + 2
			}
		case !ended && a.hostile(w, words[i+1:]):
			return i
		case !option && w.maybe:
		case !option:
			return i // a script file; what follows are its arguments
		case strings.HasPrefix(w.text, "--command="):
			a.check.script(w, posixShell, -1, a.env)
		case strings.HasPrefix(w.text, "--"):
			commands = commands || w.text == "--command"
			argument = w.text == "--rcfile" || w.text == "--init-file"
		default:
			commands = commands || w.text[0] == '-' && strings.Contains(w.text, "c")
			argument = strings.HasSuffix(strings.ToLower(w.text), "o") // -o pipefail, -O extglob
		}
	}
	return len(words)
}

// hostile reports whether a parameter's value can turn the word into -c, so that the words after it are
// commands.
func (a *argv) hostile(w *word, after []word) bool {
	i := marked(w.text)
	if i < 0 || !strings.HasPrefix(w.text, mark(i)) && (!strings.HasPrefix(w.text, "-") || strings.HasPrefix(w.text, "--")) ||
		strings.HasPrefix(w.text, mark(i)) && !a.check.template.Parameters()[i].Takes("-c") {
		return false
	}
	if !a.done[posixShell] {
		a.done[posixShell] = true
		for j := range after {
			a.check.script(&after[j], posixShell, i, a.env)
		}
	}
	return true
}

// switchUser checks the words after su and runuser, which accept options at any position.
func (a *argv) switchUser(words []word) {
	a.done[switchUser] = true
	commands := false
	for i := range words {
		w := &words[i]
		name, _, attached := strings.Cut(w.text, "=")
		long := name == "--command" || name == "--session-command"
		short := strings.HasPrefix(w.text, "-") && !strings.HasPrefix(w.text, "--") && strings.Contains(w.text, "c")
		if commands || w.list || long && attached || short && !strings.HasSuffix(w.text, "c") { // -cCOMMANDS
			a.check.script(w, switchUser, -1, a.env)
		}
		commands = !commands && (long && !attached || short && strings.HasSuffix(w.text, "c"))
	}
}
