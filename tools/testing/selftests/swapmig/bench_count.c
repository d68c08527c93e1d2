// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig benchmarks: what a page costs where there is room, what a fault costs while
 * nothing moves, and what memory a request needs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static const size_t sizes[] = { 16, 64, 256, 1024 };
#define NR_SIZES (bench_small ? 1 : ARRAY_SIZE(sizes))

/* ------------------------------------------------------------------------- */
/* A move to a node with room                                                 */
/* ------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

/* Back and forth; the median, as the first of each way warms up what it needs */
#define MOVES 5

static void move_process(struct sm_peer *p, const char *pages)
{
	const struct bench_way *way;
	int at = 0, i;

	for (way = bench_ways(); way->name; way++) {
		long cpu[MOVES], ret = 0, left = 0;

		if (bench_set_way(way))
			bench_die("cannot choose '%s'", way->name);
		for (i = 0; i < MOVES; i++, at = !at) {
			struct bench_call c = { .pid = p->pid, .from = at, .to = !at };

			bench_calls(&c, 1);
			sm_alive("moves", i);
			cpu[i] = c.cpu;
			ret = ret ? ret : c.ret;
			left += SM_PAGES(p->len) - sm_on(p->pid, p->buf, p->len, !at);
		}
		qsort(cpu, MOVES, sizeof(cpu[0]), ascending);
		printf("%s,%s,%zu,%ld,%ld,%ld\n", way->name, pages, p->len / SM_MIB, ret,
		       left, cpu[MOVES / 2] / SM_PAGES(p->len));
	}
	if (sm_peer(p, SM_ORD_CHECK, at, 1))
		bench_die("data is damaged");
	sm_peer_stop(p);
}

static void move_size(size_t mib, bool huge)
{
	struct sm_peer p;

	bench_progress("moving %zu MiB%s", mib, huge ? " of huge pages" : "");
	bench_process(&p, mib * SM_MIB, 0, huge, 1);
	move_process(&p, huge ? "2 MiB" : "4 KiB");
}

/* What so many processes map costs each time as many changes of page tables. */
#define MAPPERS (bench_small ? 10 : 300)

