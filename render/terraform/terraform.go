// Package terraform evaluates the configurations of Terraform and OpenTofu. Each
// instance of a resource becomes one resource, as a plan would have it:
//
//	kind  aws_s3_bucket; data.aws_ami for data sources; and for what else is
//	      declared: module, provider.aws, variable, output, terraform
//	name  the address: module.net["a"].aws_s3_bucket.logs[0]
//	tree  attributes and nested blocks, where a block is a list of maps, also if
//	      it occurs once; with provider, lifecycle, depends_on, provisioner and
//	      connection beside them, and without count and for_each
//
// The steps are
//
//	discover  directories with configuration that no other one calls are roots
//	load      the files of a module, each parsed once; overrides merged
//	evaluate  on demand, from what a resource needs: locals, variables, outputs
//	expand    count, for_each and dynamic blocks
//	place     each value at the expression of the resource that it is read by
//
// What nobody can know before a plan is unknown, with the reason: an attribute that
// a provider computes, a variable without a value, a module that is not here. Such
// values carry their reasons as marks of cty, and likewise the addresses of the
// resources that they refer to, known or not.
//
// Nothing is fetched and no provider is run. An attribute of a resource that is not
// written is absent from its tree, and unknown to who refers to it.
package terraform

import (
	"context"
	"path"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Name is the renderer's name in units and origins.
const Name = "terraform"

// New returns the renderer.
func New() render.Renderer { return &renderer{} }

type renderer struct {
	next atomic.Int64 // offset at which the next file begins

	mu      sync.Mutex
	modules map[string]*parsed // by directory
	size    int                // of their files, in bytes
	callees map[string]bool    // directories that some module calls
}

var _ render.Composer = (*renderer)(nil)

func (*renderer) Name() string { return Name }

// Render implements render.Renderer.
func (r *renderer) Render(ctx context.Context, tree source.Tree, dir string, opts render.Options) (*render.Result, error) {
	run := newRun(r, ctx, tree, dir)
	run.options = opts
	root := run.module(dir)
	if root == nil {
		return &render.Result{Problems: run.problems}, nil
	}
	s := run.root(root)
	s.emit()
	return run.result(), ctx.Err()
}

// ReadExample reads the files of a tree as one configuration, whose main file is
// given. Problems of any file are errors.
func ReadExample(tree source.Tree, file *source.File) ([]*resource.Resource, error) {
	result, err := New().Render(context.Background(), tree, path.Dir(file.Path), render.Options{})
	if err != nil {
		return nil, err
	}
	for _, p := range result.Problems {
		return nil, p
	}
	return result.Resources, nil
}

// IsConfig reports whether a file's name is that of configuration.
func IsConfig(name string) bool {
	return strings.HasSuffix(name, ".tf") || strings.HasSuffix(name, ".tofu") || strings.HasSuffix(name, ".tf.json") || strings.HasSuffix(name, ".tofu.json")
}

// isVariables reports whether a file's name is that of values of variables.
func isVariables(name string) bool {
	return strings.HasSuffix(name, ".tfvars") || strings.HasSuffix(name, ".tfvars.json")
}
