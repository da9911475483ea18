package waiver

import "github.com/holdfast-dev/holdfast/finding"

// Rules are what is found about waivers themselves.
func Rules() []*finding.Rule { return []*finding.Rule{Unused, Expired, TooLong, Lapsed, NotUsable} }

// The rules about waivers. None is a reason to block: what is not waived blocks
// by itself.
var (
	Unused = &finding.Rule{
		ID: "HF-WAIVER-001", Title: "Every waiver is used", Severity: finding.Low,
		Why:         "A waiver that is about nothing waits for the next problem that fits it, and hides it from its first day.",
		Remediation: "Delete the entry or comment. If it should fit something, compare its policy, resource, path and environments with what `holdfast scan` shows.",
	}
	Expired = &finding.Rule{
		ID: "HF-WAIVER-002", Title: "No waiver has expired", Severity: finding.Low,
		Why:         "The problem that was accepted for a while blocks again.",
		Remediation: "Mend the problem, and delete the entry or comment. If the risk is to be accepted once more, give it a new date and have that approved.",
	}
	TooLong = &finding.Rule{
		ID: "HF-WAIVER-003", Title: "No waiver lasts longer than the severity allows", Severity: finding.Medium,
		Why:         "Accepted risks are looked at again, the worse the sooner: critical ones after 14 days, high ones after 30, medium ones after 90, others after 180. Until then the waiver does not count.",
		Remediation: "Write an earlier date.",
	}
	Lapsed = &finding.Rule{
		ID: "HF-WAIVER-004", Title: "What was waived has not changed", Severity: finding.Medium,
		Why:         "The waiver was given for another value than the one that is there now.",
		Remediation: "Look at the value. If the risk is still acceptable, run `holdfast waive seal` and have the change of the entry approved.",
	}
	NotUsable = &finding.Rule{
		ID: "HF-WAIVER-005", Title: "Waivers for high and critical problems are exact", Severity: finding.Medium,
		Why:         "A high or critical problem takes an entry in .holdfast/waivers.yaml that names one policy and one resource and stores the digest of what is accepted. A comment, a pattern or an entry without digests does not count for it.",
		Remediation: "Write an entry with `holdfast waive request`, or complete the one that is there and run `holdfast waive seal`.",
	}
)
