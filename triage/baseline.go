package triage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/strict"
)

// BaselinePath is where a repository keeps its baseline.
const BaselinePath = ".holdfast/baseline.json"

// Baseline is what was there already when Holdfast came. It is no waiver: nobody
// accepted any of it. It may only shrink.
type Baseline struct {
	APIVersion string           `yaml:"apiVersion,required" json:"apiVersion"`
	Kind       string           `yaml:"kind,required" json:"kind"`
	Findings   []BaselineRecord `yaml:"findings" json:"findings"`

	known map[string]bool
}

// BaselineRecord is one finding. Only the fingerprint counts; the rest is for
// people who read the file.
type BaselineRecord struct {
	Fingerprint string `yaml:"fingerprint,required" json:"fingerprint"`
	Policy      string `yaml:"policy" json:"policy"`
	Subject     string `yaml:"subject" json:"subject"`
	Field       string `yaml:"field" json:"field,omitempty"`
}

const (
	baselineVersion = "holdfast.dev/v1alpha1"
	baselineKind    = "Baseline"
)

// NewBaseline returns the baseline of findings.
func NewBaseline(all []*finding.Finding) *Baseline {
	b := &Baseline{APIVersion: baselineVersion, Kind: baselineKind, Findings: []BaselineRecord{}, known: map[string]bool{}}
	for _, f := range all {
		if !b.known[f.Fingerprint] {
			b.known[f.Fingerprint] = true
			b.Findings = append(b.Findings, BaselineRecord{f.Fingerprint, f.Rule.ID, f.Subject.Key(), f.Field})
		}
	}
	slices.SortFunc(b.Findings, func(x, y BaselineRecord) int { return bytes.Compare([]byte(x.key()), []byte(y.key())) })
	return b
}

func (r BaselineRecord) key() string {
	return r.Policy + "\x00" + r.Subject + "\x00" + r.Field + "\x00" + r.Fingerprint
}

// DecodeBaseline reads a baseline. The error is a strict.Errors.
func DecodeBaseline(file *source.File) (*Baseline, error) {
	b := &Baseline{known: map[string]bool{}}
	d := strict.Decode(file, b)
	if d.Root() == nil {
		return nil, d.Err()
	}
	d.OneOf("apiVersion", b.APIVersion, baselineVersion)
	d.OneOf("kind", b.Kind, baselineKind)
	for i, r := range b.Findings {
		if r.Fingerprint != "" && !isFingerprint(r.Fingerprint) {
			d.At("findings["+strconv.Itoa(i)+"].fingerprint", "", "%q is not a fingerprint", r.Fingerprint)
		}
		b.known[r.Fingerprint] = true
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	return b, nil
}

func isFingerprint(text string) bool {
	const prefix, digits = "hf1:", 32
	if len(text) != len(prefix)+digits || text[:len(prefix)] != prefix {
		return false
	}
	for _, c := range text[len(prefix):] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Encode writes a baseline, one finding in a line.
func (b *Baseline) Encode() ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\n  \"apiVersion\": %q,\n  \"kind\": %q,\n  \"findings\": [", b.APIVersion, b.Kind)
	for i, r := range b.Findings {
		line, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n    ")
		out.Write(line)
	}
	if len(b.Findings) > 0 {
		out.WriteString("\n  ")
	}
	out.WriteString("]\n}\n")
	return out.Bytes(), nil
}

// Has reports whether a fingerprint is in the baseline; nil holds none.
func (b *Baseline) Has(fingerprint string) bool { return b != nil && b.known[fingerprint] }

// Keep returns what of a baseline is also in another one. It is how a baseline
// shrinks, and how one that grew is read.
func (b *Baseline) Keep(in func(fingerprint string) bool) *Baseline {
	out := &Baseline{APIVersion: b.APIVersion, Kind: b.Kind, Findings: []BaselineRecord{}, known: map[string]bool{}}
	for _, r := range b.Findings {
		if in(r.Fingerprint) {
			out.Findings = append(out.Findings, r)
			out.known[r.Fingerprint] = true
		}
	}
	return out
}

// missing counts what is not found any more.
func (b *Baseline) missing(all []*finding.Finding) int {
	if b == nil {
		return 0
	}
	found := map[string]bool{}
	for _, f := range all {
		found[f.Fingerprint] = true
	}
	n := 0
	for fingerprint := range b.known {
		if !found[fingerprint] {
			n++
		}
	}
	return n
}
