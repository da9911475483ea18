package secret

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// FileKind is the kind of a subject that is a whole file.
const FileKind = "File"

// Findings returns the findings of a file, sorted by place, and its hits, one
// for each finding.
func (d *Detector) Findings(file *source.File) ([]*finding.Finding, []Hit) {
	hits := d.Find(file.Path, file.Content)
	var all []*finding.Finding
	same := map[string]*finding.Finding{}
	seen := map[string]int{}
	for _, h := range hits {
		f := newFinding(file, h)
		mark := discriminator(h, file.Path, file.Content[h.Span.Start:h.Span.End])
		key := h.Rule.ID + " " + mark
		if n := seen[key]; n == 0 {
			f.Identify(mark)
			same[key] = f
		} else {
			f.Identify(mark + " " + strconv.Itoa(n))
			f.Cause = same[key].Cause // to replace a secret mends all its places
		}
		seen[key]++
		all = append(all, f)
	}
	return all, hits
}

func newFinding(file *source.File, h Hit) *finding.Finding {
	return &finding.Finding{
		Rule: h.Rule, Severity: h.Rule.Severity, Sensitive: true,
		Message:  fmt.Sprintf("%s holds %s", file.Path, article(h.Kind)),
		Label:    "the secret is here (not shown)",
		Subject:  resource.ID{Kind: FileKind, Name: file.Path},
		Location: resource.Location{File: file, Span: h.Span, Exact: true},
	}
}

func article(kind string) string {
	for _, vowel := range []string{"A", "a", "O", "xAI", "npm", "HCP"} { // as they are spoken
		if strings.HasPrefix(kind, vowel) {
			return "an " + kind
		}
	}
	return "a " + kind
}

const (
	rounds = 4096 // of the derivation for what people choose
	few    = 3    // bytes that are kept of it
)

// discriminator stands for a secret in a fingerprint. From that of a random
// secret nobody gets back to it. What people choose could be guessed, so that
// trying is made slow, and so little is kept that many guesses fit.
func discriminator(h Hit, path string, value []byte) string {
	salt := []byte("holdfast secret\x00" + h.Rule.ID + "\x00" + path)
	if h.guessable {
		if sum, err := pbkdf2.Key(sha256.New, string(value), salt, rounds, sha256.Size); err == nil {
			return hex.EncodeToString(sum[:few])
		}
	}
	mac := hmac.New(sha256.New, salt)
	mac.Write(value)
	return hex.EncodeToString(mac.Sum(nil))
}
