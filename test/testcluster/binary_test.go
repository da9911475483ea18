package testcluster

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestHashCoversSources(t *testing.T) {
	source := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(source, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		hash, err := hashSources(source)
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	first := write("go.mod", "module m\n")
	if again := write("main_test.go", "package main\n"); again != first {
		t.Error("a test file is no part of the program")
	}
	if again := write("go.mod", "module n\n"); again == first {
		t.Error("a change of content is missed")
	}
	if again := write("go.mod", "module m\n"); again != first {
		t.Error("the hash is not deterministic")
	}
	if again := write("stages.yaml", ""); again == first {
		t.Error("a new file is missed")
	}
}

func TestBinaryInCacheIsNotBuilt(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HOLDFAST_CACHE", cache)
	source, err := sourceDir()
	if err != nil {
		t.Fatal(err)
	}
	key, err := hashSources(source)
	if err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(cache, "cluster-"+key, "holdfast-cluster")
	if err := os.Mkdir(filepath.Dir(want), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(want, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	var messages bytes.Buffer
	got, err := Binary(t.Context(), &messages)
	if got != want || err != nil || messages.Len() > 0 {
		t.Errorf("got %q, %v, messages %q; want %q", got, err, messages.String(), want)
	}
}

func TestInterruptedBuildSaysWhatToDo(t *testing.T) {
	t.Setenv("HOLDFAST_CACHE", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var messages bytes.Buffer
	got, err := Binary(ctx, &messages)
	if err == nil || !strings.Contains(err.Error(), "cmd/build-cluster") {
		t.Errorf("got %q, %v", got, err)
	}
	if !strings.Contains(messages.String(), "ten minutes") {
		t.Errorf("it does not say what it builds: %q", messages.String())
	}
}

func TestOutsideTheRepository(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := Binary(t.Context(), os.Stderr); err == nil || !strings.Contains(err.Error(), "not inside the repository") {
		t.Errorf("got %v", err)
	}
}

func TestVersionOfTheProgram(t *testing.T) {
	source, err := sourceDir()
	if err != nil {
		t.Fatal(err)
	}
	version, err := kubernetesVersion(source)
	if err != nil || !regexp.MustCompile(`^v1\.\d+\.\d+$`).MatchString(version) {
		t.Fatalf("got %q, %v", version, err)
	}
	out, err := shared.Cluster(t).Kubectl("version")
	if err != nil || strings.Count(out, version) != 2 {
		t.Errorf("kubectl version: %v\n%s\nwant %s of client and server", err, out, version)
	}
}
