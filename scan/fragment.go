package scan

import (
	"slices"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

const fragmentReason = "a patch of a pod for another tool: no container has an image"

// withoutFragments leaves out what is written like a pod and is a part of one,
// such as the patches that kubeadm applies to the pods of the control plane. No
// API server takes a pod without images, and what a patch does not say, the
// object that it is for may say.
func withoutFragments(rendered *render.Result) {
	left := map[string]bool{}
	rendered.Resources = slices.DeleteFunc(rendered.Resources, func(r *resource.Resource) bool {
		path := fileOf(r)
		if !isFragment(r) {
			left[path] = false
			return false
		}
		if _, known := left[path]; !known {
			left[path] = true
		}
		return true
	})
	for path, nothing := range left {
		if nothing {
			rendered.Skipped = append(rendered.Skipped, render.Skipped{Path: path, Reason: fragmentReason})
			rendered.Files = slices.DeleteFunc(rendered.Files, func(name string) bool { return name == path })
		}
	}
}

func fileOf(r *resource.Resource) string {
	if r.Origin.File == nil {
		return ""
	}
	return r.Origin.File.Path
}

// isFragment reports whether a Pod has containers, and none with an image.
func isFragment(r *resource.Resource) bool {
	if r.ID.Platform != resource.Kubernetes || r.ID.Group != "" || r.ID.Kind != "Pod" {
		return false
	}
	some := false
	for _, list := range []string{"containers", "initContainers"} {
		containers := r.Root.Get("spec").Get(list)
		if containers == nil {
			continue
		}
		for _, c := range containers.Items {
			if c.Get("image") != nil {
				return false
			}
			some = true
		}
	}
	return some
}

// patches returns the files of a unit that are no objects of their own.
func (s *Scanner) patches(tree source.Tree, unit render.Unit) []string {
	for _, r := range s.Renderers {
		if p, ok := r.(interface {
			Patches(tree source.Tree, dir string) []string
		}); ok && r.Name() == unit.Renderer {
			return p.Patches(tree, unit.Path)
		}
	}
	return nil
}
