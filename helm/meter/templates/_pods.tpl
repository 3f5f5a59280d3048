{{- /* What every pod of the chart has in common: (dict "root" $ "user" 10001), with "placement" where it is not
       that of most, and "bucket" where it reads or writes one */ -}}
{{- define "meter.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .placement | default .root.Values.placement }}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}
{{- if and .bucket .root.Values.serviceAccount.annotations }}
serviceAccountName: {{ include "meter.name" .root }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user | default 10001 }}
  runAsGroup: {{ .user | default 10001 }}
  fsGroup: {{ .user | default 10001 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- /* What every container has in common: (dict "root" $ "image" .Values.mlflow.image) */ -}}
{{- define "meter.container" -}}
image: {{ include "meter.image" . }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- /* A container that waits until something listens, so that what needs it does not crash until then:
       (dict "root" $ "image" IMAGE "address" URL "named" VALUE) or "secret" and "key" of a URL in place of them */ -}}
{{- define "meter.waitFor" -}}
- name: wait
  {{- include "meter.container" . | nindent 2 }}
  command:
    - python
    - -c
    - |
      import os, socket, sys, time
      from urllib.parse import urlsplit
      try:
          where = urlsplit(os.environ["URL"])
          port = where.port or {"http": 80, "https": 443}.get(where.scheme, 5432)
          whole = where.hostname and "@" not in where.path + where.query + where.fragment
      except ValueError:  # its words would hold a part of the password
          whole = False
      if not whole:
          sys.exit(os.environ["NAMED"] + " is no URL with a host: percent-encode /, #, ?, @ and : in its password")
      while True:
          try:
              socket.create_connection((where.hostname, port), 3).close()
              break
          except OSError as error:
              print(f"{where.hostname}: {error}", flush=True)
              time.sleep(1)
  env:
    - {name: NAMED, value: {{ .named | default (printf "%s in the Secret %s" .key .secret) | quote }}}
    - name: URL
      {{- if .address }}
      value: {{ .address | quote }}
      {{- else }}
      valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .key }}}}
      {{- end }}
  resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 128Mi}}
{{- end }}

{{- define "meter.objectStore" -}}
{{- with .Values.secrets.objectStore }}
- secretRef: {name: {{ . }}}
{{- end }}
{{- end }}

{{- /* A volume claim: (dict "root" $ "part" "files" "size" "20Gi" "mode" "ReadWriteOnce") */ -}}
{{- define "meter.claim" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ include "meter.name" .root }}-{{ .part }}
  labels: {{- include "meter.labels" . | nindent 4 }}
  {{- if .root.Values.storage.keep }}
  annotations: {helm.sh/resource-policy: keep}
  {{- end }}
spec:
  accessModes: [{{ .mode | default "ReadWriteOnce" }}]
  {{- with .root.Values.storage.className }}
  storageClassName: {{ . }}
  {{- end }}
  resources: {requests: {storage: {{ .size }}}}
{{- end }}

{{- /* The volume of files in a pod: a bucket needs none */ -}}
{{- define "meter.filesVolume" -}}
{{- if include "meter.filesOnVolume" . }}
- name: files
  persistentVolumeClaim: {claimName: {{ include "meter.name" . }}-files}
{{- end }}
{{- end }}

{{- /* Where PostgreSQL is: what mounts volumes for one node together must be on one node. */ -}}
{{- define "meter.besidePostgres" -}}
affinity:
  podAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels: {{- include "meter.selector" (dict "root" . "part" "postgres") | nindent 12 }}
{{- end }}

{{- define "meter.backupClaim" -}}
{{ .Values.backup.existingClaim | default (printf "%s-backup" (include "meter.name" .)) }}
{{- end }}
