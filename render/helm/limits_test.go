package helm_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/helm"
	"github.com/holdfast-dev/holdfast/render/rendertest"
	"github.com/holdfast-dev/holdfast/render/worker"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Templates without end give an error within the limit, whatever they do, and
// the caller's memory stays as it was.
func TestEndless(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector does not work with little memory")
	}
	nested := "{{ range until 10000 }}{{ range until 10000 }}{{ range until 10000 }}%s{{ end }}{{ end }}{{ end }}"
	pool := newPool(t, worker.Limits{Time: 2 * time.Second, Memory: 512 << 20})
	for _, tt := range []struct{ reason, template string }{
		{"a list that is too long", "{{ range until 1000000000 }}x{{ end }}"},
		{"a text that is too long", "{{ repeat 2000000000 \"x\" }}"},
		{"nested loops that write", fmt.Sprintf(nested, "some text")},
		{"nested loops that write nothing", fmt.Sprintf(nested, "")},
		{"nested loops with a variable", "{{ $x := 0 }}" + fmt.Sprintf(nested, "{{ $x = add $x 1 }}")},
		{"a loop inside of tpl, which is not traced", "{{ tpl \"" + fmt.Sprintf(nested, "") + "\" . }}"},
		{"recursion by include", "{{ define \"r\" }}{{ include \"r\" . }}{{ end }}{{ include \"r\" . }}"},
		{"recursion by template", "{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}"},
		{"two-way recursion", "{{ define \"r\" }}{{ include \"s\" . }}{{ include \"s\" . }}{{ end }}{{ define \"s\" }}{{ include \"r\" . }}{{ include \"r\" . }}{{ end }}{{ include \"r\" . }}"},
		{"recursion by tpl", "{{ define \"t\" }}{{ tpl \"{{ include \\\"t\\\" . }}\" . }}{{ end }}{{ include \"t\" . }}"},
		{"doubling text", "{{ $x := \"xxxxxxxx\" }}{{ range until 60 }}{{ $x = print $x $x }}{{ end }}"},
		{"doubling lists", "{{ $x := list 1 2 }}{{ range until 60 }}{{ $x = concat $x $x }}{{ end }}"},
		{"sharing that doubles when printed", "{{ $x := dict }}{{ range until 60 }}{{ $x = dict \"a\" $x \"b\" $x }}{{ end }}{{ toYaml $x }}"},
		{"deep parentheses", "{{ " + strings.Repeat("(", 1_000_000) + "1" + strings.Repeat(")", 1_000_000) + " }}"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			_, err := helm.New(pool).Render(t.Context(), source.Memory(chart(object+tt.template)), ".", render.Options{})
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatal("no error")
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 32<<20 {
				t.Errorf("the caller's heap grew by %d MiB", grown>>20)
			}
			t.Logf("%s: %.120s", time.Since(start).Round(time.Millisecond), err)
		})
	}
}

// In the own process, loops of templates end at the context's end.
func TestEndlessInProcess(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	files := chart(object + "{{ range until 10000 }}{{ range until 10000 }}{{ end }}{{ end }}")
	if _, err := inProcess().Render(ctx, source.Memory(files), ".", render.Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestArchiveBombs(t *testing.T) {
	zeros := strings.Repeat("\x00", 90<<20)
	bomb := archiveOf(map[string]string{"x/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n", "x/big": zeros})
	deep := archiveOf(map[string]string{"x/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n"})
	for range maxDepth + 5 {
		deep = archiveOf(map[string]string{"x/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n", "x/charts/x.tgz": deep})
	}
	for reason, archive := range map[string]string{"large": bomb, "deep": deep} {
		_, err := inProcess().Render(t.Context(), source.Memory(chart(object, "charts/x.tgz", archive)), ".", render.Options{})
		if err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s: got %v, want a limit", reason, err)
		}
	}
}

func FuzzArchive(f *testing.F) {
	f.Add([]byte(archiveOf(map[string]string{"x/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n", "x/templates/a.yaml": object})))
	f.Add([]byte(archiveOf(map[string]string{"x/Chart.yaml": "", "/abs": "", "x\\y": ""})))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		files := chart(object, "charts/x.tgz", string(data))
		_, _ = inProcess().Render(ctx, source.Memory(files), ".", render.Options{})
	})
}

func FuzzTemplate(f *testing.F) {
	f.Add("{{ if .Values.a }}a: {{- .Values.a -}} {{ end }}")
	f.Add("{{/* c */}}{{ define \"x\" }} {{ end }}{{ `}}` }}")
	f.Add("{{ range $i, $e := .Values }}{{ $e }}{{ end }}")
	f.Fuzz(func(t *testing.T, template string) {
		if strings.Contains(template, "until") || strings.Contains(template, "repeat") || strings.Contains(template, "printf") {
			t.Skip("may ask for all memory, which a worker survives and a test does not")
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		result, err := inProcess().Render(ctx, source.Memory(chart(object+template)), ".", render.Options{})
		if err != nil {
			return
		}
		for _, r := range result.Resources {
			rendertest.EachValue(r.Root, func(at resource.Path, v *resource.Value) {
				if loc := r.Locate(at); loc.File == nil || loc.Span.End > len(loc.File.Content) {
					t.Errorf("%s has no place", at)
				}
			})
		}
	})
}
