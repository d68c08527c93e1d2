// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig selftests: where pages are, and how full nodes are. The node of a page
 * comes from its frame number in /proc/PID/pagemap and from the spans of the
 * zones: this touches nothing, and works for any process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "swapmig_util.h"

#define MAX_ZONES	(SM_NODES * 4)

static struct {
	unsigned long start;
	unsigned long len;
	int node;
} zones[MAX_ZONES];
static int nr_zones;

static void load_zones(void)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	unsigned long spanned = 0, start;
	char line[256];
	int node = -1;

	if (!f)
		return;
	while (nr_zones < MAX_ZONES && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %d, zone", &node) == 1)
			spanned = 0;
		if (sscanf(line, " spanned %lu", &spanned) == 1 || !spanned ||
		    sscanf(line, " start_pfn: %lu", &start) != 1)
			continue;
		zones[nr_zones].start = start;
		zones[nr_zones].len = spanned;
		zones[nr_zones++].node = node;
	}
	fclose(f);
}

static int pfn_node(unsigned long pfn)
{
	int i;

	if (!nr_zones)
		load_zones();
	for (i = 0; i < nr_zones; i++)
		if (pfn >= zones[i].start &&
		    pfn < zones[i].start + zones[i].len)
			return zones[i].node;
	return SM_NONE;
}

#define PM_PRESENT	0x8000000000000000ULL
#define PM_SWAP		0x4000000000000000ULL
#define PM_PFN(x)	((x) & 0x007fffffffffffffULL)

static int classify(__u64 pm)
{
	if (pm & PM_PRESENT)
		return pfn_node(PM_PFN(pm));
	return pm & PM_SWAP ? SM_SWAPPED : SM_NONE;
}

/* Entries of a pagemap; 0 or -errno. */
static int read_pagemap(pid_t pid, const void *addr, __u64 *pm, size_t n)
{
	ssize_t want = n * sizeof(*pm);
	int fd, ret = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid ? pid : getpid());
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	if (pread(fd, pm, want, (uintptr_t)addr / SM_PAGE * sizeof(*pm)) != want)
		ret = -EIO;
	close(fd);
	return ret;
}

/* The raw pagemap entry of a page, 0 for none. */
__u64 sm_pagemap(pid_t pid, const void *addr)
{
	__u64 pm;

	return read_pagemap(pid, addr, &pm, 1) ? 0 : pm;
}

/* Node of a page, or SM_NONE, SM_SWAPPED. */
int sm_page(pid_t pid, const void *addr)
{
	return classify(sm_pagemap(pid, addr));
}

int sm_count(pid_t pid, const void *addr, size_t len, struct sm_count *c)
{
	size_t n = len / SM_PAGE, part, i;
	const char *at = addr;
	__u64 pm[512];
	int node, ret;

	memset(c, 0, sizeof(*c));
	for (; n; n -= part, at += part * SM_PAGE) {
		part = n < 512 ? n : 512;
		ret = read_pagemap(pid, at, pm, part);
		if (ret)
			return ret;
		for (i = 0; i < part; i++) {
			node = classify(pm[i]);
			if (node >= 0)
				c->node[node]++;
			else if (node == SM_SWAPPED)
				c->swapped++;
			else
				c->none++;
		}
	}
	return 0;
}

/* For messages: "N0=12 N1=3 swapped=4 none=0" */
const char *sm_where(pid_t pid, const void *addr, size_t len)
{
	static char buf[128];
	struct sm_count c;
	int i, n = 0;

	if (sm_count(pid, addr, len, &c))
		return "cannot read pagemap";
	for (i = 0; i < SM_NODES; i++)
		if (c.node[i])
			n += snprintf(buf + n, sizeof(buf) - n, "N%d=%ld ", i,
				      c.node[i]);
	snprintf(buf + n, sizeof(buf) - n, "swapped=%ld none=%ld", c.swapped,
		 c.none);
	return buf;
}

/* How many are on @node, in swap, or anywhere; -1: nobody knows. */
long sm_on(pid_t pid, const void *addr, size_t len, int node)
{
	struct sm_count c;

	return sm_count(pid, addr, len, &c) ? -1 : c.node[node];
}

