package git

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

func TestCheckVersion(t *testing.T) {
	for version, want := range map[string]bool{
		"2.55.0": true, "2.51.0": true, "2.50.1": true, "2.50.0": false, "2.50.1.windows.1": true, "2.43.7": true, "2.43.6": false,
		"2.42.4": false, "2.39.5": false, "2.39.5 (Apple Git-154)": false, "3.0.0": true, "2.56.0.rc1": true, "1.9.5": false,
		"": false, "x": false, "2.50": false,
	} {
		if p := checkVersion(version); p.OK != want || p.Detail == "" {
			t.Errorf("checkVersion(%q) = %+v, want %v", version, p, want)
		}
	}
}

func TestCheck(t *testing.T) {
	r, err := Check(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Probes {
		t.Logf("%-20s %v %s", p.Name, p.OK, p.Detail)
		if !p.OK && p.Name != "version" && p.Name != "CVE-2025-48384" { // these are up to the machine
			t.Errorf("%s: %s", p.Name, p.Detail)
		}
	}
	if len(r.Probes) != 5 || r.Version == "" || !filepath.IsAbs(r.Path) {
		t.Errorf("report %+v", r)
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
