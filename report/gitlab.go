package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/finding"
)

type gitlabIssue struct {
	Description string         `json:"description"`
	Check       string         `json:"check_name"`
	Fingerprint string         `json:"fingerprint"`
	Severity    string         `json:"severity"`
	Location    gitlabLocation `json:"location"`
}

type gitlabLocation struct {
	Path  string      `json:"path"`
	Lines gitlabLines `json:"lines"`
}

type gitlabLines struct {
	Begin int `json:"begin"`
}

// GitLab writes a Code Quality report. GitLab compares it with that of the target
// branch, so that what is old is in it; what is waived or in the baseline is not.
// What could not be judged is an issue too, since the format cannot tell it else.
func GitLab(w io.Writer, s *Scan) error {
	issues := []gitlabIssue{}
	seen := map[string]bool{}
	add := func(one gitlabIssue, cause string) {
		for seen[one.Fingerprint] { // GitLab keeps one of each
			one.Fingerprint = fingerprint(one.Fingerprint, cause)
		}
		seen[one.Fingerprint] = true
		issues = append(issues, one)
	}
	for _, f := range s.withOld() {
		text := sentence(f.Message)
		if remark := s.remark(f); remark != "" && s.entries[f].Status.Blocks() {
			text += " (" + Plain(remark) + ")"
		}
		where := gitlabLocation{here(s), gitlabLines{1}}
		if file := f.Location.File; file != nil {
			where = gitlabLocation{file.Path, gitlabLines{f.Location.Position().Line}}
		}
		add(gitlabIssue{text, f.Rule.ID, f.Fingerprint, gitlabSeverity(f.Severity), where}, f.Cause)
	}
	for _, t := range s.troubles() {
		where := gitlabLocation{cmp.Or(t.Path, here(s)), gitlabLines{max(t.At.Line, 1)}}
		add(gitlabIssue{s.incompleteIs() + t.text(), "holdfast-incomplete", fingerprint(t.Path, t.Message), "blocker", where}, t.Hint)
	}
	return WriteJSON(w, issues, true)
}

// gitlabSeverity translates a severity: GitLab's words are shifted by one.
func gitlabSeverity(s finding.Severity) string {
	return [...]string{"info", "minor", "major", "critical", "blocker"}[min(s, finding.Critical)]
}

// fingerprint returns one for what has none.
func fingerprint(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write([]byte(part + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// incompleteIs begins what is said of something that could not be judged.
func (s *Scan) incompleteIs() string {
	if s.Command != "" {
		return "Could not be found out: "
	}
	return "Incomplete scan: "
}

// here is the path for what has no file: that of the scan, if it says nothing of
// the machine.
func here(s *Scan) string {
	root := filepath.ToSlash(s.Root)
	if root == "" || path.IsAbs(root) || !filepath.IsLocal(s.Root) {
		return "."
	}
	return path.Clean(root)
}
