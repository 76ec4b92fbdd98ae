package terminal

import "testing"

func TestNamesFromTheClusterAreQuoted(t *testing.T) {
	for name, want := range map[string]string{
		"web-1.x": "web-1.x", "ReplicaSet": "ReplicaSet",
		"q\x1b[2J`id`": "\"q\\x1b[2J`id`\"", "a\nb": `"a\nb"`, "a b": `"a b"`,
	} {
		if got := Shown(name); got != want {
			t.Errorf("%q: shown is %s, want %s", name, got, want)
		}
	}
}

func TestShellWordsAreNeverRun(t *testing.T) {
	for text, want := range map[string]string{
		"web": "web", "$(reboot)": "'$(reboot)'", "it's": `'it'\''s'`, "a\x1b\n\u009bb": "'a?\n?b'", "": "''", "a b;c": "'a b;c'",
	} {
		if got := ShellWord(text); got != want {
			t.Errorf("%q: the word is %s, want %s", text, got, want)
		}
	}
}
