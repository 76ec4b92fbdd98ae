package check

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// word is one word of a command line.
type word struct {
	written string // as the template has it
	text    string // with the variables that Kubernetes puts in
	place   program.Place
	// unknown words are marks of parameters; with list they stand for any number.
	unknown, list bool
}

// script is a word that a shell reads as commands.
type script struct {
	word
	family shellFamily
	option int // the parameter that must be -c for that; -1: none
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
	switch programName(text) {
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

// programName is the program that a word names, without folder and .exe.
func programName(text string) string {
	text = text[strings.LastIndexAny(text, `/\`)+1:]
	return strings.TrimSuffix(strings.ToLower(text), ".exe")
}

// scripts finds the words that a shell reads as commands, wherever the shell stands: env,
// timeout, busybox and others run what comes after them. mayBe says whether a word may
// be a text, by the value of a parameter.
func scripts(words []word, mayBe func(*word, string) (int, bool)) []script {
	var found []script
	taken := map[shellFamily]bool{}
	read := map[shellFamily]bool{}
	for i := 0; i < len(words); i++ {
		if words[i].unknown {
			continue
		}
		rest := words[i+1:]
		family := shellOf(words[i].text)
		l := commandLine{family: family, mayBe: mayBe, taken: taken}
		switch family {
		case posixShell:
			i += l.posix(rest)
		case switchUser:
			if !read[family] { // else the first one has read these words, too
				l.switchUser(rest)
			}
		case powerShell:
			l.powerShell(rest, programName(words[i].text) == "pwsh")
		case commandPrompt:
			if !read[family] {
				l.commandPrompt(rest)
			}
		case noShell:
		}
		read[family] = true
		found = append(found, l.found...)
	}
	return found
}

// commandLine reads what follows a shell's name.
type commandLine struct {
	family shellFamily
	mayBe  func(*word, string) (int, bool)
	found  []script
	// taken says that a shell of that family has taken all words to the end, so that another
	// one, further on, finds nothing new.
	taken map[shellFamily]bool
}

// rest adds all words to the end.
func (l *commandLine) rest(words []word) {
	if !l.taken[l.family] {
		l.taken[l.family] = true
		l.add(words...)
	}
}

func (l *commandLine) add(words ...word) {
	for _, w := range words {
		l.found = append(l.found, script{word: w, family: l.family, option: -1})
	}
}

// posix gives how many of the words belong to the shell: its options, the commands, and
// the name that it runs them under.
func (l *commandLine) posix(words []word) int {
	commands, argument, ended := false, false, false
	for i := range words {
		w := &words[i]
		option := !ended && len(w.text) > 1 && strings.ContainsAny(w.text[:1], "-+")
		switch {
		case w.unknown && w.list:
			l.add(*w) // it may hold -c and the commands
		case argument:
			argument = false
		case w.unknown && !commands:
		case commands && !option:
			if !ended && (w.text == "--" || w.text == "-") {
				ended = true
				continue
			}
			l.add(*w)
			return i + 2
		case !ended && (w.text == "--" || w.text == "-"):
			ended = true
		case !ended && l.hostile(w, words[i+1:]):
			return i
		case !option:
			return i // a file of commands; what follows are its arguments
		case strings.HasPrefix(w.text, "--command="):
			l.add(*w)
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

// hostile says whether a word may be -c by the value of a parameter. The words after it
// then are commands.
func (l *commandLine) hostile(w *word, after []word) bool {
	parameter, ok := l.mayBe(w, "-c")
	if !ok && strings.HasPrefix(w.text, "-") && !strings.HasPrefix(w.text, "--") && marked(w.text) >= 0 {
		parameter, ok = marked(w.text), true
	}
	if !ok {
		return false
	}
	if l.taken[l.family] {
		return true
	}
	l.taken[l.family] = true
	for _, next := range after {
		l.found = append(l.found, script{word: next, family: l.family, option: parameter})
	}
	return true
}

// switchUser knows su and runuser, which take options in any place.
func (l *commandLine) switchUser(words []word) {
	commands := false
	for _, w := range words {
		name, _, attached := strings.Cut(w.text, "=")
		switch {
		case commands, w.unknown && w.list:
			l.add(w)
			commands = false
		case name == "--command", name == "--session-command":
			if attached {
				l.add(w)
			}
			commands = !attached
		case w.unknown, !strings.HasPrefix(w.text, "-"), strings.HasPrefix(w.text, "--"):
		case strings.HasSuffix(w.text, "c"):
			commands = true
		case strings.Contains(w.text, "c"):
			l.add(w) // -cCOMMANDS
		}
	}
}

// powerShell reads everything after -Command as commands, and in Windows PowerShell, which
// is not core, everything that is no option.
func (l *commandLine) powerShell(words []word, core bool) {
	argument := false
	for i, w := range words {
		option := strings.ToLower(strings.TrimLeft(w.text, "-/"))
		switch {
		case argument:
			argument = false
		case w.unknown:
			l.rest(words[i:])
			return
		case len(option) == len(w.text):
			if !core || marked(w.text) >= 0 {
				l.rest(words[i:])
			}
			return
		case option == "":
		case option == "commandwithargs", option == "cwa":
			l.add(words[i+1 : min(i+2, len(words))]...)
			return
		case strings.HasPrefix("command", option), strings.HasPrefix("encodedcommand", option), option == "ec":
			l.rest(words[i+1:])
			return
		case strings.HasPrefix("file", option):
			return
		default:
			argument = slices.ContainsFunc(powerShellArguments(), func(name string) bool { return strings.HasPrefix(name, option) })
		}
	}
}

// powerShellArguments are the options that take a word.
func powerShellArguments() []string {
	return []string{
		"configurationname", "custompipename", "ep", "executionpolicy", "inputformat", "if", "outputformat", "of", "psconsolefile",
		"settingsfile", "version", "wd", "windowstyle", "workingdirectory",
	}
}

// commandPrompt reads everything after /c or /k as commands.
func (l *commandLine) commandPrompt(words []word) {
	for i, w := range words {
		option := strings.ToLower(w.text)
		if w.unknown || strings.HasPrefix(option, "/c") || strings.HasPrefix(option, "/k") || strings.HasPrefix(option, "/r") {
			l.rest(words[i:])
			return
		}
	}
}

// references gives the variables that become part of the text before the shell reads it,
// by name, each with what refers to it.
func (s *script) references(variables variables) iter.Seq2[string, string] {
	found := map[string]string{}
	if s.family == commandPrompt { // which replaces %NAME% first, as Kubernetes does $(NAME)
		parts := strings.Split(strings.ToLower(s.written), "%")
		for _, between := range parts[min(1, len(parts)):max(len(parts)-1, min(1, len(parts)))] {
			if name, there := variables.folded[between]; there {
				found[name] = "%" + name + "%"
			}
		}
	}
	if marked(s.text) >= 0 {
		for rest := s.written; ; {
			_, after, opened := strings.Cut(rest, "$(")
			name, _, closed := strings.Cut(after, ")")
			if !opened || !closed {
				break
			}
			if _, there := variables.values[name]; there {
				found[name] = "$(" + name + ")"
			}
			rest = after
		}
	}
	return func(yield func(name, reference string) bool) {
		for _, name := range slices.Sorted(maps.Keys(found)) {
			if !yield(name, found[name]) {
				return
			}
		}
	}
}

// variables are those of a container: their values by name, and their names by what the
// Windows command prompt, which does not tell letters apart by case, knows them by.
type variables struct {
	values, folded map[string]string
}

// marks are the variables with nothing left of their values but the marks.
func (v variables) marks() variables {
	short := variables{values: map[string]string{}, folded: v.folded}
	for name, value := range v.values {
		short.values[name] = marksOf(value)
	}
	return short
}

// longestCommandLine bounds the words of a command line together, with their variables.
const longestCommandLine = 16 * longestExpansion

// longestExpansion bounds a text with its variables, which may hold each other many times over.
const longestExpansion = 1 << 16

// longestVariable bounds the names of variables that are looked for, in bytes.
const longestVariable = 256

// expand replaces $(NAME) as Kubernetes does: only variables that there are; $$( stands for $(.
func expand(text string, variables map[string]string) string {
	if !strings.Contains(text, "$") {
		return text
	}
	var b strings.Builder
	long := false
	counted := map[string]bool{} // the variables whose marks are there, once it is long
	for i := 0; i < len(text); i++ {
		if b.Len() > longestExpansion {
			marks := marksOf(b.String())
			b.Reset()
			b.WriteString(marks)
			long = true
		}
		if text[i] != '$' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		switch text[i+1] {
		case '$':
			b.WriteByte('$')
			i++
			continue
		case '(':
			if name, _, closed := strings.Cut(text[i+2:min(i+2+longestVariable, len(text))], ")"); closed {
				if value, there := variables[name]; there {
					switch {
					case !long:
						b.WriteString(value)
					case !counted[name]:
						counted[name] = true
						b.WriteString(marksOf(value))
					}
					i += len(name) + 2
					continue
				}
			}
		}
		b.WriteByte('$')
	}
	if long {
		return marksOf(b.String())
	}
	return shortened(b.String())
}

// shortened is the text, or the marks in it if it is too long.
func shortened(text string) string {
	if len(text) <= longestExpansion {
		return text
	}
	return marksOf(text)
}

// marksOf is each mark of a text once.
func marksOf(text string) string {
	var marks []rune
	for _, r := range text {
		if isMark(r) && !slices.Contains(marks, r) {
			marks = append(marks, r)
		}
	}
	return string(marks)
}
