#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Run the swapmig selftests inside of the kernel under test, as root.
#
#	usage: $0 [PATTERN [SECONDS]]
#
# PATTERN is a part of a test's name, or a shell pattern for it; with SECONDS those
# tests are begun again and again for so long. One line a test
# case goes to standard output: "ok NAME", "ok NAME # SKIP WHY", "not ok NAME - WHY",
# or "not ok NAME # TODO WHY" for one that waits for the kernel, which is one of which
# no expectation fails but those that log "TODO WHY"; at the end "DONE passed failed
# skipped todo". A line "EXPECT-LOG regex" announces kernel messages that a test
# provokes; "# alive" says that there is progress.

here=$(cd "$(dirname "$0")" && pwd)
pattern=${1:-}
soak=${2:-0}
vm=/proc/sys/vm
cgroup=/sys/fs/cgroup
lru_gen=/sys/kernel/mm/lru_gen/enabled
zswap=/sys/module/zswap/parameters/enabled
boost=$vm/watermark_boost_factor
thp=/sys/kernel/mm/transparent_hugepage/enabled
collapse=/sys/kernel/mm/transparent_hugepage/khugepaged/defrag
pcp=$vm/percpu_pagelist_high_fraction
engines=$vm/migration_engines
batch=$vm/migration_batch
tmp=${TMPDIR:-/tmp}/swapmig-tests.$$

# What must not be in the kernel's log after a test, and what only says that the
# host is busy
complaints='BUG[: ]|Oops|WARNING|KASAN|UBSAN|[Pp]ossible (circular|recursive|irq)'
complaints="$complaints|[Ss]uspicious RCU|inconsistent lock|sleeping function"
complaints="$complaints|general protection|page allocation failure|Out of memory"
complaints="$complaints|oom-kill|[Bb]ad page|Bad swap|Unused swap|refcount_t"
complaints="$complaints|list_(add|del) corruption|vmstat_refresh|Write-error on swap"
complaints="$complaints|I/O error"
busy='soft lockup|rcu.*(stall|starved)|clocksource|hogged CPU|interrupt took'

# Programs, and with which engines each runs. A word is a run:
#   swapout	vm.migration_engines is that
#   seed	the same, in a kernel that has no other engine
#   evict	the same, in a kernel that has others as well
#   mglru	the same as evict, under MGLRU
#   direct	vm.migration_engines is that; results have [direct] in their names
#   default	"direct displace swapout", which is the default; [default] in names
#   gens		the same under MGLRU; [gens] in names
#   own		what the program sets itself
# "RUN:PART" runs only the tests of which PART is a part of the name, "RUN-PART" the
# others. The first wants nodes without many fragments.
suites='
displace_huge	default	gens
migrate_errno	swapout	direct
mbind_errno	swapout	direct
sysctl		own
engines		direct
migrate		swapout	mglru	direct	default
mbind		swapout	direct	default
kinds_anon	swapout	mglru	direct	default
kinds_file	swapout	direct	default
kinds_swap	seed-thp	evict	default
kinds_thp	evict	direct-mthp_from_zram	default-mthp_from_zram
move_pages	evict	direct	default
visible		swapout	direct-by_swap
swapdev		swapout
forward		swapout	mglru
forward_life	swapout
elsewhere	swapout	direct	default
memcg		swapout	direct	default
nomem		swapout	direct	default
cpuset		swapout	direct	default
cpuset_busy	seed	direct	default
interrupt	swapout	direct	default
waits		seed	direct	default
stress		seed	mglru:at_once	direct	default:at_once
libnuma		swapout	direct	default
displace	default	gens
displace_cpuset	default	gens
displace_many	default	gens
displace_several	default	gens
displace_shapes	default	gens
displace_busy	default	gens
displace_limits	default	gens
displace_victims	default	gens
clients.sh	seed-moved	evict:moved	direct	default
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
	ls -d "$cgroup"/swapmig* 2> /dev/null
	for f in "$vm"/nr_hugepages "$vm"/page-cluster "$pcp" "$zswap" \
		"$engines" "$batch" "$boost" "$thp" "$collapse" \
		/sys/kernel/mm/ksm/run /sys/block/zram0/disksize \
		"$cgroup"/cgroup.subtree_control
	do
		echo "$f $(get "$f")"
	done
}

