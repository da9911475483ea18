package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// oneFile is a manifest of 20 lines.
const oneFile = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: registry.example.org/shop/web:1.4.2
        ports:
        - containerPort: 8080
        securityContext:
          privileged: true
`

// serviceManifests are what a small service usually has. Every tenth one lacks what the
// policies ask for, so that findings are made and located, too.
const serviceManifests = `# Service NAME.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
  namespace: shop
  labels:
    app.kubernetes.io/name: NAME
    app.kubernetes.io/part-of: shop
  annotations:
    example.org/description: "What customers see first"
spec:
  replicas: 3
  selector:
    matchLabels:
      app.kubernetes.io/name: NAME
  template:
    metadata:
      labels:
        app.kubernetes.io/name: NAME
    spec:
      automountServiceAccountToken: false
      serviceAccountName: NAME
CONTEXT
      containers:
      - name: NAME
        image: registry.example.org/shop/NAME:1.4.2@sha256:9b2e4f6a8c0d1e3f5a7b9c1d3e5f7a9b1c3d5e7f9a1b3c5d7e9f1a3b5c7d9e1f
        args:
        - --listen=:8080
        - --log-level=info
        env:
        - name: REGION
          value: "eu-1"
        - name: PASSWORD
          valueFrom:
            secretKeyRef:
              name: NAME
              key: password
        ports:
        - name: http
          containerPort: 8080
          protocol: TCP
        readinessProbe:
          httpGet: {path: /ready, port: http}
        livenessProbe:
          httpGet: {path: /live, port: http}
        resources:
          requests:
            cpu: 100m
            memory: 128Mi
          limits:
            cpu: "1"
            memory: 256Mi
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities:
            drop: [ALL]
---
apiVersion: v1
kind: Service
metadata:
  name: NAME
  namespace: shop
spec:
  type: ClusterIP
  selector:
    app.kubernetes.io/name: NAME
  ports:
  - name: http
    port: 80
    targetPort: http
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: NAME
  namespace: shop
data:
  app.ini: |
    [app]
    name = NAME
    workers = 4

    [log]
    level = info
    format = json
`

const soundContext = `      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        seccompProfile:
          type: RuntimeDefault`

// writeManifests writes n manifests below a directory, 100 in each folder.
func writeManifests(dir string, n int) error {
	for i := range n {
		folder := filepath.Join(dir, fmt.Sprintf("team%03d", i/100))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		name, context := fmt.Sprintf("service-%05d", i), soundContext
		if i%10 == 0 {
			context = "      hostNetwork: true"
		}
		text := strings.NewReplacer("NAME", name, "CONTEXT", context).Replace(serviceManifests)
		if err := os.WriteFile(filepath.Join(folder, name+".yaml"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
