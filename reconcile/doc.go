// Package reconcile moves applications to a revision of Git and keeps them
// there.
//
//	Follower    follows one source: fetch, resolve the ref, verify, accept
//	Revision    an accepted commit, the only thing that is rendered or applied
//	Reconciler  takes one application to a Revision, step by step
//	Rendering   the objects of an application at a commit, and what was read
//
// The steps of Reconciler.Reconcile are
//
//	render   the application's path at the commit; nothing to do if none of
//	         the files that were read has changed
//	scan     all policies on all objects
//	gate     decide from the evidence; a blocked revision ends here, and what
//	         runs stays
//	plan     the server's own dry run: what it would refuse, or what another
//	         application owns, stops the revision before anything is touched
//	apply    inventory first, then server-side apply in order
//	prune    what the revision no longer holds, within limits
//	await    until everything is healthy, or a deadline
//	record   in the ledger, at every step that decided or did something
//
// If await fails, the last healthy revision is rendered and applied again. A
// revision that failed or was blocked is not tried again until the files it is
// made of change, and never stands in the way of a later one.
package reconcile
