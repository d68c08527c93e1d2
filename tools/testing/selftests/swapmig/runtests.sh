#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Run the swapmig selftests inside of the kernel under test, as root.
#
#	usage: $0 [CONFIG [PATTERN [K/N]]]
#
# CONFIG is default, swaponly or debug; without it, it is guessed. PATTERN is
# a part of a test's name, or a shell pattern for it. K/N is the K-th of N parts
# of the programs, for machines that share them. One line a test case goes
# to standard output, at the end "DONE passed failed skipped". A line
# "EXPECT-LOG regex" announces kernel messages that a test provokes.

here=$(cd "$(dirname "$0")" && pwd)
config=${1:-}
pattern=${2:-}
part=${3:-1/1}
vm=/proc/sys/vm
thp=/sys/kernel/mm/transparent_hugepage/enabled
lru_gen=/sys/kernel/mm/lru_gen/enabled
zswap=/sys/module/zswap/parameters/enabled
tmp=${TMPDIR:-/tmp}/swapmig-tests.$$

# What must not be in the kernel's log after a test
complaints='BUG:|WARNING|Oops|KASAN|UBSAN|INFO: task|possible|suspicious'
complaints="$complaints|inconsistent lock|general protection|Bad page|refcount"
complaints="$complaints|Bad swap|Unused swap|vmstat_refresh|lockup|stalls"
complaints="$complaints|corruption|sleeping function|[Ww]rite-error"
complaints="$complaints|I/O error|Out of memory|oom-kill|page allocation failure"

# program | engine lists: once, all, evict (each that has swapout), swapout
# alone, displace (all engines), dimm (once, if there is a module) | also under MGLRU, swapout alone or the list
# that does not end in swapout; mglru! in the debug kernel, too
suites='
sysctl		once	-
mbind_errno	once	-
migrate_errno	once	-
mbind		all	mglru
migrate		all	mglru
kinds_anon	all	mglru!
kinds_file	all	mglru
kinds_big	all	mglru
swapdev		evict	mglru
forward		swapout	mglru
forward_life	swapout	mglru!
displace	displace	mglru!
displace_many	displace	mglru!
displace_victims	displace	mglru!
displace_shapes	displace	mglru
displace_users	displace	mglru
displace_limits	displace	mglru
soft_offline	once	mglru
soft_offline_kinds	once	mglru
offline		dimm	-
offline_limits	dimm	-
offline_lists	dimm	-
interrupt	all	-
cpuset		all	-
visible		all	-
stress		all	mglru!
libnuma		all	-
clients.sh	all	-
'

say()
{
	echo "$1"
	echo "$1" >> "$tmp/results"
}

get()
{
	if [ -r "$1" ]; then
		head -n 1 "$1"
	fi
}

put()
{
	if [ -w "$2" ]; then
		echo "$1" > "$2"
	fi
}

# selected NAME: does PATTERN want it?
selected()
{
	case $1 in
	*"$pattern"*)
		return 0;;
	esac
	# shellcheck disable=SC2254	# it is meant as a pattern
	case $1 in
	$pattern)
		return 0;;
	esac
	return 1
}

# What a test has to leave as it found it
state()
{
	sed 1d /proc/swaps
	sed 's/^/mount /' /proc/mounts
	for f in "$vm"/migration_engines "$vm"/migration_batch \
		"$vm"/min_free_kbytes \
		"$vm"/nr_hugepages "$vm"/page-cluster \
		/sys/kernel/mm/ksm/run "$thp" "$zswap" \
		/sys/block/zram0/disksize /sys/fs/cgroup/cgroup.subtree_control
	do
		echo "$f $(get "$f")"
	done
}

