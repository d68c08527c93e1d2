// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig selftests: nodes with as much room as a test wants.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "swapmig_util.h"

/* A watermark of @node, or its "boost", in pages, of all zones */
long sm_mark(int node, const char *mark)
{
	long pages = 0, val, nid = -1;
	char line[128], key[32];
	FILE *f = fopen("/proc/zoneinfo", "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %ld,", &nid) == 1)
			continue;
		if (nid == node && sscanf(line, " %31s %ld", key, &val) == 2 &&
		    !strcmp(key, mark))
			pages += val;
	}
	if (f)
		fclose(f);
	return pages;
}

/*
 * Bytes of @node that are free beyond its watermarks named @mark; without the boost
 * that earlier fragmentation may have given these, until kswapd takes it back.
 */
long sm_room(int node, const char *mark)
{
	long pages = sm_mark(node, mark) - sm_mark(node, "boost");

	return sm_node_kib(node, "MemFree") * 1024 - pages * (long)SM_PAGE;
}

/*
 * The same of its largest zone alone, in pages: small ones, which serve others only if
 * they have plenty, do not make up for what that lacks.
 */
long sm_zone_room(int node, const char *mark)
{
	long nid = -1, val, avail = 0, pages = 0, boost = 0, most = 0, room = 0;
	char line[128], key[32];
	FILE *f = fopen("/proc/zoneinfo", "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %ld,", &nid) == 1 || nid != node)
			continue;
		if (sscanf(line, " pages free %ld", &val) == 1)
			avail = val;
		if (sscanf(line, " %31s %ld", key, &val) != 2)
			continue;
		if (!strcmp(key, "boost"))
			boost = val;
		if (!strcmp(key, mark))
			pages = val;
		if (strcmp(key, "managed") || val <= most)
			continue;
		most = val;
		room = avail - (pages - boost);
	}
	if (f)
		fclose(f);
	return room;
}

/* The least that one of the first @nodes nodes has free before kswapd wakes */
long sm_full_room(int nodes)
{
	long room = sm_room(0, "high");
	int i;

	for (i = 1; i < nodes; i++)
		if (sm_room(i, "high") < room)
			room = sm_room(i, "high");
	return room;
}

#define BOOST "/proc/sys/vm/watermark_boost_factor"

/* Does fragmentation raise watermarks? It does if nobody says anything. */
void sm_boost(bool on)
{
	sm_write(BOOST, on ? "15000" : "0");
}

/*
 * Leaves @room bytes of each of the first @nodes nodes for what a test does, before
 * kswapd wakes; pages of hugetlbfs take the rest. What else wakes it, the allocations
 * of others among fragments, is switched off. Returns 0, or -errno.
 */
long sm_full_begin(int nodes, size_t room)
{
	long ret = 0;
	int i;

	sm_boost(false);
	sync();
	sm_write("/proc/sys/vm/drop_caches", "3");
	sm_trim_pcp(true);
	/* What is left shall hold huge pages; errors are for tests that want these */
	sm_write("/proc/sys/vm/compact_memory", "1");
	for (i = 0; i < nodes && ret >= 0; i++)
		ret = sm_hog(i, sm_node_kib(i, "MemFree") * 1024 -
				sm_room(i, "high") + room);
	return ret < 0 ? ret : 0;
}

void sm_full_end(void)
{
	int i;

	for (i = 0; i < SM_NODES; i++)
		sm_huge(i, 0);
	sm_trim_pcp(false);
	sm_boost(true);
}

/* 32 MiB of free pages of @node in blocks of page tables, 63 of them together */
bool sm_fragment(int node)
{
	const size_t step = SM_HUGE, len = 8192 * step;
	char *p = sm_map(len);
	size_t off;

	if (!p || madvise(p, len, MADV_NOHUGEPAGE))
		return false;
	sm_run_on_node(node);
	/* Of zeros: that takes no page but the table */
	for (off = 0; off < len; off += step)
		sm_touch(p + off, 1);
	sm_run_on_node(-1);
	/* The others stay until the process ends */
	for (off = 0; off < len; off += 64 * step)
		munmap(p + off, 63 * step);
	return true;
}
