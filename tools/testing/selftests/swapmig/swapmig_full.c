// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig selftests: nodes with as much room as a test wants.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "swapmig_util.h"

/* What a zone has, in pages */
struct zone {
	long mark;	/* the one that was asked for */
	long boost;
	long avail;
	long managed;
	long at_hand;	/* in the lists of CPUs */
};

#define ZONES	8

/* The zones of @node, with the watermark named @mark; returns how many there are */
static int read_zones(int node, const char *mark, struct zone zones[ZONES])
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	char line[128], key[32];
	struct zone *z = NULL;
	long nid, val;
	int nr = 0;

	memset(zones, 0, ZONES * sizeof(*zones));
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %ld,", &nid) == 1) {
			z = nid == node && nr < ZONES ? &zones[nr++] : NULL;
			continue;
		}
		if (!z)
			continue;
		if (sscanf(line, " pages free %ld", &val) == 1)
			z->avail = val;
		if (sscanf(line, " %31s %ld", key, &val) != 2)
			continue;
		if (!strcmp(key, mark))
			z->mark = val;
		if (!strcmp(key, "boost"))
			z->boost = val;
		if (!strcmp(key, "managed"))
			z->managed = val;
		if (!strcmp(key, "count:"))
			z->at_hand += val;
	}
	if (f)
		fclose(f);
	return nr;
}

/* A watermark of @node, or its "boost", in pages, of all zones */
long sm_mark(int node, const char *mark)
{
	struct zone zones[ZONES];
	int i, nr = read_zones(node, mark, zones);
	long pages = 0;

	for (i = 0; i < nr; i++)
		pages += zones[i].mark;
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
 * they have plenty, do not make up for what that lacks. What CPUs have at hand of it
 * counts: whoever runs next on one takes more from the zone than it needs.
 */
long sm_zone_room(int node, const char *mark)
{
	struct zone zones[ZONES], *z = zones;
	int i, nr = read_zones(node, mark, zones);

	for (i = 1; i < nr; i++)
		if (zones[i].managed > z->managed)
			z = zones + i;
	return z->avail + z->at_hand - (z->mark - z->boost);
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

#define WATERMARKS "/proc/sys/vm/watermark_scale_factor"

/*
 * Does fragmentation raise watermarks, from now on? It does if nobody says anything.
 * What was raised is taken back.
 */
void sm_boost(bool on)
{
	char as_is[16];

	sm_write(BOOST, on ? "15000" : "0");
	/* Whoever sets them sets them anew */
	if (sm_read(WATERMARKS, as_is, sizeof(as_is)) >= 0)
		sm_write(WATERMARKS, "%s", as_is);
}

#define COLLAPSE_RECLAIMS "/sys/kernel/mm/transparent_hugepage/khugepaged/defrag"
#define HUGE_PAGES "/sys/kernel/mm/transparent_hugepage/enabled"

/* Transparent huge pages, and the watermarks that the kernel has for these */
int sm_huge_pages(bool on)
{
	static char as_booted[16];
	char line[64], *bracket;
	FILE *f;

	if (!*as_booted) {
		f = fopen(HUGE_PAGES, "r");
		bracket = f && fgets(line, sizeof(line), f) ? strchr(line, '[') : NULL;
		if (f)
			fclose(f);
		if (!bracket || sscanf(bracket, "[%15[^]]", as_booted) != 1)
			return -ENOENT;
	}
	return sm_write(HUGE_PAGES, "%s", on ? as_booted : "never");
}

/* Nor shall khugepaged swap out what others have, to make huge pages of the rest */
static void collapse_reclaims(bool on)
{
	static char before[8];

	if (!before[0])
		sm_read(COLLAPSE_RECLAIMS, before, sizeof(before));
	sm_write(COLLAPSE_RECLAIMS, "%s", on ? before : "0");
}

/*
 * Leaves @room bytes of each of the first @nodes nodes for what a test does, before
 * kswapd wakes; pages of hugetlbfs take the rest. What else wakes it, the allocations
 * of others among fragments, is switched off; and so is what else reclaims. Returns 0,
 * or -errno.
 */
long sm_full_begin(int nodes, size_t room)
{
	long ret = 0;
	int i;

	sm_boost(false);
	collapse_reclaims(false);
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
	collapse_reclaims(true);
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