# For programs that ended before they could clean up
restore()
{
	sed 1d /proc/swaps | while read -r dev _; do
		swapoff "$dev"
	done
	awk '$2 ~ /swapmig/ { print $2 }' /proc/mounts | while read -r m; do
		umount "$m"
	done
	put 0 "$vm/nr_hugepages"
	put 2 /sys/kernel/mm/ksm/run
	put 0 /sys/kernel/mm/ksm/run
	put "$old_zswap" "$zswap"
	put "$old_min_free" "$vm/min_free_kbytes"
	put 1 /sys/block/zram0/reset
	rm -f /var/tmp/swapmig.*
	for p in /proc/[0-9]*; do
		case $(readlink "$p/exe") in
		"$here"/*)
			kill -9 "${p#/proc/}";;
		esac
	done
} 2> /dev/null

# Turns a program's TAP into lines of our own.
convert()
{
	awk -v prog="$1" -v tag="$2" '
	function line(s) { print s; fflush() }
	/^(not )?ok [0-9]+ / {
		res = $1 == "not" ? "not ok" : "ok"
		sub(/^(not )?ok [0-9]+ +(- )?/, "")
		name = $1
		if (match($0, /# SKIP/))
			line("ok " name tag " " substr($0, RSTART))
		else if (res == "ok")
			line("ok " name tag)
		else
			line("not ok " name tag " - " (why ? why : "no reason given"))
		why = ""
		next
	}
	/^# EXPECT-LOG / { sub(/^# /, ""); line($0); next }
	/^EXIT-CODE / {
		if ($2 == 124 || $2 == 137 || $2 == 143)
			line("not ok " prog tag " - timed out" (why ? ": " why : ""))
		else if ($2 != 0 && $2 != 1 && $2 != 4)
			line("not ok " prog tag " - exit code " $2 (why ? ": " why : ""))
		next
	}
	/^#  RUN/ { why = ""; next }
	/^# .*:[0-9]+:/ || /Test (terminated|exited|ended)/ {
		text = $0
		sub(/^# ([^ :]*\/)?/, "", text)
		if (length(why) < 300)
			why = why (why ? "; " : "") text
		next
	}
	/^(TAP version|1\.\.|# )/ { next }
	/^Bail out/ { line("not ok " prog tag " - " $0); next }
	'
}

# Prints and counts results as they come, and keeps what the log may say.
report()
{
	while IFS= read -r text; do
		case $text in
		EXPECT-LOG*)
			echo "$text"
			echo "${text#EXPECT-LOG }" >> "$tmp/expected";;
		*)
			say "$text";;
		esac
	done
}

# Reading stat_refresh folds the counters that CPUs have not added up yet.
isolated()
{
	cat "$vm/stat_refresh" > /dev/null
	awk '/^nr_isolated_/ { n += $2 } END { print n + 0 }' /proc/vmstat
}

# check_after PROG TAG MARK: what a program must not leave behind
check_after()
{
	dmesg | awk -v mark="$3" '
		index($0, mark) { seen = 1; next }
		seen { print }' | grep -E "$complaints" > "$tmp/log"
	if [ -s "$tmp/expected" ]; then
		grep -E -v -f "$tmp/expected" "$tmp/log" > "$tmp/log2"
		mv "$tmp/log2" "$tmp/log"
	fi
	if [ -s "$tmp/log" ]; then
		say "not ok $1.kernel_log$2 - $(head -n 1 "$tmp/log")"
	fi

	tries=0
	while n=$(isolated); [ "$n" != 0 ] && [ "$tries" -lt 20 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	if [ "$n" != 0 ]; then
		say "not ok $1.nr_isolated$2 - $n pages are still isolated"
	fi

	state > "$tmp/after"
	if ! cmp -s "$tmp/before" "$tmp/after"; then
		say "not ok $1.leftovers$2 - $(diff "$tmp/before" "$tmp/after" |
			grep '^[-+<>] \{0,1\}[^-+]' | grep -v '^[-+][-+]' |
			tr '\n' ' ')"
		restore
	fi
}

run_program()
{
	prog=$1
	engines=$2
	gen=$3
	tag=
	args=
	base=${prog%.sh}

	[ -x "$here/$prog" ] || return
	if [ -n "$engines" ]; then
		tag="[$engines${gen:+ mglru}]"
	fi
	for name in $("$here/$prog" --names); do
		if selected "$name$tag"; then
			args="$args -r $name"
		fi
	done
	[ -n "$args" ] || return

	if [ -n "$engines" ]; then
		put "$engines" "$vm/migration_engines"
	fi
	if [ -n "$gen" ]; then
		put 7 "$lru_gen"
	fi
	state > "$tmp/before"
	mark="swapmig-selftest $base$tag $$"
	echo "$mark" > /dev/kmsg

	: > "$tmp/expected"
	# shellcheck disable=SC2086	# the names are separate arguments
	{
		timeout -s KILL "$limit" "$here/$prog" $args 2>&1
		echo "EXIT-CODE $?"
	} | convert "$base" "$tag" | report
	if grep -q "^not ok $base$(echo "$tag" | sed 's/[][]/\\&/g') " \
		"$tmp/results"; then
		restore
	fi
	check_after "$base" "$tag" "$mark"

	if [ -n "$gen" ]; then
		put 0 "$lru_gen"
	fi
	if [ -n "$engines" ]; then
		put "$old_engines" "$vm/migration_engines"
	fi
}

# The unit tests ran when the kernel booted.
kunit()
{
	if ! cat /sys/kernel/debug/kunit/*swapmig*/results 2>/dev/null |
		grep -q . && selected kunit.swapmig; then
		if grep -q ' swapmig_test_' /proc/kallsyms; then
			say "not ok kunit.swapmig - no suite has run"
		else
			say "ok kunit.swapmig # SKIP needs CONFIG_SWAPMIG_KUNIT_TEST"
		fi
	fi
	for results in /sys/kernel/debug/kunit/*swapmig*/results; do
		[ -r "$results" ] || continue
		suite=$(basename "$(dirname "$results")")
		awk -v suite="$suite" '
		/^    (not )?ok [0-9]+ / {
			res = $1 == "not" ? "not ok" : "ok"
			skip = match($0, /# SKIP/) ? " " substr($0, RSTART) : ""
			sub(/^ +(not )?ok [0-9]+ +(- )?/, "")
			why = res == "ok" ? skip : " - " (msg ? msg : "see the log")
			print res " kunit." suite "." $1 why
			msg = ""
		}
		/^ +# .*(EXPECTATION|ASSERTION) FAILED/ {
			msg = $0
			sub(/^ +# /, "", msg)
		}' "$results" | while IFS= read -r text; do
			name=${text#not }
			name=${name#ok }
			if selected "${name%% *}"; then
				say "$text"
			fi
		done
	done
}

if [ -z "$config" ]; then
	config=default
	grep -q ' compact_stall' /proc/kallsyms || [ -e "$vm/compact_memory" ] ||
		config=swaponly
fi
# The tests of displacement run with one list, under MGLRU with another
displace_list='direct displace swapout' displace_mglru='direct displace'
case $config in
default)
	lists='direct,displace,swapout direct swapout'
	: "${SWAPMIG_SCALE:=100}"
	limit=700;;
debug)
	lists='direct,displace,swapout swapout'
	displace_mglru=$displace_list
	: "${SWAPMIG_SCALE:=25}"
	limit=900;;
swaponly)
	lists='swapout'
	displace_list=swapout displace_mglru=swapout
	: "${SWAPMIG_SCALE:=100}"
	limit=700;;
