package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// provisioned holds what was read from files.
type provisioned struct {
	folder string
	log    *slog.Logger

	mu          sync.Mutex
	dataSources []dataSource // in the order in which they were read
	dashboards  []dashboard
}

type dataSource struct {
	UID       string `yaml:"uid" json:"uid"`
	Name      string `yaml:"name" json:"name"`
	Type      string `yaml:"type" json:"type"`
	Access    string `yaml:"access" json:"access"`
	URL       string `yaml:"url" json:"url"`
	IsDefault bool   `yaml:"isDefault" json:"isDefault"`
}

type dataSourceFile struct {
	Delete      []dataSource `yaml:"deleteDatasources"`
	DataSources []dataSource `yaml:"datasources"`
}

// reloadDataSources reads all files before it changes anything.
func (p *provisioned) reloadDataSources() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, defaults := slices.Clone(p.dataSources), 0
	err := p.each("datasources", func(text []byte) error {
		var file dataSourceFile
		if err := yaml.Unmarshal(text, &file); err != nil {
			return err
		}
		for _, d := range file.Delete {
			all = slices.DeleteFunc(all, func(old dataSource) bool { return old.Name == d.Name })
		}
		for _, d := range file.DataSources {
			if d.Name == "" || d.Type == "" {
				return errors.New("a data source has no name, or no type")
			}
			if d.IsDefault {
				defaults++
			}
			all = put(all, d)
		}
		return nil
	})
	if err == nil && defaults > 1 {
		err = errors.New("only one data source per organization can be marked as default")
	}
	if err == nil {
		p.dataSources = all
	}
	return err
}

// put replaces the data source of the same name.
func put(all []dataSource, d dataSource) []dataSource {
	if d.UID == "" {
		d.UID = slug(d.Name)
	}
	if i := slices.IndexFunc(all, func(old dataSource) bool { return old.Name == d.Name }); i >= 0 {
		all[i] = d
		return all
	}
	return append(all, d)
}

// each calls f for the YAML files of a provisioning folder, which need not exist.
func (p *provisioned) each(folder string, f func(text []byte) error) error {
	entries, err := os.ReadDir(filepath.Join(p.folder, folder))
	if err != nil {
		p.log.Error("can't read "+folder+" provisioning files from directory", "error", err)
		return nil
	}
	for _, e := range entries {
		if name := e.Name(); !strings.HasSuffix(name, ".yaml") && !strings.HasSuffix(name, ".yml") {
			continue
		}
		path := filepath.Join(p.folder, folder, e.Name())
		text, err := os.ReadFile(path)
		if err == nil {
			err = f(text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

type dashboard struct {
	UID   string `json:"uid"`
	Title string `json:"title"`

	provider string
}

type provider struct {
	Name            string `yaml:"name"`
	Type            string `yaml:"type"`
	DisableDeletion bool   `yaml:"disableDeletion"`
	Options         struct {
		Path string `yaml:"path"`
	} `yaml:"options"`
}

type providerFile struct {
	Providers []provider `yaml:"providers"`
}

// reloadDashboards reads the provider files and then the folders that they name.
func (p *provisioned) reloadDashboards() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var providers []provider
	err := p.each("dashboards", func(text []byte) error {
		var file providerFile
		if err := yaml.Unmarshal(text, &file); err != nil {
			return err
		}
		for _, v := range file.Providers {
			if v.Type != "" && v.Type != "file" || v.Options.Path == "" {
				return fmt.Errorf("provider %q: want the type file and options.path", v.Name)
			}
		}
		providers = append(providers, file.Providers...)
		return nil
	})
	if err != nil {
		return err
	}
	var all []dashboard
	for _, v := range providers {
		all = p.walk(all, v)
	}
	p.dashboards = all
	return nil
}

// walk adds the dashboards of a provider's folder, and those that were removed from it but are kept.
func (p *provisioned) walk(all []dashboard, v provider) []dashboard {
	fail := func(path string, err error) {
		p.log.Error("failed to load dashboard from ", "file", path, "error", err)
	}
	root, err := filepath.EvalSymlinks(v.Options.Path)
	if err != nil {
		root = v.Options.Path
	}
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && path != root && strings.HasPrefix(e.Name(), ".") {
			return fs.SkipDir // a folder of a mounted ConfigMap, whose files are found by their links
		}
		if err != nil || e.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		d, err := readDashboard(path, v.Name)
		if err == nil && slices.ContainsFunc(all, func(other dashboard) bool { return other.UID == d.UID }) {
			err = fmt.Errorf("the uid %q is another dashboard's, too", d.UID)
		}
		if err != nil {
			fail(path, err)
			return nil
		}
		all = append(all, d)
		return nil
	})
	if err != nil {
		fail(v.Options.Path, err)
	}
	for _, old := range p.dashboards {
		known := slices.ContainsFunc(all, func(d dashboard) bool { return d.UID == old.UID })
		if v.DisableDeletion && !known && old.provider == v.Name {
			all = append(all, old)
		}
	}
	return all
}

func readDashboard(path, provider string) (dashboard, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return dashboard{}, err
	}
	d := dashboard{provider: provider}
	if err := json.Unmarshal(text, &d); err != nil {
		return d, err
	}
	if d.Title == "" {
		return d, errors.New("dashboard title cannot be empty")
	}
	if d.UID == "" {
		d.UID = slug(d.Title)
	}
	return d, nil
}

// slug converts a text for use in a URL.
func slug(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-")
}
