/* SPDX-License-Identifier: GPL-2.0 */
/*
 * swapmig benchmarks: what they share. Each prints a table, as CSV: a line
 * "TABLE name", its heading, rows. Lines that begin with '#' only say how far it is.
 */
#ifndef SWAPMIG_BENCH_H
#define SWAPMIG_BENCH_H

#include "swapmig_util.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* A way to move pages: an engine list, and folios handed over at once */
struct bench_way {
	const char *name;
	const char *engines;	/* NULL: the kernel is one without swapmig */
	int batch;
};

/* NULL-terminated by name: those that this kernel has */
const struct bench_way *bench_ways(void);
/* The one that is the default, or the only one */
const struct bench_way *bench_default_way(void);
int bench_set_way(const struct bench_way *way);

/* The smallest run that still shows that all of it works */
extern bool bench_small;

#define bench_die(...) bench_die_at(__FILE__, __LINE__, __VA_ARGS__)
void bench_die_at(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
void bench_progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A call of migrate_pages(2), and what it cost who made it, in ns of CPU time */
struct bench_call {
	pid_t pid;
	int from;
	int to;
	long ret;
	long cpu;
};

/* Makes all calls, at the same time if there are several. */
void bench_calls(struct bench_call *calls, int nr);
long bench_thread_cpu(void);

/* A process with @len bytes on @node, of huge pages if @huge */
void bench_process(struct sm_peer *p, size_t len, int node, bool huge, __u64 seed);

int bench_move(void);
int bench_fault(void);
int bench_memory(void);
int bench_exchange(void);
int bench_rotate(void);
int bench_stall(void);

#endif /* SWAPMIG_BENCH_H */
