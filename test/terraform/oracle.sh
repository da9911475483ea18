#!/usr/bin/env bash
# Compares render/terraform with what a real binary plans.
#
#   oracle.sh terraform   the terraform of the PATH, or of $TERRAFORM
#   oracle.sh record      the same, and writes its answers beside the configurations
#   oracle.sh tofu        OpenTofu, which is built first: about 6 minutes of CPU, once
#
# What is built goes to the cache, keyed by its go.sum.
set -euo pipefail
cd "$(dirname "$0")"
cache=${HOLDFAST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/holdfast}

# build MODULE PACKAGE NAME COST prints the directory that holds the program NAME.
build() {
	local dir
	dir=$cache/$1-$(cat "$1"/go.* "$1"/*.go 2>/dev/null | sha256sum | cut -c1-16)
	if [ ! -x "$dir/$3" ]; then
		echo "building $3: about $4 of CPU, once" >&2
		(cd "$1" && mkdir -p "$dir" && CGO_ENABLED=0 nice go build -trimpath -ldflags '-s -w' -o "$dir/$3.part" "$2" && mv "$dir/$3.part" "$dir/$3") >&2
	fi
	echo "$dir"
}

flags=()
case ${1:-} in
terraform) binary=${TERRAFORM:-terraform} ;;
record) binary=${TERRAFORM:-terraform} flags=(-record) ;;
tofu) binary=$(build tofu github.com/opentofu/opentofu/cmd/tofu tofu "6 minutes")/tofu ;;
*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
binary=$(command -v "$binary") || { echo "there is no terraform; set TERRAFORM to one" >&2 && exit 1; }
HOLDFAST_TERRAFORM_PROVIDER=$(build provider . terraform-provider-probe "25 seconds")
export HOLDFAST_TERRAFORM=$binary HOLDFAST_TERRAFORM_PROVIDER
go test -count=1 -run TestEqualsTerraform -v . "${flags[@]}" | grep -v '^ *--- PASS\|^=== '
