// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig benchmarks: what a thread feels whose memory moves while it uses it.
 *
 * A process touches its memory at random, without pause, on a CPU of its own; from
 * the other CPU that is moved. Its speed meanwhile is a share of the speed it had
 * just before. "Stalled" is the part of the time that went into touches of more than
 * 100 microseconds: a few long ones are rare among all touches, and hurt all the same.
 */
#define _GNU_SOURCE
#include <linux/mempolicy.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include "bench.h"

#define GROUP	SM_V2_ROOT "/swapmig-bench"
#define ROUNDS	(bench_small ? 1 : 7)
#define SIZE	((bench_small ? 16 : 128) * SM_MIB)
#define BEFORE	0.2
/* A touch that takes longer has met a page that was unmapped */
#define STALL_US	100

/* ------------------------------------------------------------------------- */
/* The process                                                                */
/* ------------------------------------------------------------------------- */

/* Cycles of a touch: eight steps for each power of two */
#define STEPS	8
#define BUCKETS	(40 * STEPS)

struct phase {
	unsigned long touches;
	unsigned long cycles;		/* of the whole phase */
	unsigned long longest;
	unsigned long stalled;		/* cycles, in touches longer than the limit */
	unsigned int hist[BUCKETS];
};

enum { IDLE, BEFORE_CALL, DURING_CALL, NR_PHASES };

/* Shared between the process that is moved and who moves it */
struct shared {
	int phase;			/* that is wanted */
	int at;				/* that the thread is in */
	int writes;			/* percent */
	bool elsewhere;			/* it touches memory that does not move */
	unsigned long limit;		/* cycles */
	struct phase phases[NR_PHASES];
};

enum mover {
	CALL_MIGRATE_PAGES,
	CALL_ELSEWHERE,
	CALL_ASLEEP,
	CALL_MBIND,
	CALL_MOVE_PAGES,
	CALL_CPUSET,
};

static const char * const call_names[] = {
	"migrate_pages", "migrate_pages (thread elsewhere)", "migrate_pages (thread asleep)",
	"mbind", "move_pages", "cpuset",
};

static unsigned int bucket(unsigned long cycles)
{
	unsigned int log, b;

	if (cycles < STEPS)
		return cycles;
	log = 63 - __builtin_clzl(cycles);
	b = (log - 2) * STEPS + ((cycles >> (log - 3)) & (STEPS - 1));
	return b < BUCKETS ? b : BUCKETS - 1;
}

static unsigned long bucket_end(unsigned int b)
{
	if (b < STEPS)
		return b;
	return (STEPS + b % STEPS + 1UL) << (b / STEPS - 1);
}

static void touch(struct shared *s, struct phase *ph, char *buf, size_t len, int want)
{
	unsigned long x = 88172645463325252UL, begin = __rdtsc(), last = begin, now;

	while (__atomic_load_n(&s->phase, __ATOMIC_ACQUIRE) == want) {
		long *word;

		/* xorshift: cheap, and different pages in any order */
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		word = (long *)(buf + x % (len / SM_PAGE) * SM_PAGE);
		if ((int)(x >> 32 & 127) * 100 < s->writes * 128)
			__atomic_add_fetch(word, 1, __ATOMIC_RELAXED);
		else
			__atomic_load_n(word, __ATOMIC_RELAXED);
		now = __rdtsc();
		ph->touches++;
		ph->hist[bucket(now - last)]++;
		if (now - last > ph->longest)
			ph->longest = now - last;
		if (now - last > s->limit)
			ph->stalled += now - last;
		last = now;
	}
	ph->cycles = last - begin;
}

struct toucher {
	struct shared *s;
	char *buf;
	char *other;
	size_t len;
};

static void *toucher_run(void *arg)
{
	struct toucher *t = arg;
	struct shared *s = t->s;

	sm_run_on_node(1);
	for (;;) {
		int want = __atomic_load_n(&s->phase, __ATOMIC_ACQUIRE);

		__atomic_store_n(&s->at, want, __ATOMIC_RELEASE);
		if (want == IDLE)
			usleep(2000);
		else
			touch(s, &s->phases[want], s->elsewhere ? t->other : t->buf,
			      t->len, want);
	}
	return NULL;
}

/* What the process is asked to do to itself */
struct order {
	enum mover call;
	int to;
};

/* What move_pages() is given, prepared before it counts */
struct pages {
	void **addr;
	int *nodes[2];
	int *status;
};

static void pages_prepare(struct pages *p, char *buf, size_t len)
{
	long nr = SM_PAGES(len), i;
	int to;

	p->addr = calloc(nr, sizeof(*p->addr));
	p->status = calloc(nr, sizeof(*p->status));
	for (to = 0; to < 2; to++)
		p->nodes[to] = calloc(nr, sizeof(*p->nodes[to]));
	if (!p->addr || !p->status || !p->nodes[0] || !p->nodes[1])
		bench_die("no memory");
	for (i = 0; i < nr; i++) {
		p->addr[i] = buf + i * SM_PAGE;
		p->nodes[1][i] = 1;
		p->status[i] = 1;
	}
}

