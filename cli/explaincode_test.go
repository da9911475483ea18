package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/integrity"
)

// codesPage writes the reference of the codes as Markdown.
func codesPage() []byte {
	var b bytes.Buffer
	b.WriteString("# The codes of `holdfast verify`\n\n" +
		"Generated from what `holdfast explain CODE` prints; UPDATE=1 with the tests of `cli` writes it anew.\n" +
		"`warn` may be deployed, and somebody should look. With `hold` what runs stays until a person decides,\n" +
		"with `deny` until the repository is repaired. These are the usual decisions: the trust file can ask for\n" +
		"other ones, and what was approved or acknowledged is only told.\n\n" +
		"| Code | | Severity | |\n|---|---|---|---|\n")
	for _, e := range integrity.Explanations() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", e.ID, strings.ToLower(e.ID), e.Code().Decision(), e.Severity, e.Title)
	}
	for _, e := range integrity.Explanations() {
		fmt.Fprintf(&b, "\n## %s\n\n**%s.** %s\n\n**What to do:** %s\n\n", e.ID, e.Title, e.Why, e.Remediation)
		for line := range strings.Lines(e.Example) {
			fmt.Fprintf(&b, "    %s\n", strings.TrimSuffix(line, "\n"))
		}
		fmt.Fprintf(&b, "\n%s\n\n", strings.Join(e.Controls, " · "))
		for _, ref := range e.References {
			fmt.Fprintf(&b, "* <%s>\n", ref)
		}
	}
	return b.Bytes()
}

func TestCodesPage(t *testing.T) {
	const page = "../docs/codes.md"
	want := codesPage()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not up to date: UPDATE=1 go test ./cli -run TestCodesPage writes it (-want +got):\n%s", page, diff)
	}
}
