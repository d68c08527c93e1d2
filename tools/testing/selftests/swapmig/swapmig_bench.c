// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig_bench: takes one measurement of page migration, and prints it as one
 * or more lines of comma-separated values.  Which engines are at work is for
 * the caller to say, with vm.migration_engines and vm.migration_batch.
 *
 *	move MIB CALLS			to and fro, where there is room
 *	exchange SWAP MIB ROOM		A and B change places; ROOM MiB a node
 *	memory MIB ROOM			the same; what the kernel takes for it
 *	stall MIB CALLS [ROOM]		what a thread feels that uses the pages
 *
 * Times are those of CLOCK_MONOTONIC in ns.  Under QEMU's -icount shift=0 an
 * instruction takes one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "swapmig_util.h"

#define BENCH_ROUNDS	3
#define BENCH_CALLS	64

static __u64 bench_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void bench_die(const char *what, long err)
{
	fprintf(stderr, "swapmig_bench: %s: %s\n", what, strerror(-err));
	sm_unhog(0);
	sm_unhog(1);
	sm_swap_off();
	exit(1);
}

static int bench_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

#define BENCH_HUGE	\
	"/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/nr_hugepages"

/* Rooms that differ by this much, or less, are the same. */
#define BENCH_SLACK	(3 * SM_MIB)

/* Huge pages take what @node has more than @room.  Returns what it has then. */
static size_t bench_hog(int node, size_t room)
{
	size_t left = sm_node_kib(node, "MemFree") * 1024;
	char path[128];
	long more;

	snprintf(path, sizeof(path), BENCH_HUGE, node);
	more = ((long)left - (long)room) / (long)SM_THP;
	if (more > 0)
		sm_write(path, "%ld", sm_read_long(path) + more);
	return sm_node_kib(node, "MemFree") * 1024;
}

/*
 * A node is to have this much free memory; 0: all of it.  Pages that lie
 * scattered are brought together until that is so.
 */
static void bench_room(int node, size_t room)
{
	size_t left = 0;
	int tries;

	for (tries = 0; room && tries < 8; tries++) {
		left = bench_hog(node, room);
		if (left <= room + BENCH_SLACK)
			break;
		sm_write("/proc/sys/vm/compact_memory", "1");
	}
	if (room && (left > room + BENCH_SLACK || left + BENCH_SLACK < room))
		fprintf(stderr, "swapmig_bench: node %d has %zu MiB, not %zu\n",
			node, left / SM_MIB, room / SM_MIB);
}

static void bench_rooms(size_t room0, size_t room1)
{
	sm_write("/proc/sys/vm/drop_caches", "3");
	bench_room(0, room0);
	bench_room(1, room1);
}

static void bench_reset(void)
{
	sm_unhog(0);
	sm_unhog(1);
	sm_swap_off();
}

/* Processes and their memory                                                */

struct bench_proc {
	struct sm_peer peer;
	__u64 seed;
	int home;
	int calls;
	long ret;
};

/* Its page tables are to be on its node, too, so it starts on that one. */
static void bench_start(struct bench_proc *p, size_t len, __u64 seed, int home)
{
	void *buf = sm_map(len);
	int ret;

	*p = (struct bench_proc) { .seed = seed, .home = home };
	if (!buf)
		bench_die("mmap", -ENOMEM);
	sm_run_on_node(home);
	ret = sm_peer_start(&p->peer, buf, len);
	sm_run_on_node(0);
	if (ret)
		bench_die("fork", ret);
}

static void bench_fill(struct bench_proc *p)
{
	sm_peer(&p->peer, SM_ORD_FILL, p->home, p->seed);
}

static long bench_misplaced(const struct bench_proc *p, int node)
{
	const struct sm_peer *peer = &p->peer;

	return SM_PAGES(peer->len) -
	       sm_on(peer->pid, peer->buf, peer->len, node);
}

/* Returns ns */
static __u64 bench_call(struct bench_proc *p, int from, int to)
{
	__u64 start = bench_ns(), end;
	long ret = sm_migrate(p->peer.pid, SM_NODE(from), SM_NODE(to));

	end = bench_ns();
	if (!p->calls++)
		p->ret = ret;
	return end - start;
}

/* As a process does that goes on; pages that are in swap come back. */
static __u64 bench_touch(struct bench_proc *p, int node)
{
	__u64 start = bench_ns();

	sm_peer(&p->peer, SM_ORD_TOUCH, node, 0);
	return bench_ns() - start;
}

