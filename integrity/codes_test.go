package integrity_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/integrity"
)

// declaredCodes returns the values of all constants of type Code, in all packages.
func declaredCodes(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	others, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, others...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		own := filepath.Dir(name) == "."
		if strings.HasSuffix(name, "_test.go") || !own && !bytes.Contains(text, []byte("integrity.Code = ")) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) == 0 {
				return true
			}
			var typ string
			switch of := spec.Type.(type) {
			case *ast.Ident:
				typ = of.Name
			case *ast.SelectorExpr:
				typ = of.Sel.Name
			}
			if typ != "Code" {
				return true
			}
			for _, v := range spec.Values {
				if text, err := strconv.Unquote(v.(*ast.BasicLit).Value); err == nil {
					all[text] = true
				}
			}
			return false
		})
	}
	return all
}

func TestEveryCodeIsExplained(t *testing.T) {
	declared := declaredCodes(t)
	if len(declared) < 30 {
		t.Fatalf("found only %d codes in the source", len(declared))
	}
	explained := map[string]bool{}
	for _, e := range integrity.Explanations() {
		if explained[e.ID] {
			t.Errorf("%s is explained twice", e.ID)
		}
		explained[e.ID] = true
		if !declared[e.ID] {
			t.Errorf("%s is explained, and no constant", e.ID)
		}
	}
	for code := range declared {
		if !explained[code] {
			t.Errorf("%s is not explained: add it to codes_*.go", code)
		}
	}
}

// official are the hosts whose documentation is referred to.
var official = regexp.MustCompile(`^https://(git-scm\.com/docs/|man\.openbsd\.org/|github\.com/openssh/openssh-portable/|docs\.github\.com/|docs\.gitlab\.com/|www\.rfc-editor\.org/|csrc\.nist\.gov/|www\.unicode\.org/reports/|slsa\.dev/spec/|theupdateframework\.github\.io/specification/)`)

func TestExplanationsAreComplete(t *testing.T) {
	for _, e := range integrity.Explanations() {
		if e.Title == "" || strings.HasSuffix(e.Title, ".") {
			t.Errorf("%s: the title %q is no title", e.ID, e.Title)
		}
		if n := strings.Count(e.Why+" ", ". "); n < 2 || n > 4 {
			t.Errorf("%s: %d sentences say why it matters, want two to four", e.ID, n)
		}
		if !strings.HasSuffix(e.Remediation, ".") || e.Example == "" || len(e.Controls) == 0 || len(e.References) == 0 {
			t.Errorf("%s lacks what to do, an example, controls or references", e.ID)
		}
		for _, ref := range e.References {
			if _, err := url.Parse(ref); err != nil || !official.MatchString(ref) {
				t.Errorf("%s: %s is no official documentation", e.ID, ref)
			}
		}
		blocks := e.Code().Decision() >= integrity.Hold
		if blocks != (e.Severity >= finding.High) {
			t.Errorf("%s leads to %s and is of severity %s", e.ID, e.Code().Decision(), e.Severity)
		}
		if integrity.Explain(strings.ToLower(e.ID)) != e {
			t.Errorf("%s is not found in lower case", e.ID)
		}
	}
	if e := integrity.Explain("NO_SUCH_CODE"); e != nil {
		t.Errorf("a code that does not exist is explained as %s", e.ID)
	}
}

func TestSeverityFollowsTheDecision(t *testing.T) {
	for _, test := range []struct {
		code     integrity.Code
		decision integrity.Decision
		want     finding.Severity
		reason   string
	}{
		{integrity.SigMissing, integrity.Deny, finding.Critical, "as documented"},
		{integrity.SafeguardRemoved, integrity.Warn, finding.Medium, "what is only told blocks nothing"},
		{integrity.TimeAnomaly, integrity.Warn, finding.Low, "as documented"},
		{integrity.TimeAnomaly, integrity.Deny, finding.High, "what stops is never below high"},
		{integrity.Code("NEW"), integrity.Deny, finding.High, "a code without a text"},
		{integrity.SigMissing, 0, finding.Critical, "no decision passes nothing"},
	} {
		p := integrity.Problem{Code: test.code, Decision: test.decision}
		if got := p.Severity(); got != test.want {
			t.Errorf("%s with %s is of severity %s, want %s: %s", test.code, test.decision, got, test.want, test.reason)
		}
	}
}
