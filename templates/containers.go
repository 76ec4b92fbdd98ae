package templates

import "github.com/sidecar-injector/sidecar-injector/templates/program"

// ContainerNames returns the names of the init containers and containers that the template adds, in its
// order, as written: a name may be an expression.
func (t *Template) ContainerNames() []string {
	var names []string
	t.eachContainer(func(c *program.Node, _ program.List) { names = append(names, c.Item.Name) })
	return names
}

// HasContainers reports whether the template adds regular containers, regardless of their $when.
func (t *Template) HasContainers() bool {
	found := false
	t.eachContainer(func(_ *program.Node, list program.List) { found = found || list == program.MainContainers })
	return found
}

// HasSidecars reports whether the template adds native sidecars, regardless of their $when. An init container
// whose restartPolicy is an expression counts as one.
func (t *Template) HasSidecars() bool {
	found := false
	t.eachContainer(func(c *program.Node, list program.List) {
		policy := c.Member("restartPolicy")
		found = found || list == program.InitContainers && policy != nil && (policy.Form != program.ConstantForm || policy.Value == "Always")
	})
	return found
}

func (t *Template) eachContainer(do func(c *program.Node, list program.List)) {
	spec := t.Program().Pod.Member("spec")
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
