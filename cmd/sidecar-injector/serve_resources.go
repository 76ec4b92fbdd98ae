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
