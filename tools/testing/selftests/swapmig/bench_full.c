// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig benchmarks: processes that fill the nodes change places. CPU is that of the
 * callers, in ns; or in instructions, then with those of kswapd meanwhile, because one
 * clock counts them for all CPUs.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>

#include "bench.h"

/* So often is what did not work tried again */
#define ROUNDS 3

static const struct swap {
	const char *name;
	enum sm_swap kind;
} swaps[] = {
	{ "none", SM_SWAP_NONE },
	{ "disk", SM_SWAP_DISK },
	{ "zram", SM_SWAP_ZRAM },
};

#define NR_SWAPS (bench_small ? 2 : ARRAY_SIZE(swaps))

/* What one such run did, in pages and ns of CPU time */
struct result {
	int calls;		/* that it took, at most ROUNDS for each process */
	long ret;		/* the worst of the first round */
	long misplaced;		/* once all of it was used where it should be */
	long out;
	long in;
	long displaced;
	long looked;		/* at these, and at those that stayed */
	long moved;
	long cpu;
};

static long placed(const struct sm_peer *p, int node)
{
	return sm_on(p->pid, p->buf, p->len, node);
}

static long worse(long a, long b)
{
	if (a < 0 || b < 0)
		return a < b ? a : b;
	return a > b ? a : b;
}

static void result_begin(struct result *r)
{
	*r = (struct result) {
		.out = -sm_vmstat("pswpout"),
		.in = -sm_vmstat("pswpin"),
		.displaced = -sm_read_long("/sys/kernel/mm/swapmig/displaced"),
		.looked = -sm_read_long("/sys/kernel/mm/swapmig/scanned"),
		.moved = -sm_vmstat("pgmigrate_success"),
	};
}

/* Each of @nr processes is used on the node it was to go to, and looked at. */
static void result_end(struct result *r, struct sm_peer *p, const int *home, int nr)
{
	int i;

	r->moved += sm_vmstat("pgmigrate_success");
	r->displaced += sm_read_long("/sys/kernel/mm/swapmig/displaced");
	r->looked += sm_read_long("/sys/kernel/mm/swapmig/scanned");
	for (i = 0; i < nr; i++) {
		if (home[i] < SM_CPU_NODES)
			sm_peer(&p[i], SM_ORD_TOUCH, home[i], 0);
		if (sm_peer(&p[i], SM_ORD_CHECK, 0, i + 1))
			bench_die("data is damaged");
		if (placed(&p[i], home[i]) == SM_PAGES(p[i].len))
			continue;
		r->misplaced += SM_PAGES(p[i].len) - placed(&p[i], home[i]);
		bench_progress("not all on node %d: %s", home[i],
			       sm_where(p[i].pid, p[i].buf, p[i].len));
	}
	r->out += sm_vmstat("pswpout");
	r->in += sm_vmstat("pswpin");
}

#define RESULT "calls,first call returned,misplaced,swapped out,swapped in," \
	"displaced,looked at,asked,CPU a page moved,CPU a page asked"

static void result_print(const struct result *r, long asked)
{
	printf("%d,%ld,%ld,%ld,%ld,%ld,%ld,%ld,%ld,%ld\n", r->calls, r->ret, r->misplaced,
	       r->out, r->in, r->displaced, r->looked, asked,
	       r->moved ? r->cpu / r->moved : 0, r->cpu / asked);
}

/* Why pages have stayed since boot, if the kernel says so */
static void show_stayed(void)
{
	long pages;
	int i;

	for (i = 0; i < SM_STAYED; i++) {
		pages = sm_stayed(sm_stayed_why[i]);
		if (pages >= 0)
			bench_progress("stayed so far: %s %ld", sm_stayed_why[i], pages);
	}
}

/* The calls of one round, one after the other or at once. Is all placed? */
static bool round_of(struct result *r, struct bench_call *calls, int nr, bool at_once)
{
	bool all = true;
	int i;

	if (at_once)
		bench_calls(calls, nr);
	for (i = 0; i < nr; i++) {
		if (!at_once)
			bench_calls(&calls[i], 1);
		r->cpu += calls[i].cpu;
		r->calls++;
		if (r->calls <= nr)
			r->ret = worse(r->ret, calls[i].ret);
		all &= !calls[i].ret;
	}
	return all;
}

