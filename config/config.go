// Package config reads the injector's own settings: the file that --config names,
// the same for the webhook and for the commands that work offline.
//
//	native: true              # sidecars are native unless a pod says otherwise
//	onUnknownTemplate: Fail   # or Ignore: admit pods whose request cannot be met
//	ownNamespace: sidecar-injector
//	cluster:                  # what templates read as cluster.NAME
//	  registry: registry.example.com
package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Config is the content of the file.
type Config struct {
	// Native makes native sidecars the default. Default true.
	Native bool
	// OnUnknownTemplate answers requests that cannot be read or name no usable template. Default Fail.
	OnUnknownTemplate v1alpha1.FailurePolicy
	// OwnNamespace is the injector's own namespace, never injected into. Default "": none.
	OwnNamespace string
	// Cluster holds what templates read as cluster.NAME. Default empty.
	Cluster map[string]string
}

// Default is the configuration of an injector without a file.
func Default() *Config {
	return &Config{Native: true, OnUnknownTemplate: v1alpha1.Fail, Cluster: map[string]string{}}
}

// Read reads and parses the file with the given path; "" returns Default. A file that cannot be read is a
// wrapped error, faults in its content are those of Parse.
func Read(file string) (*Config, error) {
	if file == "" {
		return Default(), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(file, data)
}

// Parse reads YAML or JSON strictly. file is the name reported in errors. Absent fields keep their defaults.
// The error joins all faults in the order of the text, each a *manifest.Error.
func Parse(file string, data []byte) (*Config, error) {
	stream, err := manifest.Parse(file, data)
	if err != nil {
		return nil, err
	}
	p := parser{file: file, config: Default()}
	filled := false
	for _, document := range stream.Documents {
		if document.Root == nil {
			continue
		}
		if filled {
			p.fault(document.Root, "want one document, this is another one", "")
			break
		}
		filled = true
		p.root(document.Root)
	}
	if len(p.faults) > 0 {
		return nil, errors.Join(p.faults...)
	}
	return p.config, nil
}

// Settings returns the part of the configuration that package inject needs.
func (c *Config) Settings() *inject.Settings {
	return &inject.Settings{
		ContainerMode:     !c.Native,
		OnUnknownTemplate: c.OnUnknownTemplate,
		Cluster:           c.Cluster,
		OwnNamespace:      c.OwnNamespace,
	}
}

type parser struct {
	file   string
	config *Config
	faults []error
}

func (p *parser) fault(at *yaml.Node, message, hint string) {
	p.faults = append(p.faults, &manifest.Error{File: p.file, Line: at.Line, Column: at.Column, Message: message, Hint: hint})
}

func (p *parser) root(root *yaml.Node) {
	if root.Kind != yaml.MappingNode {
		p.fault(root, "want a mapping of settings", "")
		return
	}
	known := []string{"native", "onUnknownTemplate", "ownNamespace", "cluster"}
	for key, value := range manifest.Pairs(root) {
		switch key.Value {
		case "native":
			p.native(value)
		case "onUnknownTemplate":
			p.onUnknownTemplate(value)
		case "ownNamespace":
			p.ownNamespace(value)
		case "cluster":
			p.cluster(value)
		default:
			p.fault(key, "unknown setting "+message.Quote(key.Value), message.DidYouMean(key.Value, known, "the settings are "+strings.Join(known, ", ")))
		}
	}
}

func (p *parser) native(value *yaml.Node) {
	if value.Kind != yaml.ScalarNode || value.Tag != "!!bool" {
		p.fault(value, "native: want true or false", "")
		return
	}
	p.config.Native = strings.EqualFold(value.Value, "true")
}

func (p *parser) onUnknownTemplate(value *yaml.Node) {
	switch policy := v1alpha1.FailurePolicy(value.Value); policy {
	case v1alpha1.Fail, v1alpha1.Ignore:
		p.config.OnUnknownTemplate = policy
	default:
		p.fault(value, "onUnknownTemplate: want Fail or Ignore", "")
	}
}

func (p *parser) ownNamespace(value *yaml.Node) {
	if value.Kind != yaml.ScalarNode || value.Tag != "!!str" || len(validation.IsDNS1123Label(value.Value)) > 0 {
		p.fault(value, "ownNamespace: want the name of a namespace", "")
		return
	}
	p.config.OwnNamespace = value.Value
}

func (p *parser) cluster(value *yaml.Node) {
	if value.Kind == yaml.ScalarNode && value.Tag == "!!null" {
		return
	}
	if value.Kind != yaml.MappingNode {
		p.fault(value, "cluster: want a mapping of names to strings", "")
		return
	}
	for key, item := range manifest.Pairs(value) {
		if item.Kind != yaml.ScalarNode || item.Tag != "!!str" {
			p.fault(item, "cluster."+key.Value+": want a string", "put the value in quotes")
			continue
		}
		p.config.Cluster[key.Value] = item.Value
	}
}
