package templates

import "github.com/sidecar-injector/sidecar-injector/templates/program"

// ContainerNames are the names of the partial pod's init containers and
// containers as written, expressions and all, in the template's order.
func (t *Template) ContainerNames() []string {
	var names []string
	t.eachContainer(func(c *program.Node, _ program.List) { names = append(names, c.Item.Name) })
	return names
}

// HasContainers says that the partial pod has containers of its own, whatever
// $when makes of them.
func (t *Template) HasContainers() bool {
	found := false
	t.eachContainer(func(_ *program.Node, list program.List) { found = found || list == program.MainContainers })
	return found
}

// HasSidecars says that the partial pod has native sidecars, whatever $when makes of them.
func (t *Template) HasSidecars() bool {
	found := false
	t.eachContainer(func(c *program.Node, list program.List) {
		policy := c.Member("restartPolicy")
		found = found || list == program.InitContainers && policy != nil && (policy.Form != program.ConstantForm || policy.Value == "Always")
	})
	return found
}

func (t *Template) eachContainer(do func(c *program.Node, list program.List)) {
	spec := t.program.Pod.Member("spec")
	for _, field := range []string{"initContainers", "containers"} {
		list := spec.Member(field)
		if list == nil {
			continue
		}
		for _, item := range list.Items {
			if item.Item != nil {
				do(item, list.List)
			}
		}
	}
}