static void move_shared(void)
{
	size_t len = SM_MIB;
	void *buf = sm_map_shared(len);
	pid_t pids[300];
	struct sm_peer p;
	char pages[32];
	int i, fds[2];
	char c;

	snprintf(pages, sizeof(pages), "4 KiB of %d", MAPPERS);
	bench_progress("moving what %d processes map", MAPPERS);
	if (!buf || sm_peer_start(&p, buf, len) || sm_peer(&p, SM_ORD_FILL, 0, 1) ||
	    pipe(fds))
		bench_die("no process");
	for (i = 0; i < MAPPERS - 1; i++) {
		pids[i] = sm_fork();
		if (pids[i] < 0)
			bench_die("cannot fork: %s", strerror(errno));
		if (pids[i])
			continue;
		sm_touch(buf, len);
		if (write(fds[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	for (i = 0; i < MAPPERS - 1; i++)
		if (read(fds[0], &c, 1) != 1)
			bench_die("a process is gone");
	move_process(&p, pages);
	for (i = 0; i < MAPPERS - 1; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	close(fds[0]);
	close(fds[1]);
	munmap(buf, len);
}

int bench_move(void)
{
	size_t i;
	int huge;

	printf("way,pages,MiB,returned,left behind,instructions a page\n");
	for (huge = 0; huge < 2; huge++)
		for (i = 0; i < NR_SIZES; i++)
			move_size(sizes[i], huge);
	move_shared();
	return 0;
}

/* ------------------------------------------------------------------------- */
/* Faults                                                                     */
/* ------------------------------------------------------------------------- */

static long touch_all(char *p, size_t len)
{
	long before = bench_thread_cpu();
	size_t off;

	for (off = 0; off < len; off += SM_PAGE)
		__atomic_add_fetch((long *)(p + off), 1, __ATOMIC_RELAXED);
	return bench_thread_cpu() - before;
}

int bench_fault(void)
{
	size_t len = (bench_small ? 2000 : 100000) * SM_PAGE;
	const char *way = bench_default_way()->name;
	char *p = sm_map(len);
	long ns, swapped;

	printf("way,fault,number,instructions a page\n");
	if (!p)
		bench_die("no memory");
	sm_run_on_node(0);
	madvise(p, len, MADV_NOHUGEPAGE);
	/* Page tables are there afterwards, and so are the allocator's caches */
	touch_all(p, len);
	madvise(p, len, MADV_DONTNEED);
	bench_progress("touching %ld pages", SM_PAGES(len));
	ns = touch_all(p, len);
	printf("%s,new page,%ld,%ld\n", way, SM_PAGES(len), ns / SM_PAGES(len));

	sm_write("/proc/sys/vm/page-cluster", "0");
	if (sm_swap_on(SM_SWAP_ZRAM, len + 64 * SM_MIB))
		bench_die("no zram");
	bench_progress("swapping them in");
	sm_fill(p, len, 1);
	if (madvise(p, len, MADV_PAGEOUT))
		bench_die("no MADV_PAGEOUT: %s", strerror(errno));
	swapped = sm_swapped(0, p, len);
	if (swapped < SM_PAGES(len) * 99 / 100)
		bench_die("swapped out: %ld pages", swapped);
	ns = touch_all(p, len);
	printf("%s,from zram,%ld,%ld\n", way, swapped, ns / swapped);
	munmap(p, len);
	return sm_swap_off() ? 1 : 0;
}

/* ------------------------------------------------------------------------- */
/* Memory                                                                     */
/* ------------------------------------------------------------------------- */

/* What is looked at all the time while a call runs */
struct watch {
	pthread_t thread;
	bool stop;
	long looks;
	long isolated;		/* at most, pages */
	long mapped;		/* at least, pages */
	long kernel;		/* at most, KiB */
};

static long kernel_kib(void)
{
	return sm_meminfo_kib("Slab") + sm_meminfo_kib("PageTables") +
	       sm_meminfo_kib("KernelStack") + sm_meminfo_kib("Percpu");
}

static void watch_look(struct watch *w)
{
	long isolated = sm_isolated(), mapped = sm_vmstat("nr_anon_pages");
	long kernel = kernel_kib();

	w->isolated = isolated > w->isolated ? isolated : w->isolated;
	w->mapped = mapped < w->mapped ? mapped : w->mapped;
	w->kernel = kernel > w->kernel ? kernel : w->kernel;
	w->looks++;
}

static void *watch_run(void *arg)
{
	struct watch *w = arg;

	sm_run_on_node(1);
	while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE))
		watch_look(w);
	return NULL;
}

static void memory_size(size_t mib)
{
	const struct bench_way *way;
	size_t len = mib * SM_MIB;
	struct sm_peer p;
	int at = 0;

	bench_process(&p, len, at, false, 1);
	for (way = bench_ways(); way->name; way++, at = !at) {
		struct bench_call c = { .pid = p.pid, .from = at, .to = !at };
		struct watch w = { .mapped = sm_vmstat("nr_anon_pages") };
		long mapped = w.mapped, kernel = kernel_kib();

		if (bench_set_way(way))
			bench_die("cannot choose '%s'", way->name);
		sm_run_on_node(0);
		if (pthread_create(&w.thread, NULL, watch_run, &w))
			bench_die("no thread");
		bench_calls(&c, 1);
		__atomic_store_n(&w.stop, true, __ATOMIC_RELEASE);
		pthread_join(w.thread, NULL);
		sm_run_on_node(-1);
		if (c.ret || sm_on(p.pid, p.buf, len, !at) != SM_PAGES(len))
			bench_die("not all of it has moved: %ld", c.ret);
		printf("%s,%zu,%ld,%ld,%ld,%ld,%ld\n", way->name, mib, c.ret, w.looks,
		       w.isolated, mapped - w.mapped, w.kernel - kernel);
	}
	if (sm_peer(&p, SM_ORD_CHECK, at, 1))
		bench_die("data is damaged");
	sm_peer_stop(&p);
}

int bench_memory(void)
{
	size_t i;

	/* Pages at any moment, and how much more the kernel has, at most */
	printf("way,MiB,returned,looks,isolated,unmapped,kernel KiB\n");
	for (i = 0; i < NR_SIZES; i++) {
		bench_progress("watching a move of %zu MiB", sizes[i]);
		memory_size(sizes[i]);
	}
	return 0;
}
