//go:build controlplane

package controlplane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestNewerFieldsOfATemplateFareAsThoseOfAPod checks what docs/workloads.md says about fields that an older
// API server does not know: it treats them in the same way whether a template or the pod's author sets them.
func TestNewerFieldsOfATemplateFareAsThoseOfAPod(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		field   string            // of the container, as YAML
		refused string            // error of an API server that lacks the field; "" if it drops the field
		kept    func(object) bool // reports whether the field is present
	}{
		"sleep": {`lifecycle: {preStop: {sleep: {seconds: 5}}}`, noHandler, func(c object) bool {
			return c["lifecycle"] != nil
		}},
		"AppArmor": {`securityContext: {appArmorProfile: {type: RuntimeDefault}}`, "", func(c object) bool {
			context, _ := c["securityContext"].(object)
			return context["appArmorProfile"] != nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			template := `apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: ` + side + `}
spec:
  pod:
    spec:
      initContainers:
      - {name: ` + side + `, image: "registry.example.com/side:1.0.0", restartPolicy: Always, resources: {requests: {cpu: 1m, memory: 1Mi}}, ` + c.field + `}
`
			must(t, os.WriteFile(filepath.Join(dir, "side.yaml"), []byte(template), 0o600))
			i := startInjector(t, "--template-dir", dir)
			install(t, webhookConfiguration(t, i.url, i.ca))
			text, err := yaml.YAMLToJSON([]byte(`{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: app, image: app}],
				initContainers: [{name: ` + side + `, image: side, restartPolicy: Always, ` + c.field + `}]}}`))
			must(t, err)
			own, err := create(t.Context(), uncalledNamespace(t), "Pod", text, "dryRun=All")
			got, errInjected := create(t.Context(), enabledNamespace(t), "Pod", appPod("web"), "dryRun=All")
			if err != nil || errInjected != nil {
				if c.refused == "" || err == nil || errInjected == nil || !strings.Contains(err.Error(), c.refused) || !strings.Contains(errInjected.Error(), c.refused) {
					t.Errorf("of the pod's own: %v\nof the template's: %v\nwant both stored, or both refused with %q", err, errInjected, c.refused)
				}
				suite.report("%s: refused", c.field)
				return
			}
			ours, theirs := c.kept(container(t, got.object, side)), c.kept(container(t, own.object, side))
			if ours != theirs {
				t.Errorf("kept of the template's: %t, of the pod's own: %t", ours, theirs)
			}
			suite.report("%s: kept: %t", c.field, ours)
		})
	}
}
