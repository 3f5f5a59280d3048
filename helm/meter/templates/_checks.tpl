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
{{- if not $v.secrets.jobs }}
{{- range $part, $setting := dict "mlflow" "trackingUri" "prefect" "apiUrl" }}
{{- if get (get $v $part) $setting }}
{{- fail (printf "%s.%s names a server of yours, whose credentials the chart cannot generate: name a Secret with them in secrets.jobs, with the keys that values.yaml lists" $part $setting) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $part := list "mlflow" "prefect" }}
{{- if and (get $v.ingress (printf "%sHost" $part)) (not (get $v $part).enabled) }}
{{- fail (printf "ingress.%sHost leads to the chart's %s, which %s.enabled=false leaves out: set it to \"\"" $part $part $part) }}
{{- end }}
{{- end }}
{{- if and $v.backup.enabled (not $v.postgres.enabled) }}
{{- fail "backup.enabled copies the PostgreSQL of this chart only: set backup.enabled=false and back your own up with its own means" }}
{{- end }}
{{- if gt (int $v.serving.autoscaling.min) (int $v.serving.autoscaling.max) }}
{{- fail (printf "serving.autoscaling.min is %d, more than max, which is %d" (int $v.serving.autoscaling.min) (int $v.serving.autoscaling.max)) }}
{{- end }}
{{- if and $v.serving.autoscaling.enabled (not $v.serving.resources.requests.cpu) }}
{{- fail "serving.autoscaling follows CPU in percent of serving.resources.requests.cpu, which is empty: set it, or serving.autoscaling.enabled=false" }}
{{- end }}
{{- if and (include "meter.outside" .) (not $v.ingress.pageHost) }}
{{- fail "ingress.enabled and gateway.enabled need ingress.pageHost, the host name of the page and API" }}
{{- end }}
{{- if and $v.gateway.enabled (not $v.gateway.parentRefs) }}
{{- fail "gateway.enabled needs gateway.parentRefs, the Gateway that the routes hang on" }}
{{- end }}
{{- if and $v.gateway.grpcHost (not $v.gateway.enabled) }}
{{- fail "gateway.grpcHost needs gateway.enabled: an Ingress leads no gRPC" }}
{{- end }}
{{- end }}