static void process_run(int in, int out, struct shared *s, char *buf)
{
	struct toucher t = { .s = s, .len = SIZE, .buf = buf, .other = sm_map(SIZE) };
	struct pages pages;
	pthread_t thread;
	struct order o;
	long ret = 0;

	pages_prepare(&pages, buf, t.len);
	if (!t.other)
		bench_die("no memory");
	sm_fill_on(t.buf, t.len, 1, 0);
	if (s->elsewhere)
		sm_fill_on(t.other, t.len, 1, 2);
	sm_run_on_node(0);
	if (pthread_create(&thread, NULL, toucher_run, &t))
		bench_die("no thread");
	do {
		if (write(out, &ret, sizeof(ret)) != sizeof(ret))
			_exit(1);
		if (read(in, &o, sizeof(o)) != sizeof(o))
			_exit(0);
		if (o.call == CALL_MBIND)
			ret = sm_mbind(t.buf, t.len, MPOL_BIND, SM_NODE(o.to),
				       MPOL_MF_MOVE);
		else
			ret = sm_move_pages(0, SM_PAGES(t.len), pages.addr,
					    pages.nodes[o.to], pages.status,
					    MPOL_MF_MOVE);
	} while (true);
}

/* ------------------------------------------------------------------------- */
/* Who moves it                                                               */
/* ------------------------------------------------------------------------- */

struct target {
	struct shared *s;
	pid_t pid;
	int in;
	int out;
	int node;
	char *buf;
};

static void target_start(struct target *t, bool elsewhere)
{
	int in[2], out[2];
	long ret;

	t->s = sm_map_shared(sizeof(*t->s));
	t->buf = sm_map(SIZE);
	if (!t->s || !t->buf || madvise(t->buf, SIZE, MADV_NOHUGEPAGE) || pipe(in) ||
	    pipe(out))
		bench_die("no memory, or no pipe");
	t->s->elsewhere = elsewhere;
	t->node = 0;
	t->pid = sm_fork();
	if (!t->pid) {
		close(in[1]);
		close(out[0]);
		process_run(in[0], out[1], t->s, t->buf);
	}
	close(in[0]);
	close(out[1]);
	t->in = in[1];
	t->out = out[0];
	if (read(t->out, &ret, sizeof(ret)) != sizeof(ret))
		bench_die("no process");
}

static void target_stop(struct target *t)
{
	close(t->in);
	close(t->out);
	munmap(t->s, sizeof(*t->s));
	munmap(t->buf, SIZE);
	waitpid(t->pid, NULL, 0);
}

static long target_call(struct target *t, enum mover call, int to)
{
	struct order o = { .call = call, .to = to };
	char mems[] = { '0' + to, '\0' };
	long ret;

	switch (call) {
	case CALL_MIGRATE_PAGES:
	case CALL_ELSEWHERE:
	case CALL_ASLEEP:
		return sm_migrate(t->pid, SM_NODE(t->node), SM_NODE(to));
	case CALL_CPUSET:
		return sm_group_set(GROUP, "cpuset.mems", mems);
	default:
		if (write(t->in, &o, sizeof(o)) != sizeof(o) ||
		    read(t->out, &ret, sizeof(ret)) != sizeof(ret))
			bench_die("the process is gone");
		return ret;
	}
}

/* The thread is in that phase when this returns. */
static void target_phase(struct target *t, int phase)
{
	__atomic_store_n(&t->s->phase, phase, __ATOMIC_RELEASE);
	while (__atomic_load_n(&t->s->at, __ATOMIC_ACQUIRE) != phase) {
		if (waitpid(t->pid, NULL, WNOHANG))
			bench_die("the process is gone");
		usleep(100);
	}
}

/* ------------------------------------------------------------------------- */
/* Rounds                                                                     */
/* ------------------------------------------------------------------------- */

/* One line of the table: what was measured in each round */
#define ROUNDS_MAX	7

struct line {
	enum mover call;
	int writes;
	int batch;
	double ms[ROUNDS_MAX];		/* the call */
	double share[ROUNDS_MAX];	/* percent */
	double p999[ROUNDS_MAX];	/* microseconds */
	double longest[ROUNDS_MAX];
	double stalled[ROUNDS_MAX];	/* percent of the time */
	double flushes[ROUNDS_MAX];	/* interrupts of CPUs, to flush their TLBs */
};

static unsigned long flushes(void)
{
	unsigned long sum = 0, nr;
	FILE *f = fopen("/proc/interrupts", "r");
	char *line = NULL, *at, *end;
	size_t size = 0;

	if (!f)
		bench_die("no /proc/interrupts");
	while (getline(&line, &size, f) > 0) {
		at = strstr(line, "TLB:");
		if (!at)
			continue;
		for (at += 4; nr = strtoul(at, &end, 10), end != at; at = end)
			sum += nr;
	}
	free(line);
	fclose(f);
	return sum;
}

