package integrity

import (
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/source"
)

func TestApprovers(t *testing.T) {
	a, err := ParseApprovers("approvers", []byte("# who may accept risks\nsec@example.com critical\n\nlead@example.com medium # of payments\n"))
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := LoadApprovers(source.Memory(nil), "")
	if err != nil {
		t.Fatal(err)
	}
	signer := func(emails ...string) Signer {
		if len(emails) == 0 {
			return Signer{}
		}
		return Signer{Identity: emails[0], emails: emails}
	}
	for _, tt := range []struct {
		reason   string
		who      *Approvers
		signer   Signer
		severity finding.Severity
		want     bool
	}{
		{"up to what is written", a, signer("sec@example.com"), finding.Critical, true},
		{"no further", a, signer("lead@example.com"), finding.High, false},
		{"any address of the person", a, signer("x@example.com", "lead@example.com"), finding.Low, true},
		{"a signer is no approver", a, signer("dev@example.com"), finding.Info, false},
		{"addresses are compared exactly", a, signer("SEC@example.com"), finding.Info, false},
		{"without the file every signer, up to medium", nobody, signer("dev@example.com"), finding.Medium, true},
		{"and no further", nobody, signer("dev@example.com"), finding.High, false},
		{"nobody is nobody", nobody, signer(), finding.Low, false},
	} {
		if got := tt.who.May(tt.signer, tt.severity); got != tt.want {
			t.Errorf("%s: %v", tt.reason, got)
		}
	}
}

func TestApproversMistakes(t *testing.T) {
	_, err := ParseApprovers("approvers", []byte("sec@example.com\n*@example.com high\na@example.com severe\nb@example.com low\nb@example.com high\n"))
	want := []string{"approvers:1:1: ", "approvers:2:1: ", "approvers:3:15: ", "approvers:5:1: "}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("mistakes:\n%v", err)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("%q does not begin with %q", line, want[i])
		}
	}
	if _, ok := errors.AsType[*SyntaxError](err); !ok {
		t.Error("not a SyntaxError")
	}
}

func FuzzApprovers(f *testing.F) {
	f.Add([]byte("a@example.com high\n"))
	f.Add([]byte("\"a b\" low # x"))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = ParseApprovers("approvers", data) })
}
