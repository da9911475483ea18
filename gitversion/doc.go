// Package gitversion judges how much a Git program is to be trusted by its version,
// and by what its behaviour proves.
//
//	Version     what a program, a package, an agent or a user agent says it is
//	CVE         a vulnerability as data: what it allows, at whose side, where fixed
//	Risk        a CVE that a version has, with how sure that is
//	Confidence  certain: a probe proved it; likely: the version has it and nobody is
//	            known to add fixes to that version; unknown: a distribution may have
//	            added the fix without changing the version
//	Agents      which versions a log of a server names, how often
//	Setting     a line of the user's configuration that takes protection away
//
// A version is fixed when it is at least the fixed release of its own minor line, or
// of a line later than all that got the fix. A version says nothing about fixes that
// a distribution adds, and an agent line can be anything: that is why a judgement
// without a probe is never certain.
package gitversion
