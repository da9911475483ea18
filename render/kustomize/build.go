package kustomize

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	kresource "sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/worker"
	"github.com/holdfast-dev/holdfast/source"
)

// JobName is the name under which workers know Build.
const JobName = "kustomize"

// Build is the job that runs kustomize. Its messages are private to this package.
var Build worker.Job = build

// request and response are the messages of the job.
type request struct{ Dir string }

type response struct {
	Resources []built
	Files     []string // that were read, sorted
	Problem   *render.Problem
}

// built is one resource of the output.
type built struct {
	YAML string
	From origin
}

// origin is where a resource comes from, with paths relative to the tree's root.
type origin struct {
	Path         string // the file that declares it
	ConfiguredIn string // the file whose generator made it
	Generator    string // that generator's kind
}

// oneBuild guards kustomize's schema of Kubernetes kinds, a global that builds
// set up and change.
var oneBuild sync.Mutex

func build(ctx context.Context, tree source.Tree, message []byte) ([]byte, error) {
	var req request
	if err := json.Unmarshal(message, &req); err != nil {
		return nil, err
	}
	oneBuild.Lock()
	defer oneBuild.Unlock()

	fsys := &treeFS{ctx: ctx, tree: tree, root: req.Dir, read: map[string]bool{}}
	// A schema that one application brings would stay for the ones after it.
	defer func() {
		if fsys.schema {
			openapi.ResetOpenAPI()
		}
	}()
	opts := krusty.MakeDefaultOptions()
	// The tree is the boundary: files beside the directory are as good as bases
	// beside it.
	opts.LoadRestrictions = types.LoadRestrictionsNone
	opts.Reorder = krusty.ReorderOptionNone
	all, err := krusty.MakeKustomizer(opts).Run(fsys, path.Join("/", req.Dir))
	switch {
	case fsys.stop != nil:
		return json.Marshal(response{Problem: fsys.stop})
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return json.Marshal(response{Problem: fsys.explain(req.Dir, err)})
	}
	resources, err := collect(tree, req.Dir, all)
	if err != nil {
		return nil, err
	}
	return json.Marshal(response{Resources: resources, Files: slices.Sorted(maps.Keys(fsys.read))})
}

// explain makes a problem of kustomize's error. Its usual reason is an entry that
// leads nowhere, which kustomize words as a failure of all that it tried.
func (t *treeFS) explain(dir string, err error) *render.Problem {
	for _, name := range slices.Sorted(maps.Keys(t.read)) {
		content, readErr := t.tree.ReadFile(name)
		var k types.Kustomization
		if !isKustomizationFile(path.Base(name)) || readErr != nil || k.Unmarshal(content) != nil {
			continue
		}
		for _, entry := range kustomizationEntries(&k) {
			if entry == "" || strings.ContainsAny(entry, "\n=") || t.Exists(path.Join("/", path.Dir(name), entry)) && !path.IsAbs(entry) {
				continue
			}
			return &render.Problem{
				Path: name, Position: findScalar(content, entry),
				Message: fmt.Sprintf("%q does not exist in the tree", entry),
				Hint:    "Paths are relative to the kustomization file, and stay below the root.",
			}
		}
	}
	return &render.Problem{Path: dir, Message: clean(err)}
}

// clean shortens kustomize's chain of errors, whose paths are those of treeFS.
func clean(err error) string {
	text := strings.TrimSpace(err.Error())
	text = strings.ReplaceAll(text, "'/", "'")
	return strings.Join(strings.Fields(text), " ")
}

func collect(tree source.Tree, dir string, all resmap.ResMap) ([]built, error) {
	keep, err := keptAnnotations(tree, dir)
	if err != nil {
		return nil, err
	}
	var out []built
	for _, r := range all.Resources() {
		from, err := originOf(dir, r)
		if err != nil {
			return nil, err
		}
		if !keep {
			if err := dropOrigin(r); err != nil {
				return nil, err
			}
		}
		text, err := r.AsYAML()
		if err != nil {
			return nil, err
		}
		out = append(out, built{YAML: string(text), From: from})
	}
	return out, nil
}

func originOf(dir string, r *kresource.Resource) (origin, error) {
	o, err := r.GetOrigin()
	if err != nil || o == nil {
		return origin{}, err
	}
	from := origin{Generator: o.ConfiguredBy.Kind}
	if o.Path != "" {
		from.Path = path.Join(dir, o.Path)
	}
	if o.ConfiguredIn != "" {
		from.ConfiguredIn = path.Join(dir, o.ConfiguredIn)
	}
	return from, nil
}

// dropOrigin removes the annotation that withOrigins asked for.
func dropOrigin(r *kresource.Resource) error {
	annotations := r.GetAnnotations()
	delete(annotations, originAnnotation)
	return r.SetAnnotations(annotations)
}

const originAnnotation = "config.kubernetes.io/origin"

// keptAnnotations reports whether the user asked for annotations of origin.
func keptAnnotations(tree source.Tree, dir string) (bool, error) {
	_, content, err := readKustomization(tree, dir)
	if err != nil {
		return false, err
	}
	var k types.Kustomization
	if err := k.Unmarshal(content); err != nil {
		return false, err
	}
	for _, option := range k.BuildMetadata {
		if option == types.OriginAnnotations {
			return true, nil
		}
	}
	return false, nil
}

// errNoKustomization reports a directory without a kustomization file.
var errNoKustomization = errors.New("no kustomization file")

// readKustomization returns the kustomization file of a directory.
func readKustomization(tree source.Tree, dir string) (name string, content []byte, err error) {
	entries, err := tree.ReadDir(dir)
	if err != nil {
		return "", nil, err
	}
	for _, e := range entries {
		if isKustomizationFile(e.Name) && e.Mode != source.ModeDir {
			name = path.Join(dir, e.Name)
			content, err = tree.ReadFile(name)
			return name, content, err
		}
	}
	return "", nil, fmt.Errorf("%s: %w", dir, errNoKustomization)
}

// withOrigins returns the kustomization with annotations of origin switched on.
// What cannot be parsed stays as it is, for kustomize to report.
func withOrigins(content []byte) []byte {
	var doc yaml.Node
	if yaml.Unmarshal(content, &doc) != nil || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return content
	}
	root := doc.Content[0]
	option := &yaml.Node{Kind: yaml.ScalarNode, Value: types.OriginAnnotations}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if !strings.EqualFold(root.Content[i].Value, "buildMetadata") {
			continue
		}
		list := root.Content[i+1]
		for list.Kind == yaml.AliasNode {
			list = list.Alias
		}
		if list.Kind == yaml.SequenceNode {
			list.Content = append(list.Content, option)
			return marshalOr(&doc, content)
		}
		return content
	}
	root.Content = append(root.Content,
		&yaml.Node{Kind: yaml.ScalarNode, Value: "buildMetadata"},
		&yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{option}})
	return marshalOr(&doc, content)
}

func marshalOr(doc *yaml.Node, content []byte) []byte {
	out, err := yaml.Marshal(doc)
	if err != nil {
		return content
	}
	return out
}
