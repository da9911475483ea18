package cel_test

import (
	"context"
	"os"
	"syscall"
	"testing"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/policy/packs"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

func parse(tb testing.TB, manifest string) []*resource.Resource {
	tb.Helper()
	file := source.NewFile("manifest.yaml", []byte(manifest))
	docs, err := resource.ParseYAML(file)
	if err != nil {
		tb.Fatal(err)
	}
	var all []*resource.Resource
	for _, doc := range docs {
		for _, o := range resource.Objects(doc) {
			all = append(all, &resource.Resource{ID: o.ID, Root: o.Root,
				Origin: resource.Origin{Renderer: "manifest", File: file, Document: doc.Index, Span: o.Span}})
		}
	}
	return all
}

func builtin(tb testing.TB) *cel.Engine {
	tb.Helper()
	all, err := packs.Builtin()
	if err != nil {
		tb.Fatal(err)
	}
	engine, err := cel.New(all...)
	if err != nil {
		tb.Fatal(err)
	}
	return engine
}

func judge(engine *cel.Engine, r *resource.Resource, set *resource.Set) []policy.Result {
	return engine.Evaluate(context.Background(), nil, r, set, policy.Declared)
}

// reportCPU reports the processor time of an operation, which does not depend on
// what else the machine does.
func reportCPU(b *testing.B) {
	b.Helper()
	start := processorTime(b)
	b.Cleanup(func() { b.ReportMetric(float64(processorTime(b)-start)/float64(b.N)/1000, "cpu-µs/op") })
}

func processorTime(b *testing.B) int64 {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// BenchmarkEvaluate judges one Deployment by all built-in policies: one that
// passes all of them, and one that fails many, each with its paths.
func BenchmarkEvaluate(b *testing.B) {
	engine := builtin(b)
	for _, name := range []string{"sound", "unsound"} {
		b.Run(name, func(b *testing.B) {
			text, err := os.ReadFile("testdata/" + name + ".yaml")
			if err != nil {
				b.Fatal(err)
			}
			all := parse(b, string(text))
			set := resource.NewSet(all)
			judge(engine, all[0], set)
			b.ReportAllocs()
			reportCPU(b)
			failed := 0
			for b.Loop() {
				failed = 0
				for _, result := range judge(engine, all[0], set) {
					if result.Verdict == policy.Fail {
						failed++
					}
				}
			}
			b.ReportMetric(float64(failed), "failed")
		})
	}
}

// BenchmarkCompile decodes and compiles all built-in policies.
func BenchmarkCompile(b *testing.B) {
	all, err := packs.Builtin()
	if err != nil {
		b.Fatal(err)
	}
	var files []*source.File
	for _, p := range all[0].Policies {
		files = append(files, p.File)
	}
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		reportCPU(b)
		for b.Loop() {
			if _, err := policy.NewPack("kubernetes", files); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("engine", func(b *testing.B) {
		b.ReportAllocs()
		reportCPU(b)
		for b.Loop() {
			if _, err := cel.New(all...); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("compile", func(b *testing.B) {
		untrusted := *all[0]
		untrusted.Trusted = false // these are compiled at once
		b.ReportAllocs()
		reportCPU(b)
		for b.Loop() {
			if _, err := cel.New(&untrusted); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCold does what the first manifest of a process needs.
func BenchmarkCold(b *testing.B) {
	all, err := packs.Builtin()
	if err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile("testdata/unsound.yaml")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	reportCPU(b)
	for b.Loop() {
		engine, err := cel.New(all...)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range parse(b, string(text)) {
			results := judge(engine, r, resource.NewSet(nil))
			policy.Findings(r, results, policy.Declared)
		}
	}
}
