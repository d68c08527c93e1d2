// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig selftests: nodes and how full they are, and control groups.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "swapmig_util.h"

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

/* "min", "low", "high" or "managed", summed over the zones of a node */
long sm_zone_pages(int node, const char *field)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	char line[256], key[32];
	long sum = 0, val;
	int at = -1;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Node %d, zone", &at) != 1 && at == node &&
		    sscanf(line, " %31s %ld", key, &val) == 2 &&
		    !strcmp(key, field))
			sum += val;
	fclose(f);
	return sum;
}

#define VM_BOOST "/proc/sys/vm/watermark_boost_factor"
#define VM_SCALE "/proc/sys/vm/watermark_scale_factor"

/*
 * An allocation that falls back to a block of another type raises the watermarks
 * of its zone and wakes kswapd. Where that is not the question, have none of it:
 * the watermarks begin anew when one of their settings is written.
 */
void sm_boost(bool on)
{
	static long old;

	if (!on && sm_read_long(VM_BOOST) > 0)
		old = sm_read_long(VM_BOOST);
	if (old)
		sm_write(VM_BOOST, "%ld", on ? old : 0);
	sm_write(VM_SCALE, "%ld", sm_read_long(VM_SCALE));
}

#define PCP_FRACTION "/proc/sys/vm/percpu_pagelist_high_fraction"

/*
 * CPUs keep free pages, tens of MiB of them, that MemFree does not count. Have
 * them keep few, and let each of them free something of each node to notice.
 */
void sm_trim_pcp(bool on)
{
	size_t len = 512 * SM_PAGE;
	cpu_set_t all, one;
	int cpu, node;

	sm_write(PCP_FRACTION, on ? "1000000" : "0");
	if (!on || sched_getaffinity(0, sizeof(all), &all))
		return;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		for (node = 0; node < sm_nodes(); node++) {
			char *p = sm_map(len);

			if (!p)
				continue;
			sm_fill_on(p, len, 1, node);
			munmap(p, len);
		}
	}
	sched_setaffinity(0, sizeof(all), &all);
}

/* What processes may take of a node before kswapd wakes up, but for 4 MiB */
size_t sm_room(int node)
{
	long kib = sm_node_kib(node, "MemFree") - 4 * 1024 -
		   sm_zone_pages(node, "low") * (long)(SM_PAGE / 1024);

	return kib < 0 ? 0 : (size_t)kib / 64 * 64 * 1024;
}

#define HOG "/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/nr_hugepages"

/* Take all memory of @node but @keep bytes for huge pages; how many. */
long sm_hog(int node, size_t keep)
{
	long kib = sm_node_kib(node, "MemFree"), want;
	char path[128];

	snprintf(path, sizeof(path), HOG, node);
	want = (kib - (long)(keep / 1024)) / 2048;
	if (kib < 0 || want <= 0 || sm_write(path, "%ld", want))
		return -1;
	return sm_read_long(path);
}

void sm_unhog(int node)
{
	char path[128];

	snprintf(path, sizeof(path), HOG, node);
	sm_write(path, "0");
}

#define V2_ROOT	"/sys/fs/cgroup"

static const char *cgroup_path(const char *name, const char *file)
{
	static char path[128];

	snprintf(path, sizeof(path), V2_ROOT "%s%s%s%s", *name ? "/swapmig-" :
		 "", name, *file ? "/" : "", file);
	return path;
}

/* Controllers change hierarchies a while after the last group is gone. */
static bool cgroup_control(char sign, const char *controller)
{
	double end = sm_now() + 5;

	do {
		if (!sm_write(V2_ROOT "/cgroup.subtree_control", "%c%s", sign,
			      controller))
			return true;
		sm_nap();
	} while (sm_now() < end);
	return false;
}

bool sm_cgroup_on(const char *controller)
{
	return cgroup_control('+', controller);
}

bool sm_cgroup_off(const char *controller)
{
	return cgroup_control('-', controller);
}

int sm_cgroup_make(const char *name)
{
	return mkdir(cgroup_path(name, ""), 0755) ? -errno : 0;
}

bool sm_cgroup_remove(const char *name)
{
	double end = sm_now() + 5;

	while (rmdir(cgroup_path(name, "")) && errno != ENOENT) {
		if (sm_now() > end)
			return false;
		sm_nap();
	}
	return true;
}

int sm_cgroup_set(const char *name, const char *file, const char *value)
{
	return sm_write(cgroup_path(name, file), "%s", value);
}

long sm_cgroup_get(const char *name, const char *file)
{
	return sm_read_long(cgroup_path(name, file));
}

int sm_cgroup_join(const char *name, pid_t pid)
{
	return sm_write(cgroup_path(name, "cgroup.procs"), "%d", pid);
}

/* Blocks of memory, named after the directories of their node */

#define NODE_DIR	"/sys/devices/system/node/node%d"

/* The blocks of @node; how many. */
int sm_node_blocks(int node, int *blocks)
{
	struct dirent *entry;
	char path[64], end;
	int nr = 0, block;
	DIR *dir;

	snprintf(path, sizeof(path), NODE_DIR, node);
	dir = opendir(path);
	while (dir && nr < SM_MAX_BLOCKS && (entry = readdir(dir)))
		if (sscanf(entry->d_name, "memory%d%c", &block, &end) == 1)
			blocks[nr++] = block;
	if (dir)
		closedir(dir);
	return nr;
}

int sm_block_set(int block, const char *state)
{
	char path[64];

	snprintf(path, sizeof(path), SM_BLOCK_STATE, block);
	return sm_write(path, "%s", state);
}
