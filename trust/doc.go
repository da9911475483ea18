// Package trust says who may do what in a repository: the trust file
// .holdfast/trust.yaml, and the questions that are asked of it.
//
//	Trust       one version of the file; it does not change
//	Identity    a person or machine: its e-mails, its keys, its roles. Thresholds
//	            count identities, since one person may have many keys
//	Role        a name for several identities. Some have a meaning of their own:
//	            admin, forge, bot, applier
//	PathRule    who may change files, and how many others have to approve
//	Ref         what may happen to a branch or tag
//	Revocation  a key that was stolen, and since when
//	Difference  what one version grants and takes away compared with another
//
// All rules that match a path hold, so adding a rule never allows more. Nobody
// approves a change of their own. Files below .holdfast are the admins' even if
// no rule says so, and a key belongs to exactly one identity.
package trust
