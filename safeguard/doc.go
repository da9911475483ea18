// Package safeguard tells what a commit takes away from what protects: it compares
// two trees and says which safeguards are weaker in the later one.
//
//	Change      what became of one safeguard; Loss is empty if nothing was lost
//	Kind        what sort of safeguard it is
//	Step        the commit that is judged, and who is proven to have signed it
//	Pair        a policy and a path that it is not checked on any more
//	Regression  a finding that was fixed in an accepted revision and is back
//
// Only paths that differ are read, so that a commit that touches no safeguard costs
// next to nothing. A change is a resource of the platform "change", and policies
// decide what it means: those of the built-in pack, and everybody's own.
//
// What is compared is the meaning and never the text. A gate that moves to another
// file or has its comments changed loses nothing. What can no longer be read as a
// safeguard was removed, and what changed about a gate without being understood is
// said to be so. Errors are for callers to hold by: nothing was found out then.
package safeguard
