package expression

import (
	"slices"
	"testing"
)

// TestArms checks that the taken arm of each written conditional is recorded, and no arm of those made by
// macros.
func TestArms(t *testing.T) {
	const text = `a ${params.count > 1 ? "x" : params.text == "" ? "y" : "z"} ${[1, 2].filter(i, i > 1 ? true : false).size()} ${optional.of(1).optMap(v, v + 1).orValue(3)} ?${native ? 1 : 2}`
	x := mustCompile(t, text, anyValue)
	all := x.Arms()
	var offsets []int
	for _, arm := range all {
		if text[arm.Offset] != '?' {
			t.Errorf("arm at %d, where %q stands", arm.Offset, text[arm.Offset:])
		}
		if !slices.Contains(offsets, arm.Offset) {
			offsets = append(offsets, arm.Offset)
		}
	}
	if len(offsets) != 4 || len(all) != 2*len(offsets) {
		t.Fatalf("arms %v, want those of 4 conditionals", all)
	}
	taken := Arms{}
	in, plain := activation(t), activation(t)
	in.Arms, in.Parameters["count"], plain.Parameters["count"] = taken, int64(0), int64(0)
	got, _, err := x.Evaluate(in, &Budget{})
	if err != nil {
		t.Fatal(err)
	}
	if without, _, _ := x.Evaluate(plain, &Budget{}); without != got {
		t.Errorf("observed %q, else %q", got, without)
	}
	for i, arms := range []Arms{
		{{offsets[0], false}: true}, {{offsets[1], false}: true},
		{{offsets[2], true}: true, {offsets[2], false}: true}, {{offsets[3], false}: true},
	} {
		for _, value := range []bool{true, false} {
			arm := Arm{offsets[i], value}
			if taken[arm] != arms[arm] {
				t.Errorf("%v: taken %v, want %v", arm, taken[arm], arms[arm])
			}
		}
	}
}
