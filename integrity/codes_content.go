package integrity

import "github.com/holdfast-dev/holdfast/finding"

// What is documented about objects, trees and what they hold.
var contentCodes = []*Explanation{
	{Rule: finding.Rule{
		ID: "OBJ_MALFORMED", Title: "Objects have the one form that Git writes", Severity: finding.Critical,
		Why:         "The object can be read in two ways: a header twice, a second author, bytes after the end, a tree that is not sorted. One program verifies the one reading and another deploys the other one. No Git writes such objects by accident.",
		Remediation: "Find out which tool or person made it, and take it off the branch. Have the server refuse such objects: `git config receive.fsckObjects true`.",
		Controls:    []string{"CICD-SEC-9", "NIST-800-53/SI-10"},
		References:  []string{docFsck, docConfig},
	}, Example: "a commit with two tree headers, written by git hash-object -t commit -w --literally"},
	{Rule: finding.Rule{
		ID: "HASH_COLLISION", Title: "An id belongs to one object", Severity: finding.Critical,
		Why:         "The object was made so that another one with other content has the same SHA-1 id. The signature covers the id: one of the two is reviewed, and the other one runs. This takes months of computing and is never an accident.",
		Remediation: "This is an attack. Keep a copy of the object, find out who pushed it, and move the repository to SHA-256.",
		Controls:    []string{"NIST-800-53/SC-13", "NIST-800-53/SI-7"},
		References:  []string{docHashTransition},
	}, Example: "two PDF files of the published SHA-1 collision, one pushed as the other"},
	{Rule: finding.Rule{
		ID: "TREE_PATH", Title: "Paths stay inside the tree, and mean one thing", Severity: finding.High,
		Why:         "A path such as .git/config, .., or one with control characters leaves the place where files belong, or is another file on another system. There it can overwrite configuration and have programs run.",
		Remediation: "Rename the file, and find out who made it: Git does not let one add such paths by itself.",
		Controls:    []string{"NIST-800-53/SI-10"},
		References:  []string{docFsck},
	}, Example: "printf '100644 blob %s\\t.GIT/config\\n' $blob | git mktree"},
	{Rule: finding.Rule{
		ID: "TREE_LIMIT", Title: "Trees are not larger than the limits", Severity: finding.High,
		Why:         "A few small objects can describe thousands of millions of files, and whoever lists them never ends. What is above the limits of entries, depth or bytes is not looked at, and so not accepted.",
		Remediation: "Take the commit off the branch. Large files belong elsewhere than in a repository that is deployed.",
		Controls:    []string{"NIST-800-53/SC-5"},
		References:  []string{docFsck},
	}, Example: "ten trees, each of which holds the next one ten times"},
	{Rule: finding.Rule{
		ID: "TREE_SYMLINK", Title: "Links stay inside the repository, and replace nothing that protects it", Severity: finding.High,
		Why:         "Whoever renders or builds from a work tree follows the link: to files of the machine, to the directory of Git, or away from a policy to another file that fewer people guard. Git stores and fetches any target without a word.",
		Remediation: "Replace the link by a file, or by a link that goes up first and down then, within the repository.",
		Controls:    []string{"NIST-800-53/SI-10"},
		References:  []string{docFsck},
	}, Example: "ln -s /etc/passwd values.yaml && git add values.yaml && git commit -S -m values"},
	{Rule: finding.Rule{
		ID: "TREE_SUBMODULE", Title: "Nothing comes from repositories that nobody verified", Severity: finding.High,
		Why:         "A submodule is an id and a URL: its files were neither signed nor reviewed here. A URL, path or name in .gitmodules can be made to run programs where it is cloned. Holdfast never reads submodules; other programs do.",
		Remediation: "Copy what is needed into the repository. Where submodules are wanted, a rule of the trust file for .gitmodules says who decides about them: what they approve is told, and passes.",
		Controls:    []string{"CICD-SEC-3", "NIST-800-53/SR-3"},
		References:  []string{docModules},
	}, Example: "git update-index --add --cacheinfo 160000,$commit,vendor/x && git commit -S -m x"},
	{Rule: finding.Rule{
		ID: "TREE_ATTR", Title: "Files are what they seem to be", Severity: finding.High,
		Why:         "Attributes make a work tree or an archive hold something else than the repository (filter, ident, working-tree-encoding, export-ignore, export-subst), or hide changes from those who review them (-diff, linguist-generated). Holdfast reads what is signed; a pipeline beside it may not.",
		Remediation: "Take the attribute away, or limit its pattern to files that are never deployed, such as *.png.",
		Controls:    []string{"CICD-SEC-4", "NIST-800-53/SI-7"},
		References:  []string{docAttributes},
	}, Example: "echo 'apps/** export-ignore' >> .gitattributes"},
	{Rule: finding.Rule{
		ID: "SAFEGUARD_REMOVED", Title: "Nothing that protects is taken away", Severity: finding.Critical,
		Why:         "The commit weakens a check, a policy, CODEOWNERS, a waiver list, a hook or a protection in the cluster. The signature is good; it says who did it, not that it was right. Attacks begin here: first the alarm, then the house.",
		Remediation: "Put it back. If it is really to go, the trust file asks for approvals of such paths: with these it passes.",
		Controls:    []string{"CICD-SEC-1", "CICD-SEC-4", "NIST-800-53/CM-5"},
		References:  []string{docSourceThreats, docCodeOwners},
	}, Example: "sed -i 's/holdfast scan ./true/' .github/workflows/ci.yml"},
	{Rule: finding.Rule{
		ID: "REGRESSION", Title: "What was fixed stays fixed", Severity: finding.High,
		Why:         "A problem that an earlier revision had and a later one did away with is back: by a revert, a merge or a rewritten branch. Each of them can be signed and look harmless; only who remembers what was fixed notices.",
		Remediation: "Restore the fix. If the risk is accepted now, say so with a waiver that is approved: `holdfast waive request`.",
		Controls:    []string{"NIST-800-53/SI-2", "NIST-800-53/CM-3"},
		References:  []string{docRevert},
	}, Example: "git revert --no-edit 4be1c77    # 'SECURITY: drop root', with the title 'tidy'"},
}

const (
	docModules    = "https://git-scm.com/docs/gitmodules"
	docAttributes = "https://git-scm.com/docs/gitattributes"
)

const docHashTransition = "https://git-scm.com/docs/hash-function-transition"
