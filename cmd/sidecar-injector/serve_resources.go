package main

import (
	"github.com/go-logr/logr"

	"github.com/sidecar-injector/sidecar-injector/templates/source"
)

// addTemplates loads the templates of every source; those of the cluster come later,
// when it has been asked.
func (o *serveOptions) addTemplates(log logr.Logger, s *service) (err error) {
	var further []source.Source
	if s.cluster != nil {
		if s.resources, err = source.NewResources(s.cluster.config); err != nil {
			return err
		}
		further = append(further, s.resources)
	}
	s.library, err = o.loadTemplates(log, further...)
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
