package templates

// ContainerNames are the names of the partial pod's init containers and
// containers as written, expressions and all, in the template's order.
func (t *Template) ContainerNames() []string {
	var names []string
	t.eachContainer(func(c *node, _ containerList) { names = append(names, c.container.name) })
	return names
}

// HasContainers says that the partial pod has containers of its own, whatever
// $when makes of them.
func (t *Template) HasContainers() bool {
	found := false
	t.eachContainer(func(_ *node, list containerList) { found = found || list == mainContainerList })
	return found
}

// HasSidecars says that the partial pod has native sidecars, whatever $when makes of them.
func (t *Template) HasSidecars() bool {
	found := false
	t.eachContainer(func(c *node, list containerList) {
		policy := c.member("restartPolicy")
		found = found || list == initContainerList && policy != nil && (policy.form != constantForm || policy.value == "Always")
	})
	return found
}

func (t *Template) eachContainer(do func(c *node, list containerList)) {
	spec := t.program.pod.member("spec")
	for _, field := range []string{"initContainers", "containers"} {
		list := spec.member(field)
		if list == nil {
			continue
		}
		for _, item := range list.items {
			if item.container != nil {
				do(item, list.list)
			}
		}
	}
}
