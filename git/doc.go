// Package git reads repositories by the git command line, on bare mirrors
// only, and never in a work tree.
//
//	Mirror    a bare repository of our own that follows a remote one
//	ref       a name on the remote, always in full: refs/heads/main
//	id        a full object id in lower case, the only way to name an object
//	Commit    a commit object, parsed strictly from its raw bytes
//	Tag       an annotated tag object, parsed likewise
//	Identity  who a commit claims to be by; it proves nothing
//	Tree      a source.Tree over one commit, read object by object
//	keep      a ref of ours that keeps a commit when the remote drops it
//
// Git runs with an environment that is cut off from every configuration that
// is not ours: no hooks, filters, helpers, replacement objects, grafts or
// protocols but those that were asked for. Objects are hashed again when they
// are read, so that what is returned for an id is what the id names.
//
// Errors tell what should happen next: a RemoteError passes, a MissingError asks
// for a fetch, a MalformedError or TreeError is a reason to refuse a revision, a
// LimitError asks somebody to raise a limit, a CorruptError to delete the mirror.
package git
