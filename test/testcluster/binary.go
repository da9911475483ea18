package testcluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
)

// Binary returns the path of holdfast-cluster and builds it first if the cache
// has none for these sources. It tells messages what it builds, and waits while
// another process builds the same. The working directory must be inside the
// repository.
func Binary(ctx context.Context, messages io.Writer) (string, error) {
	source, err := sourceDir()
	if err != nil {
		return "", err
	}
	key, err := hashSources(source)
	if err != nil {
		return "", err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "cluster-"+key)
	binary := filepath.Join(dir, "holdfast-cluster")
	if exists(binary) {
		return binary, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, filepath.Join(dir, "lock"), messages)
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(binary) { // another process has built it meanwhile
		return binary, nil
	}
	return binary, build(ctx, source, binary, messages)
}

// build compiles to a temporary name, so that nobody runs half a program.
func build(ctx context.Context, source, binary string, messages io.Writer) error {
	version, err := kubernetesVersion(source)
	if err != nil {
		return err
	}
	fmt.Fprintf(messages, "building the Kubernetes %s control plane for tests: about ten minutes of CPU time, once; then kept as %s\n", version, binary)
	temporary := binary + ".tmp"
	defer os.Remove(temporary)
	ldflags := "-s -w" +
		" -X k8s.io/component-base/version.gitVersion=" + version +
		" -X k8s.io/client-go/pkg/version.gitVersion=" + version
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-o", temporary, ".")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	output, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return errors.New("the control plane for tests is not built: the time was up, or the build was interrupted\nbuild it first: go run ./test/testcluster/cmd/build-cluster (what is compiled already is kept)")
	}
	if err != nil {
		return fmt.Errorf("build %s: %w\n%s", source, err, output)
	}
	return os.Rename(temporary, binary)
}

// sourceDir returns test/cluster of the repository around the working directory.
func sourceDir() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if source := filepath.Join(dir, "test", "cluster"); exists(filepath.Join(source, "go.mod")) {
			return source, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside the repository: no directory above it has test/cluster/go.mod", start)
		}
	}
}

// hashSources covers everything that makes the program what it is.
func hashSources(source string) (string, error) {
	entries, err := os.ReadDir(source) // sorted by name
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	fmt.Fprintln(hash, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, entry := range entries {
		if entry.IsDir() || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(source, entry.Name()))
		if err != nil {
			return "", err
		}
		fmt.Fprintln(hash, entry.Name(), len(data))
		hash.Write(data)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

func cacheDir() (string, error) {
	if dir := os.Getenv("HOLDFAST_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: set HOLDFAST_CACHE to a directory", err)
	}
	return filepath.Join(dir, "holdfast"), nil
}

var kubernetesModule = regexp.MustCompile(`(?m)^\s*k8s\.io/kubernetes (v\S+)`)

func kubernetesVersion(source string) (string, error) {
	data, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return "", err
	}
	match := kubernetesModule.FindSubmatch(data)
	if match == nil {
		return "", fmt.Errorf("%s requires no k8s.io/kubernetes", filepath.Join(source, "go.mod"))
	}
	return string(match[1]), nil
}

// lock takes an exclusive lock, which ends with the process at the latest.
func lock(ctx context.Context, file string, messages io.Writer) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		fmt.Fprintln(messages, "another process builds the control plane for tests: waiting for it")
		locked := make(chan error, 1)
		go func() { locked <- syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }()
		select {
		case err = <-locked:
		case <-ctx.Done():
			return nil, fmt.Errorf("another process still builds the control plane for tests, see %s: %w", file, ctx.Err())
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", file, err)
	}
	return func() { f.Close() }, nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