*)
	echo "usage: $0 default|swaponly|debug [PATTERN]" >&2
	exit 2;;
esac
export SWAPMIG_SCALE

mkdir -p "$tmp" || exit 2
: > "$tmp/results"
old_engines=$(get "$vm/migration_engines")
old_zswap=$(get "$zswap")
old_min_free=$(get "$vm/min_free_kbytes")
old_gen=$(get "$lru_gen")
SWAPMIG_BOOT_ENGINES=$old_engines
export SWAPMIG_BOOT_ENGINES
put 0 "$lru_gen"

if [ "${part%/*}" = 1 ]; then
	kunit
fi
nr=0
echo "$suites" | while read -r prog which mglru; do
	[ -n "$prog" ] || continue
	nr=$((nr % ${part#*/} + 1))
	[ "$nr" = "${part%/*}" ] || continue
	case $which in
	dimm)
		if grep -q swapmig.dimm= /proc/cmdline; then
			run_program "$prog" "" ""
		fi;;
	once)
		run_program "$prog" "" "";;
	swapout)
		run_program "$prog" swapout "";;
	displace)
		run_program "$prog" "$displace_list" "";;
	*)
		for list in $lists; do
			list=$(echo "$list" | tr , ' ')
			case "$which $list" in
			all*|*swapout*)
				run_program "$prog" "$list" "";;
			esac
		done;;
	esac < /dev/null
	case $config-$mglru in
	*-|debug-mglru)
		continue;;
	esac
	if [ -w "$lru_gen" ]; then
		list=swapout
		if [ "$which" = displace ]; then
			list=$displace_mglru
		fi
		run_program "$prog" "$list" mglru < /dev/null
	fi
done

put "$old_gen" "$lru_gen"
skipped=$(grep -c '^ok .*# SKIP' "$tmp/results")
failed=$(grep -c '^not ok ' "$tmp/results")
passed=$(($(grep -c '^ok ' "$tmp/results") - skipped))
rm -rf "$tmp"
echo "DONE $passed $failed $skipped"
[ "$failed" -eq 0 ]
