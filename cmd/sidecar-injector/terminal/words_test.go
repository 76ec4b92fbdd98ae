package terminal

import (
	"os/exec"
	"strings"
	"testing"
)

// A suggested command can be pasted, whatever names are in it.
func TestShellWordsMeanThemselves(t *testing.T) {
	for _, word := range []string{"web", "", "a b", "it's", `"$HOME"`, "`id`", "$(id)", "a;b", "-n", "~", "*", "ä", "a\nb", "\\"} {
		out, err := exec.Command("sh", "-c", "printf %s "+ShellWord(word)).Output()
		if err != nil {
			t.Fatalf("%q: %v", word, err)
		}
		if string(out) != word {
			t.Errorf("%q becomes %q", word, out)
		}
	}
}

func TestControlCharactersNeverReachATerminal(t *testing.T) {
	for _, p := range []Palette{{}, {On: true}} {
		got := p.Printable(p.Red("a\x1b]0;title\x07") + "\n\tb\x1b[2J\u202e")
		for _, bad := range []string{"\x1b]", "\x07", "\x1b[2J", "\u202e"} {
			if strings.Contains(got, bad) {
				t.Errorf("colour %v: %q holds %q", p.On, got, bad)
			}
		}
		if p.On != strings.Contains(got, "\x1b[31m") {
			t.Errorf("colour %v: %q", p.On, got)
		}
		if !strings.Contains(got, "\n\tb") {
			t.Errorf("%q lost a line break", got)
		}
	}
}
