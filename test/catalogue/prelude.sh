# Words of the scripts: as NAME, K NAME, C, U, T.
set -euo pipefail
keys=$CATALOGUE/keys
as() {
	export GIT_AUTHOR_NAME=$1 GIT_AUTHOR_EMAIL=$1@example.com GIT_COMMITTER_NAME=$1 GIT_COMMITTER_EMAIL=$1@example.com
	key=$keys/$1
}
with() { key=$keys/$1; } # another key than that of the name
sign() { git -c gpg.format=ssh -c "user.signingkey=$key" "$@"; }
C() { sign commit -q -S "$@"; }                  # a signed commit
U() { git commit -q --no-gpg-sign "$@"; }        # an unsigned one
M() { sign merge -q -S --no-ff --no-edit "$@"; } # a signed merge
save() { git add -A && C -m "${1:-x}"; }         # all there is, signed

# raw TREE [HEADER...] writes a commit on top of HEAD as given on standard input
# below the headers, and moves the branch to it.
raw() { git update-ref refs/heads/main "$(git hash-object -t commit --literally -w --stdin)"; }

# signature prints the header with the signature of a file.
signature() {
	rm -f "$1.sig"
	ssh-keygen -q -Y sign -n "${2:-git}" -f "$key" "$1" 2>/dev/null
	sed '1s/^/gpgsig /; 2,$s/^/ /' "$1.sig"
}

# signed FILE prints a commit with its signature after its headers.
signed() {
	sed '/^$/,$d' "$1"
	signature "$1" "${2:-git}"
	sed -n '/^$/,$p' "$1"
}

# mergetree TREE PARENT... commits a tree as a merge.
mergetree() {
	local tree=$1 parents=() parent
	shift
	for parent in "$@"; do parents+=(-p "$parent"); done
	git update-ref refs/heads/main "$(sign commit-tree -S "$tree" "${parents[@]}" -m merge)"
}

# side begins a branch at the tip of main; back returns to main.
side() { git checkout -q -b side main; }
back() { git checkout -q main; }
person() { echo "$1 <$1@example.com> $(date +%s) +0000"; }
as alice
