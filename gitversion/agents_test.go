package gitversion_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/gitversion"
)

func TestReadLog(t *testing.T) {
	for _, test := range []struct{ line, want, reason string }{
		{`203.0.113.7 - - [01/Nov/2026:10:00:00 +0000] "GET /x.git/info/refs?service=git-upload-pack HTTP/1.1" 200 512 "-" "git/2.30.2"`, "client git 2.30.2", "nginx and Apache"},
		{`203.0.113.7 - me [01/Nov/2026:10:00:00 +0000] "POST /x.git/git-receive-pack HTTP/1.1" 200 512 "-" "git/2.39.5 (Apple Git-154)"`, "client git 2.39.5 (apple)", "with a vendor"},
		{`203.0.113.7 "GET /x" 200 "-" "git-lfs/3.4.0 (GitHub; linux amd64; go 1.20)"`, "client git-lfs 3.4.0", "LFS"},
		{`203.0.113.7 "GET /x" 200 "-" "git/2.0 (libgit2 1.7.1)"`, "client libgit2 1.7.1", "a library"},
		{`203.0.113.7 "GET /x" 200 "-" "JGit/6.7.0.202309050840-r"`, "client jgit 6.7.0", "Java"},
		{`203.0.113.7 "GET /git/2.1.0/x HTTP/1.1" 200 "-" "Mozilla/5.0"`, "", "a path is no agent"},
		{`{"time":"2026-11-01T10:00:00Z","remote_ip":"203.0.113.7","user_agent":"git/2.43.0.windows.1","path":"/x.git"}`, "client git 2.43.0.windows.1", "GitLab"},
		{`{"grpc.method":"PostUploadPack","user_agent": "git/2.45.2"}`, "client git 2.45.2", "Gitaly"},
		{`2026/11/01 10:00:00 ...: completed GET /x.git user-agent="git/2.20.1"`, "client git 2.20.1", "text"},
		{`10:00:00.1 pkt-line.c:80 packet:  upload-pack< agent=git/2.30.2`, "client git 2.30.2", "a trace of the server: what it got"},
		{`10:00:00.1 pkt-line.c:80 packet:  upload-pack> agent=git/2.39.5`, "server git 2.39.5", "a trace of the server: its own"},
		{`10:00:00.1 pkt-line.c:80 packet:    ls-remote< agent=git/2.39.5`, "server git 2.39.5", "a trace of a client: what it got"},
		{`0000 1111 refs/heads/main report-status agent=git/2.33.1 push-options`, "client git 2.33.1", "what a hook writes down"},
		{`"git/2.30.2" "git/2.30.2"`, "client git 2.30.2", "a line counts once"},
		{"\x00\xff\x1b[2J", "", "noise"},
	} {
		log, err := gitversion.ReadLog(strings.NewReader(test.line + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, a := range log.Agents {
			side := "client"
			if a.Server {
				side = "server"
			}
			got += side + " " + a.Version.String()
			if a.Count != 1 {
				t.Errorf("%s: counted %d times", test.reason, a.Count)
			}
		}
		if got != test.want || log.Lines != 1 {
			t.Errorf("%q: %q, want %q: %s", test.line, got, test.want, test.reason)
		}
	}
}

func TestReadLogCounts(t *testing.T) {
	var b strings.Builder
	for i := range 30 {
		fmt.Fprintf(&b, "x \"git/2.%d.0\"\n", 30+i%3)
	}
	b.WriteString(strings.Repeat("x", 200_000) + ` "git/2.1.0"` + "\n")
	b.WriteString(`x "git/2.55.0"`) // the last line has no end
	log, err := gitversion.ReadLog(strings.NewReader(b.String()))
	if err != nil || log.Lines != 32 || log.TooLong != 1 || len(log.Agents) != 4 || log.Agents[0].Count != 10 {
		t.Fatalf("%+v, %v", log, err)
	}
	found := log.Findings()
	if len(found) != 3 || found[0].Count != 10 || found[0].Rule.ID != "CLIENT_OLD_GIT" || found[0].Fingerprint == found[1].Fingerprint {
		t.Errorf("%+v", found)
	}
}

func TestReadLogIsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 10_050 {
		fmt.Fprintf(&b, "x \"git/%d.%d.0\"\n", i/100, i%100+1)
	}
	log, err := gitversion.ReadLog(strings.NewReader(b.String()))
	if err != nil || len(log.Agents) != 10_000 || log.Dropped != 50 {
		t.Fatalf("%d versions, %d dropped, %v", len(log.Agents), log.Dropped, err)
	}
}

func FuzzReadLog(f *testing.F) {
	f.Add(`x "GET /x" 200 "-" "git/2.39.5 (Apple Git-154)"`)
	f.Add(`{"user_agent":"git/2.43.0.windows.1"}` + "\npacket: upload-pack> agent=git/2.39.5")
	f.Fuzz(func(t *testing.T, text string) {
		log, err := gitversion.ReadLog(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range log.Findings() {
			if strings.ContainsAny(f.Message, "\x1b\n") {
				t.Fatalf("%q", f.Message)
			}
		}
	})
}
