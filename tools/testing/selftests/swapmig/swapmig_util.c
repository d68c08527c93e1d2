// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig selftests: small files, the system calls under test, memory with a
 * pattern, and where its pages are. Nodes come from the page frame numbers of
 * /proc/PID/pagemap and the zones' spans: this touches nothing, works for any
 * process and needs no move_pages(2), which a kernel may not have.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "swapmig_util.h"

unsigned long sm_scale(unsigned long n)
{
	const char *env = getenv("SWAPMIG_SCALE");
	unsigned long pct = env ? strtoul(env, NULL, 10) : 100;

	n = n * pct / 100;
	return n ? n : 1;
}

size_t sm_size(size_t len)
{
	size_t n = sm_scale(len / SM_MIB) * SM_MIB;

	return n < SM_MIB ? SM_MIB : n;
}

double sm_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

void sm_nap(void)
{
	struct timespec ts = { .tv_nsec = 2000000 };

	nanosleep(&ts, NULL);
}

/* Reads the first line of a file without its newline; length or -errno. */
int sm_read(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, len - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return n;
}

long sm_read_long(const char *path)
{
	char buf[64];
	int ret = sm_read(path, buf, sizeof(buf));

	return ret < 0 ? ret : strtol(buf, NULL, 10);
}

int sm_write(const char *path, const char *fmt, ...)
{
	char buf[8192];
	va_list ap;
	int fd, len, ret = 0;

	va_start(ap, fmt);
	len = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(buf))
		return -E2BIG;
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	if (write(fd, buf, len) != len)
		ret = errno ? -errno : -EIO;
	close(fd);
	return ret;
}

/* A counter of /proc/vmstat, -1 when there is none of that name. */
long sm_vmstat(const char *name)
{
	FILE *f = fopen("/proc/vmstat", "r");
	char key[64];
	long val, ret = -1;

	if (!f)
		return -1;
	while (ret < 0 && fscanf(f, "%63s %ld", key, &val) == 2)
		if (!strcmp(key, name))
			ret = val;
	fclose(f);
	return ret;
}

long sm_isolated(void)
{
	return sm_vmstat("nr_isolated_anon") + sm_vmstat("nr_isolated_file");
}

/* Reading stat_refresh folds what the CPUs have not added up yet. */
bool sm_isolated_settles(void)
{
	double end = sm_now() + 3;
	char buf[16];

	do {
		sm_read("/proc/sys/vm/stat_refresh", buf, sizeof(buf));
		if (sm_isolated() == 0)
			return true;
		sm_nap();
	} while (sm_now() < end);
	return false;
}

bool sm_has_engine(const char *name)
{
	char buf[128], *tok, *save;

	if (sm_read(SM_ENGINES, buf, sizeof(buf)) < 0)
		return !strcmp(name, "direct") && sm_has_migration();
	for (tok = strtok_r(buf, " ,\t", &save); tok;
	     tok = strtok_r(NULL, " ,\t", &save))
		if (!strcmp(tok, name))
			return true;
	return false;
}

bool sm_has_swapmig(void)
{
	return !access(SM_ENGINES, R_OK);
}

bool sm_has_migration(void)
{
	return sm_vmstat("pgmigrate_success") >= 0;
}

int sm_nodes(void)
{
	char path[64];
	int n = 0;

	do {
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d",
			 n);
	} while (!access(path, F_OK) && ++n < SM_MAX_NODES);
	return n;
}

int sm_cpu_of_node(int node)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist",
		 node);
	return sm_read_long(path);
}

