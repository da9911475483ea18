package setup

import (
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/secret"
	"github.com/holdfast-dev/holdfast/source"
)

// secretsFile is where the rules for secrets would be if they were policies: it
// gives them their chapter in the reference.
var secretsFile = source.NewFile("secrets-in-files/rules", nil)

// Documented returns everything that can be explained: the packs, and as one
// more of the built-in ones the rules for secrets in files, which are not written
// in CEL.
func (p *Policies) Documented() []*policy.Pack {
	if !p.builtin {
		return p.Packs
	}
	pack := &policy.Pack{Name: "secrets"}
	for _, rule := range secret.Rules() {
		pack.Policies = append(pack.Policies, &policy.Policy{
			Rule: *rule, Sensitive: true, File: secretsFile, Match: []policy.Match{{Kinds: []string{"text files of any kind"}}},
		})
	}
	return append(p.Packs[:len(p.Packs):len(p.Packs)], pack)
}
