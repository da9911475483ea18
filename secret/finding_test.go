package secret

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/source"
)

func TestFindings(t *testing.T) {
	token := "npm_" + random62(seeded(5), 36)
	weak := "Winter" + "2026!"
	file := source.NewFile("a/.npmrc", []byte("x="+token+"\npassword="+weak+"\ny="+token+"\n"))
	all, hits := (&Detector{}).Findings(file)
	if len(all) != 3 || len(hits) != 3 {
		t.Fatalf("%d findings of %d hits, want 3", len(all), len(hits))
	}
	for i, f := range all {
		shown := fmt.Sprintf("%+v %+v", *f, f.Subject) // the location holds the file itself, by reference
		if strings.Contains(shown, token) || strings.Contains(shown, weak) || f.Material != "" || !f.Hidden() {
			t.Errorf("finding %d shows the secret", i)
		}
		if f.Location.Span != hits[i].Span || f.Subject.Name != "a/.npmrc" || f.Subject.Kind != FileKind {
			t.Errorf("finding %d is of %s", i, f.Subject)
		}
	}
	if all[0].Cause != all[2].Cause || all[0].Cause == all[1].Cause {
		t.Error("a secret that is there twice is one to replace")
	}
	if all[0].Fingerprint == all[2].Fingerprint {
		t.Error("two places have one fingerprint")
	}
}

// TestFingerprint: it stays when lines move, and changes with the secret, the
// path and the rule.
func TestFingerprint(t *testing.T) {
	fingerprint := func(path, content string) string {
		t.Helper()
		all, _ := (&Detector{}).Findings(source.NewFile(path, []byte(content)))
		if len(all) != 1 {
			t.Fatalf("%d findings in %s", len(all), path)
		}
		return all[0].Fingerprint
	}
	one, other := "password: kR4"+random62(seeded(6), 18), "password: kR4"+random62(seeded(7), 18)
	is := fingerprint("a", one)
	if fingerprint("a", "# moved\n\n"+one+"\n") != is {
		t.Error("it changes with the line")
	}
	if fingerprint("a", other) == is {
		t.Error("it stays when the secret changes, so that a waiver would hold for another one")
	}
	if fingerprint("b", one) == is {
		t.Error("it is the same in another file")
	}
}
