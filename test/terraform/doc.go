// Package terraform compares what render/terraform makes of configurations with what
// the real binaries plan for them. The module in provider is a provider for that.
package terraform
