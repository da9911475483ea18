package resource

import (
	"fmt"
	"slices"
	"strings"
)

// Platform is what a resource is meant for: who reads it and gives its kinds
// their meaning. The zero value is Kubernetes.
type Platform string

// The platforms.
const (
	Kubernetes     Platform = ""
	Dockerfile     Platform = "dockerfile"
	GitHubActions  Platform = "github-actions"
	GitLabCI       Platform = "gitlab-ci"
	AzurePipelines Platform = "azure-pipelines"
	Compose        Platform = "compose"
	HelmChart      Platform = "helm"
	CloudFormation Platform = "cloudformation"
	ARM            Platform = "arm"
	Terraform      Platform = "terraform"
	GitChange      Platform = "change" // what a commit does to a safeguard
	Git            Platform = "git"    // commits and refs themselves, of which no policy speaks
)

var platforms = []Platform{Kubernetes, Dockerfile, GitHubActions, GitLabCI, AzurePipelines, Compose, HelmChart, CloudFormation, ARM, Terraform, GitChange}

func (p Platform) String() string {
	if p == Kubernetes {
		return "kubernetes"
	}
	return string(p)
}

// Closed reports whether the resources of a unit refer to each other alone, so
// that equal names in other units are of others.
func (p Platform) Closed() bool { return p == CloudFormation || p == ARM || p == Terraform }

// FileName returns the path that a file of the platform usually has, and "" for
// those that have none.
func (p Platform) FileName() string {
	switch p {
	case Kubernetes:
		return "manifest.yaml"
	case Dockerfile:
		return "Dockerfile"
	case GitHubActions:
		return ".github/workflows/ci.yml"
	case GitLabCI:
		return ".gitlab-ci.yml"
	case AzurePipelines:
		return "azure-pipelines.yml"
	case Compose:
		return "compose.yaml"
	case HelmChart:
		return "Chart.yaml"
	case CloudFormation:
		return "template.yaml"
	case ARM:
		return "azuredeploy.json"
	case Terraform:
		return "main.tf"
	case GitChange:
		return "commit.yaml"
	}
	return ""
}

// ParsePlatform reads a platform's name.
func ParsePlatform(name string) (Platform, error) {
	var names []string
	for _, p := range platforms {
		if p.String() == name {
			return p, nil
		}
		names = append(names, p.String())
	}
	slices.Sort(names)
	return "", fmt.Errorf("unknown platform %q: use one of %s", name, strings.Join(names, ", "))
}