static double per_second(const struct phase *ph)
{
	return ph->cycles ? (double)ph->touches / ph->cycles : 0;
}

static unsigned long percentile(const struct phase *ph, double share)
{
	unsigned long left = ph->touches * (1 - share);
	unsigned int b = BUCKETS - 1;

	while (b > 0 && ph->hist[b] <= left)
		left -= ph->hist[b--];
	return bucket_end(b);
}

static void measure(struct target *t, struct line *l, int round)
{
	struct phase *before = &t->s->phases[BEFORE_CALL];
	struct phase *during = &t->s->phases[DURING_CALL];
	double begin, cycles_us;
	unsigned long tsc, irqs;
	long ret;

	if (sm_write(SM_BATCH, "%d", l->batch))
		bench_die("cannot set the batch");
	memset(before, 0, sizeof(*before));
	memset(during, 0, sizeof(*during));
	t->s->writes = l->writes;
	target_phase(t, BEFORE_CALL);
	tsc = __rdtsc();
	begin = sm_now();
	/* Both CPUs are at work, as they are during the call */
	while (sm_now() < begin + BEFORE)
		;
	cycles_us = (__rdtsc() - tsc) / ((sm_now() - begin) * 1e6);
	t->s->limit = STALL_US * cycles_us;
	target_phase(t, l->call == CALL_ASLEEP ? IDLE : DURING_CALL);
	irqs = flushes();
	tsc = __rdtsc();
	ret = target_call(t, l->call, !t->node);
	l->ms[round] = (__rdtsc() - tsc) / cycles_us / 1000;
	l->flushes[round] = flushes() - irqs;
	target_phase(t, IDLE);
	t->node = !t->node;
	if (ret || sm_on(t->pid, t->buf, SIZE, t->node) != SM_PAGES(SIZE))
		bench_die("%s returned %ld: %s", call_names[l->call], ret,
			  sm_where(t->pid, t->buf, SIZE));
	l->share[round] = 100 * per_second(during) / per_second(before);
	l->p999[round] = percentile(during, 0.999) / cycles_us;
	l->longest[round] = during->longest / cycles_us;
	l->stalled[round] = during->cycles ? 100.0 * during->stalled / during->cycles : 100;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), ascending);
	return v[ROUNDS / 2];
}

/* All lines of one call and share of writes, in turn, so that none has a better time */
static void stall(enum mover call, int writes, const int *batches, int nr)
{
	struct line lines[8];
	struct target t;
	int i, round;

	target_start(&t, call == CALL_ELSEWHERE);
	if (call == CALL_CPUSET &&
	    (!sm_v2_cpusets(true) || sm_group_make(GROUP, "0") ||
	     sm_group_join(GROUP, t.pid)))
		bench_die("no cpuset");
	/* Who moves pages for a cpuset shall not do so on the thread's CPU */
	sm_write("/sys/devices/virtual/workqueue/cpumask", "1");
	sm_run_on_node(0);
	for (i = 0; i < nr; i++)
		lines[i] = (struct line) {
			.call = call, .writes = writes, .batch = batches[i],
		};
	for (round = 0; round < ROUNDS; round++) {
		bench_progress("%s, %d %% writes, round %d of %d", call_names[call],
			       writes, round + 1, ROUNDS);
		for (i = 0; i < nr; i++)
			measure(&t, &lines[i], round);
	}
	for (i = 0; i < nr; i++) {
		struct line *l = &lines[i];

		printf("%s,%d,%d,%.1f,%.0f,", call_names[call], writes, l->batch,
		       median(l->ms), median(l->flushes));
		if (call == CALL_ASLEEP)
			printf("-,-,-,-,-\n");
		else
			printf("%.1f,%.0f,%.1f,%.0f,%.0f\n", median(l->share),
			       median(l->ms) * (1 - median(l->share) / 100),
			       median(l->stalled), median(l->p999), median(l->longest));
	}
	sm_run_on_node(-1);
	target_stop(&t);
	if (call == CALL_CPUSET) {
		sm_group_remove(GROUP);
		sm_v2_cpusets(false);
	}
}

int bench_stall(void)
{
	static const int all[] = { 0, 256, 128, 64, 32, 16, 8, 1 }, two[] = { 0, 32 };
	int call, writes;

	if (sm_write(SM_ENGINES, "direct displace swapout"))
		bench_die("this kernel has no swapmig");
	printf("call,%% writes,batch,call ms,TLB interrupts,");
	printf("speed left %%,ms lost,stalled %%,p99.9 us,max us\n");
	for (writes = 0; writes <= 50; writes += writes ? 40 : 10) {
		if (bench_small)
			writes = 10;
		stall(CALL_MIGRATE_PAGES, writes, bench_small ? two : all,
		      bench_small ? 2 : 8);
		if (bench_small)
			break;
	}
	/* What is due to interrupts alone comes first */
	for (call = CALL_ELSEWHERE; call <= CALL_CPUSET; call++)
		stall(call, 10, two, 2);
	return 0;
}
