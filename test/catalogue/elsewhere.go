package catalogue

// Elsewhere are rows that need more than a repository and holdfast verify: a time at
// which something was first seen, a server, the loop's memory, special keys. The file
// of the proof names the row, or the function after # is the proof.
func Elsewhere() []Row {
	return []Row{
		{"A07", "A key on the list of revoked keys", "deny KEY_REVOKED", "integrity/attacks_test.go"},
		{"A07g", "The list of revoked keys is missing, though it is asked for", "hold TRUST_MISSING", "integrity/attacks_test.go"},
		{"A10", "Bytes after the end of a signature", "deny SIG_AMBIGUOUS", "integrity/attacks_signature_test.go"},
		{"A18", "A certificate by the authority of a stranger", "deny KEY_UNKNOWN", "integrity/attacks_signature_test.go"},
		{"A19", "An OpenPGP key that somebody made with the name of another", "deny KEY_UNKNOWN", "integrity/attacks_test.go"},
		{"A20", "An OpenPGP key that is over, by a clock that was set back", "deny KEY_EXPIRED", "integrity/attacks_test.go"},
		{"A21", "An X.509 certificate that nobody pinned", "deny KEY_UNKNOWN", "integrity/attacks_test.go"},
		{"A22", "An OpenPGP signature over SHA-1", "deny KEY_WEAK", "integrity/attacks_signature_test.go"},
		{"A30", "A security key that nobody touched", "deny KEY_WEAK", "integrity/attacks_test.go"},
		{"B18g", "The gate of the pipeline, in 79 other ways of two forges", "deny SAFEGUARD_REMOVED", "safeguard/gate_test.go#TestGates"},
		{"B23", "An approval for another repository, branch or base", "deny AUTHZ_THRESHOLD", "integrity/release_test.go"},
		{"B24", "An approval of what was pushed before", "deny AUTHZ_THRESHOLD", "integrity/statements_test.go"},
		{"B25", "A change that brings the policies by which it is judged", "judged by those of the base", "cli/testdata/script/verify-base.txtar"},
		{"B28", "A push of several refs, of which one is bad", "deny, and nothing is taken", "cli/testdata/script/receive-refs.txtar"},
		{"B27", "A key is taken away, or a policy tightened, after the verdict", "hold, as it is judged again", "reconcile/follow_test.go#TestChangedTrust"},
		{"C07", "What was fixed is back by a commit that looks harmless", "hold REGRESSION", "reconcile/regression_test.go#TestWhatWasFixedAndIsBackIsHeld"},
		{"C21", "What is denied comes back under another id", "deny PAYLOAD_DENIED", "integrity/check_test.go#TestDeniedContent"},
		{"C05", "The branch becomes another branch", "hold REF_TELEPORT", "integrity/attacks_test.go"},
		{"C10", "A merge of three branches", "warn MERGE_SHAPE", "integrity/merge_test.go"},
		{"C15", "A merge that makes the accepted history a side branch", "warn MERGE_SHAPE", "integrity/attacks_test.go"},
		{"C18", "An approval of the same change on another base", "deny AUTHZ_THRESHOLD", "integrity/statements_test.go"},
		{"C20", "A rewrite of what was accepted long ago", "hold HIST_REWRITE", "integrity/release_test.go"},
		{"D01", "A tag is moved", "deny TAG_MOVED TAG_DOWNGRADE", "integrity/check_test.go"},
		{"D02", "A signed tag becomes a plain one", "deny TAG_DOWNGRADE", "integrity/check_test.go"},
		{"D03", "The object of another tag", "deny TAG_NAME", "integrity/check_test.go"},
		{"D04", "A tag is signed anew on an older commit", "deny TAG_MOVED", "integrity/check_test.go"},
		{"D05", "A tag is deleted", "deny TAG_DELETED", "integrity/check_test.go"},
		{"D05b", "A followed tag is deleted, and comes back as something else", "deny TAG_DELETED TAG_MOVED", "reconcile/reflog_test.go"},
		{"D06", "A followed branch is deleted", "hold REF_DELETED", "reconcile/reflog_test.go"},
		{"D08b", "A tag on the server that has the name of the followed branch", "warn REF_RETARGET", "reconcile/reflog_test.go#TestD08NamesThatMeanTwoThingsAreTold"},
		{"D10", "A branch is pushed whose name means something else", "deny REF_NAME", "cli/testdata/script/receive-refs.txtar"},
		{"D11", "The server's HEAD leads to another branch", "hold REF_RETARGET", "reconcile/reflog_test.go"},
		{"D13", "Two names that differ by case only", "warn REF_NAME", "cli/testdata/script/receive-refs.txtar"},
		{"D21", "A server that shows other refs to others", "hold EQUIVOCATION", "reconcile/reflog_test.go#TestF10WitnessThatHasAnotherHistoryShowsEquivocation"},
		{"D24", "A push of other refs than branches and tags", "deny", "cli/testdata/script/receive-refs.txtar"},
		{"D25", "A push certificate that is used again", "deny", "cli/testdata/script/receive-signed.txtar"},
		{"D14b", "A mirror in which objects are replaced", "deny, by what was signed", "git/hostile_test.go#TestReplacementsAndGraftsAreIgnored"},
		{"E38", "A file that shares its id with another one", "deny HASH_COLLISION", "git/hash_internal_test.go#TestCollisionIsSeen"},
		{"F03", "Everything by which a repository can have programs run, under strace", "nothing of it is run", "integrity/process_test.go#TestNoProgramOfTheRepositoryRuns"},
		{"F06", "A configuration that leads URLs elsewhere", "not read", "git/hostile_test.go#TestNothingOfTheRepositoryRuns"},
		{"F15", "A server that leads to another host", "not followed", "git/mirror_test.go#TestRedirectsAreNotFollowed"},
		{"F07", "URLs of protocols that run programs", "refused", "git/hostile_test.go#TestProtocolsThatRunProgramsAreRefused"},
		{"F09", "A server serves nothing new, though there is something", "hold FREEZE", "reconcile/reflog_test.go#TestF09WitnessThatIsAheadShowsAFreeze"},
		{"F09b", "Nothing new comes for longer than it should", "hold FREEZE", "reconcile/reflog_test.go#TestF09NothingNewIsHeld"},
		{"F10", "Two servers of one repository serve two histories", "hold EQUIVOCATION", "reconcile/reflog_test.go#TestF10WitnessThatHasAnotherHistoryShowsEquivocation"},
		{"F11", "The record is taken back to an older copy", "hold STATE_ROLLBACK", "operator/checkpoint_test.go#TestF11OlderCopyIsSeen"},
		{"F12b", "The record is deleted, so that trust begins anew", "hold STATE_ROLLBACK", "operator/checkpoint_test.go#TestF12LostStateIsSeen"},
		{"F12c", "The progress is deleted, and the branch taken back", "hold REF_ROLLBACK", "reconcile/reflog_test.go#TestF12LostStateIsNoNewBeginning"},
		{"F13", "An old Git at the server, or at those who clone from it", "told SRV_OLD_GIT CLIENT_OLD_GIT, and how sure it is", "cli/testdata/script/doctor-git.txtar"},
		{"F16", "A hook that reads beside the quarantine", "nothing of a refused push stays", "cli/testdata/script/receive-refs.txtar"},
		{"F12", "The pinned root is that of another history", "hold HIST_REWRITE", "integrity/attacks_test.go"},
		{"F17", "A flood of unsigned commits", "deny SIG_MISSING HIST_LIMIT", "integrity/attacks_test.go"},
		{"P04", "A key is replaced, and old commits stay good", "allow", "integrity/attacks_test.go"},
		{"P05", "A key that is over, of a commit that was seen before", "allow", "integrity/attacks_test.go"},
		{"P06", "Somebody who may applies what another one wrote", "allow", "integrity/authz_test.go"},
		{"P07", "A forge squashes what others approved", "allow", "integrity/authz_test.go"},
		{"P08", "A rewrite that enough people acknowledged", "allow", "integrity/release_test.go"},
		{"P11", "An OpenPGP subkey whose primary key is pinned", "allow", "integrity/attacks_test.go"},
		{"P12b", "A security key with touch and PIN", "allow", "integrity/attacks_test.go"},
		{"P10", "A repository of SHA-256", "allow", "integrity/check_test.go#TestSHA256Repository"},
		{"P14", "A signed tag of a verified commit", "allow", "integrity/check_test.go"},
	}
}

// Unproven are rows that cannot be scripted, with the reason.
func Unproven() []Row {
	return []Row{
		{"C19", "A push between verification and deployment", "one commit id is verified, rendered and deployed; a ref is never asked twice", ""},
		{"E37", "Other bytes from a server for large files", "files of Git LFS are never fetched: their pointers are what is judged", ""},
	}
}
