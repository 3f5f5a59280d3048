{{- define "meter.name" -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* What selectors go by: (dict "root" $ "part" "mlflow") */ -}}
{{- define "meter.selector" -}}
app.kubernetes.io/name: meter
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "meter.labels" -}}
{{ include "meter.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- /* A number as it was written: one of a file of values is a float for Helm */ -}}
{{- define "meter.plain" -}}
{{- if kindIs "float64" . }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{- /* Full name of an image: (dict "root" $ "image" .Values.mlflow.image) */ -}}
{{- define "meter.image" -}}
{{- $image := .root.Values.image -}}
{{- if regexMatch "[:@]" (base .image) }}{{ .image }}
{{- else }}{{ with $image.registry }}{{ trimSuffix "/" . }}/{{ end }}{{ .image }}:{{ $image.tag | default .root.Chart.AppVersion | include "meter.plain" }}
{{- end }}
{{- end }}

{{- /* Name of a Secret: (dict "root" $ "of" "mlflow") */ -}}
{{- define "meter.secret" -}}
{{- get .root.Values.secrets .of | default (printf "%s-%s" (include "meter.name" .root) .of) }}
{{- end }}

{{- define "meter.mlflowUrl" -}}
{{- if .Values.mlflow.enabled }}http://{{ include "meter.name" . }}-mlflow:5000{{ else }}{{ .Values.mlflow.trackingUri }}{{ end }}
{{- end }}

{{- define "meter.prefectApiUrl" -}}
{{- if .Values.prefect.enabled }}http://{{ include "meter.name" . }}-prefect:4200/api{{ else }}{{ .Values.prefect.apiUrl }}{{ end }}
{{- end }}

{{- /* Whether the host names lead here from outside the cluster */ -}}
{{- define "meter.outside" -}}
{{- if or .Values.ingress.enabled .Values.gateway.enabled }}yes{{ end }}
{{- end }}

{{- define "meter.scheme" -}}
{{- .Values.ingress.scheme | default (ternary "https" "http" (ne .Values.ingress.tlsSecret "")) }}
{{- end }}

{{- define "meter.dataDocsUrl" -}}
{{- if .Values.dataDocs.url }}{{ .Values.dataDocs.url }}
{{- else if include "meter.outside" . }}{{ include "meter.scheme" . }}://{{ .Values.ingress.pageHost }}/data_docs
{{- else }}http://{{ include "meter.name" . }}-data-docs:8080/data_docs
{{- end }}
{{- end }}

{{- define "meter.filesOnVolume" -}}
{{- if not .Values.files.url }}yes{{ end }}
{{- end }}
