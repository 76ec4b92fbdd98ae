package doctor

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// crdNames returns the names of the templates' CustomResourceDefinitions.
func crdNames() []string {
	group := "." + v1alpha1.GroupVersion.Group
	return []string{v1alpha1.ClusterSidecarTemplates + group, v1alpha1.SidecarTemplates + group}
}

func crds(f *Facts) []Finding {
	if f.CRDs.Err != nil {
		return unseen("the templates' CustomResourceDefinitions", "get customresourcedefinitions", f.CRDs.Err)
	}
	apply := fmt.Sprintf("helm upgrade %s … with crds.enabled: true", f.installation().Name)
	var missing []string
	var found []Finding
	for i, name := range crdNames() {
		crd := f.CRDs.Value[i]
		if crd == nil {
			missing = append(missing, name)
			continue
		}
		found = append(found, crdFindings(crd, apply)...)
	}
	if len(missing) > 0 {
		found = append(found, warning("no CustomResourceDefinition "+strings.Join(missing, ", "),
			"templates come from the injector itself and from the chart's values only; kubectl apply of a template says: no matches for kind",
			"if templates are to be custom resources: "+apply))
	}
	if len(found) == 0 {
		return ok("the templates' CustomResourceDefinitions are established and of this version")
	}
	return found
}

func crdFindings(crd *apiextensionsv1.CustomResourceDefinition, apply string) []Finding {
	established := slices.ContainsFunc(crd.Status.Conditions, func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
		return c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue
	})
	if !established {
		return []Finding{failure("CustomResourceDefinition "+crd.Name+" is not established", "the API server does not serve it (yet)", "kubectl describe crd "+crd.Name)}
	}
	i := slices.IndexFunc(crd.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool {
		return v.Name == v1alpha1.GroupVersion.Version && v.Served
	})
	if i < 0 {
		return []Finding{failure(fmt.Sprintf("CustomResourceDefinition %s does not serve %s", crd.Name, v1alpha1.GroupVersion.Version), "it is of another release of the injector", apply)}
	}
	if lacking := lackingFields(crd.Spec.Versions[i]); len(lacking) > 0 {
		return []Finding{warning(fmt.Sprintf("CustomResourceDefinition %s lacks spec.%s", crd.Name, strings.Join(lacking, ", spec.")),
			"it is older than this program: the API server drops these fields from templates without a word", apply)}
	}
	return nil
}

// lackingFields returns the fields of a template's spec that a CustomResourceDefinition lacks.
func lackingFields(v apiextensionsv1.CustomResourceDefinitionVersion) []string {
	if v.Schema == nil || v.Schema.OpenAPIV3Schema == nil {
		return nil
	}
	known := v.Schema.OpenAPIV3Schema.Properties["spec"].Properties
	var lacking []string
	spec := reflect.TypeFor[v1alpha1.SidecarTemplateSpec]()
	for i := range spec.NumField() {
		name, _, _ := strings.Cut(spec.Field(i).Tag.Get("json"), ",")
		if _, ok := known[name]; !ok && name != "" && name != "-" {
			lacking = append(lacking, name)
		}
	}
	return lacking
}

func settings(f *Facts) []Finding {
	i := f.installation()
	if f.Config.Err != nil {
		return unseen("the settings", "get configmaps in namespace "+i.Namespace, f.Config.Err)
	}
	if f.Config.Value == nil {
		return nil // the pods mount it, so the Deployment's check reports it
	}
	text := f.Config.Value.Data["config.yaml"]
	if _, err := config.Parse("config.yaml", []byte(text)); err != nil {
		return []Finding{failure(fmt.Sprintf("the settings in ConfigMap %s/%s have a fault: %v", i.Namespace, i.Name, firstLine(err.Error())),
			"an injector that starts now ends at once; those that run still have the settings from before",
			"correct config in the chart's values; then kubectl rollout restart deployment "+i.Name+" -n "+i.Namespace)}
	}
	return ok("the settings can be read")
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func templatesReady(f *Facts) []Finding {
	var found []Finding
	told := map[string]bool{}
	for _, e := range unusedCanaries(f) {
		told[entryName(e)] = true
		i := slices.IndexFunc(e.Findings, unusedCanary)
		found = append(found, warning("template "+entryName(e)+" counts for no pod", e.Findings[i].Message, e.Findings[i].Hint))
	}
	for _, c := range f.Conditions.Value {
		fix := fmt.Sprintf("kubectl get %s -o yaml | sidecar-injector validate -f -", resourceArgument(c.Name))
		switch {
		case told[c.Name]:
		case c.Ready == "False":
			told[c.Name] = true
			found = append(found, failure("template "+c.Name+" is not Ready", firstLine(c.Message), fix))
		case (c.Ready == "" || c.Behind) && f.installation().Namespace != "":
			found = append(found, warning("template "+c.Name+" has no status of its newest version", "no injector has looked at it: none runs, or the lease has no holder", "see the checks deployment and lease"))
		}
	}
	for _, e := range f.Templates {
		if !e.Broken() || told[entryName(e)] {
			continue
		}
		cause := "pods that ask for it are refused (TemplateInvalid); an injector that runs still has the last good version, one that starts does not"
		if i := slices.IndexFunc(e.Findings, func(x templates.Finding) bool { return x.Severity == templates.SeverityError }); i >= 0 {
			cause = e.Findings[i].String() + "; " + cause
		}
		found = append(found, failure(fmt.Sprintf("template %s (%s) has a fault", entryName(e), cmp.Or(e.Origin.File, e.Origin.Source)), cause,
			"correct it there; sidecar-injector validate -f FILE shows every fault with its place"))
	}
	if f.Conditions.Err != nil {
		found = append(found, unseen("template resources", "list clustersidecartemplates and sidecartemplates", f.Conditions.Err)...)
	}
	if len(found) == 0 {
		return ok("%s without a fault", count(len(f.Templates), "template is", "templates are"))
	}
	return found
}

// unusedCanaries returns the canaries that apply to no pod, except those that the injector, which may know
// more templates, reports as Ready.
func unusedCanaries(f *Facts) []templates.Entry {
	return slices.DeleteFunc(slices.Clone(templates.NewSet(f.Templates).Entries()), func(e templates.Entry) bool {
		counts := func(c Condition) bool { return c.Name == entryName(e) && c.Ready == "True" }
		return e.Broken() || !slices.ContainsFunc(e.Findings, unusedCanary) || slices.ContainsFunc(f.Conditions.Value, counts)
	})
}

func unusedCanary(f templates.Finding) bool { return f.Reason == templates.UnusedCanary }

// entryName returns the name of an entry as live.ResourceName does for resources.
func entryName(e templates.Entry) string {
	if e.Name == "" {
		return "without a name"
	}
	return live.ResourceName(e.Kind, e.Namespace, e.Name)
}

// resourceArgument turns SidecarTemplate/shop/x into arguments of kubectl get.
func resourceArgument(name string) string {
	parts := strings.Split(name, "/")
	kind := strings.ToLower(parts[0])
	if len(parts) == 3 {
		return fmt.Sprintf("%s %s -n %s", kind, parts[2], parts[1])
	}
	return fmt.Sprintf("%s %s", kind, parts[len(parts)-1])
}
