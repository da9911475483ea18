package git

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

func TestCheck(t *testing.T) {
	r, err := Check(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Probes {
		t.Logf("%-20s %v %s", p.Name, p.OK, p.Detail)
		if !p.OK {
			t.Errorf("%s: %s", p.Name, p.Detail)
		}
	}
	if len(r.Probes) != 3 || r.Version == "" || !filepath.IsAbs(r.Path) {
		t.Errorf("report %+v", r)
	}
	// Which fixes there are is up to the machine; that each probe can tell is not.
	for _, cve := range []string{
		"CVE-2018-11235", "CVE-2018-17456", "CVE-2019-19604", "CVE-2020-5260", "CVE-2020-11008", "CVE-2021-40330", "CVE-2022-24765",
		"CVE-2022-39253", "CVE-2022-23521", "CVE-2023-25652", "CVE-2023-29007", "CVE-2024-50349", "CVE-2024-52006", "CVE-2025-48384",
	} {
		if fixed, ok := r.Fixes[cve]; !ok {
			t.Errorf("the probe of %s tells nothing", cve)
		} else if !fixed {
			t.Logf("%s is not fixed here", cve)
		}
	}
}

// A program that does what releases without the fixes do.
func TestProbeFixesOfAnOldProgram(t *testing.T) {
	old := filepath.Join(t.TempDir(), "git")
	script := "#!/bin/sh\ncase \"$1 $5\" in\n" +
		"init*) mkdir \"$3\" ;;\n" +
		"ls-remote*) case \"$2\" in git:*) echo 'unable to connect to 127.0.0.1' >&2; exit 128 ;; esac ;;\n" +
		"check-attr*) echo 'f: x: unspecified' ;;\n" +
		"'config probe.value') printf 'x\\0' ;;\n" +
		"hash-object*|mktree*) echo 0 ;;\n" +
		"fsck*) echo 'dangling tree 0' ;;\n" +
		"esac\n"
	if err := os.WriteFile(old, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	found, err := ProbeFixes(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	for _, cve := range []string{"CVE-2018-11235", "CVE-2020-11008", "CVE-2021-40330", "CVE-2022-39253", "CVE-2022-23521", "CVE-2025-48384"} {
		if fixed, ok := found[cve]; fixed || !ok {
			t.Errorf("%s: fixed %v, told %v; it is open", cve, fixed, ok)
		}
	}
	for _, cve := range []string{"CVE-2022-24765", "CVE-2024-32004", "CVE-2024-52006"} {
		if fixed, ok := found[cve]; ok {
			t.Errorf("%s: fixed %v; nothing is proven", cve, fixed)
		}
	}
}

func TestCheckOfAProgramThatIsNotGit(t *testing.T) {
	fake := filepath.Join(t.TempDir(), "git")
	if err := os.WriteFile(fake, []byte("#!/bin/sh\necho git version 2.20.1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if r, err := Check(t.Context(), fake); err != nil || r.OK() {
		t.Errorf("a program that says yes to everything: %+v, %v", r, err)
	}
	if _, err := Check(context.Background(), filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("an absent program gives no error")
	}
}
