// Package git reads repositories by the git command line, on bare mirrors
// only, and never in a work tree.
//
//	Mirror    a bare repository of our own that follows a remote one
//	Commit    a commit object, parsed strictly from its raw bytes
//	Identity  who a commit claims to be by; it proves nothing
//	Tree      a source.Tree over one commit, read through cat-file --batch
//
// Git runs with an environment that is cut off from every configuration that
// is not ours: no hooks, filters, helpers, replacement objects, grafts or
// protocols but those that were asked for.
package git