/* Where there is room                                                       */

static int bench_move(size_t len, int calls)
{
	double cost[BENCH_CALLS];
	struct bench_proc a;
	long pages = SM_PAGES(len), bad;
	int i;

	bench_rooms(0, 0);
	bench_start(&a, len, 1, 0);
	bench_fill(&a);
	for (i = 0; i < calls; i++) {
		cost[i] = (double)bench_call(&a, i % 2, !(i % 2)) / pages;
		bad = bench_misplaced(&a, !(i % 2));
		if (bad)
			fprintf(stderr, "swapmig_bench: move: %ld left\n", bad);
	}
	sm_peer_stop(&a.peer);
	qsort(cost, calls, sizeof(cost[0]), bench_order);
	printf("%ld,%.0f,%.0f,%.0f\n", pages, cost[calls / 2], cost[0],
	       cost[calls - 1]);
	return 0;
}

/* Exchange                                                                  */

struct bench_exchange {
	struct bench_proc a;
	struct bench_proc b;
	long first;		/* misplaced after a call each */
	long misplaced;		/* in the end */
	long out;
	long in;
	long displaced;
	long bad;
	__u64 calls;
	__u64 touches;
};

static void bench_exchange_fill(struct bench_exchange *x, size_t len,
				size_t room)
{
	bench_start(&x->a, len, 1, 0);
	bench_start(&x->b, len, 2, 1);
	bench_rooms(room, room);
	bench_fill(&x->a);
	bench_fill(&x->b);
}

static long bench_exchange_misplaced(const struct bench_exchange *x)
{
	return bench_misplaced(&x->a, 1) + bench_misplaced(&x->b, 0);
}

static void bench_exchange_run(struct bench_exchange *x)
{
	int round;

	x->out = -sm_vmstat("pswpout");
	x->in = -sm_vmstat("pswpin");
	x->displaced = -sm_vmstat("swapmig_displaced");
	for (round = 0; round < BENCH_ROUNDS; round++) {
		if (!round || bench_misplaced(&x->a, 1))
			x->calls += bench_call(&x->a, 0, 1);
		if (!round || bench_misplaced(&x->b, 0))
			x->calls += bench_call(&x->b, 1, 0);
		x->touches += bench_touch(&x->a, 1);
		x->touches += bench_touch(&x->b, 0);
		x->misplaced = bench_exchange_misplaced(x);
		if (!round)
			x->first = x->misplaced;
		if (!x->misplaced)
			break;
	}
	x->out += sm_vmstat("pswpout");
	x->in += sm_vmstat("pswpin");
	x->displaced += sm_vmstat("swapmig_displaced");
}

static void bench_exchange_end(struct bench_exchange *x)
{
	x->bad = sm_peer(&x->a.peer, SM_ORD_CHECK, 0, x->a.seed) +
		 sm_peer(&x->b.peer, SM_ORD_CHECK, 0, x->b.seed);
	sm_peer_stop(&x->a.peer);
	sm_peer_stop(&x->b.peer);
	bench_reset();
}

static int bench_exchange(const char *swap, size_t len, size_t room)
{
	static const char * const kinds[] = {
		[SM_SWAP_NONE] = "none",
		[SM_SWAP_DISK] = "disk",
		[SM_SWAP_ZRAM] = "zram",
	};
	struct bench_exchange x = { 0 };
	enum sm_swap kind = SM_SWAP_NONE;
	long pages = 2 * SM_PAGES(len), placed;
	int ret;

	while (strcmp(swap, kinds[kind]))
		if (++kind > SM_SWAP_ZRAM)
			bench_die(swap, -EINVAL);
	ret = sm_swap_on(kind, 1024 * SM_MIB);
	if (ret)
		bench_die("swapon", ret);
	bench_exchange_fill(&x, len, room);
	if (bench_misplaced(&x.a, 0) || bench_misplaced(&x.b, 1))
		fprintf(stderr, "swapmig_bench: not filled as wanted\n");
	bench_exchange_run(&x);
	bench_exchange_end(&x);
	placed = pages - x.misplaced;
	printf("%ld,%ld,%ld,%d,%d,%ld,%ld,%ld,%ld,%ld,%.0f,%.0f,%ld\n", pages,
	       x.a.ret, x.b.ret, x.a.calls, x.b.calls, x.first, x.misplaced,
	       x.out, x.in, x.displaced,
	       placed ? (double)x.calls / placed : 0,
	       placed ? (double)x.touches / placed : 0, x.bad);
	return 0;
}

