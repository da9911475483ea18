package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/manifest"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
)

// corpus is a directory of plain manifests, and the paths of those that a scan
// judges.
type corpus struct {
	name   string
	dir    string
	judged []string
	size   int64 // bytes of these
}

// scan compares a scan with the least that any scanner does: reading the same
// files and parsing them to nodes.
func (b *bench) scan(ctx context.Context) error {
	all, err := b.corpusDirs()
	if err != nil {
		return err
	}
	figures := make([]figure, 0, len(all)+3)
	var sumNodes, sumWarm, sumCold usage
	for i := range all {
		c := &all[i]
		if err := c.selectJudged(ctx); err != nil {
			return err
		}
		if len(c.judged) == 0 {
			continue
		}
		warm, err := setup.LoadPolicies(setup.PolicyOptions{})
		if err != nil {
			return err
		}
		u, err := lowest(
			c.parseNodes,
			func() error { _, err := c.scan(ctx, warm); return err },
			func() error {
				cold, err := setup.LoadPolicies(setup.PolicyOptions{})
				if err != nil {
					return err
				}
				_, err = c.scan(ctx, cold)
				return err
			},
		)
		if err != nil {
			return err
		}
		nodes, warmScan, coldScan := u[0], u[1], u[2]
		if c.name != generated {
			sumNodes.cpu += nodes.cpu
			sumWarm.cpu += warmScan.cpu
			sumCold.cpu += coldScan.cpu
		}
		figures = append(figures, figure{
			fmt.Sprintf("%s, %d files, %s MB", c.name, len(c.judged), number(mb(c.size))),
			ratio(warmScan, nodes), "times", 1,
			fmt.Sprintf("%s ms of %s; compiling too: %s times", number(ms(warmScan.cpu)), number(ms(nodes.cpu)), number(ratio(coldScan, nodes))),
		})
	}
	if sumNodes.cpu > 0 {
		figures = append(figures, figure{"corpora in sum", ratio(sumWarm, sumNodes), "times", 1,
			fmt.Sprintf("%s ms of %s; compiling for each: %s times", number(ms(sumWarm.cpu)), number(ms(sumNodes.cpu)), number(ratio(sumCold, sumNodes)))})
	}
	b.print("Scan with all policies, CPU as a multiple of parsing the same files to nodes", figures...)
	return nil
}

func ratio(a, b usage) float64 { return float64(a.cpu) / float64(b.cpu) }

const generated = "generated"

// corpusDirs returns the generated manifests, and copies of the corpora that
// hold plain manifests without the charts.
func (b *bench) corpusDirs() ([]corpus, error) {
	dir := filepath.Join(b.dir, generated)
	if err := writeManifests(dir, min(b.manifests, 1000)); err != nil {
		return nil, err
	}
	all := []corpus{{name: generated, dir: dir}}
	if b.corpora == "" {
		return all, nil
	}
	entries, err := os.ReadDir(b.corpora)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		copied := filepath.Join(b.dir, "corpora", e.Name())
		n, err := copyManifests(filepath.Join(b.corpora, e.Name()), copied)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			all = append(all, corpus{name: e.Name(), dir: copied})
		}
	}
	return all, nil
}

// copyManifests copies what a scan may take for plain manifests: charts and
// kustomization files are for their own renderers.
func copyManifests(from, to string) (n int, err error) {
	err = filepath.WalkDir(from, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if _, err := os.Stat(filepath.Join(name, "Chart.yaml")); err == nil {
				return fs.SkipDir
			}
			return nil
		}
		isManifest := slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name))
		if !isManifest || !e.Type().IsRegular() || strings.HasPrefix(e.Name(), "kustomization.") {
			return nil
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		n++
		return os.WriteFile(target, content, 0o644)
	})
	return n, err
}

// scan scans the corpus with manifests as the only renderer.
func (c *corpus) scan(ctx context.Context, policies *setup.Policies) (*scan.Result, error) {
	tree, err := source.Disk(c.dir, source.DiskOptions{})
	if err != nil {
		return nil, err
	}
	s := scan.Scanner{Renderers: []render.Renderer{manifest.New()}, Evaluator: policies}
	return s.Run(ctx, tree, ".")
}

// remove removes a file, and the directories that have nothing else.
func (c *corpus) remove(name string) error {
	err := os.Remove(name)
	for dir := filepath.Dir(name); err == nil && dir != c.dir; dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil {
			break
		}
	}
	return err
}

// selectJudged removes what a scan passes over, which would cost it nothing,
// and what no parser reads.
func (c *corpus) selectJudged(ctx context.Context) error {
	policies, err := setup.LoadPolicies(setup.PolicyOptions{})
	if err != nil {
		return err
	}
	result, err := c.scan(ctx, policies)
	if err != nil {
		return err
	}
	if len(result.Errors) > 0 {
		return fmt.Errorf("%s: %s", c.name, result.Errors[0])
	}
	for _, s := range result.Skipped {
		err := c.remove(filepath.Join(c.dir, filepath.FromSlash(s.Path)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a file may be skipped for two reasons
			return err
		}
	}
	return filepath.WalkDir(c.dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if parseNodes(name) != nil {
			return c.remove(name)
		}
		c.judged = append(c.judged, name)
		c.size += info.Size()
		return nil
	})
}

func (c *corpus) parseNodes() error {
	for _, name := range c.judged {
		if err := parseNodes(name); err != nil {
			return err
		}
	}
	return nil
}

// parseNodes reads a file and parses all its documents.
func parseNodes(name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	for dec := yaml.NewDecoder(bytes.NewReader(content)); ; {
		var node yaml.Node
		if err := dec.Decode(&node); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}
