package integrity

import "github.com/holdfast-dev/holdfast/finding"

// What is documented about signatures, keys, identities and rights.
var signatureCodes = []*Explanation{
	{Rule: finding.Rule{
		ID: "SIG_MISSING", Title: "Every commit is signed", Severity: finding.Critical,
		Why: "Author and committer of a commit are text that anybody can write. Without a signature nothing proves who made it, and whoever can push can be anyone. " +
			"A signed commit on top proves nothing about the one below, so each commit of a range is asked for its own.",
		Remediation: "Sign it: `git commit --amend -S` for the last commit, `git rebase --exec 'git commit --amend --no-edit -S' BASE` for several that were not published. Let Git sign all that follows: `git config commit.gpgsign true`.",
		Controls:    []string{"CICD-SEC-9", "NIST-800-53/SI-7"},
		References:  []string{docCommit, docSignatureFormat},
	}, Example: "git -c user.email=alice@example.com commit --no-gpg-sign -am 'small fix'"},
	{Rule: finding.Rule{
		ID: "SIG_BAD", Title: "Every signature is good", Severity: finding.Critical,
		Why: "The signature does not fit the bytes of the commit, or was made for something other than Git. Either the content was changed after it was signed, or a signature of another commit or file was pasted in. " +
			"It is verified over the very bytes that are read as the commit, so no reader can see something else.",
		Remediation: "Find out who pushed it. If it is an accident of a tool, have its author make the commit again and sign it: `git commit --amend -S`.",
		Controls:    []string{"CICD-SEC-9", "NIST-800-53/SI-7"},
		References:  []string{docSignatureFormat, docSSHSig, docOpenPGP},
	}, Example: "git cat-file commit HEAD > c    # keep the signature, change the tree\ngit hash-object -t commit -w c"},
	{Rule: finding.Rule{
		ID: "SIG_AMBIGUOUS", Title: "A commit has one signature, and nothing after it", Severity: finding.Critical,
		Why: "Programs differ in which of several signatures they verify, and in what they make of bytes behind one. An attacker shows one program a good signature and another program other content. " +
			"So whatever can be read in two ways is refused.",
		Remediation: "Make the commit or tag again with a current Git, and sign it once.",
		Controls:    []string{"CICD-SEC-9", "NIST-800-53/SI-7"},
		References:  []string{docSignatureFormat, docSSHSig},
	}, Example: "two blocks of BEGIN SSH SIGNATURE in one gpgsig header, or text behind the END line"},
	{Rule: finding.Rule{
		ID: "KEY_UNKNOWN", Title: "Every signing key is known", Severity: finding.Critical,
		Why: "The signature is good, but nobody who is trusted is known to have that key: anybody can make a key and sign in any name. " +
			"Which keys count is what the accepted history said before the commit; a commit that brings its own key proves nothing.",
		Remediation: "If it is a colleague's key, have it added to .holdfast/allowed_signers or .holdfast/trust.yaml by a commit of somebody who may, and merge that first. It counts from the next commit on.",
		Controls:    []string{"CICD-SEC-2", "NIST-800-53/IA-5"},
		References:  []string{docAllowedSigners, docConfig},
	}, Example: "ssh-keygen -t ed25519 -f own\ngit -c user.signingkey=own commit -S --author='alice <alice@example.com>' -am x"},
	{Rule: finding.Rule{
		ID: "KEY_EXPIRED", Title: "Keys are used while they are valid", Severity: finding.High,
		Why: "A key that has ended is often kept less carefully, and its end is what limits the harm of a theft that nobody noticed. " +
			"What counts is when the commit was first seen here. The date in a commit is written by whoever makes it, so a stolen old key could sign with an old date.",
		Remediation: "Sign it again with a key that is valid now. If the key's time was set too short, have somebody who may change it, and merge that first.",
		Controls:    []string{"NIST-800-53/IA-5", "NIST-800-53/SC-12"},
		References:  []string{docAllowedSigners, docKeyManagement},
	}, Example: "GIT_COMMITTER_DATE=2024-06-01T00:00Z git -c user.signingkey=old commit -S -am x"},
	{Rule: finding.Rule{
		ID: "KEY_REVOKED", Title: "No revoked key signs", Severity: finding.Critical,
		Why: "Somebody declared the key stolen, lost or out of use. Whoever signs with it now may be the thief. " +
			"What was seen before the day of the revocation stays good, so the past need not be signed again.",
		Remediation: "Ask the owner whether the commit is theirs, by a way other than Git. If so, sign it again with another key; if not, treat it as a break-in.",
		Controls:    []string{"NIST-800-53/IA-5", "NIST-800-53/SC-12"},
		References:  []string{docKRL, docConfig},
	}, Example: "ssh-keygen -k -f .holdfast/revoked.krl bob.pub    # committed; then bob's key signs again"},
	{Rule: finding.Rule{
		ID: "KEY_WEAK", Title: "Signing keys and hashes are strong", Severity: finding.High,
		Why:         "A signature by RSA under 2048 bits, by DSA, or over SHA-1 can be forged by who has the means, without the key. A security key that signs without a touch can be used by any program on its owner's machine.",
		Remediation: "Make an Ed25519 key, or RSA of 3072 bits, and sign again. Leave no-touch-required out when a security key is enrolled.",
		Controls:    []string{"NIST-800-53/SC-13"},
		References:  []string{docKeyStrength, docSSHKeygen},
	}, Example: "ssh-keygen -t rsa -b 1024 -f weak\nssh-keygen -t ed25519-sk -O no-touch-required -f quick"},

	{Rule: finding.Rule{
		ID: "ID_AUTHOR", Title: "Who signs a commit is its author", Severity: finding.High,
		Why:         "The signature is good, but the commit says that somebody else wrote it. Blame, reviews and audits show the author, so work can be put on a colleague who never saw it.",
		Remediation: "Have the author sign, or become the author: `git commit --amend --reset-author -S`. Who commits the work of others as a rule gets the role applier in the trust file.",
		Controls:    []string{"NIST-800-53/AU-10"},
		References:  []string{docCommit},
	}, Example: "git commit -S --author='alice <alice@example.com>' -am x    # signed by bob"},
	{Rule: finding.Rule{
		ID: "ID_COMMITTER", Title: "Who signs a commit is its committer", Severity: finding.High,
		Why:         "The committer's e-mail is not one of the signer's. Either the machine is set up wrongly, or somebody acts in another's name with a key of their own.",
		Remediation: "Set the e-mail that the key is listed with, `git config user.email`, and commit again. Addresses are compared exactly, byte for byte.",
		Controls:    []string{"NIST-800-53/AU-10"},
		References:  []string{docCommit, docConfig},
	}, Example: "GIT_COMMITTER_EMAIL=alice@example.com git commit -S -am x    # signed by bob"},
	{Rule: finding.Rule{
		ID: "ID_CONFUSABLE", Title: "Names are what they look like", Severity: finding.Medium,
		Why:         "Letters of other alphabets, control characters, another case or a .mailmap make a name look like somebody else's. People who review are deceived, even though the machine is not.",
		Remediation: "Compare the name in its escaped form with the one that it looks like, and ask the signer. Read histories with `git log --no-mailmap`.",
		Controls:    []string{"NIST-800-53/AU-10"},
		References:  []string{docConfusables, docMailmap},
	}, Example: "git -c user.email=al\u0456ce@example.com commit -S -am x    # the i is Cyrillic"},
	{Rule: finding.Rule{
		ID: "TIME_ANOMALY", Title: "Dates of commits are believable", Severity: finding.Low,
		Why:         "A commit from the future, or older than its parent, comes from a wrong clock, or from somebody who wants it to look older than it is. Nothing is decided by such dates here, but people and other tools believe them.",
		Remediation: "Check the clock of the machine. If that was right, ask the signer why the date was set.",
		Controls:    []string{"NIST-800-53/AU-8"},
		References:  []string{docCommit},
	}, Example: "GIT_COMMITTER_DATE=2099-01-01T00:00Z git commit -S -am x"},

	{Rule: finding.Rule{
		ID: "AUTHZ_PATH", Title: "Who signs may change the file", Severity: finding.Critical,
		Why:         "To be known is not to be allowed to do everything. The trust file says who may change these files, and the signer is not one of them; a bot may change only the fields that are given to it.",
		Remediation: "Have somebody who may approve it (`holdfast approve`), or merge it with a signature of their own; or leave the file out of the commit. `holdfast trust check` shows who may.",
		Controls:    []string{"CICD-SEC-1", "NIST-800-53/AC-6", "NIST-800-53/CM-5"},
		References:  []string{docCodeOwners, docSourceThreats},
	}, Example: "git commit -S -m 'one more key' .holdfast/allowed_signers    # signed by bob, who is no admin"},
	{Rule: finding.Rule{
		ID: "AUTHZ_THRESHOLD", Title: "Enough others have approved", Severity: finding.Critical,
		Why: "The trust file asks for approvals of others, so that one stolen key or one persuaded person is not enough. Identities are counted and not keys, and nobody approves a change of their own. " +
			"An approval holds for one content, branch and repository, so that it cannot be carried over to another change.",
		Remediation: "Have the missing approvers approve this very commit: by a signed merge, or by a signed statement (`holdfast approve`). After a change they have to do it again.",
		Controls:    []string{"CICD-SEC-1", "NIST-800-53/CM-3", "NIST-800-53/AC-5"},
		References:  []string{docCodeOwners, docSourceThreats},
	}, Example: "git commit -S -m 'I am two' .github/    # approvals: 2, signed by one person with two keys"},
	{Rule: finding.Rule{
		ID: "AUTHZ_FORGE", Title: "A forge's key signs merges only", Severity: finding.Critical,
		Why: "A forge signs what it makes for anybody who is logged in: an edit in the browser, a revert, a commit of its API. Its signature proves the forge and not the person. " +
			"So it counts for merges that change nothing on the way, and for squashes of what people approved.",
		Remediation: "Make the change on your own machine and sign it, or let the forge merge what was signed and approved by people.",
		Controls:    []string{"CICD-SEC-1", "NIST-800-53/AC-6"},
		References:  []string{docForgeSignature, docSourceThreats},
	}, Example: "an edit of deploy.yaml in the web editor, signed by the forge as noreply@github.com"},
	{Rule: finding.Rule{
		ID: "TRUST_SELFGRANT", Title: "Rights are granted by those who have them", Severity: finding.Critical,
		Why:         "The commit adds keys, people or rights, and its signer had no right to grant them. If the trust in a commit were judged by itself, everybody could let themselves in; so it is judged by the one before.",
		Remediation: "Find out who made the change, and take it off the branch. Access is granted by a commit of somebody whom the trust before it names.",
		Controls:    []string{"CICD-SEC-2", "NIST-800-53/AC-6"},
		References:  []string{docSourceThreats, docAllowedSigners},
	}, Example: "cat mallory.pub >> .holdfast/allowed_signers    # and a change of deploy.yaml in the same commit"},
	{Rule: finding.Rule{
		ID: "TRUST_SHRINK", Title: "Protection is taken away only on purpose", Severity: finding.High,
		Why:         "The commit takes away keys, thresholds, rules or revocations, and may well be approved. Locking colleagues out, or lowering what is asked for, is also what comes before an attack. So it waits for a second look, approved or not.",
		Remediation: "Look at `holdfast trust check --base BEFORE`. If all of it is wanted, have it acknowledged by those whom the trust file names (`holdfast ack`); otherwise revert the commit.",
		Controls:    []string{"CICD-SEC-1", "NIST-800-53/CM-3"},
		References:  []string{docSourceThreats},
	}, Example: "sed -i 's/approvals: 2/approvals: 0/' .holdfast/trust.yaml"},
	{Rule: finding.Rule{
		ID: "TRUST_MISSING", Title: "Every list that is asked for is there", Severity: finding.High,
		Why:         "The configuration asks for a revocation list and the repository has none. Without it a stolen key cannot be told from a good one; Git itself only warns and goes on.",
		Remediation: "Commit the list again, or take it out of the configuration if it is not wanted any more.",
		Controls:    []string{"NIST-800-53/IA-5"},
		References:  []string{docKRL, docConfig},
	}, Example: "git rm .holdfast/revoked.krl    # while verify.revocations names it"},
	{Rule: finding.Rule{
		ID: "POLICY_INVALID", Title: "What says whom to trust can be read", Severity: finding.High,
		Why:         "A list of signers or trust file that is broken, doubled, a link, of a lower version or of another repository can mean anything. To take it for empty would trust everybody or nobody. The last valid one stays in force.",
		Remediation: "Repair the file as the message says, with a commit of its own; `holdfast trust check` reads it in the same way.",
		Controls:    []string{"NIST-800-53/CM-3"},
		References:  []string{docAllowedSigners},
	}, Example: "ln -sf ../notes/trust.yaml .holdfast/trust.yaml"},
	{Rule: finding.Rule{
		ID: "PAYLOAD_DENIED", Title: "Nothing that was refused comes back", Severity: finding.Critical,
		Why:         "Somebody put the content of this commit on the list of what must never be deployed. The same signed content can be given another commit id, by changing the form of its signature, so it is known by what is signed.",
		Remediation: "Take the commit off the branch. If the entry is a mistake, remove it from the configuration.",
		Controls:    []string{"NIST-800-53/SI-7"},
		References:  []string{docSignatureFormat, docOpenPGP},
	}, Example: "the denied commit, with other unhashed subpackets in its OpenPGP signature"},
}

