package kube

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/target"
)

func TestConnectRefuses(t *testing.T) {
	config := func(user string) string {
		return `
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: ` + user + `}]
`
	}
	exec := config(`{exec: {apiVersion: client.authentication.k8s.io/v1, command: get-token, interactiveMode: Never}}`)
	tests := []struct {
		reason  string
		file    string
		options Options
		want    string
	}{
		{"a token is fine", config(`{token: ` + planted + `}`), Options{}, ""},
		{"an exec plugin runs a program of the file's author", exec, Options{}, `it runs the program "get-token"`},
		{"unless that is allowed", exec, Options{AllowExec: true}, ""},
		{"an unknown context", config(`{token: x}`), Options{Context: "d"}, `it has no context "d"`},
		{"a file that is no kubeconfig is not quoted", "users: [" + planted, Options{}, "it is not a valid kubeconfig file"},
		{"a kubeconfig of the wrong shape is not quoted", "apiVersion: v1\nkind: Config\nusers: " + planted, Options{}, "it is not a valid kubeconfig file"},
	}
	for _, test := range tests {
		test.options.Kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
		if err := os.WriteFile(test.options.Kubeconfig, []byte(test.file), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Connect(test.options)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.reason, err)
		case test.want != "" && (target.KindOf(err) != target.Invalid || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: got %v, want %q", test.reason, err, test.want)
		case err != nil && strings.Contains(err.Error(), planted):
			t.Errorf("%s: %v has the secret", test.reason, err)
		}
	}
	if _, err := Connect(Options{Kubeconfig: filepath.Join(t.TempDir(), "none")}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a missing file: %v", err)
	}
}
