#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Unmodified programs that move pages: numactl, memhog, migratepages, numastat,
# stress-ng; and some of stress-ng that check their memory while it is moved. Where
# pages are, and that they really moved, is looked up, for some of these ignore errors.
# Speaks TAP, and knows --names and -r NAME as the C tests do.

# shellcheck disable=SC2317	# tests are called by their names

tests='numactl_memhog numactl_shared migratepages migratepages_relative numastat
	stress_numa stress_vm_being_moved stress_mremap_being_moved
	stress_shm_being_moved'
disk=/dev/vdb
stress_out=/tmp/swapmig-stress-ng.out
why=
hog=
seen=
mib=8
pages=$((mib * 256))
# The engine that is asked first
{ read -r engine _ < /proc/sys/vm/migration_engines; } 2> /dev/null
placed=/sys/kernel/mm/swapmig/$engine/placed

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

# Pages that left for another node, or for swap, by what the kernel always counts
departed()
{
	case $engine in
	direct)
		counter=pgmigrate_success;;
	*)
		counter=pswpout;;
	esac
	awk -v counter="$counter" '
		$1 == counter { n = $2 }
		END { print n + 0 }' /proc/vmstat
}

# progress TEXT N: says so if N is another than before. A test's own output waits
# until it ends.
progress()
{
	[ "$2" = "$seen" ] || echo "# alive $*" >&3
	seen=$2
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

# start_memhog POLICY: a memhog that touches its memory for ever
start_memhog()
{
	numactl "$1" memhog -r1000000 "${mib}m" > /dev/null 2>&1 3>&- &
	hog=$!
}

# memhog_has N NODE...: it comes to have so many pages on each of the nodes
memhog_has()
{
	want=$1
	shift
	for node in "$@"; do
		wait_for at_least_on "$hog" "$node" "$want" ||
			fail "memhog has $(anon_on "$hog" "$node") pages on node" \
				"$node, not $want" || return
	done
}

# One on a CPU of node 0, with its memory there
start_local_memhog()
{
	start_memhog --cpunodebind=0
	memhog_has $((pages - 64)) 0
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
		progress "migratepages $1 $2" "$call"
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
	for policy in --membind=1 --interleave=0-3; do
		numactl "$policy" memhog -r2 "${mib}m" > /dev/null 2>&1 ||
			fail "numactl $policy memhog: exit code $?" || return
	done
	start_memhog --membind=1
	memhog_has $((pages - 64)) 1
	stop_memhog
	[ -z "$why" ] || return
	start_memhog --interleave=0-3
	memhog_has $((pages / 4 - 64)) 0 1 2 3
	stop_memhog
	[ -z "$why" ]
}

# Pages of shared memory on a node. CPUs add them up late, unless they are told to.
shmem_on()
{
	cat /proc/sys/vm/stat_refresh > /dev/null
	awk '$3 == "Shmem:" { print $4 / 4 }' "/sys/devices/system/node/node$1/meminfo"
}

# numactl's own check of shared memory under a policy. No process has it mapped
# between the two calls, so nodes are asked where it is.
numactl_shared()
{
	need numactl || return
	file=/dev/shm/swapmig.numactl
	rm -f "$file"
	before=$(shmem_on 1)
	numactl --length=4m --file="$file" --membind=1 --touch ||
		fail "numactl --touch: exit code $?"
	grew=$(($(shmem_on 1) - before))
	[ "$grew" -ge 960 ] ||
		fail "numactl --membind=1 --touch: node 1 has $grew more pages, not 1024"
	numactl --length=4m --file="$file" --membind=1 --verify ||
		fail "numactl --verify: exit code $?"
	rm -f "$file"
	[ -z "$why" ]
}

migratepages_()
{
	need numactl migratepages memhog || return
	if start_local_memhog; then
		before=$(departed)
		move_hog 0 1 0 1 && move_hog 1 3 1 3 && move_hog 3 0 3 0
		[ -n "$why" ] || kill -0 "$hog" || fail "memhog died"
		[ -n "$why" ] || [ $(($(departed) - before)) -ge $((pages * 2)) ] ||
			fail "only $(($(departed) - before)) pages left"
	fi
	stop_memhog
	[ -z "$why" ]
}

# 0,2 -> 1,3: what was on 0 is to be on 1, not on 3
migratepages_relative()
{
	need numactl migratepages memhog || return
	if start_local_memhog && move_hog 0,2 1,3 0 1; then
		[ "$(anon_on "$hog" 3)" -le 64 ] ||
			fail "$(anon_on "$hog" 3) pages on node 3"
	fi
	stop_memhog
	[ -z "$why" ]
}

numastat_()
{
	need numactl migratepages memhog numastat || return
	if start_local_memhog && move_hog 0 1 0 1; then
		# Total line of numastat -p: node 1 has it, in MiB
		numastat -p "$hog" | awk -v want=$((mib * 9 / 10)) '
			/^Total/ { ok = $3 >= want }
			END { exit !ok }' || fail "numastat -p does not see it"
	fi
	stop_memhog
	[ -z "$why" ]
}

# run_stress OPTIONS...: stress-ng in the background, as $stress
run_stress()
{
	stress-ng --verify --temp-path /tmp "$@" > "$stress_out" 2>&1 3>&- &
	stress=$!
}

end_stress()
{
	wait "$stress" ||
		fail "stress-ng: exit code $?:" \
			"$(grep -i -m 1 -E 'fail|error' "$stress_out")"
}

# It calls mbind(), migrate_pages() and move_pages(), and does not look at pages.
stress_numa()
{
	need stress-ng || return
	[ -r "$placed" ] || fail "no $placed" || return
	before=$(departed)
	placed_before=$(cat "$placed")
	run_stress --numa 1 --numa-ops 2
	while kill -0 "$stress" 2> /dev/null; do
		sleep 0.1
		progress "stress-ng --numa, pages:" "$(cat "$placed")"
	done
	end_stress || return
	# Its 4 MiB are sent to another node in each round.
	moved=$(($(cat "$placed") - placed_before))
	[ "$moved" -ge 1024 ] || fail "$engine placed only $moved pages" || return
	moved=$(($(departed) - before))
	[ "$moved" -ge 1024 ] || fail "only $moved pages left"
}

# stress_being_moved SIZES OPTIONS...: stress-ng with each of the sizes after the
# options, the first that is long enough for pages to leave for other nodes. Then
# they are left in peace, for the end to come.
stress_being_moved()
{
	sizes=$1
	shift
	for size in $sizes; do
		before=$(departed)
		moved=0
		run_stress "$@" "$size"
		while kill -0 "$stress" 2> /dev/null; do
			if [ "$moved" -ge $((pages * 4)) ]; then
				sleep 0.1
				continue
			fi
			# Some of its processes are gone by now.
			for pid in $(pidof stress-ng); do
				migratepages "$pid" 0,1 2,3
				migratepages "$pid" 2,3 0,1
			done 2> /dev/null
			moved=$(($(departed) - before))
			progress "$* $size, pages:" "$moved"
		done
		end_stress || return
		moved=$(($(departed) - before))
		[ "$moved" -lt "$pages" ] || return 0
	done
	fail "only $moved pages left"
}

stress_vm_being_moved()
{
	need stress-ng migratepages || return
	stress_being_moved '30000 300000' --vm 1 --vm-bytes "${mib}m" \
		--vm-method incdec --vm-ops
}

stress_mremap_being_moved()
{
	need stress-ng migratepages || return
	stress_being_moved '20 200' --mremap 1 --mremap-bytes "${mib}m" \
		--mremap-ops
}

# POSIX shared memory, of a process that forks. Not --madvise: as root it poisons pages.
stress_shm_being_moved()
{
	need stress-ng migratepages || return
	stress_being_moved '20 100' --shm 1 --shm-bytes 2m --shm-objs 4 --shm-ops
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
exec 3>&1
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
	rm -f /tmp/swapmig-clients.out "$stress_out"
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
