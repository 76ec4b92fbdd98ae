package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// feature has the minor versions since which a gate exists and is on by default; 0 means never.
type feature struct{ since, byDefault int }

func readFeatures(file string) (map[string]feature, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var list []struct {
		Name           string
		VersionedSpecs []struct {
			Version string
			Default bool
		}
	}
	if err := yaml.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	features := map[string]feature{}
	for _, one := range list {
		var f feature
		for i, spec := range one.VersionedSpecs {
			minor, err := strconv.Atoi(strings.TrimPrefix(spec.Version, "1."))
			if err != nil {
				return nil, fmt.Errorf("%s: %s: version %q", file, one.Name, spec.Version)
			}
			if i == 0 {
				f.since = minor
			}
			switch {
			case !spec.Default:
				f.byDefault = 0
			case f.byDefault == 0:
				f.byDefault = minor
			}
		}
		features[one.Name] = f
	}
	return features, nil
}
