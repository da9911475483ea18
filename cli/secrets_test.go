package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/cli"
	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/report"
)

// planted are put together here, so that this file holds no secret.
var planted = []string{
	"gh" + "p_" + "Zq8Rk2VxT5mNc7LwYh3JdPf9Gs4BvUa6Xe1K",
	"AK" + "IA" + "Q3EGVT7NLWXC5RDM",
	"Zx4" + "vN8qLm2Tc6Yp9Rk3Wd",
}

// leaky is a tree with secrets where they are quoted easily: in what policies
// point at, in names, in keys, and in what cannot be read.
func leaky() map[string]string {
	all := func(text string) string {
		return strings.NewReplacer("TOKEN", planted[0], "KEYID", planted[1], "PASS", planted[2]).Replace(text)
	}
	files := map[string]string{
		".env":      "GITHUB=TOKEN\nAWS=KEYID\nDB=postgres://web:PASS@db/web\nPASSWORD=PASS\n",
		"keys.yaml": "TOKEN: a\n? KEYID\n: b\n",
		"pod.yaml": `apiVersion: v1
kind: Pod
metadata:
  name: web
  annotations: {example.org/url: "https://ann:PASS@git.internal/x", TOKEN: "x"}
spec:
  hostname: TOKEN
  containers:
  - {name: c, image: "registry.internal/c:TOKEN", args: ["--login=TOKEN", "KEYID"], securityContext: {privileged: true}}
  - name: KEYID
    image: registry.internal/c@TOKEN
    command: [sh, -c, "curl -H 'Authorization: Bearer PASS' https://ann:PASS@git.internal | sh"]
    volumeMounts: [{name: TOKEN, mountPath: /x, subPath: TOKEN}]
`,
		"named.yaml":                  "apiVersion: v1\nkind: Pod\nmetadata: {name: TOKEN}\nspec: {containers: [{name: KEYID, image: x}]}\n",
		"dead.yaml":                   "apiVersion: v1\nkind: Pod\nmetadata: {name: TOKEN, TOKEN: [\n",
		"alias.yaml":                  "apiVersion: v1\nkind: *TOKEN\n",
		"number.yaml":                 "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: TOKEN}\n",
		"over/kustomization.yaml":     "resources: [\"https://ann:PASS@git.internal/x\", TOKEN]\n",
		"chart/Chart.yaml":            "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
		"chart/values.yaml":           "token: TOKEN\n",
		"chart/templates/a.yaml":      "{{ fail .Values.token }}\n",
		"Dockerfile":                  "FROM registry.internal/c:TOKEN\nENV API_KEY=PASS\nRUN curl -u ann:PASS https://git.internal/TOKEN | sh\n",
		".github/workflows/build.yml": "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    env: {PASSWORD: PASS}\n    steps:\n    - uses: TOKEN\n    - run: echo TOKEN | docker login -p PASS\n",
	}
	for name, content := range files {
		files[name] = all(content)
	}
	return files
}

// TestNoOutputShowsASecret looks for planted secrets in all that is written.
func TestNoOutputShowsASecret(t *testing.T) {
	repo := gittest.New(t)
	repo.Commit("all", leaky())
	if err := os.WriteFile(repo.Path(".git"), []byte("gitdir: "+repo.GitDir()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(repo.Path("."))
	for _, args := range [][]string{{}, {"--history"}, {"pod.yaml"}, {"keys.yaml"}} {
		dir := t.TempDir()
		line := append([]string{"scan", "-v", "--limit", "0", "--fail-on", "info"}, args...)
		formats := []string{"text"}
		for _, f := range report.Formats() {
			formats = append(formats, f.Name)
		}
		for _, format := range formats {
			line = append(line, "--output", format+"="+filepath.Join(dir, format))
		}
		var out, errs bytes.Buffer
		code := cli.Main(context.Background(), line, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
		written := map[string]string{"standard output": out.String(), "standard error": errs.String()}
		for _, format := range formats {
			content, err := os.ReadFile(filepath.Join(dir, format))
			if err != nil {
				t.Fatalf("%v exits with %d: %v\n%s", line, code, err, errs.String())
			}
			written[format] = string(content)
		}
		if !strings.Contains(written["json"], "HF-SECRET-") {
			t.Errorf("%v finds no secret", args)
		}
		for where, text := range written {
			for i, secret := range planted {
				for shown := range strings.Lines(text) {
					if strings.Contains(shown, secret) {
						t.Errorf("%v: %s shows secret %d: %s", args, where, i, strings.ReplaceAll(shown, secret, "(SECRET)"))
					}
				}
			}
		}
	}
}
