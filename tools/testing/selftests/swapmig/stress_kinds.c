// SPDX-License-Identifier: GPL-2.0
/*
 * What the process of a stress test does while its memory is moved: each act once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress_kinds.h"

/* "stress --again N": a new address space, N times; no test */
#define AGAIN		"--again"
#define EXECS		"4"

void complain(struct shared *s, const char *what, long value)
{
	if (__sync_fetch_and_add(&s->errors, 1))
		return;
	snprintf(s->where, sizeof(s->where), "%s: %ld", what, value);
}

void fork_once(struct shared *s, const char *fixed, size_t len)
{
	int status;
	pid_t pid = sm_fork();

	if (!pid) {
		/* The child writes into its copy, which the parent never sees. */
		long bad = sm_bad(fixed, len, 1);

		sm_fill((char *)fixed, len / 2, 7);
		bad += sm_bad(fixed, len / 2, 7);
		_exit(bad ? 1 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		complain(s, "status of a child", status);
}

char *remap_once(struct shared *s, char *p, size_t len)
{
	char *to = sm_map(len), *moved;

	moved = mremap(p, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	if (moved != to) {
		complain(s, "mremap", errno);
		return p;
	}
	if (sm_bad(moved, len, 3))
		complain(s, "pages changed by mremap", sm_bad(moved, len, 3));
	return moved;
}

void unmap_once(struct shared *s, size_t len)
{
	char *p = sm_map(len);

	if (!p) {
		complain(s, "mmap", errno);
		return;
	}
	sm_fill(p, len, 4);
	if (sm_bad(p, len, 4))
		complain(s, "new pages changed", sm_bad(p, len, 4));
	munmap(p, len);
}

void discard_once(struct shared *s, char *p, size_t len)
{
	sm_fill(p, len, 5);
	madvise(p, len, MADV_DONTNEED);
	if (sm_nonzero(p, len))
		complain(s, "words left after MADV_DONTNEED", sm_nonzero(p, len));
}

/* Words that are not what was written, nor gone together with all that follow */
static long half_gone(const char *p, size_t len, __u64 seed)
{
	size_t words = SM_PAGE / sizeof(__u64), i, w;
	const __u64 *at = (const __u64 *)p;
	long bad = 0;
	__u64 word;
	bool gone;

	for (i = 0; i < len / SM_PAGE; i++, at += words) {
		gone = false;
		for (w = 0; w < words; w++) {
			word = __atomic_load_n(&at[w], __ATOMIC_RELAXED);
			gone |= !word;
			bad += word != (gone ? 0 : sm_word(i, w, seed));
		}
	}
	return bad;
}

/* Freed lazily, pages go at any time; those that are written to stay. */
void free_once(struct shared *s, char *p, size_t len)
{
	long bad;

	sm_fill(p, len, 6);
	if (madvise(p, len, MADV_FREE))
		complain(s, "MADV_FREE", errno);
	sm_nap();
	bad = half_gone(p, len, 6);
	if (bad)
		complain(s, "wrong words after MADV_FREE", bad);
	sm_fill(p, len / 2, 12);
	sm_nap();
	bad = sm_bad(p, len / 2, 12);
	if (bad)
		complain(s, "pages lost after MADV_FREE", bad);
}

/* Before main(): what the process does that execs itself again and again */
static void __attribute__((constructor)) again(int argc, char **argv)
{
	char *p, left[16];
	int i, n;

	if (argc != 3 || strcmp(argv[1], AGAIN))
		return;
	n = strtol(argv[2], NULL, 10);
	p = sm_map(SMALL);
	if (!p)
		_exit(2);
	sm_fill(p, SMALL, n);
	for (i = 0; i < 3; i++) {
		sm_nap();
		if (sm_bad(p, SMALL, n))
			_exit(3);
	}
	if (!n)
		_exit(0);
	snprintf(left, sizeof(left), "%d", n - 1);
	execl("/proc/self/exe", argv[0], AGAIN, left, NULL);
	_exit(4);
}

void exec_once(struct shared *s)
{
	int status;
	pid_t pid = sm_fork();

	if (!pid) {
		execl("/proc/self/exe", "stress", AGAIN, EXECS, NULL);
		_exit(5);
	}
	__atomic_store_n(&s->execer, pid, __ATOMIC_RELAXED);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		complain(s, "status of one that execs", status);
	__atomic_store_n(&s->execer, 0, __ATOMIC_RELAXED);
}

int uffd_open(void)
{
	return syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
}

/* Who waits for a page that nobody brings waits forever. */
static void give_up(struct shared *s, const char *what)
{
	complain(s, what, errno);
	_exit(1);
}

static void *serve(void *arg)
{
	struct server *f = arg;
	struct pollfd pfd = { .fd = f->fd, .events = POLLIN };
	__u64 page[SM_PAGE / sizeof(__u64)];
	struct uffdio_copy copy;
	struct uffd_msg msg;
	size_t nr, w;

	while (!now(f->done)) {
		if (poll(&pfd, 1, 20) <= 0 ||
		    read(f->fd, &msg, sizeof(msg)) != sizeof(msg))
			continue;
		nr = (msg.arg.pagefault.address - (uintptr_t)f->range) / SM_PAGE;
		if (msg.event != UFFD_EVENT_PAGEFAULT || nr >= SM_PAGES(SMALL))
			give_up(f->shared, "event of a userfaultfd");
		for (w = 0; w < SM_PAGE / sizeof(__u64); w++)
			page[w] = sm_word(nr, w, 8);
		copy = (struct uffdio_copy) {
			.dst = (uintptr_t)f->range + nr * SM_PAGE,
			.src = (uintptr_t)page, .len = SM_PAGE,
		};
		__sync_fetch_and_add(&f->served, 1);
		while (ioctl(f->fd, UFFDIO_COPY, &copy))
			if (errno != EAGAIN)
				give_up(f->shared, "UFFDIO_COPY");
	}
	return NULL;
}

void start_server(struct server *f, struct shared *s)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	f->shared = s;
	f->range = sm_map(SMALL);
	f->fd = uffd_open();
	reg.range.start = (uintptr_t)f->range;
	reg.range.len = SMALL;
	if (f->fd < 0 || ioctl(f->fd, UFFDIO_API, &api) ||
	    ioctl(f->fd, UFFDIO_REGISTER, &reg) ||
	    pthread_create(&f->thread, NULL, serve, f))
		give_up(s, "userfaultfd");
}

void stop_server(struct server *f)
{
	__atomic_store_n(&f->done, true, __ATOMIC_RELAXED);
	pthread_join(f->thread, NULL);
	close(f->fd);
}

/* Each page is fetched once: one that got lost would be fetched again. */
void fetch_once(struct shared *s, struct server *f)
{
	long before = now(f->served);

	madvise(f->range, SMALL, MADV_DONTNEED);
	if (sm_bad(f->range, SMALL, 8))
		complain(s, "fetched pages differ", sm_bad(f->range, SMALL, 8));
	sm_nap();
	if (sm_bad(f->range, SMALL, 8))
		complain(s, "fetched pages changed", sm_bad(f->range, SMALL, 8));
	sm_fill(f->range, SMALL, 9);
	sm_nap();
	if (sm_bad(f->range, SMALL, 9))
		complain(s, "fetched pages with lost writes",
			 sm_bad(f->range, SMALL, 9));
	if (now(f->served) - before != SM_PAGES(SMALL))
		complain(s, "pages fetched", now(f->served) - before);
}

/* Is any page of the two ranges one and the same? Brings them in if need be. */
static bool any_merged(const char *one, const char *two)
{
	__u64 pm;
	size_t i;

	sm_touch(one, SMALL);
	sm_touch(two, SMALL);
	for (i = 0; i < SMALL; i += SM_PAGE) {
		pm = sm_pagemap(0, one + i);
		if (pm >> 63 && pm == sm_pagemap(0, two + i))
			return true;
	}
	return false;
}

/* Two ranges with the same contents, for ksmd to find */
void start_merging(struct shared *s, char *one, char *two)
{
	sm_fill(one, SMALL, 10);
	sm_fill(two, SMALL, 10);
	if (madvise(one, SMALL, MADV_MERGEABLE) ||
	    madvise(two, SMALL, MADV_MERGEABLE))
		complain(s, "MADV_MERGEABLE", errno);
}

/*
 * Have the two ranges still the same contents? Wait for them to be merged if @wait.
 * Every other time that they are, the first one is written to, which must not show
 * in the other.
 */
void merge_once(struct shared *s, char *one, const char *two, bool wait)
{
	bool merged;

	if (sm_bad(one, SMALL, 10) || sm_bad(two, SMALL, 10))
		complain(s, "mergeable pages changed", 1);
	merged = any_merged(one, two);
	if (!merged && wait)
		merged = SM_WAIT(!go_on(s) || any_merged(one, two));
	if (!merged) {
		if (wait)
			complain(s, "pages were not merged", 1);
		return;
	}
	__sync_fetch_and_add(&s->merges, 1);
	if (now(s->merges) % 2)
		return;
	sm_fill(one, SMALL, 11);
	if (sm_bad(one, SMALL, 11) || sm_bad(two, SMALL, 10))
		complain(s, "merged pages changed", 1);
	sm_fill(one, SMALL, 10);
}
