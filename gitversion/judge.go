package gitversion

import (
	"cmp"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
)

// Confidence is how sure it is that a program has a vulnerability.
type Confidence uint8

// The confidences, in rising order.
const (
	Unknown Confidence = iota // a distribution may have added the fix
	Likely                    // the version has it, and is not one that distributions mend
	Certain                   // a probe proved it
)

func (c Confidence) String() string { return []string{"unknown", "likely", "certain"}[min(c, Certain)] }

// Proof says by the id of a CVE what a probe found: true if the fix is there. What
// was not probed is not in it.
type Proof map[string]bool

// Risk is a vulnerability that a program has, or may have.
type Risk struct {
	*CVE
	Confidence Confidence
}

// Weight is the severity that the risk has with its confidence: what is unknown is
// worth a look, and stops nobody.
func (r Risk) Weight() finding.Severity {
	if r.Confidence == Unknown {
		return min(r.Severity, finding.Medium)
	}
	return r.Severity
}

// Judge returns the risks of a program in some roles, the worst first. Of a version
// that is not known, only what was proven counts.
func Judge(v Version, roles Role, proof Proof) []Risk {
	all := CVEs()
	mended := v.isMended()
	for i := range all {
		if all[i].affects(v) && proof[all[i].ID] {
			mended = true // a fix that the version lacks is there: somebody adds them
		}
	}
	var risks []Risk
	for i := range all {
		c := &all[i]
		fixed, probed := proof[c.ID]
		switch {
		case c.Product != v.Product || c.Roles&roles == 0 || fixed:
		case probed:
			risks = append(risks, Risk{c, Certain})
		case !c.affects(v):
		case mended && c.Backported:
			risks = append(risks, Risk{c, Unknown})
		default:
			risks = append(risks, Risk{c, Likely})
		}
	}
	slices.SortStableFunc(risks, func(a, b Risk) int {
		return cmp.Or(cmp.Compare(b.Weight(), a.Weight()), cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Confidence, a.Confidence))
	})
	return risks
}

// affects reports whether the release has the vulnerability, as its authors made it.
func (c *CVE) affects(v Version) bool {
	switch {
	case c.Product != v.Product || !v.IsKnown():
		return false
	case c.Windows && v.Vendor != "windows", c.Folding && v.Vendor != "windows" && v.Vendor != "apple":
		return false
	case v.Number.Compare(c.since) < 0:
		return false
	}
	n := v.Number
	if v.Vendor != "windows" || !c.Windows {
		n[3] = 0
	}
	for _, fixed := range c.fixed {
		if n[0] == fixed[0] && n[1] == fixed[1] {
			return n.Compare(fixed) < 0 || v.Candidate && n == fixed
		}
	}
	return n.Compare(c.fixed[len(c.fixed)-1]) < 0
}

// mended are the versions that distributions keep for years, and add fixes to. An
// agent names them without their revision, so that nobody can tell from outside.
const mended = " 1.8.3 2.17.1 2.18.4 2.20.1 2.25.1 2.26.2 2.27.0 2.30.2 2.31.1 2.34.1 2.35.3 2.39.2 2.39.3 2.39.5 2.40.1 2.43.0 2.43.5 2.47.1 2.47.3 "

func (v Version) isMended() bool {
	switch v.Vendor {
	case "":
		return v.Product == Git && strings.Contains(mended, " "+v.Number.String()+" ")
	case "windows", "gitlab":
		return false
	}
	return true
}

// Weight returns the highest weight of risks, and the lowest severity if there are none.
func Weight(risks []Risk) (worst finding.Severity) {
	for _, r := range risks {
		worst = max(worst, r.Weight())
	}
	return worst
}

func orGit(p Product) Product { return cmp.Or(p, Git) }

func fields(s string) []string { return strings.Fields(s) }

func cutBuild(suffix string) (int, bool) {
	after, ok := strings.CutPrefix(suffix, ".windows.")
	n, _ := digits(after)
	return n, ok
}
