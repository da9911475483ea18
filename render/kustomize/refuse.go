package kustomize

import (
	"bytes"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/source"
)

func isKustomizationFile(base string) bool {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if base == name {
			return true
		}
	}
	return false
}

// refuse looks for entries that would make kustomize reach out of the tree, in
// kustomization files and in configurations of built-in plugins.
func refuse(name string, content []byte) (render.Problem, bool) {
	if isKustomizationFile(path.Base(name)) {
		return refuseKustomization(name, content)
	}
	if bytes.Contains(content, []byte(konfig.BuiltinPluginApiVersion)) {
		if entry := remotePluginEntry(content); entry != "" {
			return remoteProblem(name, content, entry), true
		}
	}
	return render.Problem{}, false
}

// refuseKustomization decodes the file as kustomize does, which takes keys in any
// case and resolves aliases, so that nothing is spelled past the check. A file
// that cannot be decoded is kustomize's to report.
func refuseKustomization(name string, content []byte) (render.Problem, bool) {
	var k types.Kustomization
	if k.Unmarshal(content) != nil {
		return render.Problem{}, false
	}
	if len(k.HelmCharts) > 0 || len(k.HelmChartInflationGenerator) > 0 || k.HelmGlobals != nil {
		return render.Problem{
			Path:     name,
			Position: findKey(content, "helmCharts", "helmChartInflationGenerator", "helmGlobals"),
			Message:  "the Helm generator of kustomize is not run",
			Hint:     "Make the chart an application of its own, or commit its rendered manifests as resources.",
		}, true
	}
	for _, entry := range kustomizationEntries(&k) {
		if isRemote(entry) {
			return remoteProblem(name, content, entry), true
		}
		if strings.Contains(entry, "\n") { // a plugin or patch in place
			if entry := remotePluginEntry([]byte(entry)); entry != "" {
				return remoteProblem(name, content, entry), true
			}
		}
	}
	return render.Problem{}, false
}

// kustomizationEntries returns all that kustomize may load.
func kustomizationEntries(k *types.Kustomization) []string {
	var all []string
	for _, list := range [][]string{
		k.Resources, k.Bases, k.Components, k.Crds, k.Configurations, k.Generators, k.Transformers, k.Validators,
	} {
		all = append(all, list...)
	}
	for _, p := range k.PatchesStrategicMerge {
		all = append(all, string(p))
	}
	for _, p := range append(append([]types.Patch{}, k.Patches...), k.PatchesJson6902...) {
		all = append(all, p.Path)
	}
	for _, r := range k.Replacements {
		all = append(all, r.Path)
	}
	for _, path := range k.OpenAPI {
		all = append(all, path)
	}
	for _, g := range k.ConfigMapGenerator {
		all = append(all, pairEntries(g.KvPairSources)...)
	}
	for _, g := range k.SecretGenerator {
		all = append(all, pairEntries(g.KvPairSources)...)
	}
	return all
}

func pairEntries(s types.KvPairSources) []string {
	all := append([]string{s.EnvSource}, s.EnvSources...)
	for _, f := range s.FileSources { // file or key=file
		_, file, ok := strings.Cut(f, "=")
		if !ok {
			file = f
		}
		all = append(all, f, file)
	}
	return all
}

// pluginPathKeys are the keys under which built-in plugins name files.
var pluginPathKeys = map[string]bool{"path": true, "paths": true, "files": true, "env": true, "envs": true}

// remotePluginEntry returns the first remote entry of a file with configurations
// of built-in plugins, or "".
func remotePluginEntry(content []byte) string {
	dec := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var doc map[string]any
		if dec.Decode(&doc) != nil { // the end, or what kustomize cannot read either
			return ""
		}
		if doc["apiVersion"] == konfig.BuiltinPluginApiVersion {
			if entry := remoteBelow(doc, false); entry != "" {
				return entry
			}
		}
	}
}

func remoteBelow(v any, named bool) string {
	switch v := v.(type) {
	case string:
		_, file, ok := strings.Cut(v, "=")
		switch {
		case named && isRemote(v):
			return v
		case named && ok && isRemote(file):
			return v
		}
	case []any:
		for _, item := range v {
			if entry := remoteBelow(item, named); entry != "" {
				return entry
			}
		}
	case map[string]any:
		for key, item := range v {
			if entry := remoteBelow(item, pluginPathKeys[strings.ToLower(key)]); entry != "" {
				return entry
			}
		}
	}
	return ""
}

var userAt = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]*@`)

// isRemote reports whether kustomize would fetch or clone what the entry names:
// every URL, the scp notation of SSH, and paths that begin with github.com.
func isRemote(entry string) bool {
	if u, err := url.Parse(entry); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		return true
	}
	lower := strings.ToLower(entry)
	for _, prefix := range []string{"git::", "ssh://", "https://", "http://", "file://", "github.com/", "github.com:"} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	return userAt.MatchString(entry)
}

func remoteProblem(name string, content []byte, entry string) render.Problem {
	shown := entry
	if u, err := url.Parse(entry); err == nil && u.User != nil {
		shown = u.Redacted()
	}
	return render.Problem{
		Path:     name,
		Position: findScalar(content, entry),
		Message:  fmt.Sprintf("%q is remote; nothing is fetched while rendering", shown),
		Hint:     "Commit a copy below the repository and refer to it by a relative path.",
	}
}

// findScalar returns the place of a scalar with this value.
func findScalar(content []byte, value string) source.Position {
	return findNode(content, func(n *yaml.Node) bool { return n.Value == value })
}

// findKey returns the place of the first of these keys, in any case.
func findKey(content []byte, keys ...string) source.Position {
	return findNode(content, func(n *yaml.Node) bool {
		for _, key := range keys {
			if strings.EqualFold(n.Value, key) {
				return true
			}
		}
		return false
	})
}

func findNode(content []byte, match func(*yaml.Node) bool) source.Position {
	var doc yaml.Node
	if yaml.Unmarshal(content, &doc) != nil {
		return source.Position{}
	}
	var find func(n *yaml.Node) *yaml.Node
	find = func(n *yaml.Node) *yaml.Node {
		if n.Kind == yaml.ScalarNode && match(n) {
			return n
		}
		for _, child := range n.Content {
			if found := find(child); found != nil {
				return found
			}
		}
		return nil
	}
	if n := find(&doc); n != nil {
		return source.Position{Line: n.Line, Column: n.Column}
	}
	return source.Position{}
}
