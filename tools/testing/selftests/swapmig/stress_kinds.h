/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the process of a stress test does while its memory is moved
 */
#ifndef STRESS_KINDS_H
#define STRESS_KINDS_H

#include <pthread.h>

#include "swapmig_util.h"

/* What is fetched, merged, remapped and so on at a time */
#define SMALL		(64 * SM_PAGE)

/* What all processes of a test share, in memory that may move as well */
struct shared {
	bool stop;
	long errors;
	long rounds;
	long moves;		/* of all who move it */
	long page_moves;	/* by move_pages(2), if the kernel has it */
	long cpuset_moves;
	long acts;
	pid_t execer;		/* a process that is moved as well */
	long execer_moves;
	long merges;
	char where[128];
};

/* Serves the faults in a range, and counts them. */
struct server {
	struct shared *shared;
	char *range;
	int fd;
	long served;
	bool done;
	pthread_t thread;
};

#define now(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)

static inline bool go_on(struct shared *s)
{
	return !now(s->stop) && !now(s->errors);
}

void complain(struct shared *s, const char *what, long value);

void fork_once(struct shared *s, const char *fixed, size_t len);
void exec_once(struct shared *s);
char *remap_once(struct shared *s, char *p, size_t len);
void unmap_once(struct shared *s, size_t len);
void discard_once(struct shared *s, char *p, size_t len);
void free_once(struct shared *s, char *p, size_t len);

int uffd_open(void);
void start_server(struct server *f, struct shared *s);
void stop_server(struct server *f);
void fetch_once(struct shared *s, struct server *f);

void start_merging(struct shared *s, char *one, char *two);
void merge_once(struct shared *s, char *one, const char *two, bool wait);

#endif /* STRESS_KINDS_H */
