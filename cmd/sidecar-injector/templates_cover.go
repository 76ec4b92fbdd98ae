package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/cases"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// covered is the coverage of one template.
type covered struct {
	template *templates.Template
	parts    []cases.Part
	// broken is the name of a template with errors, which cannot be covered; "" otherwise.
	broken string
}

// covers returns the coverage of the templates under test: those of directories, and the built-in ones that
// a case requests.
func (o *testOptions) covers(runner *cases.Runner, results []*cases.Result) ([]covered, error) {
	if !o.cover {
		return nil, nil
	}
	asked := map[*templates.Template]bool{}
	for _, r := range results {
		for _, in := range r.Answer.Instances {
			asked[in.Template] = true
		}
	}
	var all []covered
	for _, e := range runner.Set.Entries() {
		if e.Template == nil {
			all = append(all, covered{broken: cmp.Or(e.Name, e.Origin.File)})
			continue
		}
		if e.Origin.Source == templates.SourceBuiltIn && !asked[e.Template] {
			continue
		}
		data, err := originData(e.Origin)
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", message.Quote(e.Name), err)
		}
		all = append(all, covered{template: e.Template, parts: runner.Cover.Parts(e.Template, data)})
	}
	return all, nil
}

// touched returns the number of covered parts.
func (c *covered) touched() int {
	n := 0
	for _, p := range c.parts {
		if p.Touched {
			n++
		}
	}
	return n
}

// percent returns the share of covered parts, 100 if the template has no parts.
func (c *covered) percent() float64 {
	if len(c.parts) == 0 {
		return 100
	}
	return 100 * float64(c.touched()) / float64(len(c.parts))
}

// coverForm returns the coverage in an output format; "" for JUnit, which has no place for it.
func coverForm(all []covered, output string, p terminal.Palette) string {
	var b strings.Builder
	for i := range all {
		c := &all[i]
		if c.broken != "" {
			continue
		}
		if output == outputText {
			fmt.Fprintf(&b, "%s %s %.1f %% (%d of %d)\n", p.Cyan("cover"), p.Bold(c.template.OwnName()), c.percent(), c.touched(), len(c.parts))
		}
		for _, part := range c.parts {
			switch {
			case part.Touched:
			case output == outputText:
				fmt.Fprintf(&b, "     %s:%d:%d: %s\n", c.template.Origin.File, part.Line, part.Column, part.Missing)
			case output == outputGitHub:
				b.WriteString(gitHubCommand("warning", c.template.Origin.File, part.Line, part.Column, "cover", part.Missing))
			}
		}
	}
	return p.Printable(b.String())
}

// tooLow returns an error that lists the templates with a coverage below --cover-min; nil if there is none.
func (o *testOptions) tooLow(all []covered) error {
	var faults []error
	for i := range all {
		c := &all[i]
		if c.broken != "" && o.coverMin > 0 {
			faults = append(faults, fmt.Errorf("template %s has faults: no case can touch anything of it", message.Quote(c.broken)))
			continue
		}
		if c.percent() < o.coverMin {
			faults = append(faults, fmt.Errorf("template %s: the cases touch %.1f %% of it, want %v %%", message.Quote(c.template.OwnName()), c.percent(), o.coverMin))
		}
	}
	return errors.Join(faults...)
}