# For programs that ended before they could clean up
restore()
{
	for p in /proc/[0-9]*; do
		case $(readlink "$p/exe") in
		"$here"/*)
			kill -9 "${p#/proc/}";;
		esac
	done
	sed 1d /proc/swaps | while read -r dev _; do
		swapoff "$dev"
	done
	awk '$2 ~ /swapmig/ { print $2 }' /proc/mounts | while read -r m; do
		rmdir "$m"/swapmig*
		umount "$m"
	done
	rmdir "$cgroup"/swapmig*
	put -cpuset "$cgroup/cgroup.subtree_control"
	put -memory "$cgroup/cgroup.subtree_control"
	put 0 "$vm/nr_hugepages"
	put 2 /sys/kernel/mm/ksm/run
	put 0 /sys/kernel/mm/ksm/run
	put "$old_zswap" "$zswap"
	put "$old_pcp" "$pcp"
	put "$old_cluster" "$vm/page-cluster"
	put "$old_engines" "$engines"
	put "$old_batch" "$batch"
	put "$old_boost" "$boost"
	put "$old_thp" "$thp"
	put "$old_collapse" "$collapse"
	put 1 /sys/block/zram0/reset
	rm -f /var/tmp/swapmig.*
} > /dev/null 2>&1

# convert PROG TAG TESTS: turns a program's TAP into lines of our own
convert()
{
	awk -v prog="$1" -v tag="$2" -v tests="$3" '
	function line(s) { print s; fflush() }
	/^(not )?ok [0-9]+ / {
		res = $1 == "not" ? "not ok" : "ok"
		sub(/^(not )?ok [0-9]+ +(- )?/, "")
		name = $1 tag
		tests--
		if (match($0, /# SKIP/))
			line("ok " name " " substr($0, RSTART))
		else if (match($0, /# TODO/))
			line("not ok " name " " substr($0, RSTART))
		else if (match($0, /# XFAIL/))
			line("not ok " name " # TODO" substr($0, RSTART + 7))
		else if (res == "ok")
			line("ok " name)
		else if (todo && todo == unexpected)
			line("not ok " name " # TODO " what)
		else
			line("not ok " name " - " (why ? why : "no reason given"))
		why = ""
		todo = unexpected = 0
		next
	}
	/^1\.\.0 # SKIP/ {
		line("ok " prog tag " " substr($0, 6))
		tests = 0
		next
	}
	/^# EXPECT-LOG / { sub(/^# /, ""); line($0); next }
	/^# alive / { line($0); next }
	/^EXIT-CODE / {
		if ($2 != 0 && $2 != 1 && $2 != 4 || tests > 0)
			line("not ok " prog tag " - exit code " $2 ", " tests \
				" tests without a result" (why ? ": " why : ""))
		next
	}
	/^#  RUN/ { why = ""; todo = unexpected = 0; next }
	/^# .*:[0-9]+:.*:Expected / { unexpected++ }
	/^# .*:[0-9]+:.*:TODO / { todo++; what = $0; sub(/.*:TODO /, "", what) }
	/^# .*:[0-9]+:/ || /Test (terminated|exited|ended)/ {
		text = $0
		sub(/^# ([^ :]*\/)?/, "", text)
		if (length(why) < 300)
			why = why (why ? "; " : "") text
		next
	}
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
		'# alive'*)
			echo "$text";;
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
		seen { print }' | grep -E "$complaints" | grep -Ev "$busy" > "$tmp/log"
	if [ -s "$tmp/expected" ]; then
		grep -E -v -f "$tmp/expected" "$tmp/log" > "$tmp/log2"
		mv "$tmp/log2" "$tmp/log"
	fi
	if [ -s "$tmp/log" ]; then
		say "not ok $1.kernel_log$2 - $(head -n 1 "$tmp/log")"
	fi

	tries=0
	while n=$(isolated); [ "$n" != 0 ] && [ "$tries" -lt 600 ]; do
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

# may_run RUN: has this kernel what it needs?
may_run()
{
	case $1 in
	direct | evict | default)
		[ -n "$direct" ];;
	seed)
		[ -z "$direct" ];;
	mglru | gens)
		[ -n "$direct" ] && [ -w "$lru_gen" ];;
	*)
		true;;
	esac
}

# run_program PROG RUN[:PART|-PART]
run_program()
{
	prog=$1
	run=${2%%[:-]*}
	part=${2#"$run"}
	base=${prog%.sh}
	tag=
	may_run "$run" || return 0
	case $run in
	direct | mglru | default | gens)
		tag="[$run]";;
	esac
	args=
	nr=0

	for name in $("$here/$prog" --names); do
		case $part in
		:*)
			case $name in *"${part#:}"*) ;; *) continue;; esac;;
		-*)
			case $name in *"${part#-}"*) continue;; esac;;
		esac
		if selected "$name$tag"; then
			args="$args -r $name"
			nr=$((nr + 1))
		fi
	done
	[ "$nr" -gt 0 ] || return 0

	case $run in
	direct)
		put direct "$engines";;
	default | gens)
		put "direct displace swapout" "$engines";;
	mglru)
		put swapout "$engines";;
	swapout | seed | evict)
		put swapout "$engines";;
	esac
	case $run in
	mglru | gens)
		put 7 "$lru_gen"
		if [ "$(get "$lru_gen")" = 0x0000 ]; then
			say "not ok $base.lru_gen$tag - it is not on"
		fi;;
	esac
	state > "$tmp/before"
	mark="swapmig-selftest $base$tag $$"
	echo "$mark" > /dev/kmsg

	: > "$tmp/expected"
	# shellcheck disable=SC2086	# the names are separate arguments
	{
		"$here/$prog" $args 2>&1
		echo "EXIT-CODE $?"
	} | convert "$base" "$tag" "$nr" | report
	check_after "$base" "$tag" "$mark"
	put 0 "$lru_gen"
	put "$old_engines" "$engines"
}

# The unit tests ran when the kernel booted.
kunit()
{
	for results in /sys/kernel/debug/kunit/swapmig*/results; do
		suite=$(basename "$(dirname "$results")")
		if [ ! -r "$results" ]; then
			if selected kunit.swapmig; then
				say "ok kunit.swapmig # SKIP needs CONFIG_SWAPMIG_KUNIT_TEST"
			fi
			return
		fi
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

mkdir -p "$tmp" || exit 2
: > "$tmp/results"
old_zswap=$(get "$zswap")
old_pcp=$(get "$pcp")
old_cluster=$(get "$vm/page-cluster")
old_gen=$(get "$lru_gen")
old_engines=$(get "$engines")
old_batch=$(get "$batch")
old_boost=$(get "$boost")
old_thp=$(get "$thp" | sed 's/.*\[\(.*\)\].*/\1/')
old_collapse=$(get "$collapse")
# Only a kernel that migrates by itself counts that
direct=$(grep pgmigrate_success /proc/vmstat)
put 0 "$lru_gen"

uptime()
{
	cut -d. -f1 /proc/uptime
}

kunit
end=$(($(uptime) + soak))
while
	echo "$suites" | while read -r prog runs; do
		for run in $runs; do
			run_program "$prog" "$run" < /dev/null
		done
	done
	[ "$(uptime)" -lt "$end" ]
do
	:
done

put "$old_gen" "$lru_gen"
skipped=$(grep -c '^ok .*# SKIP' "$tmp/results")
passed=$(($(grep -c '^ok ' "$tmp/results") - skipped))
todo=$(grep -c '^not ok .*# TODO' "$tmp/results")
failed=$(($(grep -c '^not ok ' "$tmp/results") - todo))
rm -rf "$tmp"
echo "DONE $passed $failed $skipped $todo"
[ "$failed" -eq 0 ]
