{{- /* What the topology says of each workload: where the index is a folder, one has it; a tier's
       is there where its model is, and who keeps windows of usage where that is wanted. */ -}}
{{- define "millrace.table" -}}
{{- $stages := list -}}
{{- range $stage := index (.Files.Get "stages.yaml" | fromYaml) (include "millrace.folder" .) -}}
{{- $there := not (or $stage.tiers $stage.setting) -}}
{{- if $stage.setting }}{{ $there = eq (get $.Values.settings $stage.setting) "true" }}{{ end -}}
{{- range $tier := $stage.tiers -}}
{{- if hasKey $.Values.settings (printf "MILLRACE_TIERS__%s__URL" (upper $tier)) }}{{ $there = true }}{{ end -}}
{{- end -}}
{{- if $there }}{{ $stages = append $stages $stage }}{{ end -}}
{{- end }}
stages: {{ toJson $stages }}
{{- end }}

{{- define "millrace.folder" -}}
{{- $dense := .Values.settings.MILLRACE_INDEX__DENSE | default "edge" -}}
{{- $lexical := .Values.settings.MILLRACE_INDEX__LEXICAL | default "edge" -}}
{{ or (eq $dense "edge") (eq $lexical "edge") | ternary "folder" "servers" }}
{{- end }}

{{- /* Who speaks to Kafka, and what each may do there: of the workloads those that are there. */ -}}
{{- define "millrace.users" -}}
{{- $there := list -}}
{{- range (include "millrace.table" . | fromYaml).stages }}{{ $there = append $there .name }}{{ end -}}
{{- $users := list -}}
{{- range $user := index (.Files.Get "users.yaml" | fromYaml) (include "millrace.folder" .) -}}
{{- if or (eq $user.kind "edge") (has $user.name $there) }}{{ $users = append $users $user }}{{ end -}}
{{- end }}
users: {{ toJson $users }}
{{- end }}

{{- define "millrace.labels" -}}
app.kubernetes.io/name: millrace
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .stage.name }}
app.kubernetes.io/part-of: millrace
{{- end }}

{{- define "millrace.object" -}}
name: {{ .root.Release.Name }}-{{ .stage.name }}
namespace: {{ index .root.Values.namespaces.names .stage.area }}
labels:
  {{- include "millrace.labels" . | nindent 2 }}
  app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
  helm.sh/chart: millrace-{{ .root.Chart.Version }}
{{- end }}

{{- define "millrace.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- /* No more workers than partitions: those above would have nothing to read. */ -}}
{{- define "millrace.most" -}}
{{ min (int .values.max) (int .root.Values.kafka.partitions) }}
{{- end }}

{{- /* Why there are fewer than was said; empty where there are not. */ -}}
{{- define "millrace.capped" -}}
{{- if gt (int .values.max) (int .root.Values.kafka.partitions) -}}
stages.{{ .stage.name }}.max is {{ .values.max }}, and its topics have {{ .root.Values.kafka.partitions }} partitions: more workers would have nothing to read
{{- end -}}
{{- end }}

{{- /* By Prometheus one is left: a worker that is not there tells no lag. */ -}}
{{- define "millrace.least" -}}
{{- if gt (int .values.min) (int .root.Values.kafka.partitions) -}}
{{- fail (printf "stages.%s.min is %d, and its topics have %d partitions (kafka.partitions): more workers would have nothing to read" .stage.name (int .values.min) (int .root.Values.kafka.partitions)) -}}
{{- end -}}
{{- if gt (int .values.min) (int .values.max) -}}
{{- fail (printf "stages.%s.min is %d, and max is %d" .stage.name (int .values.min) (int .values.max)) -}}
{{- end -}}
{{- if eq .root.Values.scaling.by "prometheus" }}{{ max 1 (int .values.min) }}{{ else }}{{ int .values.min }}{{ end -}}
{{- end }}

{{- /* How the lag of a workload is called in Prometheus. */ -}}
{{- define "millrace.depth" -}}
{{- $name := .stage.name | replace "-" "_" -}}
rag_{{ ternary "retrieval" $name (has "retrieve" .stage.stages) }}_queue_depth
{{- end }}