/* Run on the first CPU of @node; node -1: anywhere. */
int sm_run_on_node(int node)
{
	cpu_set_t set;
	int i;

	CPU_ZERO(&set);
	if (node < 0)
		for (i = 0; i < CPU_SETSIZE; i++)
			CPU_SET(i, &set);
	else
		CPU_SET(sm_cpu_of_node(node), &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

static long result(long ret)
{
	return ret < 0 ? -errno : ret;
}

long sm_mbind(void *addr, size_t len, int mode, unsigned long mask,
	      unsigned int flags)
{
	return result(syscall(SYS_mbind, addr, len, mode, mask ? &mask : NULL,
			      mask ? SM_MAXNODE : 0, flags));
}

long sm_set_mempolicy(int mode, unsigned long mask)
{
	return result(syscall(SYS_set_mempolicy, mode, mask ? &mask : NULL,
			      mask ? SM_MAXNODE : 0));
}

long sm_get_mempolicy(void *addr, int *mode, unsigned long *mask)
{
	*mask = 0;
	return result(syscall(SYS_get_mempolicy, mode, mask, SM_MAXNODE, addr,
			      addr ? MPOL_F_ADDR : 0));
}

long sm_migrate(pid_t pid, unsigned long from, unsigned long to)
{
	return result(syscall(SYS_migrate_pages, pid, SM_MAXNODE, &from, &to));
}

/* What get_mempolicy(2) says of the page's node. It touches the page. */
long sm_node_of(void *addr)
{
	int node = -1;
	long ret = syscall(SYS_get_mempolicy, &node, NULL, 0UL, addr,
			   MPOL_F_NODE | MPOL_F_ADDR);

	return ret < 0 ? -errno : node;
}

/* Asks where pages are (@node < 0), or for them to be on @node. */
long sm_move_pages(pid_t pid, void *addr, size_t len, int node, int *status)
{
	long n = SM_PAGES(len), ret = -ENOMEM, i;
	void **pages = calloc(n, sizeof(*pages));
	int *nodes = calloc(n, sizeof(*nodes));

	for (i = 0; pages && nodes && i < n; i++) {
		pages[i] = (char *)addr + i * SM_PAGE;
		nodes[i] = node;
	}
	if (pages && nodes)
		ret = result(syscall(SYS_move_pages, pid, n, pages,
				     node < 0 ? NULL : nodes, status,
				     node < 0 ? 0 : MPOL_MF_MOVE));
	free(pages);
	free(nodes);
	return ret;
}

void *sm_map(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void *sm_map_shared(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Never 0, different for each page, and such that zswap can compress it. */
__u64 sm_word(size_t page, size_t word, __u64 seed)
{
	__u64 x = (page << 7 | word >> 2) + 1 + (seed << 40);

	x *= 0x9e3779b97f4a7c15ULL;
	x ^= x >> 29;
	return x | 1;
}

size_t sm_stride = 1;

void sm_fill(void *p, size_t len, __u64 seed)
{
	size_t words = SM_PAGE / sizeof(__u64), i, w;
	__u64 *at = p;

	for (i = 0; i < len / SM_PAGE; i++, at += words)
		for (w = 0; w < words; w += sm_stride)
			__atomic_store_n(&at[w], sm_word(i, w, seed),
					 __ATOMIC_RELAXED);
}

void sm_fill_on(void *p, size_t len, __u64 seed, int node)
{
	sm_set_mempolicy(MPOL_BIND, SM_NODE(node));
	sm_fill(p, len, seed);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
}

/* Number of pages that do not hold their pattern. */
long sm_bad(const void *p, size_t len, __u64 seed)
{
	size_t words = SM_PAGE / sizeof(__u64), i, w;
	long bad = 0;
	const __u64 *at = p;

	for (i = 0; i < len / SM_PAGE; i++, at += words) {
		for (w = 0; w < words; w += sm_stride)
			if (__atomic_load_n(&at[w], __ATOMIC_RELAXED) !=
			    sm_word(i, w, seed))
				break;
		bad += w < words;
	}
	return bad;
}

void sm_touch(const void *p, size_t len)
{
	const char *c = p;
	size_t i;

	for (i = 0; i < len; i += SM_PAGE)
		(void)__atomic_load_n(&c[i], __ATOMIC_RELAXED);
}

struct zone_span {
	unsigned long start;
	unsigned long len;
	int node;
};

static struct zone_span zones[SM_MAX_NODES * 4];
static int nr_zones;

static void load_zones(void)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	unsigned long spanned = 0, start;
	char line[256];
	int node = -1;

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %d, zone", &node) == 1)
			spanned = 0;
		else if (sscanf(line, " spanned %lu", &spanned) == 1)
			continue;
		else if (sscanf(line, " start_pfn: %lu", &start) == 1 &&
			 spanned && nr_zones < SM_MAX_NODES * 4)
			zones[nr_zones++] = (struct zone_span) {
				.start = start, .len = spanned, .node = node,
			};
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

static int open_proc(pid_t pid, const char *name)
{
	char path[64];

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	else
		snprintf(path, sizeof(path), "/proc/self/%s", name);
	return open(path, O_RDONLY);
}

#define PM_PRESENT	0x8000000000000000ULL
#define PM_SWAP		0x4000000000000000ULL
#define PM_PFN(x)	((x) & 0x007fffffffffffffULL)

/* A swap type that is no device's: most likely a page on its way elsewhere */
static bool is_moving(__u64 pm)
{
	return !(pm & PM_PRESENT) && (pm & PM_SWAP) && (pm & 31) >= 23;
}

static int classify(__u64 pm)
{
	if (pm & PM_PRESENT)
		return pfn_node(PM_PFN(pm));
	return pm & PM_SWAP ? SM_SWAPPED : SM_NONE;
}

/* The raw pagemap entry of a page, 0 for none. */
__u64 sm_pagemap(pid_t pid, const void *addr)
{
	int fd = open_proc(pid, "pagemap");
	__u64 pm = 0;

	if (fd < 0)
		return 0;
	if (pread(fd, &pm, sizeof(pm), (uintptr_t)addr / SM_PAGE * 8) != 8)
		pm = 0;
	close(fd);
	return pm;
}

/* Node of a page of process @pid (0: this one), or SM_NONE, SM_SWAPPED. */
int sm_page(pid_t pid, const void *addr)
{
	return classify(sm_pagemap(pid, addr));
}

static int count_once(pid_t pid, const void *addr, size_t len,
		      struct sm_count *c)
{
	size_t n = len / SM_PAGE, done = 0, i, part;
	__u64 pm[512];
	int fd = open_proc(pid, "pagemap"), at;

	memset(c, 0, sizeof(*c));
	if (fd < 0)
		return -errno;
	for (; done < n; done += part) {
		part = n - done < 512 ? n - done : 512;
		if (pread(fd, pm, part * 8,
			  ((uintptr_t)addr / SM_PAGE + done) * 8) !=
		    (ssize_t)(part * 8)) {
			close(fd);
			return -EIO;
		}
		for (i = 0; i < part; i++) {
			at = classify(pm[i]);
			if (at >= 0)
				c->node[at]++;
			else if (is_moving(pm[i]))
				c->moving++;
			else if (at == SM_SWAPPED)
				c->swapped++;
			else
				c->none++;
		}
	}
	close(fd);
	return 0;
}

/*
 * Pages that kcompactd moves at this moment are on no node, but will be on one: it
 * is waited for, two seconds at most.
 */
int sm_count(pid_t pid, const void *addr, size_t len, struct sm_count *c)
{
	int tries = 0, ret;

	do {
		if (tries)
			usleep(10000);
		ret = count_once(pid, addr, len, c);
	} while (!ret && c->moving && ++tries < 200);
	return ret;
}

/* For messages: "N0=12 N1=3 swapped=4 none=0 moving=0" */
const char *sm_where(pid_t pid, const void *addr, size_t len)
{
	static char buf[256];
	struct sm_count c;
	int i, n = 0;

	if (sm_count(pid, addr, len, &c))
		return "cannot read pagemap";
	for (i = 0; i < SM_MAX_NODES; i++)
		if (c.node[i])
			n += snprintf(buf + n, sizeof(buf) - n, "N%d=%ld ", i,
				      c.node[i]);
	snprintf(buf + n, sizeof(buf) - n, "swapped=%ld none=%ld moving=%ld",
		 c.swapped, c.none, c.moving);
	return buf;
}

long sm_on(pid_t pid, const void *addr, size_t len, int node)
{
	struct sm_count c;

	return sm_count(pid, addr, len, &c) ? 0 : c.node[node];
}

long sm_swapped(pid_t pid, const void *addr, size_t len)
{
	struct sm_count c;

	return sm_count(pid, addr, len, &c) ? 0 : c.swapped;
}

long sm_present(pid_t pid, const void *addr, size_t len)
{
	struct sm_count c;
	long n = 0;
	int i;

	if (sm_count(pid, addr, len, &c))
		return 0;
	for (i = 0; i < SM_MAX_NODES; i++)
		n += c.node[i];
	return n;
}

/* A field ("Swap:", "AnonHugePages:") of the mapping at @addr, in KiB. */
long sm_smaps_kib(pid_t pid, const void *addr, const char *field)
{
	unsigned long from, to, want = (uintptr_t)addr;
	int fd = open_proc(pid, "smaps");
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	bool here = false;
	char line[512];
	long ret = -1;

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

/* N<node>= of the mapping that starts at @addr; 0 without, -1 no mapping. */
long sm_numa_maps(pid_t pid, const void *addr, int node)
{
	int fd = open_proc(pid, "numa_maps");
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char line[1024], key[16], *at;
	unsigned long start;
	long ret = -1;

	if (!f)
		return -1;
	snprintf(key, sizeof(key), " N%d=", node);
	while (ret < 0 && fgets(line, sizeof(line), f)) {
		start = strtoul(line, NULL, 16);
		if (start != (uintptr_t)addr)
			continue;
		at = strstr(line, key);
		ret = at ? strtol(at + strlen(key), NULL, 10) : 0;
	}
	fclose(f);
	return ret;
}

/* Runs ksmd until so many pages are merged or merged with; it is left running. */
bool sm_ksm_merged(long want)
{
	double end = sm_now() + 20;

	sm_write(SM_KSM("pages_to_scan"), "20000");
	sm_write(SM_KSM("sleep_millisecs"), "1");
	sm_write(SM_KSM("run"), "1");
	while (sm_now() < end) {
		if (sm_read_long(SM_KSM("pages_sharing")) +
		    sm_read_long(SM_KSM("pages_shared")) >= want)
			return true;
		sm_nap();
	}
	return false;
}
