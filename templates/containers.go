package templates

import "github.com/sidecar-injector/sidecar-injector/templates/program"

// ContainerNames returns the names of the init containers and containers that the template adds, in its
// order, as written: a name may be an expression.
func (t *Template) ContainerNames() []string {
	var names []string
	for _, c := range t.Program().Containers() {
		names = append(names, c.Item.Name)
	}
	return names
}

// HasContainers reports whether the template adds regular containers, regardless of their $when.
func (t *Template) HasContainers() bool {
	for list := range t.Program().Containers() {
		if list == program.MainContainers {
			return true
		}
	}
	return false
}

// HasSidecars reports whether the template adds native sidecars, regardless of their $when. An init container
// whose restartPolicy is an expression counts as one.
func (t *Template) HasSidecars() bool {
	for list, c := range t.Program().Containers() {
		policy := c.Member("restartPolicy")
		if list == program.InitContainers && policy != nil && (policy.Form != program.ConstantForm || policy.Value == "Always") {
			return true
		}
	}
	return false
}
