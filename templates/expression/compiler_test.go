package expression

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

func compiled(t testing.TB, c *Compiler, text string, parameters ...Parameter) *Expression {
	t.Helper()
	scanned, err := Scan(text)
	if err != nil {
		t.Fatal(err)
	}
	x, err := c.Environment(parameters).Compile(scanned, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestEqualExpressionsOfEqualTypesShareOneProgram(t *testing.T) {
	c := NewCompiler()
	const text = "${params.a == params.b}"
	number := func(name string) Parameter { return Parameter{name, v1alpha1.TypeInteger} }
	name := func(name string) Parameter { return Parameter{name, v1alpha1.TypeString} }
	first := compiled(t, c, text+" ", number("a"), number("b"))
	again := compiled(t, c, text, number("b"), Parameter{"a", v1alpha1.TypePort}, name("other"))
	if first.parts[0].program != again.parts[0].program {
		t.Error("the same expression over the same types was compiled twice")
	}
	other := compiled(t, c, text, name("a"), name("b"))
	if first.parts[0].program == other.parts[0].program {
		t.Error("one program serves integers and strings")
	}
}

func TestEqualTextsOfEqualTypesAreOneExpression(t *testing.T) {
	c := NewCompiler()
	number, name := Parameter{"a", v1alpha1.TypeInteger}, Parameter{"a", v1alpha1.TypeString}
	for _, text := range []string{"${params.a}", "${ params.a}", "x-${params.a}", "${params.a}-${params.a + params.a}"} {
		first := compiled(t, c, text, number)
		if again := compiled(t, c, text, Parameter{"b", v1alpha1.TypeString}, number); again != first {
			t.Errorf("%s: compiled twice for one type", text)
		}
		if other := compiled(t, c, text, name); other == first {
			t.Errorf("%s: one expression serves integers and strings", text)
		}
	}
}

func TestAnExpressionThatWasUnplannedIsPlannedAgain(t *testing.T) {
	c := NewCompiler()
	x := compiled(t, c, "${instance}-${index}-${index + 1}")
	for range 2 {
		c.Unplan()
		if value, _, err := x.Evaluate(activation(t), &Budget{}); err != nil || value != "logs-2-3" {
			t.Errorf("got %v, %v", value, err)
		}
	}
}

func TestProgramsGoWithTheLastExpressionThatUsesThem(t *testing.T) {
	c := NewCompiler()
	held := func() int {
		c.programs.mu.Lock()
		defer c.programs.mu.Unlock()
		return len(c.programs.held)
	}
	kept := compiled(t, c, "${index + 1}")
	compiled(t, c, "${index + 2}")
	for range 1000 { // cleanups run some time after the collection
		runtime.GC()
		if held() == 1 {
			break
		}
		runtime.Gosched()
	}
	if got := held(); got != 1 {
		t.Errorf("%d programs are held, want the one in use", got)
	}
	runtime.KeepAlive(kept)
}

func TestCompileAndEvaluateAreSafeForConcurrentUse(t *testing.T) {
	c := NewCompiler()
	shared := compiled(t, c, "${instance}-${index + 1}-${pod.spec.containers.map(c, c.name)[0]}")
	var group sync.WaitGroup
	for range 8 {
		in := activation(t)
		group.Go(func() {
			for range 20 {
				value, _, err := shared.Evaluate(in, &Budget{})
				if err != nil || value != "logs-3-web" {
					t.Errorf("got %v, %v", value, err)
				}
				own := compiled(t, c, "${params.x + 'a'}", Parameter{"x", v1alpha1.TypeString})
				if _, _, err := own.Evaluate(in, &Budget{}); err == nil {
					t.Error("a parameter that is not there was read")
				}
			}
		})
	}
	group.Wait()
}

func TestAProgramWhosePlanWasDroppedIsPlannedAgain(t *testing.T) {
	environment := NewCompiler().Environment(parameters)
	var all []*Expression
	for i := range 2*maxPlans + 10 {
		scanned, err := Scan(fmt.Sprintf("${params.count + %d}", i))
		if err != nil {
			t.Fatal(err)
		}
		x, err := environment.Compile(scanned, nil)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	for round := range 2 {
		for i, x := range all {
			value, _, err := x.Evaluate(activation(t), &Budget{})
			if err != nil || value != int64(3+i) {
				t.Fatalf("round %d: expression %d gives %v, %v", round, i, value, err)
			}
		}
	}
	if kept := len(environment.compiler.plans.ring); kept > maxPlans {
		t.Errorf("%d plans are kept", kept)
	}
}
