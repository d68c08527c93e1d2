// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that check every value they wrote, while others send their memory
 * to and fro between nodes, and while they fork, exit, remap, unmap and discard
 * memory, swap comes and goes, and their cpuset changes.
 */
#include "swapmig_harness.h"

#include <pthread.h>
#include <sys/stat.h>

#define THREADS		2
#define V2_ROOT		"/sys/fs/cgroup"
#define V2_DIR		V2_ROOT "/swapmig-stress"

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
	self->len = sm_size(4 * SM_MIB);
	self->pages = SM_PAGES(self->len);
	self->buf = sm_map(self->len);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
}

FIXTURE_TEARDOWN(stress)
{
	munmap(self->buf, self->len);
	EXPECT_EQ(0, sm_swap_off());
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

/* Each page must hold what this thread wrote last; then it gets new values. */
static void *work(void *arg)
{
	struct worker *w = arg;
	__u64 seed = w->seed;
	long bad;

	sm_fill(w->buf, w->len, seed);
	while (go_on(w->shared)) {
		bad = sm_bad(w->buf, w->len, seed);
		if (bad)
			complain(w->shared, "pages with lost writes", bad);
		seed += 16;
		sm_fill(w->buf, w->len, seed);
		bad = sm_bad(w->fixed, w->len, 1);
		if (bad)
			complain(w->shared, "constant pages changed", bad);
		__sync_fetch_and_add(&w->shared->rounds, 1);
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
	size_t i, left = 0;

	sm_fill(p, len, 5);
	madvise(p, len, MADV_DONTNEED);
	for (i = 0; i < len; i += SM_PAGE / 8)
		left += !!p[i];
	if (left)
		complain(s, "bytes left after MADV_DONTNEED", left);
}

/* The process whose memory is moved */
static void subject(struct shared *s, char *buf, size_t len, int actions)
{
	size_t part = len / (THREADS + 1), small = 64 * SM_PAGE;
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
		if (sm_migrate(target, SM_NODE(n % 2), SM_NODE(!(n % 2))) < 0)
			break;
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
	sm_write(V2_DIR "/cgroup.procs", "%d", target);
	for (n = 0; go_on(s); n++) {
		sm_write(V2_DIR "/cpuset.mems", n % 2 ? "0-1" : "2-3");
		__sync_fetch_and_add(&s->moves, 1);
	}
	sm_write(V2_ROOT "/cgroup.procs", "%d", target);
	_exit(0);
}

static bool cpuset_begin(void)
{
	char cpus[16];

	snprintf(cpus, sizeof(cpus), "0-%d", sm_nodes() - 1);
	if (sm_write(V2_ROOT "/cgroup.subtree_control", "+cpuset"))
		return false;
	return !mkdir(V2_DIR, 0755) && !sm_write(V2_DIR "/cpuset.cpus", cpus) &&
	       !sm_write(V2_DIR "/cpuset.mems", "0-3");
}

static bool cpuset_end(void)
{
	double end = sm_now() + 5;

	while (rmdir(V2_DIR) && errno != ENOENT && sm_now() < end)
		sm_nap();
	while (sm_write(V2_ROOT "/cgroup.subtree_control", "-cpuset") &&
	       sm_now() < end)
		sm_nap();
	return sm_now() < end;
}

#define ms(n) (sm_scale(n) / 1000.0)

static void stress(struct __test_metadata *_metadata, char *buf, size_t len,
		   int actions)
{
	struct shared *s = sm_map_shared(sizeof(*s));
	pid_t subj, movers[3] = { 0 };
	int status, i, nr = 0;
	double end, limit;

	ASSERT_NE(NULL, s);
	subj = sm_fork();
	ASSERT_LE(0, subj);
	if (!subj)
		subject(s, buf, len, actions);
	if (actions & CPUSET)
		movers[nr++] = start_cpuset_changer(s, subj);
	movers[nr++] = start_migrator(s, subj, 0);
	if (actions & TWO_MIGRATORS)
		movers[nr++] = start_migrator(s, subj, 1);

	/* Long enough, and until everyone has done something. */
	end = sm_now() + ms(800);
	limit = sm_now() + 60;
	while (!now(s->errors) && sm_now() < limit &&
	       (sm_now() < end || now(s->rounds) < 2 * THREADS ||
		now(s->moves) < 2 || now(s->acts) < 2)) {
		if (actions & SWAPPING) {
			EXPECT_EQ(0, sm_swap_off());
			EXPECT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
		}
		sm_nap();
	}
	__atomic_store_n(&s->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < nr; i++)
		EXPECT_EQ(movers[i], waitpid(movers[i], &status, 0));
	EXPECT_EQ(subj, waitpid(subj, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, s->errors) {
		TH_LOG("%s", s->where);
	}
	/* Otherwise this proved nothing. */
	EXPECT_LE(2 * THREADS, s->rounds);
	EXPECT_LE(2, s->moves);
	EXPECT_LE(2, s->acts);
	EXPECT_TRUE(sm_isolated_settles());
	munmap(s, sizeof(*s));
}

TEST_F(stress, ping_pong)
{
	NEED_NODES(return, 2);
	stress(_metadata, self->buf, self->len, NOTHING);
}

TEST_F(stress, two_migrations_at_once)
{
	NEED_NODES(return, 2);
	stress(_metadata, self->buf, self->len, TWO_MIGRATORS);
}

TEST_F(stress, fork_and_exit)
{
	NEED_NODES(return, 2);
	stress(_metadata, self->buf, self->len, FORKING);
}

TEST_F(stress, mremap_munmap_dontneed)
{
	NEED_NODES(return, 2);
	stress(_metadata, self->buf, self->len,
	       REMAPPING | UNMAPPING | DISCARDING);
}

TEST_F(stress, swapoff_and_swapon)
{
	NEED_NODES(return, 2);
	stress(_metadata, self->buf, self->len, SWAPPING);
}

TEST_F(stress, cpuset_change)
{
	NEED_NODES(return, 4);
	if (!cpuset_begin()) {
		cpuset_end();
		SKIP(return, "needs cpusets in the unified hierarchy");
	}
	stress(_metadata, self->buf, self->len, CPUSET);
	EXPECT_TRUE(cpuset_end());
}

TEST_F(stress, everything_at_once)
{
	NEED_NODES(return, 4);
	if (!cpuset_begin()) {
		cpuset_end();
		SKIP(return, "needs cpusets in the unified hierarchy");
	}
	stress(_metadata, self->buf, self->len, EVERYTHING);
	EXPECT_TRUE(cpuset_end());
}
