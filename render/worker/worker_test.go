package worker_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/render/worker"
	"github.com/holdfast-dev/holdfast/source"
)

// jobs are what the workers of these tests can do.
var jobs = worker.Jobs{
	"read": func(_ context.Context, tree source.Tree, request []byte) ([]byte, error) {
		return tree.ReadFile(string(request))
	},
	"look": func(_ context.Context, tree source.Tree, request []byte) ([]byte, error) {
		entries, err := tree.ReadDir(".")
		if err != nil {
			return nil, err
		}
		e, err := tree.Stat(string(request))
		return fmt.Appendf(nil, "%d entries, %s is a %s at %s", len(entries), e.Name, e.Mode, tree.Revision()), err
	},
	"tell": func(_ context.Context, tree source.Tree, request []byte) ([]byte, error) {
		_, err := tree.ReadFile(string(request))
		escape, _ := errors.AsType[*source.EscapeError](err)
		large, _ := errors.AsType[*source.TooLargeError](err)
		return fmt.Appendf(nil, "absent %t, escape %v, large %v", source.IsNotExist(err), escape, large), nil
	},
	"loop": func(context.Context, source.Tree, []byte) ([]byte, error) { spin(); return nil, nil },
	"warn": func(context.Context, source.Tree, []byte) ([]byte, error) {
		for range 1000 {
			fmt.Fprintln(os.Stderr, "Warning: this is deprecated")
		}
		return nil, nil
	},
	"hoard": func(context.Context, source.Tree, []byte) ([]byte, error) { return hoard(), nil },
	"recurse": func(context.Context, source.Tree, []byte) ([]byte, error) {
		return fmt.Append(nil, recurse(1)), nil
	},
	"shout": func(context.Context, source.Tree, []byte) ([]byte, error) { return make([]byte, 2<<20), nil },
	"panic": func(context.Context, source.Tree, []byte) ([]byte, error) { panic("oops") },
	"exit":  func(context.Context, source.Tree, []byte) ([]byte, error) { os.Exit(3); return nil, nil },
	"fetch": func(context.Context, source.Tree, []byte) ([]byte, error) {
		_, err := (&http.Client{}).Get("http://127.0.0.1:1/")
		return fmt.Append(nil, err), nil
	},
	"env": func(context.Context, source.Tree, []byte) ([]byte, error) {
		return []byte(strings.Join(os.Environ(), ",")), nil
	},
	"write": func(context.Context, source.Tree, []byte) ([]byte, error) {
		f, err := os.CreateTemp("", "")
		if err != nil {
			return nil, err
		}
		defer os.Remove(f.Name())
		_, err = f.Write([]byte("x"))
		return fmt.Append(nil, err), nil
	},
	"pid": func(context.Context, source.Tree, []byte) ([]byte, error) { return fmt.Append(nil, os.Getpid()), nil },
}

func spin() {
	for i := 0; ; i++ {
		if i < 0 {
			return
		}
	}
}

func hoard() []byte {
	var all []byte
	for i := 0; ; i++ {
		all = append(all, make([]byte, 1<<20)...)
		all[len(all)-1] = byte(i)
	}
}

func recurse(n int) int {
	if n < 0 {
		return n
	}
	return recurse(n+1) + 1
}

const workerVariable = "HOLDFAST_TEST_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(workerVariable) != "" {
		if err := worker.Serve(jobs, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func newPool(t *testing.T, limits worker.Limits) *worker.Pool {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pool := worker.NewPool(func() *exec.Cmd {
		cmd := exec.Command(self)
		cmd.Env = []string{workerVariable + "=1"}
		return cmd
	}, limits)
	t.Cleanup(pool.Close)
	return pool
}

func TestRunnersAgree(t *testing.T) {
	tree := source.Memory(map[string]string{"a/b.txt": "content", "c": ""})
	for name, runner := range map[string]worker.Runner{
		"in process": worker.InProcess(jobs),
		"pool":       newPool(t, worker.Limits{}),
	} {
		for _, tt := range []struct{ reason, job, request, want, wantErr string }{
			{reason: "a file's content", job: "read", request: "a/b.txt", want: "content"},
			{reason: "an empty file", job: "read", request: "c", want: ""},
			{reason: "listing and looking", job: "look", request: "a", want: "2 entries, a is a directory at "},
			{reason: "absence is told from failure", job: "tell", request: "zzz", want: "absent true, escape <nil>, large <nil>"},
			{reason: "the job's error", job: "read", request: "zzz", wantErr: "zzz"},
			{reason: "a panic is an error", job: "panic", wantErr: "oops"},
			{reason: "a job that nobody knows", job: "none", wantErr: `no job named "none"`},
		} {
			got, err := runner.Run(context.Background(), tt.job, tree, []byte(tt.request))
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("%s: %s: got error %v, want one with %q", name, tt.reason, err, tt.wantErr)
				}
				continue
			}
			if err != nil || string(got) != tt.want {
				t.Errorf("%s: %s: got %q, %v; want %q", name, tt.reason, got, err, tt.want)
			}
		}
	}
}

