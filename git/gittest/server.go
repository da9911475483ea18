package gittest

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cgi"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Server serves one repository over HTTP on loopback, by git http-backend.
type Server struct {
	URL string // of the repository; it stays the same when the server starts again

	t       testing.TB
	address string
	handler http.Handler
	mu      sync.Mutex
	server  *http.Server
	before  func(w http.ResponseWriter, r *http.Request) bool
}

// Before sets what is called before each request from now on, and returns whether
// it has answered the request itself. Nil stands for nothing.
func (s *Server) Before(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

// RequirePassword refuses clients that do not log in.
func (s *Server) RequirePassword(username, password string) {
	s.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if u, p, _ := r.BasicAuth(); u == username && p == password {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return true
	})
}

// Serve starts a server for a repository. It stops at the test's end.
func Serve(t testing.TB, repo *Repo) *Server {
	t.Helper()
	execPath, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, address: "127.0.0.1:0"}
	backend := &cgi.Handler{
		Logger: log.New(io.Discard, "", 0), // it complains of clients that hang up
		Path:   filepath.Join(strings.TrimSpace(string(execPath)), "git-http-backend"),
		Env: append(environment(), "GIT_PROJECT_ROOT="+repo.Dir, "GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=http.receivepack", "GIT_CONFIG_VALUE_0=true",
			"GIT_CONFIG_KEY_1=safe.directory", "GIT_CONFIG_VALUE_1=*"),
	}
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		before := s.before
		s.mu.Unlock()
		if before != nil && before(w, r) {
			return
		}
		backend.ServeHTTP(w, r)
	})
	s.Start()
	s.URL = "http://" + s.address + "/" + filepath.Base(repo.GitDir())
	t.Cleanup(s.Stop)
	return s
}

// Start starts the server again, at the address it had.
func (s *Server) Start() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		return
	}
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.address = listener.Addr().String()
	s.server = &http.Server{Handler: s.handler}
	go func(server *http.Server) { _ = server.Serve(listener) }(s.server)
}

// Stop closes the server and all its connections.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		_ = s.server.Close()
		s.server = nil
	}
}
