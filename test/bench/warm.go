package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/cache"
)

// warm measures what it takes to see that an answer still holds, which is what a
// scan does of an unchanged tree beside starting. Nothing is rendered for it, so that
// charts and kustomizations count.
func (b *bench) warm(ctx context.Context) error {
	program, err := b.holdfast(ctx)
	if err != nil {
		return err
	}
	all, err := b.corpusDirs()
	if err != nil {
		return err
	}
	var figures []figure
	for i := range all {
		c := &all[i]
		if err := c.selectJudged(ctx); err != nil {
			return err
		}
		if len(c.judged) == 0 { // nothing in it is for Kubernetes
			continue
		}
		if c.name != generated {
			c.dir = filepath.Join(b.corpora, c.name)
		}
		if err := c.selectYAML(); err != nil {
			return err
		}
		kept, key, err := b.answerOf(ctx, program, c)
		if err != nil {
			return err
		}
		u, err := lowest(c.parseNodes, func() error {
			if _, ok := kept.Load(key, time.Now()); !ok {
				return errors.New("the answer does not hold any more")
			}
			return nil
		})
		if err != nil {
			return err
		}
		figures = append(figures, figure{
			fmt.Sprintf("%s, %d files", c.name, len(c.judged)), ratio(u[1], u[0]), "times", 0.1,
			fmt.Sprintf("%s ms of %s", number(ms(u[1].cpu)), number(ms(u[0].cpu))),
		})
	}
	b.print("Scan of what has not changed, CPU as a multiple of parsing the same files to nodes", figures...)
	return nil
}

// selectYAML selects what is YAML of all that is there.
func (c *corpus) selectYAML() error {
	c.judged = nil
	return filepath.WalkDir(c.dir, func(name string, e fs.DirEntry, err error) error {
		isYAML := slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(name))
		if err == nil && e.Type().IsRegular() && isYAML && parseNodes(name) == nil {
			c.judged = append(c.judged, name)
		}
		return err
	})
}

// answerOf scans a corpus until the answer is kept, and returns the one entry of the
// cache.
func (b *bench) answerOf(ctx context.Context, program string, c *corpus) (cache.Cache, string, error) {
	home := filepath.Join(b.dir, "cache", c.name)
	kept := cache.Cache{Dir: filepath.Join(home, "holdfast", "scans")}
	for range 100 {
		if _, err := processIn(ctx, place{env: []string{"XDG_CACHE_HOME=" + home}}, program, scanned, "scan", "-q", c.dir); err != nil {
			return kept, "", err
		}
		entries, err := os.ReadDir(kept.Dir)
		if err == nil && len(entries) == 1 {
			return kept, entries[0].Name(), nil
		}
	}
	return kept, "", fmt.Errorf("%s: no answer is kept", c.name)
}
