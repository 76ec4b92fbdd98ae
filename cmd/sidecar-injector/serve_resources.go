package main

import (
	"sync"

	"github.com/go-logr/logr"

	"github.com/sidecar-injector/sidecar-injector/templates/source"
)

// addTemplates loads the templates of every source; those of the cluster come later,
// when it has been asked.
func (o *serveOptions) addTemplates(log logr.Logger, s *service) (err error) {
	report := func(c source.Change) {
		logChange(log, c)
		for i := range c.Broken {
			s.metrics.TellBroken(log, &c.Broken[i])
		}
	}
	if s.cluster == nil {
		s.library, err = o.loadTemplates(report)
		return err
	}
	if s.resources, err = source.NewResources(s.cluster.config); err != nil {
		return err
	}
	var all sync.Once
	s.library, err = o.loadTemplates(func(c source.Change) {
		report(c)
		if c.Source == s.resources.Name() && c.Err == nil {
			all.Do(loaded)
		}
	}, s.resources)
	return err
}

// addStatus has the status of the cluster's templates written.
func addStatus(log logr.Logger, s *service) error {
	if s.resources == nil {
		return nil
	}
	status, err := source.NewStatusWriter(s.cluster.config, s.resources, log)
	if err != nil {
		return err
	}
	s.writers = append(s.writers, status)
	return nil
}
