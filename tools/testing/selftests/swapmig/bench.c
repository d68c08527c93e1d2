// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig benchmarks: what a migration costs, and whom. No tests: nothing here fails
 * because it was slow. A kernel without swapmig runs them too, for comparison.
 *
 *	bench NAME[,NAME...] [small]
 *
 * Where CPU time is to be read as instructions, the machine counts time in these.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

bool bench_small;

/* ------------------------------------------------------------------------- */
/* Ways                                                                       */
/* ------------------------------------------------------------------------- */

static const struct bench_way stock_ways[] = {
	{ "stock", NULL, 0 },
	{ }
};

static const struct bench_way swapmig_ways[] = {
	{ "direct batch 0", "direct", 0 },
	{ "direct batch 32", "direct", 32 },
	{ "default", "direct displace swapout", 32 },
	{ }
};

const struct bench_way *bench_ways(void)
{
	return access(SM_ENGINES, F_OK) ? stock_ways : swapmig_ways;
}

const struct bench_way *bench_default_way(void)
{
	const struct bench_way *way = bench_ways();

	while (way[1].name)
		way++;
	return way;
}

int bench_set_way(const struct bench_way *way)
{
	if (!way->engines)
		return 0;
	return sm_write(SM_ENGINES, "%s", way->engines) ?:
	       sm_write(SM_BATCH, "%d", way->batch);
}

/* ------------------------------------------------------------------------- */
/* Output                                                                     */
/* ------------------------------------------------------------------------- */

void bench_die_at(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	printf("# %s:%d: ", file, line);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	exit(1);
}

void bench_progress(const char *fmt, ...)
{
	va_list args;

	printf("# ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

/* ------------------------------------------------------------------------- */
/* What it costs                                                              */
/* ------------------------------------------------------------------------- */

static long clock_ns(clockid_t clock)
{
	struct timespec t;

	return clock_gettime(clock, &t) ? 0 : t.tv_sec * 1000000000L + t.tv_nsec;
}

long bench_thread_cpu(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void call_one(struct bench_call *c)
{
	long before = bench_thread_cpu();

	c->ret = sm_migrate(c->pid, SM_NODE(c->from), SM_NODE(c->to));
	c->cpu = bench_thread_cpu() - before;
}

void bench_calls(struct bench_call *calls, int nr)
{
	struct bench_call *shared;
	size_t len = nr * sizeof(*calls) + sizeof(int);
	pid_t pids[SM_NODES];
	int i, status, *ready;

	if (nr > SM_NODES)
		bench_die("%d calls at once", nr);
	if (nr == 1) {
		call_one(calls);
		return;
	}
	shared = sm_map_shared(len);
	if (!shared)
		bench_die("no memory");
	memcpy(shared, calls, nr * sizeof(*calls));
	ready = (int *)(shared + nr);
	for (i = 0; i < nr; i++) {
		pid_t pid = sm_fork();

		if (pid < 0)
			bench_die("cannot fork: %s", strerror(errno));
		pids[i] = pid;
		if (pid)
			continue;
		__atomic_add_fetch(ready, 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(ready, __ATOMIC_SEQ_CST) < nr)
			usleep(100);
		call_one(&shared[i]);
		_exit(0);
	}
	for (i = 0; i < nr; i++)
		if (waitpid(pids[i], &status, 0) < 0 || status)
			bench_die("a caller ended with status %d", status);
	memcpy(calls, shared, nr * sizeof(*calls));
	munmap(shared, len);
}

/* ------------------------------------------------------------------------- */
/* Processes                                                                  */
/* ------------------------------------------------------------------------- */

void bench_process(struct sm_peer *p, size_t len, int node, bool huge, __u64 seed)
{
	char *buf = sm_map(len + SM_HUGE);

	if (!buf)
		bench_die("no address space");
	buf += -(uintptr_t)buf & (SM_HUGE - 1);
	if (madvise(buf, len, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) && huge)
		bench_die("no huge pages: %s", strerror(errno));
	if (sm_peer_start(p, buf, len) ||
	    sm_peer(p, SM_ORD_FILL, node, seed))
		bench_die("no process");
	if (sm_on(p->pid, buf, len, node) != SM_PAGES(len))
		bench_progress("not all of it is on node %d: %s", node,
			       sm_where(p->pid, buf, len));
}

/* ------------------------------------------------------------------------- */
/* main                                                                       */
/* ------------------------------------------------------------------------- */

static const struct bench {
	const char *name;
	int (*run)(void);
} benches[] = {
	{ "move",	bench_move },
	{ "exchange",	bench_exchange },
	{ "rotate",	bench_rotate },
	{ "fault",	bench_fault },
	{ "stall",	bench_stall },
	{ "memory",	bench_memory },
};

static int run(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(benches); i++) {
		if (strcmp(benches[i].name, name))
			continue;
		printf("TABLE %s\n", name);
		return benches[i].run();
	}
	fprintf(stderr, "usage: bench NAME[,NAME...] [small], each one of:");
	for (i = 0; i < ARRAY_SIZE(benches); i++)
		fprintf(stderr, " %s", benches[i].name);
	fprintf(stderr, "\n");
	return 2;
}

int main(int argc, char **argv)
{
	char *names = argc > 1 ? argv[1] : "", *name;
	int ret = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	bench_small = argc > 2 && !strcmp(argv[2], "small");
	do {
		name = strsep(&names, ",");
		ret = run(name);
	} while (!ret && names);
	return ret;
}
