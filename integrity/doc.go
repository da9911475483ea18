// Package integrity decides whether the history of a branch, or a tag, may be
// trusted: who signed what, whether they were allowed to at that time, and
// whether the past is still the past.
//
//	Signers   the keys that count, each with exactly one identity: Git's
//	          allowed_signers file, and one OpenPGP key file per e-mail
//	Signer    who a signature proves, and the line that says so
//	Trust     where trust starts: a pinned commit, or the operator's own list
//	History   the little that is asked of a repository
//	Problem   one reason not to go on, with what to do about it
//	Decision  allow, warn, hold (wait for a person) or deny (wait for a fix)
//
// Check walks the mainline (first parents) from the last accepted commit to
// the tip. For each mainline commit it verifies all commits that become
// reachable by it against the signers file of the mainline commit before. So
// the answer is the same whether a branch is fetched after each push or after
// a hundred of them; a grant counts from the next mainline commit on; nobody
// grants themselves anything; and a branch that was forked before a key was
// removed is judged by the list that no longer has the key.
//
// A merge of two commits is made again by git, apart from the repository and its
// attributes: what it holds beside that was smuggled in, what it lacks was dropped.
//
// Dates in commits are claims and decide nothing: whether a key was valid is
// judged at the time the commit was first seen. Signatures are verified here,
// over the same bytes that were parsed; no other program is asked. Whatever
// could not be found out is held, never allowed.
package integrity
