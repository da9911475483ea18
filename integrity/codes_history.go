package integrity

import "github.com/holdfast-dev/holdfast/finding"

// What is documented about histories, merges, refs and tags.
var historyCodes = []*Explanation{
	{Rule: finding.Rule{
		ID: "HIST_REWRITE", Title: "Accepted history stays", Severity: finding.High,
		Why:         "A commit that was accepted is no longer part of the branch: somebody force-pushed. Commits are lost by that, maybe the one that closed a hole, and with them the evidence of who did what. Also a rewrite that keeps all files destroys signatures and reviews.",
		Remediation: "Put the branch back, and add what is new on top. If the rewrite is wanted, look at what is lost and have it acknowledged by those whom the trust file names (`holdfast ack`).",
		Controls:    []string{"CICD-SEC-1", "NIST-800-53/AU-9"},
		References:  []string{docPush, docRangeDiff},
	}, Example: "git reset --hard HEAD~1\ngit commit -S -am tidy\ngit push --force"},
	{Rule: finding.Rule{
		ID: "HIST_LIMIT", Title: "There is not too much to verify", Severity: finding.High,
		Why:         "More is to be verified than the limit allows. A flood of commits can be an attempt to exhaust the verifier; whatever was not looked at is not accepted.",
		Remediation: "Verify in parts by pinning a reviewed commit as root, or raise limits.commits in the trust file by those who may.",
		Controls:    []string{"NIST-800-53/SC-5"},
		References:  []string{docRevList},
	}, Example: "git push origin flood:main    # 60,000 unsigned commits"},
	{Rule: finding.Rule{
		ID: "REPO_SHALLOW", Title: "The whole history is there", Severity: finding.High,
		Why:         "This copy of the repository lacks a part of the history that is asked about. Whether a commit is an ancestor, or who signed the ones before, cannot be known; and not to know is not the same as good.",
		Remediation: "Fetch all of it: `git fetch --unshallow`, or fetch-depth: 0 in the checkout step of a pipeline.",
		Controls:    []string{"NIST-800-53/SI-7"},
		References:  []string{docShallow, docClone},
	}, Example: "git clone --depth 1 https://git.example.com/fleet"},
	{Rule: finding.Rule{
		ID: "UNVERIFIED", Title: "Everything can be found out", Severity: finding.High,
		Why:         "Something could not be found out: an object is missing, time ran out, the repository is broken. What is not proven is held, so that nobody can pass by breaking the verifier.",
		Remediation: "It is tried again by itself. If it stays, look at the repository with `git fsck --full`, and fetch it anew.",
		Controls:    []string{"NIST-800-53/SI-7", "NIST-800-53/SC-24"},
		References:  []string{docFsck},
	}, Example: "rm .git/objects/3f/2a9c1d…"},

	{Rule: finding.Rule{
		ID: "MERGE_EVIL", Title: "A merge holds nothing of its own", Severity: finding.Critical,
		Why:         "The merge changes what neither of its parents changed so. Reviews and `git log -p` show no content of merges, so this is where something is smuggled in. Each merge is made again, without the attributes and drivers of the repository, and compared.",
		Remediation: "Make the merge again, and put what is to be changed into a commit of its own. `git show --remerge-diff` shows what was added.",
		Controls:    []string{"CICD-SEC-1", "NIST-800-53/SI-7"},
		References:  []string{docMergeTree, docShow},
	}, Example: "git merge --no-commit side\ncp ~/backdoor.yaml rbac.yaml && git add rbac.yaml\ngit commit -S"},
	{Rule: finding.Rule{
		ID: "MERGE_DROPS", Title: "A merge keeps what both sides changed", Severity: finding.High,
		Why:         "The merge leaves out what one of its parents changed, for example the fix of a hole. The log lists the fix as merged, and no diff shows that it is gone.",
		Remediation: "Make the merge again. If the change is to go, revert it in a commit of its own that says so.",
		Controls:    []string{"CICD-SEC-1", "NIST-800-53/SI-7"},
		References:  []string{docMergeTree, docShow},
	}, Example: "git merge -S -s ours security-fix"},
	{Rule: finding.Rule{
		ID: "MERGE_SHAPE", Title: "Merges join one branch into the accepted one", Severity: finding.Low,
		Why:         "A merge of more than two, of an unrelated history, or the wrong way round, in which the accepted history becomes a side branch, is hard to review. Such merges are rare, and a way to bring in much that nobody looks at.",
		Remediation: "Merge one branch after the other: check out the accepted branch, and merge into it.",
		Controls:    []string{"NIST-800-53/CM-3"},
		References:  []string{docMerge, docMergeTree},
	}, Example: "git checkout feature && git merge main && git push origin feature:main"},
	{Rule: finding.Rule{
		ID: "MERGE_CONFLICT", Title: "Conflicts of merges are looked at", Severity: finding.Low,
		Why:         "Git could not join the two sides, so a person chose what the files hold. That is daily work, and also a place where a change of one's own is hidden most easily.",
		Remediation: "Look at what was chosen: `git show --remerge-diff COMMIT`.",
		Controls:    []string{"NIST-800-53/CM-3"},
		References:  []string{docMerge, docShow},
	}, Example: "git merge side    # CONFLICT (content): Merge conflict in deploy.yaml\nvi deploy.yaml && git commit -S -a"},

	{Rule: finding.Rule{
		ID: "REF_ROLLBACK", Title: "A branch does not go back", Severity: finding.High,
		Why:         "The branch was moved back to one of its older commits. That commit was good once and its signature still is, but every hole that was closed since is open again.",
		Remediation: "If going back is wanted, say so in the history, `git revert`, or have it acknowledged (`holdfast ack`). Otherwise put the branch back, and find out who moved it.",
		Controls:    []string{"CICD-SEC-1", "NIST-800-53/SI-7"},
		References:  []string{docUpdateFramework, docRevert},
	}, Example: "git push --force origin main~5:main"},
	{Rule: finding.Rule{
		ID: "REF_TELEPORT", Title: "A branch is not replaced by another", Severity: finding.High,
		Why:         "The branch now points at the tip of another branch. All of that is signed, and still it was never accepted for this one: unfinished work would be deployed.",
		Remediation: "Put the branch back, and merge the other one in the usual way.",
		Controls:    []string{"CICD-SEC-1", "NIST-800-53/CM-3"},
		References:  []string{docPush},
	}, Example: "git push --force origin feature:main"},
	{Rule: finding.Rule{
		ID: "REF_DELETED", Title: "A branch that is followed stays", Severity: finding.High,
		Why:         "The branch that is deployed from is gone. Who makes it anew later can begin with any commit, and whoever has no memory takes that for the first one. Here it is compared with what was there last.",
		Remediation: "Push the branch again as it was. If it is not to be followed any more, take it out of the configuration.",
		Controls:    []string{"NIST-800-53/AU-9", "NIST-800-53/SI-7"},
		References:  []string{docPush},
	}, Example: "git push origin :main"},
	{Rule: finding.Rule{
		ID: "REF_RETARGET", Title: "A name leads where it always led", Severity: finding.High,
		Why:         "The default branch of the server, or a name that leads to another one, was pointed elsewhere. Whoever follows the name now deploys another branch, without one commit that anybody could review.",
		Remediation: "Find out who changed it, and put it back. Name the branch in full: refs/heads/main.",
		Controls:    []string{"CICD-SEC-1", "NIST-800-53/CM-3"},
		References:  []string{docSymbolicRef},
	}, Example: "git symbolic-ref HEAD refs/heads/dev    # on the server"},
	{Rule: finding.Rule{
		ID: "REF_NAME", Title: "Names of refs mean one thing", Severity: finding.High,
		Why:         "A ref that is named like an object id, like HEAD, like an option, or like another one in another case is taken for something else by some program. So people look at one thing and deploy another one.",
		Remediation: "Delete the ref, and push it under a plain name.",
		Controls:    []string{"NIST-800-53/SI-10"},
		References:  []string{docRefFormat, docRevisions},
	}, Example: "git push origin main:refs/heads/HEAD\ngit push origin main:refs/heads/-x"},
	{Rule: finding.Rule{
		ID: "FREEZE", Title: "What is new is served", Severity: finding.High,
		Why:         "It is known from elsewhere that there is a newer commit, and the server still serves the old one. Somebody between us can hold back the fix of a hole in this way, with nothing but good signatures.",
		Remediation: "Compare with the server by another way, such as another network or a mirror. Look at proxies and caches on the way.",
		Controls:    []string{"NIST-800-53/SC-8", "NIST-800-53/SI-7"},
		References:  []string{docUpdateFramework},
	}, Example: "a proxy answers git fetch with what it was last week"},
	{Rule: finding.Rule{
		ID: "EQUIVOCATION", Title: "Everybody is served the same", Severity: finding.High,
		Why:         "Two who asked for one branch were given histories that do not fit together. A server that is broken into shows reviewers a clean one, and the cluster another one.",
		Remediation: "Keep both checkpoints: they are the proof. Deploy nothing until it is known which of the two is right, and who made the other one.",
		Controls:    []string{"NIST-800-53/AU-10", "NIST-800-53/SI-7"},
		References:  []string{docTransparency, docUpdateFramework},
	}, Example: "one operator sees main at 4be1c77, another one at 9f2c1e4, and neither is part of the other"},
	{Rule: finding.Rule{
		ID: "STATE_ROLLBACK", Title: "What was recorded stays recorded", Severity: finding.High,
		Why:         "Our own record is shorter than a checkpoint that was made of it: it was lost, restored from an old copy, or cut. With the memory gone, an old commit would look like a new one.",
		Remediation: "Restore the newest copy of the ledger, and compare: `holdfast ledger verify --checkpoint FILE`. Begin anew only with a commit that you have reviewed.",
		Controls:    []string{"NIST-800-53/AU-9", "NIST-800-53/AU-10"},
		References:  []string{docTransparency},
	}, Example: "cp /backup/last-month/ledger/* state/ledger/"},
	{Rule: finding.Rule{
		ID: "TAG_MOVED", Title: "A tag stays where it is", Severity: finding.Critical,
		Why:         "Whoever deploys by a version believes that it is the same today as when it was tested. A tag that moved brings other content under a trusted name, even when its signature is good.",
		Remediation: "Put the tag back on what it was, and release the new content under a new name.",
		Controls:    []string{"CICD-SEC-9", "NIST-800-53/SI-7"},
		References:  []string{docTag},
	}, Example: "git tag -f -s v1.0 -m v1.0 evil && git push --force origin v1.0"},
	{Rule: finding.Rule{
		ID: "TAG_DOWNGRADE", Title: "A signed tag stays signed", Severity: finding.High,
		Why:         "The tag was a signed object and is now a bare name that anybody who can push could have made. It may point at the same commit today; nothing would prove the next move.",
		Remediation: "Push the signed tag again, as it was.",
		Controls:    []string{"CICD-SEC-9", "NIST-800-53/SI-7"},
		References:  []string{docTag},
	}, Example: "git tag -f v1.0 v1.0^{commit} && git push --force origin v1.0"},
	{Rule: finding.Rule{
		ID: "TAG_NAME", Title: "A tag is served under its own name", Severity: finding.Critical,
		Why:         "The name inside of a signed tag is another one than the one it is served by. So an old release with a good signature is offered as the newest one. Git itself calls such a tag good.",
		Remediation: "Delete the ref on the server, and make the tag anew under its own name.",
		Controls:    []string{"CICD-SEC-9", "NIST-800-53/SI-7"},
		References:  []string{docTag, docUpdateFramework},
	}, Example: "git update-ref refs/tags/v2.0 $(git rev-parse refs/tags/v0.9)"},
	{Rule: finding.Rule{
		ID: "TAG_DELETED", Title: "A tag is not taken away", Severity: finding.High,
		Why:         "A tag that was deployed is gone. Often it comes back on another commit, when those who would notice a move have forgotten what it was. Here it is remembered.",
		Remediation: "Push the tag again as it was, or deploy another version.",
		Controls:    []string{"NIST-800-53/AU-9"},
		References:  []string{docTag},
	}, Example: "git push origin :refs/tags/v1.0"},
	{Rule: finding.Rule{
		ID: "TAG_TARGET", Title: "A tag names a commit", Severity: finding.High,
		Why:         "The tag names a tree, a file or another tag. What has no history cannot be verified, and programs differ in how far they follow.",
		Remediation: "Tag the commit itself.",
		Controls:    []string{"NIST-800-53/SI-7"},
		References:  []string{docTag},
	}, Example: "git tag -s v2.0 -m v2.0 HEAD^{tree}"},
}

const (
	docPush            = "https://git-scm.com/docs/git-push"
	docRangeDiff       = "https://git-scm.com/docs/git-range-diff"
	docRevList         = "https://git-scm.com/docs/git-rev-list"
	docRevert          = "https://git-scm.com/docs/git-revert"
	docShallow         = "https://git-scm.com/docs/shallow"
	docClone           = "https://git-scm.com/docs/git-clone"
	docFsck            = "https://git-scm.com/docs/git-fsck"
	docMerge           = "https://git-scm.com/docs/git-merge"
	docMergeTree       = "https://git-scm.com/docs/git-merge-tree"
	docShow            = "https://git-scm.com/docs/git-show"
	docTag             = "https://git-scm.com/docs/git-tag"
	docSymbolicRef     = "https://git-scm.com/docs/git-symbolic-ref"
	docRefFormat       = "https://git-scm.com/docs/git-check-ref-format"
	docRevisions       = "https://git-scm.com/docs/gitrevisions"
	docTransparency    = "https://www.rfc-editor.org/rfc/rfc9162"
	docUpdateFramework = "https://theupdateframework.github.io/specification/latest/"
)
