package manifest

import (
	"errors"
	"strings"
	"testing"
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
			stream, err := Parse("in.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			result, err := stream.Documents[0].Edit([]Operation{{"/ok", []byte("1")}, {test.path, []byte(test.value)}})
			var fault *Error
			if !errors.As(err, &fault) || !strings.HasSuffix(err.Error(), test.want) || fault.Line != 2 || result != nil {
				t.Fatalf("got %q, %v\nwant %s", result, err, test.want)
			}
		})
	}
}

func TestNothingIsAddedToAnEmptyDocument(t *testing.T) {
	stream, err := Parse("in.yaml", []byte("# nothing\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Documents[0].Edit([]Operation{{"/a", []byte("1")}}); err == nil {
		t.Fatal("want an error")
	}
	text, err := stream.Documents[0].Edit(nil)
	if err != nil || string(text) != "# nothing\n" {
		t.Fatalf("got %q, %v, want the text", text, err)
	}
}

func TestPairsExpandMergeKeysAndExplicitKeysWin(t *testing.T) {
	stream, err := Parse("in.yaml", []byte("a: &a {x: 1, k: 2}\nb: &b {k: 3, z: 4}\nc: {x: 0, <<: [*a, *b], w: *a}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for key, value := range Pairs(stream.Documents[0].Root.Content[5]) {
		got = append(got, key.Value+"="+string(JSON(value)))
	}
	if want := `x=0 k=2 z=4 w={"x":1,"k":2}`; strings.Join(got, " ") != want {
		t.Fatalf("got %v\nwant %s", got, want)
	}
}
