package edit

import (
	"errors"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

func TestOperationsThatDoNotApplyAreErrors(t *testing.T) {
	const text = "---\nkind: Pod\nspec: {containers: [{name: a}], volumes: null}\n"
	for name, test := range map[string]struct{ path, value, want string }{
		"the root":                     {"", `{}`, "the whole document cannot be replaced"},
		"a path without slash":         {"spec", `{}`, `pointer "spec" does not begin with /`},
		"a key that is missing":        {"/metadata/labels", `{}`, `key "metadata" does not exist`},
		"below null":                   {"/spec/volumes/-", `{}`, `"-" would be added to a scalar`},
		"below a scalar":               {"/kind/x/y", `{}`, `"x" is looked for in a scalar`},
		"an index past the end":        {"/spec/containers/2", `{}`, "index 2 is past the end of the list"},
		"an index that is none":        {"/spec/containers/01", `{}`, `"01" is no index of a list`},
		"the end of a list on the way": {"/spec/containers/-/env", `[]`, `"-" is no index of a list`},
		"a value that is no JSON":      {"/x", `{`, "value: EOF"},
		"two values":                   {"/x", `1 2`, "value: text after the JSON value"},
		"a key too long for YAML":      {"/x", `[{"` + strings.Repeat("k", 1001) + `":1}]`, "key is longer than 1000 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			stream, err := manifest.Parse("in.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			result, err := Apply(stream.Documents[0], []Operation{{"/ok", []byte("1")}, {test.path, []byte(test.value)}})
			var fault *manifest.Error
			if !errors.As(err, &fault) || !strings.HasSuffix(err.Error(), test.want) || fault.Line != 2 || result != nil {
				t.Fatalf("got %q, %v\nwant %s", result, err, test.want)
			}
		})
	}
}

func TestNothingIsAddedToAnEmptyDocument(t *testing.T) {
	stream, err := manifest.Parse("in.yaml", []byte("# nothing\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Apply(stream.Documents[0], []Operation{{"/a", []byte("1")}}); err == nil {
		t.Fatal("want an error")
	}
	text, err := Apply(stream.Documents[0], nil)
	if err != nil || string(text) != "# nothing\n" {
		t.Fatalf("got %q, %v, want the text", text, err)
	}
}
