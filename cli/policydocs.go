package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/resource"
)

func newPolicyDocs(a *app) *cobra.Command {
	var into string
	cmd := &cobra.Command{
		Use:   "docs [directory...]",
		Short: "Write the reference of the policies in directories, or of the built-in ones, as Markdown",
		Long: `Write the reference of policies as Markdown: what each asks for and why, how to
fix what it finds, with its examples. Each directory of policy files is an area
of the table of contents. Without a directory the built-in packs are documented.

With --into, each area is a page of its own, <pack>/<area>.md, and README.md is the
table of contents. Pages that are there already are replaced; others stay.

Exit codes: 0 written, 2 a policy cannot be read.`,
		Example: "  holdfast policy docs policies > docs/policies.md\n  holdfast policy docs --into docs/policies",
		RunE: func(_ *cobra.Command, dirs []string) error {
			policies, err := loadPolicies(policiesIn(dirs))
			if err != nil {
				return err
			}
			if into != "" {
				return writePolicyPages(into, areas(policies.Documented()))
			}
			return writePolicyDocs(a.Out, areas(policies.Documented()))
		},
	}
	cmd.Flags().StringVar(&into, "into", "", "directory for a page for each area")
	return cmd
}

// area is the policies that lie in one directory.
type area struct {
	pack, dir, title string
	policies         []*policy.Policy
}

func areas(packs []*policy.Pack) []area {
	var all []area
	for _, pack := range packs {
		byDir := map[string]*area{}
		for _, one := range pack.Policies {
			dir := path.Dir(one.File.Path)
			if byDir[dir] == nil {
				byDir[dir] = &area{pack: pack.Name, dir: dir, title: areaTitle(pack.Name, dir)}
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
	words := strings.Split(name, "-")
	for i, word := range words {
		if slices.Contains(acronyms, word) {
			words[i] = strings.ToUpper(word)
		}
	}
	name = strings.Join(words, " ")
	return strings.ToUpper(name[:1]) + name[1:]
}

// acronyms are the words in names of areas that are written in capitals.
var acronyms = strings.Fields("acm ai aks arm aws ci gcp api cd dms dns ec2 ecr ecs efs eks elb emr gke iam iot kms mq msk mwaa qldb rds s3 sns sql sqs ssm vpc waf")

// writePolicyDocs writes one page of Markdown. What is in policies is written as it
// is, since their authors may use Markdown, but for what acts on a terminal.
func writePolicyDocs(w io.Writer, all []area) error {
	d := &document{}
	d.head(all)
	for _, one := range all {
		d.contents(one, "")
	}
	for _, one := range all {
		d.line("## %s", prose(one.title))
		d.line("")
		for _, p := range one.policies {
			d.policy(p)
		}
	}
	_, err := io.WriteString(w, d.text())
	return err
}

// writePolicyPages writes a page for each area, and one of contents.
func writePolicyPages(into string, all []area) error {
	contents := &document{}
	contents.head(all)
	pack := ""
	for _, one := range all {
		if one.pack != pack {
			pack = one.pack
			contents.line("## %s", prose(areaTitle(pack, ".")))
			contents.line("")
		}
		page := path.Join(one.pack, path.Base(one.dir)+".md")
		if one.dir == "." {
			page = one.pack + ".md"
		}
		contents.contents(one, page)
		d := &document{paged: true}
		d.line("# %s: %s", prose(areaTitle(one.pack, ".")), prose(one.title))
		d.line("")
		for _, p := range one.policies {
			d.policy(p)
		}
		if err := writePage(into, page, d); err != nil {
			return err
		}
	}
	return writePage(into, "README.md", contents)
}

func writePage(into, page string, d *document) error {
	name := filepath.Join(into, filepath.FromSlash(page))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // documentation is for everybody
		return err
	}
	return os.WriteFile(name, []byte(d.text()), 0o644) //nolint:gosec // documentation is for everybody
}

type document struct {
	strings.Builder
	paged bool // an area has a page of its own
}

func (d *document) line(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

func (d *document) text() string { return strings.TrimRight(d.String(), "\n") + "\n" }

// head says what the policies are and how many.
func (d *document) head(all []area) {
	number, mended := 0, 0
	for _, one := range all {
		number += len(one.policies)
		for _, p := range one.policies {
			if slices.ContainsFunc(p.Fixes, func(f policy.Fix) bool { return f.Class != finding.Manual }) {
				mended++
			}
		}
	}
	d.line("# Policies")
	d.line("")
	d.line("%s, %d of them with a fix that `holdfast fix` can make. This is", report.Plural(number, "policy", "policies"), mended)
	d.line("generated from the policies themselves by `holdfast policy docs`; the examples are")
	d.line("the tests that each policy passes. `holdfast explain ID` shows one of them on a")
	d.line("terminal.")
	d.line("")
}

// contents lists the policies of an area, which are on a page, or on this one.
func (d *document) contents(one area, page string) {
	d.line("**%s**", prose(one.title))
	d.line("")
	d.line("| Policy | Severity | | Fix |")
	d.line("|---|---|---|---|")
	for _, p := range one.policies {
		fix := ""
		if len(p.Fixes) > 0 {
			fix = string(p.Fixes[0].Class)
		}
		d.line("| [%s](%s#%s) | %s | %s | %s |", p.ID, page, anchor(p.ID), p.Severity, strings.ReplaceAll(prose(p.Title), "|", `\|`), fix)
	}
	d.line("")
}

// anchor is the fragment by which a heading of only an id is reached.
func anchor(id string) string { return strings.ToLower(id) }

func (d *document) policy(p *policy.Policy) {
	heading := "###"
	if d.paged {
		heading = "##"
	}
	d.line("%s %s", heading, p.ID)
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
		d.example(e, languages[p.Platform])
	}
}

// languages are what examples are written in that are no YAML.
var languages = map[resource.Platform]string{resource.Terraform: "hcl", resource.Dockerfile: "dockerfile"}

var verdictHeads = map[policy.Verdict]string{
	policy.Pass: "Passes", policy.Fail: "Fails", policy.Skip: "Is skipped", policy.Unknown: "Cannot be decided",
}

func (d *document) example(e policy.Example, language string) {
	d.line("%s: %s", verdictHeads[e.Verdict], prose(e.Name))
	d.line("")
	manifest := plainLines(e.Manifest)
	fence := "```"
	for slices.ContainsFunc(manifest, func(line string) bool { return strings.Contains(line, fence) }) {
		fence += "`"
	}
	d.line("%s%s", fence, cmp.Or(language, "yaml"))
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
