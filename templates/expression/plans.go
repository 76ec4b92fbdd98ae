package expression

import (
	"sync"
	"weak"

	"github.com/google/cel-go/cel"
)

// A planned program takes 14 to 16 KB, most of it CEL's table of functions, and
// thousands of templates have tens of thousands of them. Renderings are reused, so
// that few programs run often: only the plans of the latest are kept, and the
// others are planned again when they are needed, in about 0.3 ms.

// maxPlans bounds the plans that a Compiler keeps: 8 MB. It is no less than the expressions that
// a template may have, lest every rendering of the largest plan them all anew.
const maxPlans = 512

// plans are the programs whose plan is kept, a ring once it is full.
type plans struct {
	mu   sync.Mutex
	ring []weak.Pointer[program]
	next int
}

// keep takes in a program that has just been planned, and drops the plan of the
// one that has been there longest.
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

// Unplan drops all plans. Loading thousands of templates plans what few of them will
// ever use.
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

// planned is the program ready to run.
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
