package cli

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/report"
)

func newPolicyDocs(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "docs [directory...]",
		Short: "Write the reference of the policies in directories, or of the built-in ones, as Markdown",
		Long: `Write the reference of policies as Markdown: what each asks for and why, how to
fix what it finds, with its examples. Each directory of policy files is an area
of the table of contents. Without a directory the built-in packs are documented.

Exit codes: 0 written, 2 a policy cannot be read.`,
		Example: "  holdfast policy docs policies > docs/policies.md",
		RunE: func(_ *cobra.Command, dirs []string) error {
			policies, err := loadPolicies(policiesIn(dirs))
			if err != nil {
				return err
			}
			return writePolicyDocs(a.Out, policies.Documented())
		},
	}
}

// area is the policies that lie in one directory.
type area struct {
	dir, title string
	policies   []*policy.Policy
}

func areas(packs []*policy.Pack) []area {
	var all []area
	for _, pack := range packs {
		byDir := map[string]*area{}
		for _, one := range pack.Policies {
			dir := path.Dir(one.File.Path)
			if byDir[dir] == nil {
				byDir[dir] = &area{dir: dir, title: areaTitle(pack.Name, dir)}
			}
			byDir[dir].policies = append(byDir[dir].policies, one)
		}
		// Ids are given area by area, so the first one orders the areas.
		sorted := make([]area, 0, len(byDir))
		for _, one := range byDir {
			sorted = append(sorted, *one)
		}
		slices.SortFunc(sorted, func(a, b area) int {
			return cmp.Or(cmp.Compare(a.policies[0].ID, b.policies[0].ID), cmp.Compare(a.dir, b.dir))
		})
		all = append(all, sorted...)
	}
	return all
}

// areaTitle turns pod-security into "Pod security".
func areaTitle(pack, dir string) string {
	name := path.Base(dir)
	if name == "." {
		name = pack
	}
	name = strings.ReplaceAll(name, "-", " ")
	return strings.ToUpper(name[:1]) + name[1:]
}

// writePolicyDocs writes Markdown. What is in policies is written as it is,
// since their authors may use Markdown, but for what acts on a terminal.
func writePolicyDocs(w io.Writer, packs []*policy.Pack) error {
	all := areas(packs)
	number := 0
	for _, one := range all {
		number += len(one.policies)
	}
	d := &document{}
	d.line("# Policies")
	d.line("")
	d.line("%s. This page is generated from the policies themselves by", report.Plural(number, "policy", "policies"))
	d.line("`holdfast policy docs`; the examples are the tests that each policy passes.")
	d.line("`holdfast explain ID` shows one of them on a terminal.")
	d.line("")
	for _, one := range all {
		d.contents(one)
	}
	for _, one := range all {
		d.line("## %s", prose(one.title))
		d.line("")
		for _, p := range one.policies {
			d.policy(p)
		}
	}
	_, err := io.WriteString(w, strings.TrimRight(d.String(), "\n")+"\n")
	return err
}

type document struct{ strings.Builder }

func (d *document) line(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

func (d *document) contents(one area) {
	d.line("**%s**", prose(one.title))
	d.line("")
	d.line("| Policy | Severity | |")
	d.line("|---|---|---|")
	for _, p := range one.policies {
		d.line("| [%s](#%s) | %s | %s |", p.ID, anchor(p.ID), p.Severity, strings.ReplaceAll(prose(p.Title), "|", `\|`))
	}
	d.line("")
}

// anchor is the fragment by which a heading of only an id is reached.
func anchor(id string) string { return strings.ToLower(id) }

func (d *document) policy(p *policy.Policy) {
	d.line("### %s", p.ID)
	d.line("")
	d.line("**%s**", prose(p.Title))
	d.line("")
	d.line("Severity %s. Applies to %s.", p.Severity, prose(strings.Join(appliesTo(p), ", ")))
	d.line("")
	d.line("%s", prose(p.Why))
	d.line("")
	d.line("**Fix:** %s", prose(p.Remediation))
	d.line("")
	for i := range p.Fixes {
		d.line("* %s %s", fixLabels[p.Fixes[i].Class], prose(fixText(&p.Fixes[i])))
	}
	if len(p.Fixes) > 0 {
		d.line("")
	}
	if len(p.Controls) > 0 {
		d.line("Controls: %s", prose(strings.Join(p.Controls, ", ")))
		d.line("")
	}
	for _, ref := range p.References {
		d.line("* <%s>", report.Plain(ref))
	}
	if len(p.References) > 0 {
		d.line("")
	}
	for _, e := range p.Examples {
		d.example(e)
	}
}

var verdictHeads = map[policy.Verdict]string{
	policy.Pass: "Passes", policy.Fail: "Fails", policy.Skip: "Is skipped", policy.Unknown: "Cannot be decided",
}

func (d *document) example(e policy.Example) {
	d.line("%s: %s", verdictHeads[e.Verdict], prose(e.Name))
	d.line("")
	manifest := plainLines(e.Manifest)
	fence := "```"
	for slices.ContainsFunc(manifest, func(line string) bool { return strings.Contains(line, fence) }) {
		fence += "`"
	}
	d.line("%syaml", fence)
	for _, line := range manifest {
		d.line("%s", line)
	}
	for _, at := range e.At {
		d.line("# found at %s", report.Plain(at))
	}
	d.line("%s", fence)
	d.line("")
}

// prose is text on one line. Outside of code spans "<" is not the beginning of
// a tag.
func prose(text string) string {
	parts := strings.Split(strings.Join(strings.Fields(report.Plain(text)), " "), "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = strings.ReplaceAll(parts[i], "<", `\<`)
	}
	return strings.Join(parts, "`")
}
