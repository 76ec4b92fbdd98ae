package cases

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/pod-security-admission/api"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Spec is the content of case.yaml.
type Spec struct {
	// Description is for the reader.
	Description string `json:"description,omitempty"`
	// Inject is the pod's request annotation: [instance=]template, separated by commas.
	Inject *string `json:"inject,omitempty"`
	// Parameters of the only instance that the pod asks for.
	Parameters map[string]apiextensionsv1.JSON `json:"parameters,omitempty"`
	// Annotations of the pod, beside its own or instead of them.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Kubernetes is the version whose Pod Security applies, such as "1.29"; "" is the newest.
	Kubernetes string `json:"kubernetes,omitempty"`
	// Canary is the name of the canary that is in effect in this case, regardless of its own conditions; ""
	// is none.
	Canary string `json:"canary,omitempty"`
	// Want is the expected decision. Without it, everything that the pod requests has to be injected.
	Want *Want `json:"want,omitempty"`
	// Assert are assertions about the injected pod.
	Assert []Assertion `json:"assert,omitempty"`

	version api.Version
}

// Want is an expected decision. An absent field matches anything, except that the outcome has to be
// injected or unchanged if Outcome, Reason and Message are all absent.
type Want struct {
	Outcome string `json:"outcome,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Message is a part of the refusal, or of the reason why something is left out.
	Message string `json:"message,omitempty"`
	// Warnings must match the warnings one to one, each being a part of one; [] means that there are none.
	Warnings *[]string `json:"warnings,omitempty"`
	// PodSecurity is the level of the injected pod, if it differs from the pod's level before: privileged,
	// baseline or restricted.
	PodSecurity string `json:"podSecurity,omitempty"`
}

// Assertion is a statement about one path, or an expression that has to be true.
type Assertion struct {
	// Path in the pod, such as spec.containers[web].env[LEVEL].value.
	Path    string                `json:"path,omitempty"`
	Equal   *apiextensionsv1.JSON `json:"equal,omitempty"`
	Present bool                  `json:"present,omitempty"`
	Absent  bool                  `json:"absent,omitempty"`
	// Expression is written as in templates, without ${ }; pod is the injected pod.
	Expression string `json:"expression,omitempty"`
	// Message explains a failure of the assertion.
	Message string `json:"message,omitempty"`

	compiled *expression.Expression
	line     int
}

// wants reports whether the file states any expectation.
func (s *Spec) wants() bool {
	return len(s.Assert) > 0 || s.Want != nil && (s.Want.Outcome != "" || s.Want.Reason != "" || s.Want.Message != "" || s.Want.Warnings != nil || s.Want.PodSecurity != "")
}

// specText is the content of a case.yaml, for the positions of errors; its root is nil if there is no file.
type specText struct {
	file string
	data []byte
	root *yaml.Node
}

// fault returns an error at the position of a member of the file.
func (t *specText) fault(name, message, hint string) error {
	n := t.root
	if value := manifest.Child(n, name); value != nil {
		n = value
	}
	return t.at(n, message, hint)
}

func (t *specText) at(n *yaml.Node, message, hint string) error {
	e := &manifest.Error{File: t.file, Message: message, Hint: hint}
	if n != nil {
		e.Line, e.Column = n.Line, n.Column
	}
	return e
}

func (c *Case) readSpec(path string) error {
	c.spec = &specText{file: path}
	c.Spec.version = api.LatestVersion()
	if path == "" {
		return nil
	}
	var err error
	if c.spec.data, err = read(path); err != nil {
		return err
	}
	return c.parseSpec()
}

// parseSpec reads the Spec from the text.
func (c *Case) parseSpec() error {
	stream, err := manifest.Parse(c.spec.file, c.spec.data)
	if err != nil {
		return err
	}
	for _, document := range stream.Documents {
		switch {
		case document.Root == nil:
		case c.spec.root != nil:
			return c.spec.at(document.Root, "want one document, this is another one", "")
		default:
			c.spec.root = document.Root
		}
	}
	if c.spec.root == nil {
		return nil
	}
	var faults []error
	for _, f := range schema.Of(reflect.TypeFor[Spec]()).CheckYAML(c.spec.root, nil) {
		message, _, _ := strings.Cut(f.Error(), " in cases.") // leave out the names of Go types
		message = ownType.ReplaceAllString(listType.ReplaceAllString(message, ""), "mapping")
		faults = append(faults, c.spec.at(f.Node, message, f.Hint))
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	version := c.Spec.version
	if err := json.Unmarshal(manifest.JSON(c.spec.root), &c.Spec); err != nil {
		return fmt.Errorf("%s: %w", c.spec.file, err)
	}
	c.Spec.version = version
	return c.checkSpec()
}

// ownType matches the name of a type of this package in a message, listType that of the items of a list.
var (
	ownType  = regexp.MustCompile(`cases\.\w+`)
	listType = regexp.MustCompile(` of cases\.\w+`)
)

// checkSpec checks what the types cannot express.
func (c *Case) checkSpec() error {
	var faults []error
	if text := c.Spec.Kubernetes; text != "" {
		version, err := api.ParseVersion("v" + strings.TrimPrefix(text, "v"))
		if err != nil {
			faults = append(faults, c.spec.fault("kubernetes", "kubernetes: "+message.Quote(text)+" is no version", `want "1.29" or the like, in quotes`))
		}
		c.Spec.version = version
	}
	faults = append(faults, c.checkWant()...)
	list := manifest.Child(c.spec.root, "assert")
	for i := range c.Spec.Assert {
		a := &c.Spec.Assert[i]
		n := manifest.Resolve(list.Content[i])
		a.line = n.Line
		if err := c.checkAssertion(a, n); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

func (c *Case) checkWant() []error {
	want := c.Spec.Want
	if want == nil {
		return nil
	}
	var faults []error
	n := manifest.Child(c.spec.root, "want")
	oneOf := func(name, text string, known []string) {
		if text == "" || slices.Contains(known, text) {
			return
		}
		hint := "want one of " + strings.Join(known, ", ")
		if len(known) > 8 {
			hint = "docs/troubleshooting.md has the reasons"
		}
		hint = message.DidYouMean(text, known, hint)
		faults = append(faults, c.spec.at(manifest.Child(n, name), fmt.Sprintf("want.%s: %s is none", name, message.Quote(text)), hint))
	}
	words := wantWords()
	oneOf("outcome", want.Outcome, words["outcome"])
	oneOf("reason", want.Reason, words["reason"])
	oneOf("podSecurity", want.PodSecurity, words["podSecurity"])
	return faults
}

// wantWords returns the permitted values of the fields of a Want.
func wantWords() map[string][]string {
	words := map[string][]string{
		"outcome":     {string(inject.Injected), string(inject.Unchanged), string(inject.Skipped), string(inject.Refused), string(inject.AdmittedWithout)},
		"podSecurity": {string(api.LevelPrivileged), string(api.LevelBaseline), string(api.LevelRestricted)},
	}
	for _, r := range inject.Reasons() {
		words["reason"] = append(words["reason"], string(r.Reason))
	}
	return words
}

func (c *Case) checkAssertion(a *Assertion, n *yaml.Node) error {
	kinds := 0
	for _, given := range []bool{a.Equal != nil, a.Present, a.Absent} {
		if given {
			kinds++
		}
	}
	switch {
	case (a.Path == "") == (a.Expression == ""):
		return c.spec.at(n, "an assertion has either a path or an expression", "")
	case a.Path != "" && kinds != 1:
		return c.spec.at(n, "an assertion on a path says one of equal, present: true and absent: true", "")
	case a.Expression != "" && kinds != 0:
		return c.spec.at(n, "an expression is true or not: equal, present and absent go with a path", "")
	case a.Path != "" && len(manifest.Tokens(a.Path)) == 0:
		return c.spec.at(manifest.Child(n, "path"), message.Quote(a.Path)+" is no path", `want such as spec.containers[web].image or metadata.annotations["example.com/key"]`)
	case a.Expression == "":
		return c.checkPath(a.Path, manifest.Child(n, "path"))
	}
	return c.compile(a, manifest.Child(n, "expression"))
}
