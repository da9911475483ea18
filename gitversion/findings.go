package gitversion

import (
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
)

// OldClient returns the finding about a Git that clones; nil if nothing is known
// against it. The name says whose it is.
func OldClient(name string, v Version, proof Proof) *finding.Finding {
	return aboutRisks(oldClient, "Client", name, v, Judge(v, AnyClient, proof))
}

// OldServer returns the finding about a Git that serves; nil if nothing is known
// against it.
func OldServer(name string, v Version) *finding.Finding {
	return aboutRisks(oldServer, "Server", name, v, Judge(v, Server, nil))
}

func aboutRisks(rule *finding.Rule, kind, name string, v Version, risks []Risk) *finding.Finding {
	if len(risks) == 0 {
		return nil
	}
	f := newFinding(rule, kind, name, Weight(risks), name+" has "+v.String()+": "+Summary(risks))
	f.Identify(v.String())
	f.Cause = f.Fingerprint[len("hf1:"):]
	return f
}

func newFinding(rule *finding.Rule, kind, name string, severity finding.Severity, message string) *finding.Finding {
	f := &finding.Finding{
		Rule: rule, Message: message, Severity: severity, Count: 1,
		Subject: resource.ID{Platform: resource.Git, Kind: kind, Name: name},
	}
	f.Identify("")
	f.Cause = f.Fingerprint[len("hf1:"):] // one is one thing to mend
	return f
}

// Summary says how many risks there are, how sure that is, and which is the worst.
func Summary(risks []Risk) string {
	var parts []string
	for c := Certain; ; c-- {
		n := 0
		for _, r := range risks {
			if r.Confidence == c {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, c))
		}
		if c == Unknown {
			break
		}
	}
	noun := "vulnerabilities"
	if len(risks) == 1 {
		noun = "vulnerability"
	}
	worst := risks[0]
	text := fmt.Sprintf("%s %s, the worst is %s (%s): %s", strings.Join(parts, ", "), noun, worst.ID, worst.Severity, worst.Allows)
	if worst.Confidence == Unknown {
		text += ", unless the distribution has mended it"
	}
	return text
}

// Findings returns what is to be said against a server that was asked.
func (a *Asked) Findings() []*finding.Finding {
	var found []*finding.Finding
	add := func(rule *finding.Rule, message string) {
		found = append(found, newFinding(rule, "Server", a.Name, rule.Severity, a.Name+message))
	}
	v := a.Version()
	least, shown := a.AtLeast()
	lies := v.Product == Git && v.IsKnown() && v.Number.Compare(least) < 0
	if f := OldServer(a.Name, v); f != nil && !lies {
		found = append(found, f)
	}
	if lies {
		add(oddAgent, fmt.Sprintf(" says that it has %s, and offers %s, which came with %d.%d", v, shown, least[0], least[1]))
	}
	if a.Plain {
		add(plainServer, " is asked without anything that protects the answer")
	}
	if a.Protocol < 2 {
		add(oldProtocol, fmt.Sprintf(" was asked for protocol version 2, and answers with %d", a.Protocol))
	}
	if _, ok := a.Capabilities["allow-any-sha1-in-want"]; ok {
		add(anyObject, " gives out every object whose id is known (allow-any-sha1-in-want)")
	}
	return found
}
