package setup

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/arm"
	"github.com/holdfast-dev/holdfast/render/azure"
	"github.com/holdfast-dev/holdfast/render/chart"
	"github.com/holdfast-dev/holdfast/render/cloudformation"
	"github.com/holdfast-dev/holdfast/render/compose"
	"github.com/holdfast-dev/holdfast/render/dockerfile"
	"github.com/holdfast-dev/holdfast/render/gitlab"
	"github.com/holdfast-dev/holdfast/render/helm"
	"github.com/holdfast-dev/holdfast/render/kustomize"
	"github.com/holdfast-dev/holdfast/render/manifest"
	"github.com/holdfast-dev/holdfast/render/plan"
	"github.com/holdfast-dev/holdfast/render/terraform"
	"github.com/holdfast-dev/holdfast/render/worker"
	"github.com/holdfast-dev/holdfast/render/workflow"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/safeguard"
	"github.com/holdfast-dev/holdfast/source"
)

// workerArgument is the first argument of a process that renders for another.
const workerArgument = "render-worker"

var jobs = worker.Jobs{kustomize.JobName: kustomize.Build, helm.JobName: helm.Template}

// ServeWorker makes this process a worker if its arguments say so, and returns
// whether they do. Every program that uses Renderers calls it first.
func ServeWorker(args []string) (served bool, err error) {
	if len(args) != 2 || args[1] != workerArgument {
		return false, nil
	}
	return true, worker.Serve(jobs, os.Stdin, os.Stdout)
}

// Renderers returns all renderers, in the order in which a directory is
// offered to them. The engines of Kustomize and Helm run in processes of this
// same program; none is started before the first overlay or chart.
func Renderers() []render.Renderer {
	return withRunner(newPool())
}

// CachedRenderers returns all renderers as Renderers does. What the engines return
// is kept in a store for programs of the same name.
func CachedRenderers(store worker.Store, program string) []render.Renderer {
	return withRunner(worker.Cached(newPool(), store, program))
}

func newPool() *worker.Pool {
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0]
	}
	return worker.NewPool(func() *exec.Cmd { return exec.Command(program, workerArgument) }, worker.DefaultLimits)
}

func withRunner(runner worker.Runner) []render.Renderer {
	renderers := []render.Renderer{kustomize.New(runner), helm.New(runner), terraform.New()}
	for _, f := range formats {
		renderers = append(renderers, render.NewFormat(f.platform, f.claims, f.parse))
	}
	for _, f := range treeFormats {
		renderers = append(renderers, render.NewTreeFormat(f.platform, f.claims, f.parse))
	}
	renderers = append(renderers, render.NewCompanion(chart.Renderer, helm.Name, chart.File, resource.HelmChart, chart.Parse))
	var others []render.ContentFormat
	for _, f := range contentFormats {
		others = append(others, render.NewContentFormat(f.platform, f.claims, f.recognises, f.parse))
		renderers = append(renderers, others[len(others)-1])
	}
	plans := plan.New(configuration)
	renderers, others = append(renderers, plans), append(others, plans)
	return append(renderers, manifest.New(others...)) // which claims what no other does
}

// configuration returns what the configuration of Terraform in a directory declares,
// for the plans that were made of it.
func configuration(ctx context.Context, tree source.Tree, dir string) []*resource.Resource {
	entries, err := tree.ReadDir(dir)
	if err != nil || !slices.ContainsFunc(entries, func(e source.Entry) bool { return terraform.IsConfig(e.Name) }) {
		return nil
	}
	result, err := terraform.New().Render(ctx, tree, dir, render.Options{})
	if err != nil {
		return nil
	}
	return result.Resources
}

// contentFormats are those of files in YAML and JSON that may have any name.
var contentFormats = []struct {
	platform   resource.Platform
	claims     func(source.Tree, string) bool
	recognises func([]byte) bool
	parse      render.TreeParser
}{
	{resource.CloudFormation, cloudformation.Claims, cloudformation.Recognises, cloudformation.Parse},
	{resource.ARM, arm.Claims, arm.Recognises, arm.Parse},
}

// formats are the formats of single files besides manifests, the most particular
// first.
var formats = []struct {
	platform resource.Platform
	claims   func(source.Tree, string) bool
	parse    render.Parser
}{}

// treeFormats are those whose files are read with a look at others: one beside a
// Dockerfile says what it may copy, one beside a Compose file has its variables.
var treeFormats = []struct {
	platform resource.Platform
	claims   func(source.Tree, string) bool
	parse    render.TreeParser
}{
	{resource.GitHubActions, workflow.Claims, workflow.Parse},
	{resource.AzurePipelines, azure.Claims, azure.Parse},
	{resource.GitLabCI, gitlab.Claims, gitlab.Parse},
	{resource.Dockerfile, dockerfile.Claims, dockerfile.Parse},
	{resource.Compose, compose.Claims, compose.Parse},
}

// ReadExample reads an example of a policy. It is a policy.Reader.
func ReadExample(platform resource.Platform, file *source.File) ([]*resource.Resource, error) {
	for _, f := range formats {
		if f.platform == platform {
			return ofPlatform(platform, file)(f.parse(file))
		}
	}
	if platform == resource.Terraform && plan.Recognises(file.Content) {
		return plan.Parse(file)
	}
	if platform == resource.GitChange {
		return safeguard.ReadExample(file)
	}
	tree, file := exampleFiles(file)
	switch platform {
	case resource.HelmChart:
		return ofPlatform(platform, file)(chart.Parse(tree, file))
	case resource.Terraform:
		return terraform.ReadExample(tree, file)
	}
	for _, f := range treeFormats {
		if f.platform == platform {
			return ofPlatform(platform, file)(f.parse(tree, file))
		}
	}
	for _, f := range contentFormats {
		if f.platform == platform {
			return ofPlatform(platform, file)(f.parse(tree, file))
		}
	}
	return nil, fmt.Errorf("there is no reader for files of %s", platform)
}

// exampleFiles returns the files of an example: the one that is judged, and behind
// a line `-- path --` each one that is beside it.
func exampleFiles(file *source.File) (source.Tree, *source.File) {
	files := map[string]string{}
	name := file.Path
	var text strings.Builder
	for line := range strings.Lines(string(file.Content)) {
		next, ok := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		if next, isName := strings.CutSuffix(next, " --"); ok && isName {
			files[name] = text.String()
			name = next
			text.Reset()
			continue
		}
		text.WriteString(line)
	}
	files[name] = text.String()
	return source.Memory(files), source.NewFile(file.Path, []byte(files[file.Path]))
}

// ofPlatform completes what a parser returns.
func ofPlatform(platform resource.Platform, file *source.File) func([]*resource.Resource, error) ([]*resource.Resource, error) {
	return func(all []*resource.Resource, err error) ([]*resource.Resource, error) {
		for _, r := range all {
			r.ID.Platform, r.Origin.File = platform, cmp.Or(r.Origin.File, file)
		}
		return all, render.WithoutNotes(err)
	}
}
