// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that check every value they wrote, while others send their memory
 * to and fro between nodes, and while they fork, exit, remap, unmap and discard
 * memory, swap comes and goes, and their cpuset changes. All of it is counted,
 * and none of it timed.
 */
#include "swapmig_harness.h"

#include <pthread.h>

#define THREADS		2
#define V2_DIR		SM_V2_ROOT "/swapmig-stress"

enum action {
	NOTHING		= 0,
	FORKING		= 1 << 0,
	REMAPPING	= 1 << 1,
	UNMAPPING	= 1 << 2,
	DISCARDING	= 1 << 3,
	SWAPPING	= 1 << 4,
	CPUSET		= 1 << 5,
	TWO_MIGRATORS	= 1 << 6,
	EVERYTHING	= (1 << 7) - 1,
};

/* What all processes of a test share, in memory that may move as well */
struct shared {
	bool stop;
	long errors;
	long rounds;
	long moves;
	long acts;
	char where[128];
};

struct worker {
	struct shared *shared;
	char *buf;		/* of this thread alone: rewritten */
	const char *fixed;	/* of all threads: only read */
	size_t len;
	__u64 seed;
};

FIXTURE(stress)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(stress)
{
	SM_SETUP(4 * SM_MIB);
}

FIXTURE_TEARDOWN(stress)
{
	SM_TEARDOWN();
}

#define now(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)

static bool go_on(struct shared *s)
{
	return !now(s->stop) && !now(s->errors);
}

static void complain(struct shared *s, const char *what, long value)
{
	if (__sync_fetch_and_add(&s->errors, 1))
		return;
	snprintf(s->where, sizeof(s->where), "%s: %ld", what, value);
}

/*
 * Each page must hold what this thread wrote last; then it gets new values: once
 * for each move, while the next one is at work.
 */
static void *work(void *arg)
{
	struct worker *w = arg;
	__u64 seed = w->seed;
	long bad, moves;

	sm_fill(w->buf, w->len, seed);
	while (go_on(w->shared)) {
		moves = now(w->shared->moves);
		bad = sm_bad(w->buf, w->len, seed);
		if (bad)
			complain(w->shared, "pages with lost writes", bad);
		seed += 16;
		sm_fill(w->buf, w->len, seed);
		bad = sm_bad(w->fixed, w->len, 1);
		if (bad)
			complain(w->shared, "constant pages changed", bad);
		__sync_fetch_and_add(&w->shared->rounds, 1);
		while (go_on(w->shared) && now(w->shared->moves) == moves)
			sm_nap();
	}
	return NULL;
}

static void fork_once(struct shared *s, const char *fixed, size_t len)
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

static char *remap_once(struct shared *s, char *p, size_t len)
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

static void unmap_once(struct shared *s, size_t len)
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

static void discard_once(struct shared *s, char *p, size_t len)
{
	sm_fill(p, len, 5);
	madvise(p, len, MADV_DONTNEED);
	if (sm_nonzero(p, len))
		complain(s, "words left after MADV_DONTNEED", sm_nonzero(p, len));
}

