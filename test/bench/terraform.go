package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
)

// terraform compares the scan of configurations, which are evaluated with all modules
// that are there, with the least that has to be done: parsing each file once.
func (b *bench) terraform(ctx context.Context) error {
	program, err := b.holdfast(ctx)
	if err != nil {
		return err
	}
	one := filepath.Join(b.dir, "one-root", "main.tf")
	if err := writeFile(one, oneConfiguration); err != nil {
		return err
	}
	var single []usage
	for range 21 {
		u, err := process(ctx, program, scanned, "scan", "--no-cache", one)
		if err != nil {
			return err
		}
		single = append(single, u)
	}
	figures := []figure{{"one file of 20 lines from start to end, CPU", ms(median(single).cpu), "ms", 80, ""}}

	dirs, err := b.configurations()
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		f, err := b.evaluation(ctx, dir)
		if err != nil {
			return err
		}
		figures = append(figures, f)
	}

	many := filepath.Join(b.dir, "roots")
	if err := writeRoots(many, 1000); err != nil {
		return err
	}
	whole, err := process(ctx, program, scanned, "scan", "-q", "--no-cache", many)
	if err != nil {
		return err
	}
	figures = append(figures,
		figure{"12000 files in 1000 root modules, peak memory", mb(whole.peak), "MB", 300, ""},
		figure{"12000 files in 1000 root modules, CPU", whole.cpu.Seconds(), "s", 0, number(12000/whole.cpu.Seconds()) + " files for each second of it"})
	b.print("Terraform with all policies, CPU as a multiple of hclsyntax.ParseConfig of the same files", figures...)
	return nil
}

// evaluation compares the scan of a directory with parsing its configurations.
func (b *bench) evaluation(ctx context.Context, dir string) (figure, error) {
	var files []string
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(name) == ".tf" {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		return figure{}, err
	}
	policies, err := setup.LoadPolicies(setup.PolicyOptions{})
	if err != nil {
		return figure{}, err
	}
	u, err := lowest(
		func() error { return parseConfigs(files) },
		func() error {
			tree, err := source.Disk(dir, source.DiskOptions{})
			if err != nil {
				return err
			}
			s := scan.Scanner{Renderers: setup.Renderers(), Evaluator: policies}
			result, err := s.Run(ctx, tree, ".")
			if err == nil && result.Objects == 0 {
				err = errors.New("nothing was evaluated")
			}
			return err
		})
	if err != nil {
		return figure{}, fmt.Errorf("%s: %w", filepath.Base(dir), err)
	}
	return figure{fmt.Sprintf("%s, %d files", filepath.Base(dir), len(files)), ratio(u[1], u[0]), "times", 1.5,
		fmt.Sprintf("%s ms of %s", number(ms(u[1].cpu)), number(ms(u[0].cpu)))}, nil
}

// parseConfigs reads and parses files. Mistakes in them are for Terraform to find.
func parseConfigs(files []string) error {
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		_, _ = hclsyntax.ParseConfig(content, name, hcl.InitialPos)
	}
	return nil
}

// configurations returns a generated directory, and copies of what the corpora have
// of Terraform.
func (b *bench) configurations() ([]string, error) {
	made := filepath.Join(b.dir, "configurations", generated)
	if err := writeRoots(made, 50); err != nil {
		return nil, err
	}
	dirs := []string{made}
	if b.corpora == "" {
		return dirs, nil
	}
	entries, err := os.ReadDir(b.corpora)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		from, to := filepath.Join(b.corpora, e.Name()), filepath.Join(b.dir, "configurations", e.Name())
		n := 0
		err := filepath.WalkDir(from, func(name string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() || filepath.Ext(name) != ".tf" && filepath.Ext(name) != ".tfvars" {
				return err
			}
			content, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			n++
			return writeFile(filepath.Join(to, strings.TrimPrefix(name, from)), string(content))
		})
		if err != nil {
			return nil, err
		}
		if n > 0 {
			dirs = append(dirs, to)
		}
	}
	return dirs, nil
}

// writeRoots writes root modules of twelve files.
func writeRoots(dir string, n int) error {
	for i := range n {
		name := fmt.Sprintf("team%02d/root%04d", i/50, i)
		for file, text := range rootModule {
			text = strings.ReplaceAll(text, "NAME", fmt.Sprintf("service-%04d", i))
			if err := writeFile(filepath.Join(dir, name, file), text); err != nil {
				return err
			}
		}
	}
	return nil
}
