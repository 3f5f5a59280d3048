{{- /* Where everything is, for whatever runs the jobs image. */ -}}
{{- define "meter.jobsSettings" -}}
MLFLOW_TRACKING_URI: {{ include "meter.mlflowUrl" . | quote }}
PREFECT_API_URL: {{ include "meter.prefectApiUrl" . | quote }}
METER_FILES_URL: {{ .Values.files.url | default "/files" | quote }}
METER_DATA_DOCS_URL: {{ include "meter.dataDocsUrl" . | quote }}
METER_PARALLEL: {{ .Values.jobs.parallel | quote }}
METER_RUN_SECONDS: {{ max 60 (sub (int .Values.jobs.deadlineSeconds) 600) | quote }}
METER_APPROVAL: {{ .Values.jobs.approval | quote }}
{{- with .Values.jobs.keepMonths }}
METER_KEEP_MONTHS: {{ . | include "meter.plain" | quote }}
{{- end }}
METER_VERSION: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
# A run outlives a restart of the server and of its database, which it answers for with 500: two minutes in all.
PREFECT_CLIENT_RETRY_EXTRA_CODES: "500"
PREFECT_CLIENT_MAX_RETRIES: "7"
{{- if and (include "meter.outside" .) .Values.ingress.prefectHost }}
PREFECT_UI_URL: {{ printf "%s://%s" (include "meter.scheme" .) .Values.ingress.prefectHost | quote }}
{{- end }}
{{- end }}

{{- /* The shipped job template, with this release's names and values as defaults. */ -}}
{{- define "meter.jobTemplate" -}}
{{- $name := include "meter.name" . }}
{{- $template := .Files.Get "files/base-job-template.json" | fromJson }}
{{- $pullSecrets := list }}
{{- range .Values.image.pullSecrets }}{{ $pullSecrets = append $pullSecrets (dict "name" .) }}{{ end }}
{{- $volumes := list (dict "name" "tmp" "emptyDir" (dict "sizeLimit" "4Gi")) }}
{{- $mounts := list (dict "name" "tmp" "mountPath" "/tmp") }}
{{- if include "meter.filesOnVolume" . }}
{{- $volumes = append $volumes (dict "name" "files" "persistentVolumeClaim" (dict "claimName" (printf "%s-files" $name))) }}
{{- $mounts = append $mounts (dict "name" "files" "mountPath" "/files") }}
{{- end }}
{{- $envFrom := list (dict "configMapRef" (dict "name" (printf "%s-jobs" $name))) (dict "secretRef" (dict "name" (include "meter.secret" (dict "root" . "of" "jobs")))) }}
{{- with .Values.secrets.objectStore }}{{ $envFrom = append $envFrom (dict "secretRef" (dict "name" .)) }}{{ end }}
{{- $own := dict
  "namespace" .Release.Namespace
  "release" .Release.Name
  "image" (include "meter.image" (dict "root" . "image" .Values.jobs.image))
  "image_pull_policy" .Values.image.pullPolicy
  "image_pull_secrets" $pullSecrets
  "service_account_name" (ternary $name "default" (ne 0 (len .Values.serviceAccount.annotations)))
  "env_from" $envFrom
  "volumes" $volumes
  "volume_mounts" $mounts
  "cpu_request" .Values.jobs.resources.requests.cpu
  "cpu_limit" .Values.jobs.resources.limits.cpu
  "memory_request" .Values.jobs.resources.requests.memory
  "memory_limit" .Values.jobs.resources.limits.memory
  "node_selector" .Values.jobs.nodeSelector
  "tolerations" .Values.jobs.tolerations
  "priority_class_name" (.Values.jobs.priorityClassName | default nil)
  "active_deadline_seconds" (int .Values.jobs.deadlineSeconds)
  "finished_job_ttl" (int .Values.jobs.keepSeconds)
}}
{{- range $variable, $value := $own }}
{{- $_ := set (get $template.variables.properties $variable) "default" $value }}
{{- end }}
{{- toPrettyJson $template }}
{{- end }}

{{- /* Pod of a hook or test that runs the jobs image: (dict "root" $ "part" "migrate" "command" (list ...)) */ -}}
{{- define "meter.jobsPod" -}}
restartPolicy: Never
{{- with .grace }}
terminationGracePeriodSeconds: {{ . }}
{{- end }}
{{- include "meter.pod" . | nindent 0 }}
containers:
  - name: {{ .part }}
    {{- include "meter.container" (dict "root" .root "image" .root.Values.jobs.image) | nindent 4 }}
    command: {{- toYaml .command | nindent 6 }}
    env:
      {{- range $key, $value := include "meter.jobsSettings" .root | fromYaml }}
      - {name: {{ $key }}, value: {{ $value | quote }}}
      {{- end }}
      {{- range $key, $value := .env }}
      - {name: {{ $key }}, value: {{ $value | quote }}}
      {{- end }}
    envFrom:
      - secretRef: {name: {{ include "meter.secret" (dict "root" .root "of" "jobs") }}}
      {{- with .secret }}
      - secretRef: {name: {{ . }}}
      {{- end }}
      {{- if .bucket }}
      {{- include "meter.objectStore" .root | nindent 6 }}
      {{- end }}
    resources: {requests: {cpu: 50m, memory: 256Mi}, limits: {memory: 1Gi}}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
      {{- with .mounts }}{{- toYaml . | nindent 6 }}{{- end }}
volumes:
  - {name: tmp, emptyDir: {}}
  {{- with .volumes }}{{- toYaml . | nindent 2 }}{{- end }}
{{- end }}