/* The process whose memory is moved */
static void subject(struct shared *s, char *buf, size_t len, int actions)
{
	size_t part = len / (THREADS + 1) / SM_PAGE * SM_PAGE;
	size_t small = 64 * SM_PAGE;
	char *remapped = sm_map(small), *gone = sm_map(small);
	struct worker w[THREADS];
	pthread_t threads[THREADS];
	int i;

	sm_fill(buf, part, 1);
	sm_fill(remapped, small, 3);
	for (i = 0; i < THREADS; i++) {
		w[i] = (struct worker) {
			.shared = s, .buf = buf + (i + 1) * part, .fixed = buf,
			.len = part, .seed = 100 + i,
		};
		if (pthread_create(&threads[i], NULL, work, &w[i]))
			_exit(1);
	}
	while (go_on(s)) {
		if (actions & FORKING)
			fork_once(s, buf, part);
		if (actions & REMAPPING)
			remapped = remap_once(s, remapped, small);
		if (actions & UNMAPPING)
			unmap_once(s, small);
		if (actions & DISCARDING)
			discard_once(s, gone, small);
		__sync_fetch_and_add(&s->acts, 1);
		if (!(actions & (FORKING | REMAPPING | UNMAPPING | DISCARDING)))
			sm_nap();
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	if (sm_bad(buf, part, 1) || sm_bad(remapped, small, 3))
		complain(s, "pages changed in the end", 1);
	_exit(0);
}

static pid_t start_migrator(struct shared *s, pid_t target, int first)
{
	pid_t pid = sm_fork();
	long n;

	if (pid)
		return pid;
	for (n = first; go_on(s); n++) {
		if (sm_migrate(target, SM_NODE(n % 2), SM_NODE(!(n % 2))) < 0) {
			/* It may be gone when all is over. */
			if (go_on(s))
				complain(s, "migrate_pages", errno);
			break;
		}
		__sync_fetch_and_add(&s->moves, 1);
	}
	_exit(0);
}

static pid_t start_cpuset_changer(struct shared *s, pid_t target)
{
	pid_t pid = sm_fork();
	long n;

	if (pid)
		return pid;
	if (sm_group_join(V2_DIR, target))
		complain(s, "joining a group", errno);
	for (n = 0; go_on(s); n++) {
		if (sm_group_set(V2_DIR, "cpuset.mems", n % 2 ? "0-1" : "2-3"))
			complain(s, "cpuset.mems", errno);
		__sync_fetch_and_add(&s->moves, 1);
	}
	_exit(0);
}

/* Pages that left for another node, or for swap, since the machine started */
static long departed(void)
{
	return sm_vmstat(sm_direct() ? "pgmigrate_success" : "pswpout");
}

/* Were there so many moves, some of all the rest, and pages that left? */
static bool enough(struct shared *s, long moves, long swaps, long pages)
{
	return now(s->moves) >= moves && now(s->rounds) >= 2 * THREADS &&
	       now(s->acts) >= 2 && swaps >= 5 && departed() >= pages;
}

static void stress(struct __test_metadata *_metadata, char *buf, size_t len,
		   int actions, long moves)
{
	long pages = departed() + SM_PAGES(len), said = 0;
	struct shared *s = sm_map_shared(sizeof(*s));
	long swaps = actions & SWAPPING ? 0 : 5;
	pid_t subj, movers[3] = { 0 };
	int status, i, nr = 0;

	ASSERT_NE(NULL, s);
	if (actions & CPUSET) {
		ASSERT_TRUE(sm_v2_cpusets(true));
		ASSERT_EQ(0, sm_group_make(V2_DIR, "0-3"));
	}
	subj = sm_fork();
	ASSERT_LE(0, subj);
	if (!subj)
		subject(s, buf, len, actions);
	if (actions & CPUSET)
		movers[nr++] = start_cpuset_changer(s, subj);
	movers[nr++] = start_migrator(s, subj, 0);
	if (actions & TWO_MIGRATORS)
		movers[nr++] = start_migrator(s, subj, 1);

	/* Much more than enough is too much: something does not happen at all. */
	while (!now(s->errors) && now(s->moves) < 1000 * moves &&
	       !enough(s, moves, swaps, pages)) {
		if (actions & SWAPPING) {
			EXPECT_EQ(0, sm_swap_off());
			EXPECT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
			swaps++;
		}
		if (now(s->moves) >= said + 10) {
			said = now(s->moves);
			sm_alive("moves", said);
		}
		sm_nap();
	}
	EXPECT_TRUE(now(s->errors) || enough(s, moves, swaps, pages)) {
		TH_LOG("%ld moves, %ld rounds, %ld acts, %ld swaps, %ld pages short",
		       now(s->moves), now(s->rounds), now(s->acts), swaps,
		       pages - departed());
	}
	__atomic_store_n(&s->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < nr; i++)
		EXPECT_EQ(movers[i], waitpid(movers[i], &status, 0));
	EXPECT_EQ(subj, waitpid(subj, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, s->errors) {
		TH_LOG("%s", s->where);
	}
	EXPECT_TRUE(sm_isolated_settles());
	if (actions & CPUSET) {
		EXPECT_TRUE(sm_group_remove(V2_DIR));
		EXPECT_TRUE(sm_v2_cpusets(false));
	}
	munmap(s, sizeof(*s));
}

TEST_F(stress, ping_pong)
{
	stress(_metadata, self->buf, self->len, NOTHING, 100);
}

TEST_F(stress, two_migrations_at_once)
{
	stress(_metadata, self->buf, self->len, TWO_MIGRATORS, 12);
}

TEST_F(stress, fork_and_exit)
{
	stress(_metadata, self->buf, self->len, FORKING, 12);
}

TEST_F(stress, mremap_munmap_dontneed)
{
	stress(_metadata, self->buf, self->len,
	       REMAPPING | UNMAPPING | DISCARDING, 12);
}

TEST_F(stress, swapoff_and_swapon)
{
	stress(_metadata, self->buf, self->len, SWAPPING, 12);
}

TEST_F(stress, cpuset_change)
{
	stress(_metadata, self->buf, self->len, CPUSET, 12);
}

TEST_F(stress, everything_at_once)
{
	stress(_metadata, self->buf, self->len, EVERYTHING, 12);
}