/* Processes on @nr nodes, each on one of its own, go one node further. */
static void turn(const char *way, const struct swap *swap, const int *fill, int nr,
		 bool at_once, bool huge)
{
	struct bench_call calls[SM_NODES];
	struct sm_peer p[SM_NODES];
	int home[SM_NODES], i, n = 0, round;
	long room, runs, asked = 0;
	struct result r;

	bench_progress("%s: %d nodes %d %% full, swap: %s%s", way, nr, fill[0], swap->name,
		       huge ? ", huge pages" : "");
	if (sm_swap_on(swap->kind, 768 * SM_MIB) || sm_full_begin(0, 0))
		bench_die("cannot prepare swap on %s", swap->name);
	room = sm_full_room(nr);
	if (bench_small) {
		room = 24 * SM_MIB;
		if (sm_full_begin(nr, room))
			bench_die("cannot fill the nodes");
	}
	for (i = 0; i < nr; i++) {
		size_t len = sm_part(room, fill[i]);

		if (huge)
			len = len / SM_HUGE * SM_HUGE;
		if (!len)
			continue;
		bench_process(&p[n], len, i, huge, n + 1);
		home[n] = (i + 1) % nr;
		asked += SM_PAGES(len);
		calls[n] = (struct bench_call) {
			.pid = p[n].pid, .from = i, .to = home[n],
		};
		n++;
	}
	/* As it is by default, now that the nodes are as they should be */
	sm_trim_pcp(false);
	sm_boost(true);
	runs = sm_vmstat("pageoutrun");
	result_begin(&r);
	for (round = 0; round < ROUNDS; round++) {
		if (round_of(&r, calls, n, at_once))
			break;
		show_stayed();
	}
	runs = sm_vmstat("pageoutrun") - runs;
	result_end(&r, p, home, n);
	if (r.out)
		bench_progress("swapped out: by an engine %ld pages, kswapd ran %ld times",
			       sm_read_long("/sys/kernel/mm/swapmig/swapout/placed"), runs);
	printf("%s,%s,%s,%d/%d,", way, huge ? "2 MiB" : "4 KiB", swap->name, fill[0],
	       fill[1]);
	result_print(&r, asked);
	for (i = 0; i < n; i++)
		sm_peer_stop(&p[i]);
	sm_full_end();
	if (sm_swap_off())
		bench_die("cannot end swap");
}

static const char *begin(void)
{
	const struct bench_way *way = bench_default_way();

	if (bench_set_way(way))
		bench_die("cannot choose '%s'", way->name);
	printf("way,pages,swap,%% full,%s\n", RESULT);
	return way->name;
}

int bench_exchange(void)
{
	static const int fills[][2] = {
		{ 75, 75 }, { 25, 25 }, { 50, 50 }, { 90, 90 }, { 97, 97 }, { 95, 55 },
	};
	static const int alone[] = { 75, 0 };
	size_t i, s, nr = bench_small ? 1 : ARRAY_SIZE(fills);
	const char *way = begin();

	for (s = 0; s < NR_SWAPS; s++)
		for (i = 0; i < nr; i++)
			turn(way, &swaps[s], fills[i], 2, false, false);
	/* To compare with: the first of them alone */
	turn(way, &swaps[0], alone, 2, false, false);
	if (!bench_small)
		turn(way, &swaps[0], fills[2], 2, false, true);
	return 0;
}

int bench_rotate(void)
{
	static const int fills[][SM_NODES] = { { 82, 82, 82, 82 }, { 95, 95, 95, 95 } };
	static const int alone[] = { 82, 0, 0, 0 };
	const char *way = begin();
	size_t i, s;

	for (s = 0; s < NR_SWAPS; s++)
		for (i = 0; i < (bench_small ? 1 : 2); i++)
			turn(way, &swaps[s], fills[i], SM_NODES, true, false);
	turn(way, &swaps[0], alone, SM_NODES, false, false);
	return 0;
}
