package integrity

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
)

// Explanation is what is documented about a code: the rule that a problem breaks,
// and how that comes about.
type Explanation struct {
	finding.Rule        // its ID is the code; the title says what holds when all is well
	Example      string // a short transcript that leads to the code
}

// Code returns what is explained.
func (e *Explanation) Code() Code { return Code(e.ID) }

// Explanations returns the documentation of all codes, in the order in which
// they are best read. It must not be changed.
func Explanations() []*Explanation {
	return slices.Concat(signatureCodes, historyCodes, contentCodes)
}

// Explain returns what is documented about a code, however its letters are
// written; nil if there is no such code.
func Explain(code string) *Explanation {
	for _, group := range [][]*Explanation{signatureCodes, historyCodes, contentCodes} {
		for _, e := range group {
			if strings.EqualFold(e.ID, code) {
				return e
			}
		}
	}
	return nil
}

// Severity returns how bad a problem is: that of its code, within what its own
// decision allows. What is only told blocks nothing, and what stops a deployment is
// never less than high.
func (p Problem) Severity() finding.Severity {
	severity := finding.High
	if e := Explain(string(p.Code)); e != nil {
		severity = e.Severity
	}
	switch p.Decision {
	case Allow:
		return finding.Info
	case Warn:
		return min(severity, finding.Medium)
	}
	return max(severity, finding.High)
}
