#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Unmodified programs that move pages: numactl, memhog, migratepages, numastat; and
# one of stress-ng that checks its memory while it is moved. That their pages
# really moved is looked up, for some of these ignore errors.
# Speaks TAP, and knows --names and -r NAME as the C tests do.

# shellcheck disable=SC2317	# tests are called by their names

tests='numactl_memhog numactl_shared migratepages migratepages_relative numastat
	stress_vm_being_moved'
disk=/dev/vdb
why=
hog=
mib=8
pages=$((mib * 256))

# Pages of the anonymous mappings of a process on a node
anon_on()
{
	awk -v key="^N$2=" '/ anon=/ {
		for (i = 3; i <= NF; i++)
			if ($i ~ key) {
				split($i, v, "=")
				n += v[2]
			}
	} END { print n + 0 }' "/proc/$1/numa_maps"
}

swapped_out()
{
	awk '$1 == "pswpout" { print $2 }' /proc/vmstat
}

need()
{
	for program in "$@"; do
		if ! command -v "$program" > /dev/null; then
			why="# SKIP needs $program"
			return 1
		fi
	done
}

fail()
{
	why="$*"
	echo "# clients:0:$*"
	return 1
}

at_least_on()
{
	[ "$(anon_on "$1" "$2")" -ge "$3" ]
}

# wait_for COMMAND...: until it succeeds, two minutes at most
wait_for()
{
	left=1200
	until "$@"; do
		left=$((left - 1))
		if [ "$left" -le 0 ]; then
			return 1
		fi
		sleep 0.1
	done
}

# A memhog that touches its memory for ever, on a CPU of node 0
start_memhog()
{
	numactl --cpunodebind=0 memhog -r1000000 "${mib}m" > /dev/null 2>&1 &
	hog=$!
	wait_for at_least_on "$hog" 0 $((pages - 64)) ||
		fail "memhog never had its memory on node 0"
}

stop_memhog()
{
	kill -9 "$hog"
	wait "$hog"
} 2> /dev/null

# move_hog FROM TO OLD NEW: what is on node OLD is on NEW then. A page that is
# touched all the time is left to the next call, as the system call's return value
# says; the program does not show it.
move_hog()
{
	for call in 1 2 3; do
		migratepages "$hog" "$1" "$2" ||
			fail "migratepages $1 $2, call $call: exit code $?" || return
		[ "$(anon_on "$hog" "$3")" -gt 64 ] || break
	done
	# It runs and touches: all must arrive, nothing come back
	wait_for at_least_on "$hog" "$4" $((pages - 64)) ||
		fail "after migratepages $1 $2: $(anon_on "$hog" "$3") pages" \
			"on the old node, $(anon_on "$hog" "$4") on the new" ||
		return
	[ "$(anon_on "$hog" "$3")" -le 64 ] ||
		fail "$(anon_on "$hog" "$3") pages left behind by migratepages $1 $2"
}

numactl_memhog()
{
	need numactl memhog || return
	numactl --membind=1 memhog -r2 "${mib}m" > /dev/null 2>&1 ||
		fail "numactl --membind=1 memhog: exit code $?"
	numactl --interleave=0-3 memhog -r2 "${mib}m" > /dev/null 2>&1 ||
		fail "numactl --interleave=0-3 memhog: exit code $?"
}

# numactl's own check of shared memory under a policy
numactl_shared()
{
	need numactl || return
	file=/dev/shm/swapmig.numactl
	numactl --length=4m --file="$file" --membind=1 --touch ||
		fail "numactl --touch: exit code $?"
	numactl --length=4m --file="$file" --membind=1 --verify ||
		fail "numactl --verify: exit code $?"
	rm -f "$file"
	[ -z "$why" ]
}

migratepages_()
{
	need numactl migratepages memhog || return
	if start_memhog; then
		before=$(swapped_out)
		move_hog 0 1 0 1 && move_hog 1 3 1 3 && move_hog 3 0 3 0
		[ -n "$why" ] || kill -0 "$hog" || fail "memhog died"
		[ -n "$why" ] || [ $(($(swapped_out) - before)) -ge $((pages * 2)) ] ||
			fail "only $(($(swapped_out) - before)) pages went out"
	fi
	stop_memhog
	[ -z "$why" ]
}

# 0,2 -> 1,3: what was on 0 is to be on 1, not on 3
migratepages_relative()
{
	need numactl migratepages memhog || return
	if start_memhog && move_hog 0,2 1,3 0 1; then
		[ "$(anon_on "$hog" 3)" -le 64 ] ||
			fail "$(anon_on "$hog" 3) pages on node 3"
	fi
	stop_memhog
	[ -z "$why" ]
}

numastat_()
{
	need numactl migratepages memhog numastat || return
	if start_memhog && move_hog 0 1 0 1; then
		# Total line of numastat -p: node 1 has it, in MiB
		numastat -p "$hog" | awk -v want=$((mib * 9 / 10)) '
			/^Total/ { ok = $3 >= want }
			END { exit !ok }' || fail "numastat -p does not see it"
	fi
	stop_memhog
	[ -z "$why" ]
}

stress_vm_being_moved()
{
	need stress-ng migratepages || return
	# Again and longer on a machine that is slow
	for time in 3 30 90; do
		before=$(swapped_out)
		stress-ng --verify --temp-path /tmp -t "$time" --vm 1 \
			--vm-bytes "${mib}m" --vm-method incdec \
			> /tmp/swapmig-stress-ng.out 2>&1 &
		stress=$!
		while kill -0 "$stress" 2> /dev/null; do
			for pid in $(pidof stress-ng-vm stress-ng); do
				migratepages "$pid" 0,1 2,3
				migratepages "$pid" 2,3 0,1
			done 2> /dev/null
		done
		wait "$stress" ||
			fail "stress-ng: $(grep -i -m 1 fail /tmp/swapmig-stress-ng.out)" ||
			break
		moved=$(($(swapped_out) - before))
		[ "$moved" -lt "$pages" ] || break
	done
	rm -f /tmp/swapmig-stress-ng.out
	[ -n "$why" ] || [ "$moved" -ge "$pages" ] ||
		fail "only $moved pages went out"
	[ -z "$why" ]
}

wanted=
case ${1:-} in
--names)
	for t in $tests; do
		echo "clients.$t"
	done
	exit 0;;
-r)
	while [ $# -gt 1 ]; do
		wanted="$wanted ${2#clients.}"
		shift 2
	done;;
esac

# shellcheck disable=SC2086	# a list of words
set -- ${wanted:-$tests}
echo "TAP version 13"
echo "1..$#"
{ mkswap "$disk" && swapon "$disk"; } > /dev/null 2>&1 ||
	echo "# clients:0:no swap on $disk"
nr=0
bad=0
for t in "$@"; do
	nr=$((nr + 1))
	why=
	case $t in
	migratepages|numastat)
		run=${t}_;;
	*)
		run=$t;;
	esac
	$run > /tmp/swapmig-clients.out 2>&1
	result=$?
	sed 's/^\([^#]\)/# \1/' /tmp/swapmig-clients.out
	rm -f /tmp/swapmig-clients.out
	case "$result $why" in
	*"# SKIP"*)
		echo "ok $nr clients.$t $why";;
	"0 ")
		echo "ok $nr clients.$t";;
	*)
		bad=1
		echo "not ok $nr clients.$t";;
	esac
done
swapoff "$disk"
exit "$bad"