func TestTreeErrorsCrossTheProcess(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("../../outside", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/big", make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := source.Disk(dir, source.DiskOptions{MaxFileSize: 10})
	if err != nil {
		t.Fatal(err)
	}
	pool := newPool(t, worker.Limits{})
	for path, want := range map[string]string{
		"link": `absent false, escape link: symbolic link to "../../outside" leaves the tree`,
		"big":  "large big: 100 bytes is more than the limit of 10",
	} {
		got, err := pool.Run(context.Background(), "tell", tree, []byte(path))
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: got %q, %v; want %q", path, got, err, want)
		}
	}
}

func TestLimits(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector does not work with little memory")
	}
	tree := source.Memory(nil)
	for _, tt := range []struct {
		reason, job string
		time        time.Duration
		want        string
	}{
		{"a loop that never ends", "loop", 3 * time.Second, "took longer than 3s"},
		{"memory without end", "hoard", time.Minute, "more than 256 MiB of memory"},
		{"recursion without end", "recurse", time.Minute, "recurses too deeply"},
		{"a response that is too long", "shout", time.Minute, "larger than 1048576 bytes"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			pool := newPool(t, worker.Limits{Time: tt.time, Memory: 256 << 20, Output: 1 << 20})
			if _, err := pool.Run(context.Background(), "warn", tree, nil); err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := pool.Run(context.Background(), tt.job, tree, nil)
			runtime.ReadMemStats(&after)
			if !worker.IsLimit(err) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want a LimitError with %q", err, tt.want)
			}
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
				t.Errorf("the caller's heap grew by %d bytes", grown)
			}
			if _, err := pool.Run(context.Background(), "pid", tree, nil); err != nil {
				t.Errorf("the pool is of no use afterwards: %v", err)
			}
		})
	}
}

func TestCallerGivesUp(t *testing.T) {
	pool := newPool(t, worker.Limits{})
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := pool.Run(ctx, "loop", source.Memory(nil), nil)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
		t.Errorf("got %v after %s, want the context's error soon", err, time.Since(start))
	}
}

func TestWorkersAreReusedAndReplaced(t *testing.T) {
	pool := newPool(t, worker.Limits{})
	run := func(job string) (string, error) {
		out, err := pool.Run(context.Background(), job, source.Memory(nil), nil)
		return string(out), err
	}
	first, err := run("pid")
	if err != nil {
		t.Fatal(err)
	}
	if second, _ := run("pid"); second != first {
		t.Errorf("process %s served the second job, want %s again", second, first)
	}
	if _, err := run("exit"); err == nil {
		t.Error("a worker that exits gives no error")
	}
	if third, err := run("pid"); err != nil || third == first {
		t.Errorf("got process %s, %v; want another than %s", third, err, first)
	}
	pool.Close()
	if _, err := run("pid"); err == nil {
		t.Error("a closed pool runs jobs")
	}
}

func TestConcurrentJobs(t *testing.T) {
	pool := newPool(t, worker.Limits{})
	tree := source.Memory(map[string]string{"a": "content"})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			got, err := pool.Run(context.Background(), "read", tree, []byte("a"))
			if err != nil || string(got) != "content" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	wg.Wait()
}

func TestWorkerReachesNothing(t *testing.T) {
	t.Setenv("HOLDFAST_SECRET", "do not pass on")
	pool := newPool(t, worker.Limits{})
	for job, want := range map[string]string{
		"fetch": "no network while rendering",
		"env":   workerVariable + "=1",
		"write": "file too large",
	} {
		if job == "write" && runtime.GOOS != "linux" {
			continue
		}
		got, err := pool.Run(context.Background(), job, source.Memory(nil), nil)
		if err != nil || !strings.Contains(string(got), want) || strings.Contains(string(got), "do not pass on") {
			t.Errorf("%s: got %q, %v; want %q", job, got, err, want)
		}
	}
}
