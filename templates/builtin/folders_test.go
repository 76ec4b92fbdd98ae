package builtin_test

import (
	"io/fs"
	"slices"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
)

// A volume mounted at / would hide all of the image.
func TestNoFolderIsTheRoot(t *testing.T) {
	mounted := []string{"folder", "logDir", "outputFile"}
	files, err := fs.Glob(builtin.FS, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, file := range files {
		data, err := builtin.FS.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range load.Load(templates.SourceBuiltIn, file, data) {
			for _, name := range entry.Template.ParameterNames() {
				if !slices.Contains(mounted, name) {
					continue
				}
				for _, text := range []string{"/", "//", "/.", "/./", "//.//", "/x", "/./x", "/.x/y"} {
					real := slices.Contains([]string{"/x", "/./x", "/.x/y"}, text)
					if name == "outputFile" {
						text += "/file"
					}
					tried++
					_, faults := entry.Template.Bind(func(n string) (string, bool) { return text, n == name })
					refused := slices.ContainsFunc(faults, func(f templates.ParameterFault) bool { return f.Name == name })
					if refused == real {
						t.Errorf("%s: %s %q: refused is %v", entry.Name, name, text, refused)
					}
				}
			}
		}
	}
	if tried == 0 {
		t.Error("no built-in template has such a parameter")
	}
}
