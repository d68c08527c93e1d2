// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig_bench_offline: takes one measurement of memory that goes out of
 * service, in a guest with one node and a memory module as another.
 *
 *	block MIB PERCENT SWAP		take a block with MIB in use offline, the
 *					other node filled to PERCENT
 *	frames N SWAP			N frames of pages in use, memory full
 *
 * SWAP is none or disk.  Times are as in swapmig_bench.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "swapmig_util.h"

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif

#define MODULE		1
/* Seconds after which a signal ends what would go on for ever */
#define PATIENCE	10
/* What a full node has left above its low watermark */
#define FULL_SLACK	(2 * SM_MIB)

static void bench_die(const char *what, long err)
{
	fprintf(stderr, "swapmig_bench_offline: %s: %s\n", what, strerror(-err));
	exit(1);
}

static void bench_signal(int sig)
{
}

static void bench_swap(const char *swap)
{
	int ret = 0;

	if (!strcmp(swap, "disk"))
		ret = sm_swap_on(SM_SWAP_DISK, 1024 * SM_MIB);
	if (ret)
		bench_die("swapon", ret);
}

static void bench_fill(struct sm_peer *p, size_t len, int node, __u64 seed)
{
	void *buf = sm_map(len);
	int ret = buf ? sm_peer_start(p, buf, len) : -ENOMEM;

	if (ret)
		bench_die("fill", ret);
	sm_peer(p, SM_ORD_FILL, node, seed);
}

/* One block is left of the module, so that its pages have to leave the node. */
static int bench_block(size_t len, int percent, const char *swap)
{
	struct sigaction act = { .sa_handler = bench_signal };
	long out, kills, rounds;
	struct sm_peer a, b;
	int blocks[SM_MAX_BLOCKS], nr, i, ret;
	double start, ms;
	size_t room;

	nr = sm_node_blocks(MODULE, blocks);
	for (i = 1; i < nr; i++)
		sm_block_set(blocks[i], "offline");
	bench_swap(swap);
	sm_write("/proc/sys/vm/drop_caches", "3");
	bench_fill(&a, len, MODULE, 1);
	room = sm_room(0) + 4 * SM_MIB - FULL_SLACK;
	bench_fill(&b, room / 100 * percent / SM_MIB * SM_MIB, 0, 2);
	out = -sm_vmstat("pswpout");
	kills = -sm_vmstat("oom_kill");
	sigaction(SIGALRM, &act, NULL);
	alarm(PATIENCE);
	start = sm_now();
	ret = nr ? sm_block_set(blocks[0], "offline") : -ENODEV;
	ms = (sm_now() - start) * 1000;
	alarm(0);
	rounds = sm_read_long("/sys/kernel/mm/swapmig_offline/rounds");
	out += sm_vmstat("pswpout");
	kills += sm_vmstat("oom_kill");
	printf("%ld,%d,%ld,%.0f,%ld,%ld,%ld\n", SM_PAGES(len), ret,
	       sm_has_engine("swapout") || sm_has_engine("displace") ? rounds : -1,
	       ms, out, kills,
	       sm_peer(&a, SM_ORD_CHECK, 0, 1) + sm_peer(&b, SM_ORD_CHECK, 0, 2));
	sm_peer_stop(&a);
	sm_peer_stop(&b);
	sm_swap_off();
	for (i = 0; i < nr; i++)
		sm_block_set(blocks[i], "online_movable");
	return !nr;
}

/* Locked memory takes all that there is, so no other page makes way. */
static int bench_frames(int n, const char *swap)
{
	size_t len = (size_t)n * SM_PAGE;
	char *buf = sm_map(len);
	int i, ok = 0, blocks[SM_MAX_BLOCKS], nr;
	struct sm_peer b;
	double start, ms;

	nr = sm_node_blocks(MODULE, blocks);
	for (i = 0; i < nr; i++)
		sm_block_set(blocks[i], "offline");
	if (!buf)
		bench_die("mmap", -ENOMEM);
	bench_swap(swap);
	sm_write("/proc/sys/vm/drop_caches", "3");
	sm_fill_on(buf, len, 3, 0);
	bench_fill(&b, (sm_room(0) + 4 * SM_MIB - FULL_SLACK) / SM_PAGE * SM_PAGE,
		   0, 2);
	sm_peer(&b, SM_ORD_MLOCK, 0, 0);
	start = sm_now();
	for (i = 0; i < n; i++)
		ok += !madvise(buf + i * SM_PAGE, SM_PAGE, MADV_SOFT_OFFLINE);
	ms = (sm_now() - start) * 1000;
	printf("%d,%d,%.0f,%ld\n", n, ok, ms, sm_bad(buf, len, 3));
	sm_peer_stop(&b);
	munmap(buf, len);
	sm_swap_off();
	for (i = 0; i < nr; i++)
		sm_block_set(blocks[i], "online_movable");
	return 0;
}

int main(int argc, char **argv)
{
	sm_stride = 64;
	sm_run_on_node(0);
	if (argc == 5 && !strcmp(argv[1], "block"))
		return bench_block(atol(argv[2]) * SM_MIB, atoi(argv[3]), argv[4]);
	if (argc == 4 && !strcmp(argv[1], "frames"))
		return bench_frames(atoi(argv[2]), argv[3]);
	fprintf(stderr, "usage: %s block MIB PERCENT none|disk | frames N none|disk\n",
		argv[0]);
	return 2;
}
