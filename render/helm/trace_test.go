package helm

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/chart/common"
	commonutil "helm.sh/helm/v4/pkg/chart/common/util"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"

	"github.com/holdfast-dev/holdfast/source"
)

// runJob runs the job in this process.
func runJob(t *testing.T, tree source.Tree, req request) response {
	t.Helper()
	message, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := Template(context.Background(), tree, message)
	if err != nil {
		t.Fatal(err)
	}
	var res response
	if err := json.Unmarshal(answer, &res); err != nil {
		t.Fatal(err)
	}
	return res
}

// plainly renders a chart with Helm's engine and nothing of ours.
func plainly(t *testing.T, tree source.Tree, req request) map[string]string {
	t.Helper()
	l, err := load(context.Background(), tree, req.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := chartutil.ProcessDependencies(l.chart, map[string]any{}); err != nil {
		t.Fatal(err)
	}
	caps := common.DefaultCapabilities.Copy()
	version, err := common.ParseKubeVersion(req.KubeVersion)
	if err != nil {
		t.Fatal(err)
	}
	caps.KubeVersion = *version
	top, err := commonutil.ToRenderValues(l.chart, map[string]any{}, common.ReleaseOptions{
		Name: req.Release, Namespace: req.Namespace, Revision: 1, IsInstall: true,
	}, caps)
	if err != nil {
		t.Fatal(err)
	}
	out, err := engine.Render(l.chart, top)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// oneTemplate is a chart with one template besides its helpers.
func oneTemplate(template string) source.Tree {
	return source.Memory(map[string]string{
		"Chart.yaml":  "apiVersion: v2\nname: demo\nversion: 1.2.3\nappVersion: \"4.5\"\n",
		"values.yaml": "image: {repository: nginx, tag: \"1.27\"}\nlist: [a, b]\nmap: {x: 1, y: two}\nempty: \"\"\nscript: |\n  {{ .Values.image.tag }}!\n",
		"templates/_helpers.tpl": "{{/* Labels */}}\n{{- define \"labels\" -}}\napp: {{ .Chart.Name }}\n" +
			"version: {{ .Chart.AppVersion | quote }}\n{{- end }}\n{{ define \"empty\" }} {{/* nothing */}} {{ end }}",
		"templates/x.yaml": template,
	})
}

// Tracing must not change a byte, and must account for every byte.
func TestTracingKeepsOutput(t *testing.T) {
	for _, tt := range []struct{ reason, template string }{
		{"text alone", "a: 1\nb: 2\n"},
		{"no text", ""},
		{"values", "image: {{ .Values.image.repository }}:{{ .Values.image.tag }}\n"},
		{"trimming both sides", "a:   {{- .Values.image.tag -}}   \n\n b: 1\n"},
		{"trimming around comments", "a: 1\n  {{- /* c */ -}}\n  b: {{/* d */}}2\n"},
		{"trim marker needs a space", "a: {{-3}} b\n"},
		{"conditions", "{{ if .Values.empty }}x{{ else if eq (len .Values.list) 2 }}two{{ else }}y{{ end }}\n"},
		{"ranges with break and continue", "{{ range $i, $e := .Values.list }}{{ if eq $i 1 }}{{ break }}{{ end }}{{ $e }}{{ continue }}z{{ end }}"},
		{"range else", "{{ range .Values.none -}} x {{- else }} none {{- end }}\n"},
		{"range with trims", "l:\n{{- range .Values.list }}\n- {{ . }}\n{{- end }}\n"},
		{"with and else with", "{{ with .Values.none }}a{{ else with .Values.map }}{{ .y }}{{ end }}"},
		{"variables print nothing", "{{ $x := 1 }}{{ $x = 2 }}{{ $x }}{{- $y := \"a = b\" }} {{ $y }}"},
		{"missing value", "a: {{ .Values.none }}\nb: {{ .Values.none | default \"d\" }}\n"},
		{"nil inside a pipeline", "a: {{ .Values.none | toString | quote }}\n"},
		{"include with indent", "metadata:\n  labels:\n    {{- include \"labels\" . | nindent 4 }}\n"},
		{"include in a condition", "{{ if contains \"demo\" (include \"labels\" .) }}yes{{ end }}\n"},
		{"include twice", "{{ include \"labels\" . }}\n{{ include \"labels\" . | trim | indent 2 }}\n"},
		{"template action", "{{ template \"labels\" . }}\n{{- template \"labels\" (dict \"Chart\" .Chart) -}}\n x"},
		{"template without argument", "a {{- template \"plain\" -}} b{{ define \"plain\" }}c{{ end }}"},
		{"template whose argument includes", "{{ template \"show\" (include \"labels\" .) }}{{ define \"show\" }}[{{ . }}]{{ end }}"},
		{"block", "{{ block \"b\" .Values.map }}{{ .y }}{{ end }}\n"},
		{"an empty template does not replace", "{{ define \"e\" }}full{{ end }}{{ define \"e\" }} {{/* c */}} {{ end }}{{ include \"e\" . }}|{{ include \"empty\" . }}"},
		{"tpl", "{{ tpl .Values.script . }}{{ tpl \"{{ include \\\"labels\\\" . }}\" . | nindent 2 }}\n"},
		{"a file that includes another", "sum: {{ include (print $.Template.BasePath \"/_helpers.tpl\") . | sha256sum }}\n"},
		{"toYaml", "{{- toYaml .Values.map | nindent 2 }}\n"},
		{"things that print themselves", "{{ .Capabilities.KubeVersion }} {{ .Capabilities.KubeVersion.Minor }} {{ .Release }} {{ .Values.list }} {{ .Chart.Name }}\n"},
		{"pointers and structs", "{{ .Capabilities.HelmVersion.Version }} {{ .Capabilities.APIVersions.Has \"v1\" }}\n"},
		{"delimiters inside of strings", "{{ \"}}\" }}{{ `}}{{` }}{{ '}' }}{{ print \"\\\"}}\" }}\n"},
		{"literals", "{{ 1 }}{{ 1.5 }}{{ true }}{{ 'a' }}{{ 1e3 }}\n"},
		{"newlines inside of an action", "{{ printf \"%s-%s\"\n  .Values.image.repository\n  .Values.image.tag }}\n"},
		{"windows line endings", "a: 1\r\n{{- if true }}\r\nb: 2\r\n{{- end }}\r\n"},
		{"no value in text", "a: <no value>\nb: {{ .Values.none }}\n"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			tree := oneTemplate(tt.template)
			req := request{Dir: ".", Release: "r", Namespace: "n", KubeVersion: "v1.36.0"}
			res := runJob(t, tree, req)
			if res.Fatal != nil {
				t.Fatal(res.Fatal)
			}
			got := map[string]string{}
			for _, out := range res.Outputs {
				got[out.Name] = out.Text
				checkSegments(t, tree, res, out, tt.reason == "no value in text")
			}
			if diff := cmp.Diff(plainly(t, tree, req), got); diff != "" {
				t.Errorf("output differs from Helm's:\n%s", diff)
			}
		})
	}
}

// checkSegments wants segments that cover the text, and text segments that hold it.
func checkSegments(t *testing.T, tree source.Tree, res response, out output, untraceable bool) {
	t.Helper()
	at := 0
	for _, s := range out.Segments {
		content, err := tree.ReadFile(res.Templates[s.File].Place.Path)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Action && string(content[s.Offset:s.Offset+s.Len]) != out.Text[at:at+s.Len] {
			t.Errorf("segment %+v is %q in the template and %q in the output", s, content[s.Offset:s.Offset+s.Len], out.Text[at:at+s.Len])
		}
		at += s.Len
	}
	if at != len(out.Text) && !untraceable {
		t.Errorf("%s: segments cover %d of %d bytes", out.Name, at, len(out.Text))
	}
}