/* Memory that the kernel takes                                              */

struct bench_watch {
	pthread_t thread;
	bool stop;
	long samples;
	long kib;
	long isolated;
};

static long bench_kernel_kib(void)
{
	static const char * const fields[] = {
		"Slab:", "KernelStack:", "PageTables:", "SecPageTables:",
		"VmallocUsed:", "Percpu:", NULL,
	};
	FILE *f = fopen("/proc/meminfo", "r");
	char key[32];
	long kib, sum = 0;
	int i;

	if (!f)
		return 0;
	while (fscanf(f, "%31s %ld%*[^\n]", key, &kib) == 2)
		for (i = 0; fields[i]; i++)
			if (!strcmp(key, fields[i]))
				sum += kib;
	fclose(f);
	return sum;
}

static void *bench_watch_thread(void *arg)
{
	struct bench_watch *w = arg;
	long kib, isolated;

	sm_run_on_node(1);
	while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
		kib = bench_kernel_kib();
		isolated = sm_isolated();
		if (kib > w->kib)
			w->kib = kib;
		if (isolated > w->isolated)
			w->isolated = isolated;
		__atomic_store_n(&w->samples, w->samples + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Returns when the thread is at work and has seen how things are at rest */
static void bench_watch_start(struct bench_watch *w)
{
	int ret = pthread_create(&w->thread, NULL, bench_watch_thread, w);

	if (ret)
		bench_die("pthread_create", -ret);
	while (__atomic_load_n(&w->samples, __ATOMIC_ACQUIRE) < 20)
		sm_nap();
}

static int bench_memory(size_t len, size_t room)
{
	struct bench_exchange x = { 0 };
	struct bench_watch w = { 0 };
	long before, samples;

	bench_exchange_fill(&x, len, room);
	bench_watch_start(&w);
	before = w.kib;
	samples = w.samples;
	bench_exchange_run(&x);
	samples = w.samples - samples;
	__atomic_store_n(&w.stop, true, __ATOMIC_RELEASE);
	pthread_join(w.thread, NULL);
	bench_exchange_end(&x);
	printf("%ld,%ld,%ld,%ld,%ld\n", 2 * SM_PAGES(len), samples,
	       w.kib - before, w.isolated, x.misplaced);
	return 0;
}

/* Stall                                                                     */

/* Eight to an octave */
#define STALL_STEPS	8
#define STALL_SLOTS	(64 * STALL_STEPS)

enum stall_phase {
	STALL_IDLE,
	STALL_BEFORE,
	STALL_DURING,
	STALL_PHASES,
	STALL_QUIT = STALL_PHASES,
};

struct stall_stats {
	__u64 touches;
	__u64 longest;
	__u64 slots[STALL_SLOTS];
};

struct stall {
	int phase;
	struct stall_stats in[STALL_PHASES];
};

static void stall_record(struct stall_stats *s, __u64 ns)
{
	int exp = ns < STALL_STEPS ? 0 : 63 - __builtin_clzll(ns);
	int slot = ns < STALL_STEPS ? (int)ns :
		   exp * STALL_STEPS + (int)(ns >> (exp - 3)) % STALL_STEPS;

	s->touches++;
	s->slots[slot]++;
	if (ns > s->longest)
		s->longest = ns;
}

/* The upper end of the slot in which the touch is that 999 of 1000 beat */
static double stall_p999(const struct stall_stats *s)
{
	__u64 sum = 0, want = s->touches - s->touches / 1000;
	int i;

	for (i = 0; i < STALL_SLOTS; i++) {
		sum += s->slots[i];
		if (sum >= want)
			break;
	}
	if (i < STALL_STEPS)
		return i + 1;
	return (1ULL << (i / STALL_STEPS)) / (double)STALL_STEPS *
	       (STALL_STEPS + i % STALL_STEPS + 1);
}

static void stall_touch(struct stall *s, char *buf, size_t len)
{
	__u64 x = 88172645463325252ULL, was = bench_ns(), now, *at;
	size_t pages = SM_PAGES(len);
	int phase;

	for (;;) {
		phase = __atomic_load_n(&s->phase, __ATOMIC_ACQUIRE);
		if (phase == STALL_QUIT)
			return;
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		at = (__u64 *)(buf + (x >> 20) % pages * SM_PAGE);
		__atomic_store_n(at, __atomic_load_n(at, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
		now = bench_ns();
		stall_record(&s->in[phase], now - was);
		was = now;
	}
}

static void stall_phase(struct stall *s, int phase)
{
	if (phase == STALL_BEFORE)
		memset(s->in, 0, sizeof(s->in));
	__atomic_store_n(&s->phase, phase, __ATOMIC_RELEASE);
}

static pid_t stall_start(struct stall *s, void *buf, size_t len)
{
	pid_t pid = sm_fork();

	if (pid < 0)
		bench_die("fork", -errno);
	if (!pid) {
		sm_fill_on(buf, len, 1, 0);
		sm_run_on_node(1);
		stall_phase(s, STALL_BEFORE);
		stall_touch(s, buf, len);
		_exit(sm_bad(buf, len, 1) != 0);
	}
	while (__atomic_load_n(&s->phase, __ATOMIC_ACQUIRE) == STALL_IDLE)
		sm_nap();
	return pid;
}

static void stall_call(struct stall *s, pid_t pid, const void *buf, size_t len,
		       int to)
{
	struct timespec rest = { .tv_nsec = 250000000 };
	double start, before, call;
	long ret, out;

	stall_phase(s, STALL_IDLE);
	nanosleep(&rest, NULL);
	stall_phase(s, STALL_BEFORE);
	start = sm_now();
	nanosleep(&rest, NULL);
	out = -sm_vmstat("pswpout");
	before = sm_now() - start;
	stall_phase(s, STALL_DURING);
	start = sm_now();
	ret = sm_migrate(pid, SM_NODE(!to), SM_NODE(to));
	call = sm_now() - start;
	stall_phase(s, STALL_IDLE);
	nanosleep(&rest, NULL);
	printf("%ld,%ld,%ld,%.0f,%.0f,%.1f,%.1f,%.1f,%.1f\n", ret,
	       SM_PAGES(len) - sm_on(pid, buf, len, to),
	       out + sm_vmstat("pswpout"),
	       s->in[STALL_BEFORE].touches / before,
	       s->in[STALL_DURING].touches / call,
	       stall_p999(&s->in[STALL_BEFORE]) / 1000,
	       stall_p999(&s->in[STALL_DURING]) / 1000,
	       s->in[STALL_DURING].longest / 1000.0, call * 1000);
	fflush(stdout);
}

static int bench_stall(size_t len, int calls, size_t room)
{
	struct stall *s = sm_map_shared(sizeof(*s));
	void *buf = sm_map(len);
	struct bench_proc b;
	pid_t pid;
	int i, status = 0;

	if (!s || !buf)
		bench_die("mmap", -ENOMEM);
	pid = stall_start(s, buf, len);
	if (room) {
		int ret = sm_swap_on(SM_SWAP_DISK, 1024 * SM_MIB);

		if (ret)
			bench_die("swapon", ret);
		bench_start(&b, room - 24 * SM_MIB, 2, 1);
		bench_rooms(24 * SM_MIB, room);
		bench_fill(&b);
	}
	for (i = 0; i < calls; i++)
		stall_call(s, pid, buf, len, !(i % 2));
	stall_phase(s, STALL_QUIT);
	waitpid(pid, &status, 0);
	if (status)
		fprintf(stderr, "swapmig_bench: stall: contents changed\n");
	if (room) {
		sm_peer_stop(&b.peer);
		bench_reset();
	}
	return status != 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	size_t len = argc > 2 ? strtoul(argv[2], NULL, 0) * SM_MIB : 0;
	size_t arg = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;
	size_t room = argc > 4 ? strtoul(argv[4], NULL, 0) * SM_MIB : 0;
	const char *stride = getenv("SWAPMIG_STRIDE");

	sm_stride = stride ? strtoul(stride, NULL, 0) : 1;
	sm_run_on_node(0);
	if (!strcmp(what, "move") && arg > 0 && arg <= BENCH_CALLS)
		return bench_move(len, arg);
	if (!strcmp(what, "exchange") && argc > 4)
		return bench_exchange(argv[2], arg * SM_MIB, room);
	if (!strcmp(what, "memory") && argc > 3)
		return bench_memory(len, arg * SM_MIB);
	if (!strcmp(what, "stall") && arg > 0 && arg <= BENCH_CALLS)
		return bench_stall(len, arg, room);
	fprintf(stderr,
		"usage: %s move MIB CALLS | exchange SWAP MIB ROOM |\n"
		"	memory MIB ROOM | stall MIB CALLS [ROOM]\n", argv[0]);
	return 2;
}