// Official documentation that explanations refer to.
const (
	docCommit          = "https://git-scm.com/docs/git-commit"
	docConfig          = "https://git-scm.com/docs/git-config"
	docSignatureFormat = "https://git-scm.com/docs/gitformat-signature"
	docMailmap         = "https://git-scm.com/docs/gitmailmap"
	docSSHKeygen       = "https://man.openbsd.org/ssh-keygen.1"
	docAllowedSigners  = "https://man.openbsd.org/ssh-keygen.1#ALLOWED_SIGNERS"
	docKRL             = "https://man.openbsd.org/ssh-keygen.1#KEY_REVOCATION_LISTS"
	docSSHSig          = "https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig"
	docOpenPGP         = "https://www.rfc-editor.org/rfc/rfc9580"
	docKeyManagement   = "https://csrc.nist.gov/pubs/sp/800/57/pt1/r5/final"
	docKeyStrength     = "https://csrc.nist.gov/pubs/sp/800/131/a/r2/final"
	docConfusables     = "https://www.unicode.org/reports/tr39/"
	docCodeOwners      = "https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners"
	docForgeSignature  = "https://docs.github.com/en/authentication/managing-commit-signature-verification/about-commit-signature-verification"
	docSourceThreats   = "https://slsa.dev/spec/v1.1/threats"
)
