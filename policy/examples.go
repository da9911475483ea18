package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// TestFailure is an example that does not hold, or that is missing.
type TestFailure struct {
	Policy  *Policy
	Example *Example // nil when examples are missing
	Reason  string
}

func (f TestFailure) String() string {
	span, name := f.Policy.Span, ""
	if f.Example != nil {
		span, name = f.Example.Span, fmt.Sprintf(" %q", f.Example.Name)
	}
	at := f.Policy.File.Position(span.Start)
	return fmt.Sprintf("%s:%d:%d: %s%s: %s", f.Policy.File.Path, at.Line, at.Column, f.Policy.ID, name, f.Reason)
}

// Reader reads a file of a platform other than Kubernetes.
type Reader func(resource.Platform, *source.File) ([]*resource.Resource, error)

// Test runs the examples of a pack's policies. Each must get its verdict and,
// if it states paths, have exactly these marked. A policy without an example
// that passes and one that fails is not proven, which is a failure too. Without
// policies for other platforms than Kubernetes, read may be nil.
func Test(evaluator Evaluator, pack *Pack, read Reader) []TestFailure {
	var failures []TestFailure
	for _, p := range pack.Policies {
		for _, v := range []Verdict{Pass, Fail} {
			if !p.Imported && !slices.ContainsFunc(p.Examples, func(e Example) bool { return e.Verdict == v }) {
				failures = append(failures, TestFailure{Policy: p, Reason: fmt.Sprintf("no example has the verdict %s", v)})
			}
		}
		for i := range p.Examples {
			if reason := p.Examples[i].run(evaluator, p, read); reason != "" {
				failures = append(failures, TestFailure{Policy: p, Example: &p.Examples[i], Reason: reason})
			}
		}
	}
	return failures
}

// run returns why the example does not hold, or "".
func (e *Example) run(evaluator Evaluator, p *Policy, read Reader) string {
	all, err := e.Read(p.Platform, read)
	if err != nil {
		return err.Error()
	}
	judged := p.Judged(all)
	for _, result := range evaluator.Evaluate(context.Background(), nil, judged, resource.NewSet(all), e.Stage) {
		if result.Policy.ID == p.ID {
			return e.compare(judged, result)
		}
	}
	return fmt.Sprintf("the policy does not apply to %s of %q", judged.ID.Kind, judged.ID.APIVersion())
}

// Judged returns which of the resources of an example is judged: the first one, and
// in files of many resources the first that the policy is about.
func (p *Policy) Judged(all []*resource.Resource) *resource.Resource {
	if p.Platform != resource.Kubernetes {
		for _, r := range all {
			if p.Applies(r.ID) {
				return r
			}
		}
	}
	return all[0]
}

func (e *Example) compare(r *resource.Resource, result Result) string {
	marked := []string{}
	for _, f := range result.Failures {
		marked = append(marked, cmp.Or(string(appendField(nil, result.Policy, r.Root.Trail(f.Path, nil))), "."))
	}
	switch {
	case result.Verdict == Error:
		return fmt.Sprintf("the verdict must be %s, but: %v", e.Verdict, result.Err)
	case result.Verdict != e.Verdict && result.Verdict == Fail:
		return fmt.Sprintf("the verdict must be %s, but %s fails", e.Verdict, strings.Join(marked, " and "))
	case result.Verdict != e.Verdict:
		return fmt.Sprintf("the verdict must be %s, but is %s", e.Verdict, result.Verdict)
	}
	want := slices.Sorted(slices.Values(e.At))
	if slices.Sort(marked); len(want) > 0 && !slices.Equal(marked, want) {
		return fmt.Sprintf("must mark %s, but marks %s", strings.Join(want, " and "), strings.Join(marked, " and "))
	}
	return ""
}

// Read reads the resources of an example of a policy for a platform: at least one,
// the judged one first.
func (e *Example) Read(platform resource.Platform, read Reader) ([]*resource.Resource, error) {
	return ReadAll(platform, e.Source(platform), read)
}

// Source returns the manifest as the file that it would be.
func (e *Example) Source(platform resource.Platform) *source.File {
	usual := platform.FileName()
	if platform == resource.Kubernetes {
		usual = "example.yaml"
	}
	return source.NewFile(cmp.Or(e.File, usual), []byte(e.Manifest))
}

// ReadAll reads the resources of a file as those of an example are read.
func ReadAll(platform resource.Platform, file *source.File, read Reader) ([]*resource.Resource, error) {
	if platform == resource.Kubernetes {
		return objects(file)
	}
	all, err := read(platform, file)
	if err == nil && len(all) == 0 {
		err = errors.New("the example holds nothing to judge")
	}
	return all, err
}

// Resources parses the manifest of a Kubernetes policy: at least one resource, the judged one first.
func (e *Example) Resources() ([]*resource.Resource, error) {
	return objects(e.Source(resource.Kubernetes))
}

func objects(file *source.File) ([]*resource.Resource, error) {
	documents, err := resource.ParseYAML(file)
	if err != nil {
		return nil, err
	}
	var all []*resource.Resource
	for _, doc := range documents {
		all = append(all, &resource.Resource{
			ID: idOf(doc.Root), Root: doc.Root,
			Origin: resource.Origin{Renderer: "manifest", File: file, Document: doc.Index, Span: doc.Span},
		})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("the manifest is empty")
	}
	return all, nil
}

func idOf(root *resource.Value) resource.ID {
	group, version, ok := strings.Cut(root.Get("apiVersion").Text(), "/")
	if !ok {
		group, version = "", group
	}
	meta := root.Get("metadata")
	return resource.ID{
		Group: group, Version: version, Kind: root.Get("kind").Text(),
		Namespace: meta.Get("namespace").Text(), Name: meta.Get("name").Text(),
	}
}
