package report

import (
	"io"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/integrity"
)

// VerificationID names the version of the JSON output of a verification, under the
// rules of SchemaID.
const VerificationID = "https://holdfast.dev/schema/verify/json-v1"

type jsonVerification struct {
	Schema   string             `json:"schema"`
	Version  string             `json:"version"`
	Decision integrity.Decision `json:"decision"`
	Complete bool               `json:"complete"` // everything could be found out
	DryRun   bool               `json:"dryRun,omitempty"`
	From     string             `json:"from,omitempty"`
	Base     string             `json:"base,omitempty"`
	Tip      string             `json:"tip"`
	Accepted string             `json:"accepted,omitempty"` // the newest commit that may be deployed
	Commits  int                `json:"commits"`
	Summary  []*tally           `json:"summary,omitempty"` // of a dry run
	Problems []jsonCommitFault  `json:"problems"`
	Verified []jsonSigned       `json:"verified"`
	Lost     []string           `json:"lost,omitempty"`
}

type jsonCommitFault struct {
	Code        integrity.Code     `json:"code"`
	Title       string             `json:"title"`
	Decision    integrity.Decision `json:"decision"`
	Severity    finding.Severity   `json:"severity"`
	Commit      string             `json:"commit,omitempty"`
	Message     string             `json:"message"`
	Hint        string             `json:"hint,omitempty"`
	Path        string             `json:"path,omitempty"`
	Line        int                `json:"line,omitempty"`
	Fingerprint string             `json:"fingerprint"`
}

type jsonSigned struct {
	Commit   string `json:"commit"`
	Identity string `json:"identity"`
	Key      string `json:"key"`
	Payload  string `json:"payload,omitempty"` // SHA-256 of what is signed
}

// verificationJSON writes a document of the schema verify/json-v1.
func verificationJSON(w io.Writer, v *Verification) error {
	out := jsonVerification{
		Schema: VerificationID, Version: v.Version, Decision: v.Decision, Complete: !v.Undecided(), DryRun: v.DryRun,
		From: v.From, Base: v.Base, Tip: v.Tip, Accepted: v.Accepted, Commits: v.Number,
		Problems: []jsonCommitFault{}, Verified: []jsonSigned{}, Lost: v.Lost,
	}
	if v.DryRun {
		out.Summary = v.tallies()
	}
	for i, p := range v.Problems {
		f := v.Findings[i]
		one := jsonCommitFault{
			Code: p.Code, Title: f.Rule.Title, Decision: p.Decision, Severity: f.Severity, Commit: p.Commit,
			Message: p.Message, Hint: p.Hint, Fingerprint: f.Fingerprint,
		}
		if f.Location.File != nil {
			one.Path, one.Line = f.Location.File.Path, f.Location.Position().Line
		}
		out.Problems = append(out.Problems, one)
	}
	for _, s := range v.Verified {
		out.Verified = append(out.Verified, jsonSigned{s.Commit, s.Signer.Identity, s.Signer.Key, s.Payload})
	}
	return WriteJSON(w, out, true)
}
