#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Unmodified programs that move pages: numactl, memhog, migratepages, numastat,
# stress-ng; and that their pages really moved, for some of these ignore errors.
# Speaks TAP, and knows --names and -r NAME as the C tests do.

# shellcheck disable=SC2317	# tests are called by their names

tests='numactl_memhog migratepages migratepages_relative numactl_touch
	numastat stress_numa stress_vm stress_vm_being_moved'
disk=/dev/vdb
engines=/proc/sys/vm/migration_engines
why=
scale=${SWAPMIG_SCALE:-100}
seconds=$(((2 * scale + 99) / 100))
mib=$(((16 * scale + 99) / 100))

vmstat()
{
	awk -v key="$1" '$1 == key { print $2; found = 1 }
		END { if (!found) print 0 }' /proc/vmstat
}

# Pages of the mappings of a process on a node, file mappings left out
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

has()
{
	case " $(cat "$engines") " in
	*" $1 "*)
		return 0;;
	esac
	return 1
}

need()
{
	if ! command -v "$1" > /dev/null; then
		why="# SKIP needs $1"
		return 1
	fi
}

fail()
{
	why="$*"
	echo "# clients:0:$*"
	return 1
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for()
{
	left=$(($1 * 10))
	shift
	until "$@"; do
		left=$((left - 1))
		if [ "$left" -le 0 ]; then
			return 1
		fi
		sleep 0.1
	done
}

at_least_on()
{
	[ "$(anon_on "$1" "$2")" -ge "$3" ]
}

# A memhog that touches its memory for ever, started on node 0
start_memhog()
{
	numactl --cpunodebind=0 memhog -r1000000 "${mib}m" > /dev/null 2>&1 &
	hog=$!
	wait_for 60 at_least_on "$hog" 0 $((mib * 250)) ||
		fail "memhog never had its memory on node 0"
}

stop_memhog()
{
	kill -9 "$hog" 2> /dev/null
	wait "$hog" 2> /dev/null
}

numactl_memhog()
{
	need numactl && need memhog || return
	numactl --membind=1 memhog -r2 "${mib}m" > /dev/null 2>&1 ||
		fail "numactl --membind=1 memhog: exit code $?"
	numactl --interleave=0-3 memhog -r2 "${mib}m" > /dev/null 2>&1 ||
		fail "numactl --interleave=0-3 memhog: exit code $?"
}

# move_hog FROM TO OLD NEW: what is on node OLD is on NEW then. Eviction leaves a
# page that is touched all the time to the next call, as the system call's return
# value says; the program does not show it.
move_hog()
{
	for call in 1 2 3; do
		migratepages "$hog" "$1" "$2" ||
			fail "migratepages $1 $2: exit code $?" || return
		if [ "$call" = 3 ] || has direct ||
		   [ "$(anon_on "$hog" "$3")" -le 64 ]; then
			break
		fi
	done
	# It runs and touches: all must arrive, nothing come back
	wait_for 60 at_least_on "$hog" "$4" $((mib * 250)) ||
		fail "after migratepages $1 $2: $(anon_on "$hog" "$3") pages" \
			"on the old node, $(anon_on "$hog" "$4") on the new" ||
		return
	[ "$(anon_on "$hog" "$3")" -le 64 ] ||
		fail "$(anon_on "$hog" "$3") pages left behind by" \
			"migratepages $1 $2"
}

migratepages_there_and_back()
{
	for pair in "$@"; do
		move_hog "${pair%:*}" "${pair#*:}" "${pair%:*}" "${pair#*:}" ||
			return
	done
	kill -0 "$hog" || fail "memhog died"
}

migratepages_()
{
	need migratepages && need memhog || return
	start_memhog && migratepages_there_and_back 0:1 1:3 3:0
	stop_memhog
	[ -z "$why" ]
}

# 0,2 -> 1,3: what was on 0 is to be on 1, not on 3
migratepages_relative()
{
	need migratepages && need memhog || return
	if start_memhog; then
		move_hog 0,2 1,3 0 1
		if [ "$(anon_on "$hog" 3)" -gt 64 ]; then
			fail "$(anon_on "$hog" 3) pages on node 3"
		fi
	fi
	stop_memhog
	[ -z "$why" ]
}

# numactl's own check of shared memory under a policy
numactl_touch()
{
	need numactl || return
	file=/dev/shm/swapmig.numactl
	mkdir -p /dev/shm
	numactl --length=4m --file="$file" --membind=1 --touch ||
		fail "numactl --touch: exit code $?"
	numactl --length=4m --file="$file" --membind=1 --verify ||
		fail "numactl --verify: exit code $?"
	rm -f "$file"
	[ -z "$why" ]
}

numastat_()
{
	need numastat && need memhog || return
	if start_memhog; then
		move_hog 0 1 0 1
		# Total line of numastat -p: node 1 has it, in MiB
		numastat -p "$hog" | awk -v want=$((mib * 9 / 10)) '
			/^Total/ { ok = $3 >= want }
			END { exit !ok }' || fail "numastat -p does not see it"
	fi
	stop_memhog
	[ -z "$why" ]
}

moved()
{
	echo $(($(vmstat pgmigrate_success) + $(vmstat swapmig_evicted)))
}

# run_stress MINIMUM ARGS...: passes, and moves at least so many pages
run_stress()
{
	need stress-ng || return
	least=$1
	shift
	before=$(moved)
	# A slow machine may not have begun to move anything in so short a time
	for time in "$seconds" $((10 * seconds)); do
		stress-ng --verify --temp-path /tmp -t "$time" "$@" \
			> /tmp/stress-ng.out 2>&1 ||
			fail "stress-ng: $(grep -i -m 1 fail /tmp/stress-ng.out)" ||
			break
		[ $(($(moved) - before)) -lt "$least" ] || break
	done
	if [ -z "$why" ] && [ $(($(moved) - before)) -lt "$least" ]; then
		fail "stress-ng $*: only $(($(moved) - before)) pages moved"
	fi
	rm -f /tmp/stress-ng.out
	[ -z "$why" ]
}

stress_numa()
{
	run_stress 16 --numa 1
}

stress_vm()
{
	run_stress 0 --vm 1 --vm-bytes "${mib}m" --vm-populate
}

stress_vm_being_moved()
{
	need stress-ng && need migratepages || return
	before=$(moved)
	# Again and longer on a machine that is slow
	for time in $((seconds + 1)) $((10 * seconds)); do
		stress-ng --verify --temp-path /tmp -t "$time" --vm 1 \
			--vm-bytes "${mib}m" --vm-method incdec \
			> /tmp/stress-ng.out 2>&1 &
		stress=$!
		while kill -0 "$stress" 2> /dev/null; do
			for pid in $(pidof stress-ng-vm stress-ng); do
				migratepages "$pid" 0,1 1,0
				migratepages "$pid" 0,1 2,3
				migratepages "$pid" 2,3 0,1
			done 2> /dev/null
		done
		wait "$stress" ||
			fail "stress-ng: $(grep -i -m 1 fail /tmp/stress-ng.out)" ||
			break
		[ $(($(moved) - before)) -lt $((mib * 200)) ] || break
	done
	rm -f /tmp/stress-ng.out
	[ -n "$why" ] || [ $(($(moved) - before)) -ge $((mib * 200)) ] ||
		fail "only $(($(moved) - before)) pages moved"
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
