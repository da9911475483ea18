package terraform

import (
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/holdfast-dev/holdfast/render"
)

// parseJSON reads a file in JSON as the blocks that it stands for.
func parseJSON(f *file) (*hclsyntax.Body, []render.Problem) { return nil, nil }
