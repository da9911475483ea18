package helm

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/ignore"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/source"
)

// Limits of a chart, before anything in it is run.
const (
	maxChartSize  = 64 << 20 // bytes of all files, unpacked
	maxChartFiles = 20_000
	maxChartDepth = 16 // archives in archives, directories in directories
)

// loaded is a chart with the places of its files.
type loaded struct {
	dir   string
	chart *chart.Chart
	// places tells where a file of the chart or its subcharts is in the tree.
	places map[*common.File]place
	dirs   map[*common.File]place // of charts, by their first file, which aliases share
	files  []string               // of the tree, that were read
	size   int
}

// place is a file of the tree; for what is in an archive, the archive.
type place struct {
	Path     string
	Archived bool
}

var utf8BOM = []byte{0xEF, 0xBB, 0xBF}

// load reads the chart in a directory of the tree, subcharts included.
func load(ctx context.Context, tree source.Tree, dir string) (*loaded, error) {
	l := &loaded{dir: dir, places: map[*common.File]place{}, dirs: map[*common.File]place{}}
	files, err := l.readDir(ctx, tree, dir)
	if err != nil {
		return nil, err
	}
	l.chart, err = l.assemble(files, dir, false, 0)
	return l, err
}

// readDir returns the files of a chart, but for those that .helmignore names.
func (l *loaded) readDir(ctx context.Context, tree source.Tree, dir string) ([]*archive.BufferedFile, error) {
	rules, err := ignoreRules(tree, path.Join(dir, ignore.HelmIgnore))
	if err != nil {
		return nil, err
	}
	var files []*archive.BufferedFile
	var walk func(rel string, depth int) error
	walk = func(rel string, depth int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if depth > maxChartDepth {
			return fmt.Errorf("%s: more than %d directories deep", path.Join(dir, rel), maxChartDepth)
		}
		entries, err := tree.ReadDir(path.Join(dir, rel))
		if err != nil {
			return err
		}
		for _, e := range entries {
			name := path.Join(rel, e.Name)
			at := path.Join(dir, name)
			isDir := e.Mode == source.ModeDir || e.Mode == source.ModeSymlink && listable(tree, at)
			if rules.Ignore(name, entryInfo{e, isDir}) {
				continue
			}
			if isDir {
				if err := walk(name, depth+1); err != nil {
					return err
				}
				continue
			}
			if !e.Mode.Regular() && e.Mode != source.ModeSymlink {
				continue
			}
			content, err := tree.ReadFile(at)
			if err != nil {
				return err
			}
			if l.size += len(content); l.size > maxChartSize || len(files) >= maxChartFiles {
				return tooLarge(dir)
			}
			l.files = append(l.files, at)
			files = append(files, &archive.BufferedFile{Name: name, Data: bytes.TrimPrefix(content, utf8BOM)})
		}
		return nil
	}
	return files, walk("", 0)
}

func tooLarge(what string) error {
	return render.Problem{
		Path:    what,
		Message: fmt.Sprintf("the chart has more than %d MiB or %d files unpacked", maxChartSize>>20, maxChartFiles),
		Hint:    "List what is not needed for rendering in .helmignore.",
	}
}

func listable(tree source.Tree, dir string) bool {
	_, err := tree.ReadDir(dir)
	return err == nil
}

func ignoreRules(tree source.Tree, name string) (*ignore.Rules, error) {
	rules := ignore.Empty()
	content, err := tree.ReadFile(name)
	if err == nil {
		rules, err = ignore.Parse(bytes.NewReader(content))
		if err != nil {
			return nil, render.Problem{Path: name, Message: err.Error()}
		}
	} else if !source.IsNotExist(err) {
		return nil, err
	}
	rules.AddDefaults()
	return rules, nil
}

// assemble makes a chart of files. Subcharts are put together here and not by
// Helm's loader, which forgets where their files come from and takes them in
// chance order.
func (l *loaded) assemble(files []*archive.BufferedFile, at string, archived bool, depth int) (*chart.Chart, error) {
	if depth > maxChartDepth {
		return nil, fmt.Errorf("charts are nested more than %d deep", maxChartDepth)
	}
	var own []*archive.BufferedFile
	subcharts := map[string][]*archive.BufferedFile{}
	for _, f := range files {
		rest, ok := strings.CutPrefix(f.Name, "charts/")
		if !ok || path.Ext(f.Name) == ".prov" {
			own = append(own, f)
			continue
		}
		name, inner, _ := strings.Cut(rest, "/")
		if !strings.HasPrefix(name, "_") && !strings.HasPrefix(name, ".") {
			subcharts[name] = append(subcharts[name], &archive.BufferedFile{Name: inner, Data: f.Data})
		}
	}
	c, err := loader.LoadFiles(own)
	if err != nil {
		return nil, chartProblem(at, archived, err)
	}
	l.dirs[c.Raw[0]] = place{Path: at, Archived: archived}
	for _, list := range [][]*common.File{c.Templates, c.Files} {
		for _, f := range list {
			l.places[f] = place{Path: l.pathOf(at, f.Name, archived), Archived: archived}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(subcharts)) {
		sub, err := l.subchart(name, subcharts[name], at, archived, depth)
		if err != nil {
			return nil, err
		}
		c.AddDependency(sub)
	}
	return c, nil
}

// fileOf returns the path of a file of a chart; of the archive, if it is in one.
func (l *loaded) fileOf(c *chart.Chart, name string) place {
	at := l.dirs[c.Raw[0]]
	return place{Path: l.pathOf(at.Path, name, at.Archived), Archived: at.Archived}
}

func (l *loaded) pathOf(at, name string, archived bool) string {
	if archived {
		return at
	}
	return path.Join(at, name)
}

func (l *loaded) subchart(name string, files []*archive.BufferedFile, at string, archived bool, depth int) (*chart.Chart, error) {
	where := l.pathOf(at, path.Join("charts", name), archived)
	if path.Ext(name) == ".tgz" && len(files) == 1 && files[0].Name == "" {
		inner, err := archive.LoadArchiveFiles(bytes.NewReader(files[0].Data))
		if err != nil {
			return nil, render.Problem{Path: where, Message: "cannot unpack the chart: " + err.Error()}
		}
		for _, f := range inner {
			l.size += len(f.Data)
		}
		if l.size > maxChartSize || len(inner) > maxChartFiles {
			return nil, tooLarge(where)
		}
		return l.assemble(inner, where, true, depth+1)
	}
	files = slices.DeleteFunc(files, func(f *archive.BufferedFile) bool { return f.Name == "" })
	return l.assemble(files, where, archived, depth+1)
}

func chartProblem(at string, archived bool, err error) render.Problem {
	p := render.Problem{Path: at, Message: err.Error()}
	for _, name := range []string{"Chart.yaml", "Chart.lock", "values.yaml", "requirements.yaml"} {
		if strings.HasPrefix(p.Message, "cannot load "+name) && !archived {
			p.Path = path.Join(at, name)
		}
	}
	return p
}

// entryInfo shows an entry as a FileInfo, for .helmignore.
type entryInfo struct {
	e   source.Entry
	dir bool
}

func (i entryInfo) Name() string       { return i.e.Name }
func (i entryInfo) Size() int64        { return max(i.e.Size, 0) }
func (i entryInfo) ModTime() time.Time { return time.Time{} }
func (i entryInfo) IsDir() bool        { return i.dir }
func (i entryInfo) Sys() any           { return nil }
func (i entryInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
