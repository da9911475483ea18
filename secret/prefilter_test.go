package secret

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// found lists what each kind finds, by kind, line and place.
type places map[string]bool

func (p places) add(content []byte, k *kind, start, end, at int) {
	k.find(class{}, content[start:end], at, func(from, to int) { p[fmt.Sprint(k.name, " ", start+from, " ", start+to)] = true })
}

// everywhere tries every kind without the automaton: patterns on every line,
// whether it has a keyword or not, and the others at every keyword.
func everywhere(content []byte) places {
	p := places{}
	for i := range kinds {
		k := &kinds[i]
		offset := 0
		for text := range bytes.Lines(content) {
			end := offset + len(bytes.TrimSuffix(text, []byte("\n")))
			if k.pattern != "" {
				p.add(content, k, offset, end, 0)
			} else {
				k.eachKeyword(content[:end], offset, func(at int) {
					if start := at - len(k.keywords[0]); k.reach > 0 {
						p.add(content, k, start, min(at-1+k.reach, len(content)), at-start)
					} else {
						p.add(content, k, offset, end, at-offset)
					}
				})
			}
			offset += len(text)
		}
	}
	return p
}

// eachKeyword calls each with the ends of all keywords from an offset on.
func (k *kind) eachKeyword(content []byte, from int, each func(end int)) {
	for _, word := range k.keywords {
		for at := from; at+len(word) <= len(content); at++ {
			if strings.EqualFold(string(content[at:at+len(word)]), word) && isASCII(content[at:at+len(word)]) {
				each(at + len(word))
			}
		}
	}
}

func isASCII(text []byte) bool {
	return !bytes.ContainsFunc(text, func(r rune) bool { return r >= 0x80 })
}

func filtered(content []byte) places {
	p := places{}
	candidates(content, func(k *kind, start, end, at int) { p.add(content, k, start, end, at) })
	return p
}

// FuzzPrefilter: the automaton loses nothing, and adds nothing.
func FuzzPrefilter(f *testing.F) {
	r := seeded(9)
	for i := range kinds {
		if kinds[i].pattern != "" {
			f.Add([]byte("a: b\nc: \"" + matching(&testing.T{}, r, kinds[i].pattern) + "\"\n"))
		}
	}
	f.Add([]byte("password: aB3" + random62(r, 20) + " token = 'x' url://a:b4c5@d\r\n-----BEGIN PRIVATE KEY-----\n" + random62(r, 400)))
	f.Add([]byte("toktoken\nTOKEN=\n::://://a:bcd1@e\n\xff\x00KEY\u212Aey"))
	f.Fuzz(func(t *testing.T, content []byte) {
		for line := range bytes.Lines(content) {
			if len(line) > maxPiece {
				return // cut on purpose
			}
		}
		got, want := filtered(content), everywhere(content)
		for place := range want {
			if !got[place] {
				t.Errorf("not found: %s", place)
			}
		}
		for place := range got {
			if !want[place] {
				t.Errorf("found: %s", place)
			}
		}
		// And whatever is found lies inside of the file, one after the other.
		last := 0
		for _, h := range (&Detector{}).Find("a", content) {
			if h.Span.Start < last || h.Span.End <= h.Span.Start || h.Span.End > len(content) {
				t.Errorf("%s at %v", h.Kind, h.Span)
			}
			last = h.Span.End
		}
	})
}

// TestCorpora: sound repositories have no secrets, and those that are bad on
// purpose have.
func TestCorpora(t *testing.T) {
	root := os.Getenv("HOLDFAST_CORPORA")
	if root == "" {
		t.Skip("HOLDFAST_CORPORA is not set")
	}
	for name, want := range map[string]bool{"kube-prometheus": false, "argocd-example-apps": false, "flux2-kustomize-helm-example": false, "kubernetes-goat": true, "terragoat": true} {
		n := 0
		err := filepath.WalkDir(filepath.Join(root, name), func(path string, e os.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() || strings.Contains(path, "/.git/") {
				return err
			}
			content, err := os.ReadFile(path)
			for _, h := range (&Detector{}).Find(strings.TrimPrefix(path, root+"/"), content) {
				n++
				if !want {
					t.Errorf("%s: %s at %v", path, h.Kind, h.Span)
				}
			}
			return err
		})
		if err != nil || n > 0 != want {
			t.Errorf("%s: %d secrets, %v", name, n, err)
		}
	}
}

const manifest = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      automountServiceAccountToken: false
      containers:
      - name: web
        image: registry.example.com/web@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
        ports: [{containerPort: 8080}]
        env:
        - {name: DB_URL, value: "postgres://web@db/web"}
        - {name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}
        resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 64Mi}}
`

// BenchmarkManifest is a file of 20 lines without secrets, once all is made.
func BenchmarkManifest(b *testing.B) {
	content := []byte(manifest)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		(&Detector{}).Find("deploy/web.yaml", content)
	}
}

// BenchmarkFirst is what the first file costs: the automaton is made for it.
func BenchmarkFirst(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		newMatcher()
	}
}

// BenchmarkLarge is a megabyte of manifests.
func BenchmarkLarge(b *testing.B) {
	content := bytes.Repeat([]byte(manifest), MaxSize/len(manifest))
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		(&Detector{}).Find("deploy/web.yaml", content)
	}
}
