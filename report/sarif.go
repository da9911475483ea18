package report

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// SARIF writes a scan as a SARIF 2.1.0 log with one run.
func SARIF(w io.Writer, s *Scan) error {
	run := sarifRun{
		Tool: sarifTool{sarifDriver{
			Name: "Holdfast", Version: s.Version, InformationURI: "https://holdfast.dev", Rules: []sarifRule{},
		}},
		AutomationDetails: sarifAutomation{ID: "holdfast/scan/"},
		Invocations:       []sarifInvocation{{ExecutionSuccessful: !s.Partial(), Notifications: notifications(s)}},
		ColumnKind:        "unicodeCodePoints",
		Results:           []sarifResult{},
	}
	rules := map[string]int{}
	hashes := map[*source.File]map[int]string{}
	for _, f := range s.Findings {
		index, ok := rules[f.Rule.ID]
		if !ok {
			index = len(run.Tool.Driver.Rules)
			rules[f.Rule.ID] = index
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, newSARIFRule(f.Rule))
		}
		run.Results = append(run.Results, newSARIFResult(f, index, hashes))
	}
	return writeJSON(w, sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	})
}

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool              sarifTool         `json:"tool"`
	AutomationDetails sarifAutomation   `json:"automationDetails"`
	Invocations       []sarifInvocation `json:"invocations"`
	ColumnKind        string            `json:"columnKind"`
	Results           []sarifResult     `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	Version        string      `json:"version,omitempty"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID         string         `json:"id"`
	Short      sarifText      `json:"shortDescription"`
	Full       sarifText      `json:"fullDescription"`
	Help       sarifText      `json:"help"`
	HelpURI    string         `json:"helpUri,omitempty"`
	Default    sarifConfig    `json:"defaultConfiguration"`
	Properties map[string]any `json:"properties"`
}

type sarifConfig struct {
	Level string `json:"level"`
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifAutomation struct {
	ID string `json:"id"`
}

type sarifInvocation struct {
	ExecutionSuccessful bool                `json:"executionSuccessful"`
	Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
	Properties   map[string]any    `json:"properties"`
	Occurrences  int               `json:"occurrenceCount,omitempty"`
}

type sarifLocation struct {
	Physical *sarifPhysical `json:"physicalLocation,omitempty"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
	EndLine     int `json:"endLine,omitempty"`
	EndColumn   int `json:"endColumn,omitempty"`
}

type sarifLogical struct {
	Name               string `json:"name"`
	FullyQualifiedName string `json:"fullyQualifiedName"`
	Kind               string `json:"kind"`
}

func newSARIFRule(r *finding.Rule) sarifRule {
	var help strings.Builder
	fmt.Fprintf(&help, "%s\n\n**Fix:** %s\n", r.Why, r.Remediation)
	for _, ref := range r.References {
		fmt.Fprintf(&help, "\n* <%s>", ref)
	}
	rule := sarifRule{
		ID: r.ID, Short: sarifText{Text: r.Title}, Full: sarifText{Text: r.Why},
		Help:    sarifText{Text: r.Why + " Fix: " + r.Remediation, Markdown: help.String()},
		Default: sarifConfig{Level(r.Severity)},
		Properties: map[string]any{
			"tags":              append([]string{"security"}, r.Controls...),
			"precision":         "high",
			"security-severity": securitySeverity(r.Severity),
		},
	}
	if len(r.References) > 0 {
		rule.HelpURI = r.References[0]
	}
	return rule
}

func newSARIFResult(f *finding.Finding, rule int, hashes map[*source.File]map[int]string) sarifResult {
	r := sarifResult{
		RuleID: f.Rule.ID, RuleIndex: rule, Level: Level(f.Severity),
		Message:      sarifText{Text: f.Message + "."},
		Locations:    []sarifLocation{newSARIFLocation(f)},
		Fingerprints: map[string]string{"holdfast/v1": f.Fingerprint},
		Properties:   map[string]any{"cause": f.Cause, "field": f.Field},
		Occurrences:  max(f.Count, 1),
	}
	if file := f.Location.File; file != nil {
		if hashes[file] == nil {
			hashes[file] = lineHashes(file.Content)
		}
		r.Fingerprints["primaryLocationLineHash"] = hashes[file][f.Location.Position().Line]
	}
	return r
}

func newSARIFLocation(f *finding.Finding) sarifLocation {
	loc := sarifLocation{Logical: []sarifLogical{{
		Name: f.Subject.Name, FullyQualifiedName: f.Subject.Key() + " " + f.Field, Kind: "resource",
	}}}
	if f.Location.File != nil {
		loc.Physical = &sarifPhysical{Artifact: artifact(f.Location.File.Path), Region: region(f.Location)}
	}
	return loc
}

func region(loc resource.Location) *sarifRegion {
	start, end := loc.File.Position(loc.Span.Start), loc.File.Position(loc.Span.End)
	return &sarifRegion{start.Line, start.Column, end.Line, end.Column}
}

func artifact(path string) sarifArtifact {
	return sarifArtifact{URI: (&url.URL{Path: path}).EscapedPath()}
}

func notifications(s *Scan) (out []sarifNotification) {
	for _, p := range s.Problems {
		n := sarifNotification{Level: "error", Message: sarifText{Text: p.Message},
			Locations: []sarifLocation{{Physical: &sarifPhysical{Artifact: artifact(p.Path)}}}}
		if p.Position.Line > 0 {
			n.Locations[0].Physical.Region = &sarifRegion{StartLine: p.Position.Line, StartColumn: p.Position.Column}
		}
		out = append(out, n)
	}
	for _, e := range s.Errors {
		out = append(out, sarifNotification{Level: "error", Message: sarifText{Text: e}})
	}
	return out
}

// securitySeverity gives the middle of the range that GitHub reads for each
// severity.
func securitySeverity(s finding.Severity) string {
	return map[finding.Severity]string{
		finding.Critical: "9.5", finding.High: "8.0", finding.Medium: "5.5", finding.Low: "2.0", finding.Info: "0.1",
	}[s]
}
