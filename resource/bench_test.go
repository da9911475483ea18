package resource

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-dev/holdfast/source"
)

// manifests returns generated files, or those of HOLDFAST_CORPORA that the full
// parser can read.
func manifests(b *testing.B) (files []*source.File, size int64) {
	if os.Getenv("HOLDFAST_CORPORA") == "" {
		for i := range 50 {
			files = append(files, source.NewFile(fmt.Sprintf("%d.yaml", i), []byte(manifest(i))))
		}
	} else {
		for path, text := range corpusFiles(b) {
			if _, err := parseFull(yamlFile(text), YAML11); err == nil {
				files = append(files, source.NewFile(path, []byte(text)))
			}
		}
		slices.SortFunc(files, func(x, y *source.File) int { return strings.Compare(x.Path, y.Path) })
	}
	for _, f := range files {
		size += int64(len(f.Content))
	}
	return files, size
}

func manifest(i int) string {
	return strings.ReplaceAll(`# Generated.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-NN
  namespace: "shop"
  labels: {app.kubernetes.io/name: app-NN, tier: web}
  annotations:
    example.org/description: 'The part of the shop that people see. It is
      written in two lines.'
spec:
  replicas: 3
  selector:
    matchLabels:
      app.kubernetes.io/name: app-NN
  template:
    metadata:
      labels:
        app.kubernetes.io/name: app-NN
    spec:
      securityContext:
        runAsNonRoot: true
      containers:
      - name: app
        image: registry.example.org/shop/app-NN:1.NN.0  # pinned
        args: ["--listen=:8080", "--log=info"]
        env:
        - name: REGION
          value: "eu-1"
        resources:
          requests:
            cpu: 100m
            memory: 128Mi
          limits:
            memory: 256Mi
        ports:
        - containerPort: 8080
          protocol: TCP
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: app-NN
  namespace: shop
data:
  app.ini: |
    [app]
    name = app-NN

    [log]
    level = info
`, "NN", fmt.Sprint(i))
}

func benchmark(b *testing.B, parse func(*source.File) error) {
	files, size := manifests(b)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, f := range files {
			if err := parse(f); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.Run("Fast", func(b *testing.B) {
		benchmark(b, func(f *source.File) error { _, err := ParseYAML(f); return err })
	})
	b.Run("Full", func(b *testing.B) {
		benchmark(b, func(f *source.File) error { _, err := parseFull(f, YAML11); return err })
	})
	b.Run("Nodes", func(b *testing.B) {
		benchmark(b, func(f *source.File) error {
			dec := yaml.NewDecoder(bytes.NewReader(f.Content))
			for {
				var node yaml.Node
				if err := dec.Decode(&node); errors.Is(err, io.EOF) {
					return nil
				} else if err != nil {
					return err
				}
			}
		})
	})
}
