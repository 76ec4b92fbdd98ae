package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts run the real program; -update writes its output into them.
var update = flag.Bool("update", false, "rewrite the expectations of the scripts")

func TestMain(m *testing.M) {
	program := func() { main() }
	testscript.Main(m, map[string]func(){
		"sidecar-injector":         program,
		"kubectl-sidecar_injector": program,

		"kubectl_complete-sidecar_injector": program,
	})
}

func TestScripts(t *testing.T) {
	shared, err := filepath.Abs("testdata/templates")
	must(t, err)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("CI", "")
			return os.CopyFS(filepath.Join(env.WorkDir, "templates"), os.DirFS(shared))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"make":  makeFile,
		},
	})
}

// exits CODE PROGRAM ARGUMENTS checks that the program exits with that code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENTS")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		failed := (*exec.ExitError)(nil)
		if !errors.As(err, &failed) {
			ts.Fatalf("%v", err)
		}
		got = failed.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// makeFile KIND FILE creates a file that cannot be part of a script, or is too large for it.
func makeFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: make KIND FILE")
	}
	var content bytes.Buffer
	switch args[0] {
	case "binary":
		content.WriteString("apiVersion: v1\nkind: Pod\nmetadata:\n  name: \x00\x01\xff\xfe\n")
	case "utf16":
		content.WriteString("\xff\xfea\x00:\x00")
	case "document-of-10MB":
		content.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big}\ndata:\n  text: ")
		content.WriteString(strings.Repeat("x", 10<<20))
		content.WriteString("\n")
	case "stream-of-10MB":
		for i := 0; content.Len() < 10<<20; i++ {
			fmt.Fprintf(&content, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: small-%d}\ndata:\n  text: %s\n", i, strings.Repeat("x", 9000))
		}
	case "deep":
		content.WriteString("apiVersion: v1\nkind: ConfigMap\ndata: ")
		content.WriteString(strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "\n")
	case "huge-annotation":
		fmt.Fprintf(&content, "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    sidecar-injector.dev/inject: %s\nspec: {containers: [{name: app, image: app}]}\n", strings.Repeat("a", 200_000))
	default:
		ts.Fatalf("unknown kind %q", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), content.Bytes(), 0o666))
}