long sm_swapped(pid_t pid, const void *addr, size_t len)
{
	struct sm_count c;

	return sm_count(pid, addr, len, &c) ? -1 : c.swapped;
}

long sm_present(pid_t pid, const void *addr, size_t len)
{
	struct sm_count c;

	if (sm_count(pid, addr, len, &c))
		return -1;
	return SM_PAGES(len) - c.swapped - c.none;
}

/* A field ("MemFree") of the node's meminfo */
long sm_node_kib(int node, const char *field)
{
	char path[64], line[128], key[32];
	long kib = -1, val;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo",
		 node);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (kib < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "Node %*d %31[^:]: %ld", key, &val) == 2 &&
		    !strcmp(key, field))
			kib = val;
	fclose(f);
	return kib;
}

#define PCP_FRACTION "/proc/sys/vm/percpu_pagelist_high_fraction"

/*
 * CPUs keep free pages, tens of MiB of them, that MemFree does not count. Have
 * them keep few, and let each of them free something of each node to notice.
 */
void sm_trim_pcp(bool on)
{
	size_t len = 512 * SM_PAGE;
	int cpu, node;

	sm_write(PCP_FRACTION, on ? "1000000" : "0");
	for (cpu = 0; on && cpu < SM_CPU_NODES; cpu++) {
		sm_run_on_node(cpu);
		for (node = 0; node < SM_NODES; node++) {
			char *p = sm_map(len);

			if (!p)
				continue;
			sm_fill_on(p, len, 1, node);
			munmap(p, len);
		}
	}
	sm_run_on_node(-1);
}

static const char *huge_path(int node)
{
	static char path[128];

	snprintf(path, sizeof(path),
		 "/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/nr_hugepages",
		 node);
	return path;
}

/* Have so many huge pages on @node; how many there are then, or -errno. */
long sm_huge(int node, long nr)
{
	int ret = sm_write(huge_path(node), "%ld", nr);

	return ret ? ret : sm_read_long(huge_path(node));
}

/* A page of hugetlbfs on @node, the only one there, with a pattern; or NULL */
void *sm_map_huge(int node, __u64 seed)
{
	void *p;

	if (sm_huge(node, 1) != 1)
		return NULL;
	sm_set_mempolicy(MPOL_BIND, SM_NODE(node));
	p = mmap(NULL, SM_HUGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (p != MAP_FAILED)
		sm_fill(p, SM_HUGE, seed);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* Does somebody hold the lock of the page that is mapped at @addr? */
bool sm_locked(const void *addr)
{
	__u64 pm = sm_pagemap(0, addr), flags = 0;
	int fd = open("/proc/kpageflags", O_RDONLY);
	off_t at = (pm & ((1ULL << 55) - 1)) * sizeof(flags);

	if (fd < 0)
		return false;
	if (!(pm >> 63) || pread(fd, &flags, sizeof(flags), at) != sizeof(flags))
		flags = 0;
	close(fd);
	return flags & 1;
}

/* A field of smaps, for the area of a process, or of this one, that @addr is in */
long sm_smaps_kib(pid_t pid, const void *addr, const char *field)
{
	unsigned long from, to, want = (uintptr_t)addr;
	bool here = false;
	char line[512];
	long ret = -1;
	FILE *f;

	snprintf(line, sizeof(line), "/proc/%d/smaps", pid ?: getpid());
	f = fopen(line, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = want >= from && want < to;
		else if (here && !strncmp(line, field, strlen(field)))
			ret = strtol(line + strlen(field), NULL, 10);
	}
	fclose(f);
	return ret;
}

/* Take all memory of @node but @keep bytes for huge pages. */
long sm_hog(int node, size_t keep)
{
	long want;

	/* Page cache gives way, and free pages are brought together */
	sync();
	sm_write("/proc/sys/vm/drop_caches", "1");
	sm_write("/proc/sys/vm/compact_memory", "1");
	want = (sm_node_kib(node, "MemFree") - (long)(keep / 1024)) / 2048;
	if (want <= 0)
		return -ENOMEM;
	return sm_huge(node, sm_read_long(huge_path(node)) + want);
}
