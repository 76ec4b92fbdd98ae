package serve

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
)

// addTemplates loads the templates of every source except the cluster, whose templates are loaded later by
// a watch.
func (o *Options) addTemplates(log logr.Logger, s *service) (err error) {
	report := func(c source.Change) {
		logChange(log, c)
		for i := range c.Broken {
			s.metrics.TellBroken(log, &c.Broken[i])
		}
	}
	if s.cluster == nil {
		s.library, err = o.loadTemplates(nil, report)
		return err
	}
	if s.resources, err = source.NewResources(s.cluster.config, s.settings.Kubernetes); err != nil {
		return err
	}
	var all sync.Once
	s.library, err = o.loadTemplates(s.settings.Kubernetes, func(c source.Change) {
		report(c)
		if c.Source == s.resources.Name() && c.Err == nil {
			all.Do(templatesLoaded)
		}
	}, s.resources)
	return err
}

// addStatus adds the writer of the status of the cluster's templates.
func addStatus(log logr.Logger, s *service) error {
	if s.resources == nil {
		return nil
	}
	status, err := source.NewStatusWriter(s.cluster.config, s.resources, s.library.Current, log)
	if err != nil {
		return err
	}
	s.writers = append(s.writers, status)
	return nil
}

// loadTemplates returns a loaded library, which calls report for every change from now on. A broken
// template does not prevent the others from being served, but an unreadable source is an error.
func (o *Options) loadTemplates(kubernetes *version.Version, report func(source.Change), further ...source.Source) (*source.Library, error) {
	library := source.NewLibrary(time.Now, report, source.Usual(kubernetes, o.TemplateDirs, further...)...)
	var unreadable *source.UnreadableError
	if err := library.Load(); errors.As(err, &unreadable) {
		return nil, fmt.Errorf("templates: %w", err)
	}
	return library, nil
}

// logChange logs a change of a source. Findings contain text of templates, which is public, and never of
// pods.
func logChange(log logr.Logger, c source.Change) {
	log = log.WithValues("source", c.Source)
	if c.Err != nil {
		log.Error(c.Err, "templates cannot be read; those in force stay")
	}
	if c.Recovered {
		log.Info("templates can be read again")
	}
	for _, e := range c.Loaded {
		log.Info("template loaded", "template", e.Name, "kind", e.Kind, "namespace", e.Namespace,
			"revision", e.Template.Revision, "file", e.Origin.File, "findings", texts(e.Findings))
	}
	for _, e := range c.Broken {
		inForce := "none"
		if e.Template != nil {
			inForce = e.Template.Revision
		}
		log.Error(nil, "template broken", "template", e.Name, "kind", e.Kind, "namespace", e.Namespace,
			"revisionInForce", inForce, "file", e.Origin.File, "findings", texts(e.Findings))
	}
	for _, e := range c.Removed {
		log.Info("template removed", "template", e.Name, "kind", e.Kind, "namespace", e.Namespace, "file", e.Origin.File)
	}
}

// maxLogged is the largest number of findings in a log line.
const maxLogged = 16

// texts returns the first maxLogged findings, and the number of the rest.
func texts(findings []templates.Finding) []string {
	if len(findings) == 0 {
		return nil
	}
	list := make([]string, 0, maxLogged+1)
	for i, f := range findings {
		if i == maxLogged {
			return append(list, fmt.Sprintf("and %d more", len(findings)-i))
		}
		list = append(list, f.String())
	}
	return list
}
