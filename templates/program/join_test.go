package program

import "testing"

func TestJoinedValuesMakeNoReference(t *testing.T) {
	for _, c := range []struct {
		join               Join
		there, value, want string
	}{
		{Join{Appended, ","}, "a", "b", "a,b"},
		{Join{Prepended, ","}, "a", "b", "b,a"},
		{Join{Appended, "$"}, "a", "(TOKEN)", "a$$(TOKEN)"},
		{Join{Prepended, "$"}, "(TOKEN)", "a", "a$$(TOKEN)"},
		{Join{Appended, "("}, "a$", "TOKEN)", "a$$(TOKEN)"},
		{Join{Appended, ","}, "$(A)", "$(B)", "$(A),$(B)"},
		{Join{Appended, "$$"}, "a", "(B)", "a$$(B)"},
		{Join{Appended, ","}, "", "$(B)", "$(B)"},
	} {
		if got := c.join.To(c.there, c.value); got != c.want {
			t.Errorf("%+v of %q to %q: got %q, want %q", c.join, c.value, c.there, got, c.want)
		}
	}
}
