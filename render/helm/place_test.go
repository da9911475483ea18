package helm_test

import (
	"testing"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/rendertest"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// TestPlaces renders what charts do to pass values around.
func TestPlaces(t *testing.T) {
	files := map[string]string{
		"c/Chart.yaml":  "apiVersion: v2\nname: web\nversion: 1.0.0\nappVersion: 3.2.1\n",
		"c/values.yaml": "image: {repository: ghcr.io/web, tag: \"\"}\nside:\n  tag: 9.8.7\nsecurity:\n  enabled: true\n  runAsUser: 12\nlabels:\n  team: red\nodd-key:\n  x: odd\nconfig:\n  deep: {mode: slow}\n",
		"c/templates/_h.tpl": `{{- define "name" -}}{{ .Release.Name }}-web{{- end }}
{{- define "security" -}}
{{- $kept := omit .security "enabled" -}}
{{- toYaml $kept }}
{{- end }}
{{- define "labels" -}}
app: fixed
team: {{ .Values.labels.team }}
{{- end }}
{{- define "image" }}{{ printf "%s:%s" (index . 0) (index . 1) }}{{ end }}
`,
		"c/templates/pod.yaml": `{{- $config := .Values.config -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "name" . }}
  labels:
    {{- include "labels" . | nindent 4 }}
    odd: {{ index .Values "odd-key" "x" }}
    mode: {{ $config.deep.mode }}
    chart: {{ .Chart.Name }}
spec:
  securityContext: {{- include "security" (dict "security" .Values.security "context" $) | nindent 4 }}
  containers:
  - name: {{ .Chart.Name }}
    image: {{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
  - name: side
    image: {{ template "image" (list "side" .Values.side.tag) }}
`,
	}
	result := rendertest.Run(t, inProcess(), source.Memory(files), "c", render.Options{})
	if len(result.Resources) != 1 {
		t.Fatalf("got %q", rendertest.Describe(result))
	}
	in := func(keys ...any) (at resource.Path) {
		for _, key := range keys {
			if i, ok := key.(int); ok {
				at = at.Append(resource.Index(i))
			} else {
				at = at.Append(resource.Key(key.(string)))
			}
		}
		return at
	}
	for _, tt := range []struct {
		reason string
		at     resource.Path
		want   string
	}{
		{"nothing holds it: the line that includes it", in("metadata", "name"), `c/templates/pod.yaml:5 {{ include "name" . }}`},
		{"text of a definition", in("metadata", "labels", "app"), "c/templates/_h.tpl:7 fixed exactly"},
		{"a value in a definition", in("metadata", "labels", "team"), "c/values.yaml:8 red exactly"},
		{"a key that is no identifier", in("metadata", "labels", "odd"), "c/values.yaml:10 odd exactly"},
		{"a variable", in("metadata", "labels", "mode"), "c/values.yaml:12 slow exactly"},
		{"of the chart itself", in("metadata", "labels", "chart"), "c/Chart.yaml:2 web exactly"},
		{"what is handed to a definition, changed there", in("spec", "securityContext", "runAsUser"), "c/values.yaml:6 12 exactly"},
		{"absent: the key of its parent", in("spec", "securityContext", "runAsGroup"), "c/templates/pod.yaml:12 securityContext exactly"},
		{"absent in an item: its first key", in("spec", "containers", 0, "tty"), "c/templates/pod.yaml:14 name exactly"},
		{"put together: the last part", in("spec", "containers", 0, "image"), "c/Chart.yaml:4 3.2.1"},
		{"put together by what a template action calls", in("spec", "containers", 1, "image"), "c/values.yaml:3 9.8.7"},
	} {
		if got := rendertest.Place(result.Resources[0].Locate(tt.at)); got != tt.want {
			t.Errorf("%s: %s is at %s, want %s", tt.reason, tt.at, got, tt.want)
		}
	}
}
