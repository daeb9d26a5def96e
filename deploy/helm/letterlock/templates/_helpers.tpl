{{/* The labels by which objects are selected. */}}
{{- define "letterlock.selector" -}}
app.kubernetes.io/name: letterlock
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels of all objects. */}}
{{- define "letterlock.labels" -}}
{{ include "letterlock.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* The name of all objects. */}}
{{- define "letterlock.name" -}}
{{- if contains "letterlock" .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-letterlock" .Release.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* The name of the port of a listener: its service, and its position if there are several. */}}
{{- define "letterlock.port" -}}
{{- $same := 0 }}
{{- range $i, $l := .listeners }}{{ if and (lt $i $.index) (eq $l.service $.listener.service) }}{{ $same = add1 $same }}{{ end }}{{ end }}
{{- .listener.service }}{{ if $same }}-{{ $same }}{{ end }}
{{- end }}

{{/* How the probes ask: a status page with passwords or client_ca speaks TLS. */}}
{{- define "letterlock.scheme" -}}
{{- with .Values.config.status }}{{ if or .passwords .client_ca }}, scheme: HTTPS{{ end }}{{ end }}
{{- end }}

{{/* The configuration. */}}
{{- define "letterlock.config" -}}
{{- $config := deepCopy .Values.config }}
{{- $_ := set $config "status" (merge (dict "listen" (printf ":%v" .Values.statusPort)) (default (dict "public" (list "health" "metrics")) $config.status)) }}
{{- if and .Values.tlsSecret (not $config.certificates) }}
{{- $_ := set $config "certificates" (list (dict "cert" "/tls/tls.crt" "key" "/tls/tls.key")) }}
{{- end }}
{{- $listeners := list }}
{{- range .Values.listeners }}
{{- $l := deepCopy . }}
{{- $_ := set $l "listen" (printf ":%v" .listen) }}
{{- $_ := set $l "public_port" (int .port) }}
{{- $listeners = append $listeners (omit $l "port") }}
{{- end }}
{{- $_ := set $config "listeners" $listeners }}
{{- toYaml $config }}
{{- end }}
