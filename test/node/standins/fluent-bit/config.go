package main

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// lookup has the signature of os.LookupEnv.
type lookup func(string) (string, bool)

// document is a configuration whose variables are replaced.
type document struct {
	service                  section
	inputs, filters, outputs []section
}

// section is the part of the configuration for the service, or for one plugin.
type section struct {
	name       string
	properties []property
}

// property is a key with its value, or with the values of a list.
type property struct {
	key    string
	values []string
	line   int
}

// parse parses the structure first, and then replaces variables in the values.
func parse(text []byte, env lookup) (document, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return document{}, err
	}
	if len(root.Content) == 0 {
		return document{}, fmt.Errorf("the configuration is empty")
	}
	p := parser{env: env}
	err := p.each(root.Content[0], func(key string, value *yaml.Node) error {
		switch key {
		case "service":
			return p.section("service", value, &p.doc.service)
		case "pipeline":
			return p.pipeline(value)
		}
		return fmt.Errorf("line %d: section %q is unknown, or not in this stand-in", value.Line, key)
	})
	return p.doc, err
}

type parser struct {
	env lookup
	doc document
}

func (p *parser) pipeline(node *yaml.Node) error {
	return p.each(node, func(key string, value *yaml.Node) error {
		switch key {
		case "inputs":
			return p.plugins(value, &p.doc.inputs)
		case "filters":
			return p.plugins(value, &p.doc.filters)
		case "outputs":
			return p.plugins(value, &p.doc.outputs)
		}
		return fmt.Errorf("line %d: pipeline.%s is unknown, or not in this stand-in", value.Line, key)
	})
}

func (p *parser) plugins(node *yaml.Node, to *[]section) error {
	if node.Kind != yaml.SequenceNode {
		return fmt.Errorf("line %d: want a list of plugins", node.Line)
	}
	for _, item := range node.Content {
		var s section
		if err := p.section("", item, &s); err != nil {
			return err
		}
		s.name = s.take("name")
		if s.name == "" {
			return fmt.Errorf("line %d: the plugin has no name", item.Line)
		}
		*to = append(*to, s)
	}
	return nil
}

func (p *parser) section(name string, node *yaml.Node, to *section) error {
	to.name = name
	return p.each(node, func(key string, value *yaml.Node) error {
		values, err := p.values(value)
		to.properties = append(to.properties, property{key, values, value.Line})
		return err
	})
}

func (p *parser) values(node *yaml.Node) ([]string, error) {
	switch node.Kind {
	case yaml.ScalarNode:
		return []string{p.expand(node.Value)}, nil
	case yaml.SequenceNode:
		var all []string
		for _, item := range node.Content {
			if item.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("line %d: want a text", item.Line)
			}
			all = append(all, p.expand(item.Value))
		}
		return all, nil
	}
	return nil, fmt.Errorf("line %d: want a text or a list of texts", node.Line)
}

// each calls f for the members of a mapping, with their keys in lower case.
func (p *parser) each(node *yaml.Node, f func(key string, value *yaml.Node) error) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: want a mapping", node.Line)
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if err := f(strings.ToLower(node.Content[i].Value), node.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

var variable = regexp.MustCompile(`\$\{[^}]*\}`)

// expand replaces variables; one that is not set becomes "".
func (p *parser) expand(text string) string {
	return variable.ReplaceAllStringFunc(text, func(v string) string {
		value, _ := p.env(v[2 : len(v)-1])
		return value
	})
}

// take removes a key and returns its last value.
func (s *section) take(key string) (value string) {
	for _, v := range s.takeAll(key) {
		value = v
	}
	return value
}

// takeAll removes a key and returns its values.
func (s *section) takeAll(key string) (values []string) {
	var rest []property
	for _, p := range s.properties {
		if p.key == key {
			values = append(values, p.values...)
		} else {
			rest = append(rest, p)
		}
	}
	s.properties = rest
	return values
}
