{{- /* Values that fit the schema one by one and not together. */ -}}
{{- define "meter.checks" -}}
{{- $v := .Values -}}
{{- $anySecret := or $v.secrets.mlflow $v.secrets.prefect $v.secrets.jobs $v.secrets.postgres -}}
{{- $needed := list "jobs" -}}
{{- if $v.mlflow.enabled }}{{ $needed = append $needed "mlflow" }}{{ end -}}
{{- if $v.prefect.enabled }}{{ $needed = append $needed "prefect" }}{{ end -}}
{{- if $v.postgres.enabled }}{{ $needed = append $needed "postgres" }}{{ end -}}
{{- range $needed }}
{{- if and (not (get $v.secrets .)) (or $anySecret (not $v.postgres.enabled)) }}
{{- fail (printf "secrets.%s is empty: %s; name a Secret there with the keys that values.yaml lists" . (ternary "the chart generates either all secrets or none" "with postgres.enabled=false it cannot know your database's address" $v.postgres.enabled)) }}
{{- end }}
{{- end }}
{{- if eq $v.mlflow.enabled (ne $v.mlflow.trackingUri "") }}
{{- fail "set either mlflow.enabled=true or mlflow.trackingUri, the address of your server, and not both" }}
{{- end }}
{{- if eq $v.prefect.enabled (ne $v.prefect.apiUrl "") }}
{{- fail "set either prefect.enabled=true or prefect.apiUrl, the address of your Prefect API, and not both" }}
{{- end }}
{{- if and $v.backup.enabled (not $v.postgres.enabled) }}
{{- fail "backup.enabled copies the PostgreSQL of this chart only: set backup.enabled=false and back your own up with its own means" }}
{{- end }}
{{- if gt (int $v.serving.autoscaling.min) (int $v.serving.autoscaling.max) }}
{{- fail (printf "serving.autoscaling.min is %d, more than max, which is %d" (int $v.serving.autoscaling.min) (int $v.serving.autoscaling.max)) }}
{{- end }}
{{- if and $v.ingress.enabled (not $v.ingress.pageHost) }}
{{- fail "ingress.enabled needs ingress.pageHost, the host name of the page and API" }}
{{- end }}
{{- end }}
