package v1alpha1

import (
	"fmt"
	"strings"
)

// ParameterSummary lists the required parameters, and counts the others.
func (s *SidecarTemplateSpec) ParameterSummary() string {
	var required []string
	others := 0
	for i := range s.Parameters {
		if p := &s.Parameters[i]; p.Required {
			required = append(required, p.Name)
		} else {
			others++
		}
	}
	switch {
	case len(required) == 0 && others == 0:
		return "<none>"
	case len(required) == 0:
		return fmt.Sprintf("%d optional", others)
	case others == 0:
		return strings.Join(required, ",")
	}
	return fmt.Sprintf("%s + %d", strings.Join(required, ","), others)
}
