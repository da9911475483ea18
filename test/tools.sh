#!/usr/bin/env bash
# Makes sure that what the tests and the demo run besides Go is installed, and
# installs it where the system is Debian's and we may.
set -euo pipefail

missing=()
need() { command -v "$1" >/dev/null || missing+=("$2"); }
need git git
need ssh-keygen openssh-client
need gpg gnupg
[ -x "$(git --exec-path 2>/dev/null)/git-http-backend" ] || need git-http-backend git

[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "installing ${missing[*]}" >&2
	apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
else
	echo "please install: ${missing[*]}" >&2
	exit 1
fi
