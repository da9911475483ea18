package gitversion

import (
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
)

// Rules returns what is documented about all findings of this package, in the order
// in which it is best read. It must not be changed.
func Rules() []*finding.Rule {
	return []*finding.Rule{oldClient, oldServer, unsafeSetting, plainServer, oldProtocol, anyObject, oddAgent}
}

// Rule returns the rule with an id, however its letters are written; nil if there is none.
func Rule(id string) *finding.Rule {
	for _, r := range Rules() {
		if strings.EqualFold(r.ID, id) {
			return r
		}
	}
	return nil
}

const (
	docSecurity = "https://github.com/git/git/security/advisories"
	docConfig   = "https://git-scm.com/docs/git-config"
	docProtocol = "https://git-scm.com/docs/protocol-v2"
)

var (
	oldClient = &finding.Rule{
		ID: "CLIENT_OLD_GIT", Title: "Who clones has no Git with known vulnerabilities", Severity: finding.High,
		Why:         "A repository, or the server that it comes from, can run programs on the machine of whoever clones it with an old Git, and from there push with the rights of that person. A version tells no fixes that a distribution adds: “certain” was proven by a probe, “likely” is a version that no distribution is known to mend, “unknown” may be mended.",
		Remediation: "Install Git " + Recommended + " or later, or the newest package of the distribution. Until then, clone nothing with submodules.",
		Controls:    []string{"CICD-SEC-3", "NIST-800-53/SI-2"},
		References:  []string{docSecurity},
	}
	oldServer = &finding.Rule{
		ID: "SRV_OLD_GIT", Title: "The server has no Git with known vulnerabilities", Severity: finding.High,
		Why:         "Whoever may push can run code on a server with an old Git, and is then above all rules about branches. The agent line does not tell fixes that a distribution adds, and whoever runs the server can have it say anything.",
		Remediation: "Ask whoever runs the server for the version of the package, and to install Git " + Recommended + " or later, or the newest package of the distribution.",
		Controls:    []string{"CICD-SEC-1", "NIST-800-53/SI-2"},
		References:  []string{docSecurity},
	}
	unsafeSetting = &finding.Rule{
		ID: "GIT_SETTING", Title: "The configuration of Git takes no protection away", Severity: finding.High,
		Why:         "One line in the user's or the system's configuration turns off what Git does against hostile repositories and servers, for every repository and without a word. Holdfast itself reads none of it; all other tools do.",
		Remediation: "Take the line away: `git config --global --unset-all KEY`. Where one repository needs it, set it there.",
		Controls:    []string{"CICD-SEC-7", "NIST-800-53/CM-6"},
		References:  []string{docConfig},
	}
	plainServer = &finding.Rule{
		ID: "SRV_PLAIN", Title: "What the server sends is protected on its way", Severity: finding.High,
		Why:         "With git:// and http:// nobody knows who answers: whoever is on the way can withhold commits, or send old ones, and learns a password that is sent.",
		Remediation: "Use https:// or ssh:// for this remote.",
		Controls:    []string{"NIST-800-53/SC-8"},
		References:  []string{"https://git-scm.com/book/en/v2/Git-on-the-Server-The-Protocols"},
	}
	oldProtocol = &finding.Rule{
		ID: "SRV_PROTOCOL", Title: "The server speaks protocol version 2", Severity: finding.Low,
		Why:         "The server answers with an older protocol, in which it lists all refs to everybody who asks. Git has spoken version 2 by itself since 2.26: the server is older, or keeps it off.",
		Remediation: "Update the server; let the web server pass the header Git-Protocol on, and sshd the variable (AcceptEnv GIT_PROTOCOL).",
		References:  []string{docProtocol},
	}
	anyObject = &finding.Rule{
		ID: "SRV_ANY_OBJECT", Title: "The server gives out only what its refs lead to", Severity: finding.Medium,
		Why:         "Everybody who may read can fetch any object whose id is known: also commits with secrets that were taken off their branch, and those of hidden refs.",
		Remediation: "`git config uploadpack.allowAnySHA1InWant false` on the server; and change each secret that was ever pushed.",
		Controls:    []string{"CICD-SEC-6"},
		References:  []string{docConfig},
	}
	oddAgent = &finding.Rule{
		ID: "SRV_AGENT", Title: "What the server says of itself can be true", Severity: finding.Low,
		Why:         "The server offers what the version that it names did not have yet. The agent line is made up, and says nothing about its vulnerabilities.",
		Remediation: "Ask whoever runs the server what it is.",
		References:  []string{docProtocol},
	}
)
