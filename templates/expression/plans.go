package expression

import (
	"sync"
	"weak"

	"github.com/google/cel-go/cel"
)

// A planned program takes 14 to 16 KB, most of it CEL's table of functions, and thousands of templates have
// tens of thousands of programs. Because renderings are cached, few programs run often: only the most recent
// plans are kept, and others are planned again when needed, in about 0.3 ms.

// maxPlans is the maximum number of plans that a Compiler keeps: about 8 MB. It is at least the maximum
// number of expressions in a template, so that renderings of the largest template do not plan all of them
// every time.
const maxPlans = 512

// To plan a program takes 0.2 ms, and 5 µs for each byte of its source, or as long as so many units of work.
const (
	planCost        = 700
	planCostPerByte = 18
)

// Planning returns what it takes to plan all programs of the expression, in units of work.
func (x *Expression) Planning() int {
	total := 0
	for program := range x.programs() {
		total += planCost + planCostPerByte*len(program.source)
	}
	return total
}

// plans holds the programs whose plan is kept, as a ring buffer once it is full.
type plans struct {
	mu   sync.Mutex
	ring []weak.Pointer[program]
	next int
}

// keep adds a program that has just been planned, and drops the oldest plan.
func (k *plans) keep(p *program) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.ring) < maxPlans {
		k.ring = append(k.ring, weak.Make(p))
		return
	}
	if oldest := k.ring[k.next].Value(); oldest != nil && oldest != p {
		oldest.plan.Store(nil)
	}
	k.ring[k.next] = weak.Make(p)
	k.next = (k.next + 1) % maxPlans
}

// Unplan drops all plans. Loading thousands of templates plans many programs that are not used soon.
func (c *Compiler) Unplan() {
	c.plans.mu.Lock()
	defer c.plans.mu.Unlock()
	for _, held := range c.plans.ring {
		if p := held.Value(); p != nil {
			p.plan.Store(nil)
		}
	}
	c.plans.ring, c.plans.next = nil, 0
}

// planned returns the program's plan, and makes it if it is not kept.
func (p *program) planned() (cel.Program, *Error) {
	if plan := p.plan.Load(); plan != nil {
		return *plan, nil
	}
	_, plan, err := p.compiler.plan(p.source, p.needs.declared())
	if err != nil {
		return nil, err
	}
	p.plan.Store(&plan)
	p.compiler.plans.keep(p)
	return plan, nil
}
