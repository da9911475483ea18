package kube

import (
	"log/slog"

	"k8s.io/klog/v2"
)

// LogTo sends what the Kubernetes client libraries have to say to a logger.
// They log through one logger for the whole process, so this is for programs to
// call, once. Without it they write to standard error.
func LogTo(log *slog.Logger) { klog.SetSlogLogger(log) }
