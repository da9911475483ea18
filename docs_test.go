package holdfast_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/cli"
	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
)

// pages are the documents that people read.
func pages(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range append(names, "README.md", "CONTRIBUTING.md", "SECURITY.md") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(data)
	}
	return all
}

// blocks returns the code fences of a page with a language; "" is none.
func blocks(page, language string) (all []string) {
	var block strings.Builder
	fence, lang := "", ""
	for line := range strings.Lines(page) {
		text := strings.TrimSpace(line)
		ticks := len(text) - len(strings.TrimLeft(text, "`"))
		switch {
		case fence == "" && ticks >= 3:
			fence, lang = text[:ticks], text[ticks:]
			block.Reset()
		case fence != "" && text == fence:
			if lang == language {
				all = append(all, block.String())
			}
			fence = ""
		case fence != "":
			block.WriteString(line)
		}
	}
	return all
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fenced  = regexp.MustCompile("(?ms)^```.*?\n```$")
)

func TestLinksLeadSomewhere(t *testing.T) {
	all, reached := pages(t), map[string][]string{}
	for name, page := range all {
		reached[name] = anchors(page)
	}
	for name, page := range all {
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			path, fragment, _ := strings.Cut(m[1], "#")
			file := name
			if path != "" {
				file = filepath.Join(filepath.Dir(name), path)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			} else if fragment != "" && !slices.Contains(reached[file], fragment) {
				t.Errorf("%s links to %s, and %s has no such heading", name, m[1], file)
			}
		}
	}
}

// anchors returns the fragments by which the headings of a page are reached.
func anchors(page string) (all []string) {
	dropped := regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		all = append(all, strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return all
}

// helpOf returns the help of a command and whether there is such a command.
func helpOf(command ...string) (string, bool) {
	var out, errs bytes.Buffer
	code := cli.Main(context.Background(), append(command, "--help"), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	usage := "holdfast " + strings.Join(command, " ")
	return out.String(), code == cli.ExitOK && strings.Contains(out.String(), "\n  "+usage)
}

var (
	invocation = regexp.MustCompile("(?:^\\$ |^ {4}|`)(?:bin/)?holdfast ([^`\n]+)")
	flag       = regexp.MustCompile(`(?:^|\s)(--?[a-z][a-z-]*)`)
)

// invocations returns the command lines of a page, in code spans and fences.
func invocations(page string) (all []string) {
	for line := range strings.Lines(page) {
		for _, m := range invocation.FindAllStringSubmatch(line, -1) {
			text, _, _ := strings.Cut(m[1], "#")
			all = append(all, strings.TrimSpace(text))
		}
	}
	return all
}

// groups are the commands that only hold others.
var groups = []string{"policy", "ledger", "baseline", "waive", "hook", "trust"}

func TestCommandsInDocsExist(t *testing.T) {
	checked := 0
	for name, page := range pages(t) {
		for _, line := range invocations(page) {
			fields := strings.Fields(line)
			command := fields[:1]
			if slices.Contains(groups, fields[0]) && len(fields) > 1 {
				command = fields[:2]
			}
			help, ok := helpOf(command...)
			if !ok {
				t.Errorf("%s: there is no command in `holdfast %s`", name, line)
				continue
			}
			checked++
			line, _, _ := strings.Cut(line, " -- ") // what follows is for another command
			for _, m := range flag.FindAllStringSubmatch(line, -1) {
				if !hasFlag(help, m[1]) {
					t.Errorf("%s: `holdfast %s` has no flag %s", name, line, m[1])
				}
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d command lines were found in the docs", checked)
	}
}

func TestGuideDocumentsEveryFormat(t *testing.T) {
	guide := pages(t)["docs/guide.md"]
	for _, f := range report.Formats() {
		if !strings.Contains(guide, "\n| `"+f.Name+"` | ") {
			t.Errorf("docs/guide.md does not say what %s is for", f.Name)
		}
	}
}

// hasFlag reports whether a help text lists a flag; short ones may repeat, as -qq.
func hasFlag(help, name string) bool {
	if long, ok := strings.CutPrefix(name, "--"); ok {
		return regexp.MustCompile(`(?m)^ +(-\w, )?--` + long + `( |$)`).MatchString(help)
	}
	return regexp.MustCompile(`(?m)^ +` + name[:2] + `, --`).MatchString(help)
}

// sections of the guide whose tables document the fields of a type, and where
// these fields are in the file.
var sections = map[string]reflect.Type{
	"The file": reflect.TypeFor[config.Config](), "Sources": reflect.TypeFor[config.Source](),
	"Clusters": reflect.TypeFor[config.Cluster](), "Applications": reflect.TypeFor[config.Application](),
}

func TestGuideDocumentsEveryField(t *testing.T) {
	guide := pages(t)["docs/guide.md"]
	for section, typ := range sections {
		documented := fieldsInTable(guide, section)
		exist := fieldsOf(typ, "")
		for _, name := range exist {
			if !slices.Contains(documented, name) {
				t.Errorf("docs/guide.md, %q: the field %s is not documented", section, name)
			}
		}
		for _, name := range documented {
			if !slices.Contains(exist, name) {
				t.Errorf("docs/guide.md, %q: there is no field %s", section, name)
			}
		}
	}
}

// fieldsInTable returns what stands in code spans in the first column of the
// table of a section.
func fieldsInTable(page, section string) (names []string) {
	_, rest, _ := strings.Cut(page, "### "+section+"\n")
	rest, _, _ = strings.Cut(rest, "\n#")
	span := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(rest) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			for _, m := range span.FindAllStringSubmatch(cells[1], -1) {
				names = append(names, m[1])
			}
		}
	}
	return names
}

// fieldsOf returns the fields of a type as the file names them, those of
// structs inside of it with dots. Lists have sections of their own.
func fieldsOf(t reflect.Type, prefix string) (names []string) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		inner := t.Field(i).Type
		switch {
		case name == "-" || name == "":
		case inner.Kind() == reflect.Struct && inner != reflect.TypeFor[time.Time]():
			names = append(names, fieldsOf(inner, prefix+name+".")...)
		default:
			names = append(names, prefix+name)
		}
	}
	return names
}

func TestConfigurationsInDocsDecode(t *testing.T) {
	found := 0
	for name, page := range pages(t) {
		for _, block := range blocks(page, "yaml") {
			if !strings.Contains(block, "kind: Config\n") {
				continue
			}
			found++
			// "…" stands for the rest of a commit id.
			whole := regexp.MustCompile(`\b([0-9a-f]+)…`).ReplaceAllStringFunc(block, func(id string) string {
				id = strings.TrimSuffix(id, "…")
				return id + strings.Repeat("0", 40-len(id))
			})
			if _, err := config.Decode(source.NewFile(name, []byte(whole))); err != nil {
				t.Errorf("the configuration in %s is not right:\n%v", name, err)
			}
		}
	}
	if found == 0 {
		t.Error("no configuration was found in the docs")
	}
}

func TestPoliciesInDocsHold(t *testing.T) {
	found := 0
	for _, block := range blocks(pages(t)["docs/writing-policies.md"], "yaml") {
		if !strings.Contains(block, "kind: Policy\n") {
			continue
		}
		found++
		pack, err := policy.NewPack("docs", []*source.File{source.NewFile("docs/writing-policies.md", []byte(block))})
		if err != nil {
			t.Error(err)
			continue
		}
		engine, err := cel.New(pack)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, failure := range policy.Test(engine, pack, setup.ReadExample) {
			t.Error(failure)
		}
	}
	if found < 2 {
		t.Errorf("only %d policies were found in docs/writing-policies.md", found)
	}
}
