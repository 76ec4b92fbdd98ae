package manifest

import (
	"strings"
	"testing"
)

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
