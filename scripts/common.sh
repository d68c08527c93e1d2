# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the host scripts: where things are, and how to say something.

# What is parsed here must be in one language, whatever the user's is.
export LC_ALL=C
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$ROOT/build
# The variables below are used by the scripts that source this file.
# shellcheck disable=SC2034
TREE=$BUILD/linux
# shellcheck disable=SC2034
STATE=$BUILD/.tree
# shellcheck disable=SC2034
JOBS=${JOBS:-$(nproc)}

say() {
	printf '%s\n' "$*" >&2
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

case $ROOT in
*[[:space:]:,]*) die "kbuild and QEMU want a path without blanks, colons or commas: $ROOT" ;;
esac

# lock NAME: wait for another script that works on the same thing.
lock() {
	mkdir -p "$BUILD"
	exec 9>"$BUILD/.lock-$1"
	if ! flock -n 9; then
		say "waiting for another run that uses $1"
		flock 9
	fi
}

# kbuild_args CONFIG: sets kbuild, the arguments of make in the kernel's tree, such
# that the same sources give the same objects wherever and whenever they are built.
kbuild_args() {
	# shellcheck disable=SC2034
	kbuild=(-C "$TREE" "O=out-$1" "-j$JOBS" KBUILD_BUILD_TIMESTAMP=1970-01-01
		KBUILD_BUILD_USER=swapmig KBUILD_BUILD_HOST=swapmig "CC=ccache gcc"
		"HOSTCC=ccache gcc")
	export CCACHE_NOHASHDIR=1 CCACHE_COMPILERCHECK=content
}

# patch_files PATCH: "old new" names of each file that a patch names, -p1.
patch_files() {
	awk '
	function name(line) {
		sub(/^(---|\+\+\+) /, "", line)
		sub(/\t.*/, "", line)
		if (line != "/dev/null")
			sub(/^[^\/]*\//, "", line)
		return line
	}
	prev ~ /^--- / && /^\+\+\+ / { print name(prev), name($0) }
	{ prev = $0 }' "$1"
}

# series: the names of the hook patches, in order.
series() {
	[ -f "$ROOT/patches/series" ] || return 0
	sed -e 's/[[:space:]]*#.*//' -e '/^[[:space:]]*$/d' "$ROOT/patches/series" |
		awk '{ print $1 }'
}

# stray_edits: files of the tree that were changed since it was unpacked, and
# that neither the repository's new files nor its hooks account for.
stray_edits() {
	find "$TREE" -path "$TREE/out-*" -prune -o -type f -newer "$STATE/unpacked" \
		! -name '*~' ! -name '.*.sw?' ! -name '*.pyc' ! -name '*.orig' ! -name '*.rej' \
		-printf '%P\n' | while read -r f; do
		if awk -v f="$f" '$3 == f { found = 1 } END { exit !found }' "$STATE/manifest"; then
			continue
		fi
		if [ ! -f "$BUILD/pristine/$f" ] || ! cmp -s "$BUILD/pristine/$f" "$TREE/$f"; then
			printf '%s\n' "$f"
		fi
	done
}
