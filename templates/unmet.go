package templates

import (
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/requirement"
)

// Unmet is a value of a rendering that the API server would refuse. A template's own values were checked when
// it was loaded, so it comes from a parameter, or from the pod.
type Unmet struct {
	requirement.Unmet
	// Where is the part of the pod that the field belongs to: container "NAME", the app's container, or the pod.
	Where string
	// Container is the name of the template's container as written in the template; "" if it is none.
	Container string
}

// maxUnmet bounds what is kept of one rendering; it is more than anybody is told.
const maxUnmet = 100

// findUnmet returns what the API server would refuse in the rendering.
func (r *Rendered) findUnmet() []Unmet {
	var found []Unmet
	add := func(where, container string, all []requirement.Unmet) {
		for _, u := range all[:min(len(all), maxUnmet-len(found))] {
			found = append(found, Unmet{u, where, container})
		}
	}
	for _, list := range r.Lists() {
		for i, container := range program.Objects(list.Items) {
			add("container "+message.Quote(container.Text("name")), list.Placement(i).Name, requirement.Container(container))
		}
	}
	add("the pod", "", requirement.Pod(r.Pod))
	if r.Apps == nil {
		add(appsContainer, "", requirement.App(r.App.Fields))
	}
	for i := range r.Apps {
		add(appsContainer, "", requirement.App(r.Apps[i].Fields))
	}
	return found
}

const appsContainer = "the app's container"
