{{- /* The name of everything: the release's if it tells what it is, else with the chart's behind it. A
       Service's begins with a letter. */ -}}
{{- define "sidecar-injector.name" -}}
{{- if not (regexMatch "^[-a-z0-9]+$" .Release.Name) -}}
{{- fail (printf "release name %q: want letters, digits and '-', for a Service gets it" .Release.Name) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]" .Release.Name) -}}
{{ printf "%s-%s" .Chart.Name .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" (.Release.Name | trunc 33 | trimSuffix "-") .Chart.Name }}
{{- end -}}
{{- end -}}

{{- /* By these a Service and a Deployment find pods; they never change in the life of a release. */ -}}
{{- define "sidecar-injector.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "sidecar-injector.labels" -}}
{{ include "sidecar-injector.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: {{ .Chart.Name }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "sidecar-injector.image" -}}
{{- with .Values.image -}}
{{ with .registry }}{{ . }}/{{ end }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ with .digest }}@{{ . }}{{ end }}
{{- end -}}
{{- end -}}

{{- /* The Secret that is mounted in the modes certManager and provided. */ -}}
{{- define "sidecar-injector.certificateSecret" -}}
{{- if eq .Values.tls.mode "provided" -}}
{{ required "tls.secretName: tls.mode provided needs the name of a Secret with tls.crt, tls.key and ca.crt" .Values.tls.secretName }}
{{- else -}}
{{ include "sidecar-injector.name" . }}-tls
{{- end -}}
{{- end -}}

{{- /* Where the API server finds a path of ours: the Service, or the address given. Never a caBundle:
       under server-side apply an upgrade would fight with whoever writes it. */ -}}
{{- define "sidecar-injector.clientConfig" -}}
{{- $root := index . 0 -}}
{{- $path := index . 1 -}}
{{- with $root.Values.webhook.url -}}
url: {{ printf "%s%s" (trimSuffix "/" .) $path | quote }}
{{- else -}}
service:
  name: {{ include "sidecar-injector.name" $root }}
  namespace: {{ $root.Release.Namespace | quote }}
  path: {{ $path }}
  port: 443
{{- end -}}
{{- end -}}

{{- define "sidecar-injector.webhookAnnotations" -}}
{{- with .Values.webhook.annotations -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{- /* Namespaces that are never sent: a cluster must be able to start without us, and so must we. A list in JSON. */ -}}
{{- define "sidecar-injector.neverSent" -}}
{{ list "kube-system" "kube-public" "kube-node-lease" .Release.Namespace | uniq | toJson }}
{{- end -}}

{{- define "sidecar-injector.excludedNamespaces" -}}
- key: kubernetes.io/metadata.name
  operator: NotIn
  values: {{ include "sidecar-injector.neverSent" . }}
{{- with .Values.webhook.namespaceSelector.matchExpressions }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Of the pod, for whatever has to choose the pods that are sent. */ -}}
{{- define "sidecar-injector.podExpressions" -}}
- {key: sidecar-injector.dev/injection, operator: NotIn, values: [disabled]}
{{- with .Values.webhook.objectSelector.matchExpressions }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "sidecar-injector.podConditions" -}}
- name: no-mirror-pods
  expression: "!has(object.metadata.annotations) || !('kubernetes.io/config.mirror' in object.metadata.annotations)"
{{- with .Values.webhook.matchConditions }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* "yes" where the API server has ValidatingAdmissionPolicy v1, else nothing. By version, since a
       rendering without a cluster knows no kinds. */ -}}
{{- define "sidecar-injector.hasPolicies" -}}
{{- if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version }}yes{{ end -}}
{{- end -}}

{{- /* "yes" where some kubelets change sidecars in place and others may not, else nothing. */ -}}
{{- define "sidecar-injector.kubeletsDiffer" -}}
{{- if semverCompare ">=1.32.0-0 <1.36.0-0" .Capabilities.KubeVersion.Version }}yes{{ end -}}
{{- end -}}

{{- /* "yes" where a preStop hook can sleep, else nothing. */ -}}
{{- define "sidecar-injector.hasSleep" -}}
{{- if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version }}yes{{ end -}}
{{- end -}}

{{- /* A policy does nothing without a binding. Arguments: the root, what follows the name, the actions. */ -}}
{{- define "sidecar-injector.policyBinding" -}}
{{- $root := index . 0 -}}
{{- $policy := printf "%s-%s" (include "sidecar-injector.name" $root) (index . 1) -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ $policy }}
  labels:
    {{- include "sidecar-injector.labels" $root | nindent 4 }}
spec:
  policyName: {{ $policy }}
  validationActions: {{ index . 2 | toJson }}
{{- end -}}
