package resource_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// kubectlReads returns what kubectl makes of one YAML document.
func kubectlReads(text string) (any, error) {
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return nil, err
	}
	var out any
	err = kjson.Unmarshal(data, &out)
	return out, err
}

var scalars = []string{
	"y", "Y", "yes", "Yes", "YES", "yEs", "n", "N", "no", "No", "NO", "on", "On", "ON", "oN", "off", "Off", "OFF",
	"true", "True", "TRUE", "tRue", "false", "False", "FALSE", "~", "null", "Null", "NULL", "nUll", "", "~x",
	"0", "1", "-1", "+1", "00", "007", "0644", "0899", "0o17", "-0o17", "0x1F", "0X1f", "-0x1F", "+0x10", "0b101", "-0b11", "+0b1", "0B1", "0b-1", "0b+1", "-0b-1", "0b2",
	"1_000", "_1", "1_", "0x_1", "1__0", "12e03", "-2E+05", "1e3", "1e-3", "1e400", ".5", "-.5", "+.5", "5.", "-5.", "1.5e3", ".e1", "1.e1", "._5", "1_0.5", ".5_0", ".1e3", ".0x1p2", "0x1p2", "0x1.8p1",
	"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616", "4611686018427387904.0", "1e18", "1e19", "1e20", "1e21", "1e22",
	"1.0", "1.10", "-0.0", "-0", "+0", "100000000000000000000000", "123456789012345678", "1234567890123456789",
	"2001-12-14", "2001-12-14T21:59:43.10-05:00", "2001-12-14 21:59:43", "2001-1-1", "12:30:45", "190:20:30", "1:2", "1,000", "1 000", "- ", "-", "--", "-a", "+", "+a", "1a", "0xg", "1.2.3", "10.0.0.1", "1Gi", "100m", "v1", "a b", "0.1.", "..", ".", "...a", "<<", "=", "e3", "0e0", "0e", "1e+", "1E5", "08", "09.5", "1.5_5e1_0",
	"!!str 12", "!!str yes", "!!int 12", "!!int \"12\"", "!!float 1", "!!float 1.5", "!!bool yes", "!!bool \"true\"", "!!null ''", "!!null ~", "!!binary aGVsbG8=", "!!binary /w==", "!foo bar", "!foo 12", "! 12", "! \"12\"", "! 'yes'", "!!str", "!!timestamp 2001-12-14", "!<tag:yaml.org,2002:str> 12", "!!merge x",
	"'yes'", "\"yes\"", "'12'", "\"1\\t2\"", "'it''s'", "\"\\u00e9\\x41\\U0001F600\\e\\0\\N\\_\\L\\P\\a\"", "\"a\\\n  b\"", "\"a\n  b\n\n  c\"", "'a\n  b\n\n  c'", "a\n  b\n\n  c", "a # comment", "a#b", "a: b", "a:b", "{a: b}", "[a, b]", "[a: b, c]", "{a, b: }", "[]", "{}", "{a: [b, {c: d}], e: 'f'}",
	"|\n  a\n  b\n", "|-\n  a\n  b\n", "|+\n  a\n\n\n", ">\n  a\n  b\n\n  c\n   d\n  e\n", ">-\n  a\n  b", "|2\n    a\n", "|1-\n  a\n\n", "|\n\n  a\n", "|\n", "|\n\n", ">+\n\n", "|  # note\n  a", "|\n   a\n\n  \n",
	"é", "日本", "\"日本\"", "a\tb", "\"a\tb\"", "&x 1", "&x", "&x !!str 1", "!!str &x 1", "&x [a]", "&x {a: b}", "&x 'q'", "&x |\n  a\n",
}

// Readers of manifests that do not read as kubectl does can be deceived: a
// privileged: yes is true in the cluster.
func TestScalarsAsKubectlReadsThem(t *testing.T) {
	for _, s := range scalars {
		for _, text := range []string{"a: " + s + "\n", "- " + s + "\n", "x:\n  k: " + s + "\nz: 1\n"} {
			want, wantErr := kubectlReads(text)
			docs, err := resource.ParseYAML(source.NewFile("t.yaml", []byte(text)))
			if wantErr != nil || err != nil {
				if (wantErr == nil) != (err == nil) {
					t.Errorf("%q: error %v, kubectl's %v", text, err, wantErr)
				}
				continue
			}
			if diff := cmp.Diff(want, resource.ToAny(docs[0].Root)); diff != "" {
				t.Errorf("%q (-kubectl +holdfast):\n%s", text, diff)
			}
		}
	}
}

func TestKeysAsKubectlReadsThem(t *testing.T) {
	for _, s := range scalars {
		if s == "" || strings.Contains(s, "\n") || strings.HasPrefix(s, "&x") || s == "[]" || s == "{}" {
			continue // kubectl drops what has an empty list for a key; to us it is an error
		}
		for _, text := range []string{s + ": 1\n", "? " + s + "\n: 1\n", "{" + s + ": 1}\n"} {
			want, wantErr := kubectlReads(text)
			docs, err := resource.ParseYAML(source.NewFile("t.yaml", []byte(text)))
			if wantErr != nil || err != nil {
				if (wantErr == nil) != (err == nil) {
					t.Errorf("%q: error %v, kubectl's %v", text, err, wantErr)
				}
				continue
			}
			if diff := cmp.Diff(want, resource.ToAny(docs[0].Root)); diff != "" {
				t.Errorf("%q (-kubectl +holdfast):\n%s", text, diff)
			}
		}
	}
}

// corpora returns the YAML files below the folder named by HOLDFAST_CORPORA.
func corpora(tb testing.TB) map[string][]byte {
	root := os.Getenv("HOLDFAST_CORPORA")
	if root == "" {
		tb.Skip("HOLDFAST_CORPORA names no folder")
	}
	files := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" && filepath.Ext(path) != ".yml" {
			return err
		}
		files[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

func TestCorporaAsKubectlReadsThem(t *testing.T) {
	errs := 0
	for path, text := range corpora(t) {
		docs, err := resource.ParseYAML(source.NewFile(path, text))
		var syntax *resource.SyntaxError
		if errors.As(err, &syntax) {
			errs++
			t.Logf("%v", err)
			continue
		}
		if len(docs) != 1 || docs[0].Index != 0 {
			continue
		}
		want, err := kubectlReads(string(text))
		if err != nil {
			t.Errorf("%s: kubectl: %v", path, err)
			continue
		}
		if diff := cmp.Diff(want, resource.ToAny(docs[0].Root)); diff != "" {
			t.Errorf("%s (-kubectl +holdfast):\n%s", path, diff)
		}
	}
	t.Logf("%d files with errors", errs)
}

// FuzzAsKubectl reads one document with kubectl's reader and with ours.
func FuzzAsKubectl(f *testing.F) {
	for _, s := range scalars {
		f.Add("a: " + s + "\n")
		f.Add("[" + s + "]: " + s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "---") || strings.Contains(text, "...") || strings.Contains(text, "%") {
			return // more than one document, for which kubectl has rules of its own
		}
		docs, err := resource.ParseYAML(source.NewFile("t.yaml", []byte(text)))
		if err != nil || len(docs) == 0 {
			return
		}
		want, err := kubectlReads(text)
		if err != nil {
			return
		}
		if diff := cmp.Diff(want, resource.ToAny(docs[0].Root)); diff != "" {
			t.Fatalf("%q (-kubectl +holdfast):\n%s", text, diff)
		}
	})
}
