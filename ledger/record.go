// Package ledger is the tamper-evident memory of what was decided and done.
//
//	Record      one thing that happened: a decision, an apply, a drift, a rollback
//	Log         records in a Merkle tree (golang.org/x/mod/sumdb/tlog), append-only
//	Checkpoint  the tree's size and root hash as a signed note; every record
//	            before it is fixed by it
//
// A log is a directory:
//
//	entries.jsonl   one record a line, in order
//	hashes          the hashes that the tree stores, 32 bytes each
//	checkpoint      the latest signed checkpoint
//	key, key.pub    the note signer (0600) and the verifier key
//
// Append writes the record, then the hashes, then the checkpoint, and each is
// on disk before the next. What a crash leaves behind the checkpoint was never
// acknowledged to anyone; Open moves it aside. A record that the checkpoint
// covers and that is not there, or is not the same, is tampering: Open refuses.
//
// Who holds the key can write another history. A checkpoint that was kept
// elsewhere convicts them: Verify proves that the log still begins with it.
package ledger

import "time"

// Kind is what a record is about.
type Kind string

// The kinds of records.
const (
	Start    Kind = "start"    // the loop began to run with a configuration
	Accept   Kind = "accept"   // a source's revision was verified and accepted
	Observe  Kind = "observe"  // a source's server has other refs than before
	Refuse   Kind = "refuse"   // a source's revision was denied or held
	Decision Kind = "decision" // the gate allowed or blocked an application's revision
	Apply    Kind = "apply"    // a revision was applied
	Health   Kind = "health"   // an applied revision became healthy, or failed to
	Prune    Kind = "prune"    // objects were deleted, or their deletion was stopped
	Rollback Kind = "rollback" // an earlier revision was restored
	Drift    Kind = "drift"    // the live state differed from Git
	Heal     Kind = "heal"     // drift was reverted
	Fight    Kind = "fight"    // two writers keep overwriting each other
	Request  Kind = "request"  // a person asked for something
)

// Record is one entry. It holds no secret values: who makes one masks them.
type Record struct {
	Index       int64     `json:"index"`
	Time        time.Time `json:"time"`
	Kind        Kind      `json:"kind"`
	Source      string    `json:"source,omitempty"`
	Application string    `json:"application,omitempty"`
	Commit      string    `json:"commit,omitempty"`
	Previous    string    `json:"previous,omitempty"` // the commit before it
	Signer      string    `json:"signer,omitempty"`
	Outcome     string    `json:"outcome,omitempty"` // allow, deny, hold, applied, failed, …
	Message     string    `json:"message,omitempty"`
	Policies    string    `json:"policies,omitempty"`  // digest of the packs
	Manifests   string    `json:"manifests,omitempty"` // digest of what was rendered

	Verdicts map[string]int `json:"verdicts,omitempty"` // verdict → number of results
	Findings []string       `json:"findings,omitempty"` // "HF-K8S-001 path:line:col fingerprint"
	Objects  []string       `json:"objects,omitempty"`  // "action group/kind/namespace/name"
	Details  []string       `json:"details,omitempty"`
}

// subject names what the record is about.
func (r Record) subject() string {
	if r.Application != "" {
		return "of application " + r.Application
	}
	return "of source " + r.Source
}
