package traffic

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// collectorText is a template that follows an app's logs: a sidecar, two volumes, a mount in each of the
// app's containers, an annotation. Names in <> are replaced.
const collectorText = `apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata:
  name: <name>
spec:
  description: Follows the log files that the app writes to a shared folder.
  parameters:
  - {name: logDir, type: path, default: /var/log/app, description: Folder of the log files.}
  - {name: level, type: string, default: info, enum: [info, debug], description: What the collector logs itself.}
  - {name: port, type: port, default: 8686, description: Port of the first collector.}
<match>  app:
    containers: all
    volumeMounts:
    - {name: app-logs, mountPath: "${params.logDir}"}
  pod:
    metadata:
      annotations:
        bench.example.com/injected: collector
    spec:
      initContainers:
      - name: ${instance}
        restartPolicy: Always
        image: registry.example.com/logs/collector:3.2.1
        imagePullPolicy: IfNotPresent
        args:
        - --config=/etc/collector/collector.yaml
        - --follow=${params.logDir}
        - --health-port=${params.port + index}
        env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: LEVEL, value: "${params.level}"}
        - {name: PIPELINE, value: '${params.level == "debug" ? "debug" : "pipeline-<variant>"}'}
        resources:
          requests: {cpu: 25m, memory: 64Mi}
          limits: {memory: 128Mi}
        volumeMounts:
        - {name: app-logs, mountPath: /var/log/app, readOnly: true}
        - {name: "${instance}-config", mountPath: /etc/collector, readOnly: true}
        readinessProbe:
          httpGet: {path: /health, port: "${params.port + index}"}
          periodSeconds: 10
          failureThreshold: 3
        securityContext:
          allowPrivilegeEscalation: false
          runAsNonRoot: true
          runAsUser: 10001
          readOnlyRootFilesystem: true
          capabilities: {drop: [ALL]}
      volumes:
      - {name: app-logs, emptyDir: {sizeLimit: 1Gi}}
      - {name: "${instance}-config", configMap: {name: collector}}
`

// Template returns the text of one collector. Two of the same variant differ in the name only.
func Template(name, match string, variant int) string {
	if match != "" {
		match = "  match: " + match + "\n"
	}
	return strings.NewReplacer("<name>", name, "<match>", match, "<variant>", fmt.Sprintf("%03d", variant)).Replace(collectorText)
}

// Requested is the name of the template that pods of the load run request.
const Requested = "collector"

// Collection is a folder of templates, one per file, by file name.
type Collection map[string]string

// OneTemplate returns the requested template only.
func OneTemplate() Collection {
	return Collection{"collector.yaml": Template(Requested, "", 0)}
}

// ManyTemplates returns the requested template and others that are not requested: n in all, with variants
// different contents.
func ManyTemplates(n, variants int) Collection {
	c := OneTemplate()
	for i := 1; i < n; i++ {
		c[fmt.Sprintf("collector-%04d.yaml", i)] = Template(fmt.Sprintf("collector-%04d", i), "", i%variants)
	}
	return c
}

// SelectingTemplates returns n templates with selectors. The first ones, as many as matching, select the
// Grafana pod, by different labels in turn; the others select pods that do not exist.
func SelectingTemplates(n, matching, variants int) Collection {
	selects := []string{
		`{podSelector: {matchLabels: {app.kubernetes.io/name: grafana}}}`,
		`{podSelector: {matchExpressions: [{key: app.kubernetes.io/instance, operator: In, values: [grafana, loki]}]}}`,
		`{podSelector: {matchExpressions: [{key: helm.sh/chart, operator: Exists}]}, namespaceSelector: {}}`,
	}
	others := []string{
		`{podSelector: {matchLabels: {app.kubernetes.io/name: app-%04d}}}`,
		`{podSelector: {matchExpressions: [{key: app.kubernetes.io/instance, operator: In, values: [app-%04[1]d, app-%04[1]d-canary]}]}}`,
		`{podSelector: {matchExpressions: [{key: example.com/team-%04d, operator: Exists}]}}`,
		`{podSelector: {matchLabels: {app.kubernetes.io/name: grafana, example.com/shard: "%04d"}}}`,
	}
	c := Collection{}
	for i := range n {
		name := fmt.Sprintf("matching-%04d", i)
		match := selects[i%len(selects)]
		if i >= matching {
			match = fmt.Sprintf(others[i%len(others)], i)
		}
		c[name+".yaml"] = Template(name, match, i%variants)
	}
	return c
}

// Write creates a folder and writes the templates into it.
func (c Collection) Write(folder string) error {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	for name, text := range c {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
