// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that check every value they wrote, while others send their memory
 * to and fro between nodes, and while they fork, exec, exit, remap, unmap and
 * discard memory, get it from a userfaultfd, have it merged, swap comes and goes,
 * and their cpuset changes. All of it is counted, and none of it timed.
 */
#include "swapmig_harness.h"

#include "stress_kinds.h"

#define THREADS		2
#define SIZE		(4 * SM_MIB)
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
	FREEING		= 1 << 7,
	EXECING		= 1 << 8,
	FETCHING	= 1 << 9,
	MERGING		= 1 << 10,
	EVERYTHING	= (1 << 11) - 1,
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
	SM_SETUP(SIZE);
}

FIXTURE_TEARDOWN(stress)
{
	SM_TEARDOWN();
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

/*
 * Is there a move for each act, or are there as many as can be? What is to be merged
 * has to stay as it is for a while: always, or until that has happened once.
 */
static bool paced(struct shared *s, int actions)
{
	return actions == MERGING || (actions & MERGING && !now(s->merges));
}

static void keep_pace(struct shared *s, int actions, long acts)
{
	while (paced(s, actions) && go_on(s) && now(s->acts) == acts)
		sm_nap();
}

/* The process whose memory is moved */
static void subject(struct shared *s, char *buf, size_t len, int actions)
{
	size_t part = len / (THREADS + 1) / SM_PAGE * SM_PAGE;
	char *remapped = sm_map(SMALL), *gone = sm_map(SMALL);
	char *one = sm_map(SMALL), *two = sm_map(SMALL);
	struct server server = { 0 };
	struct worker w[THREADS];
	pthread_t threads[THREADS];
	int i;

	sm_fill(buf, part, 1);
	sm_fill(remapped, SMALL, 3);
	if (actions & MERGING)
		start_merging(s, one, two);
	if (actions & FETCHING)
		start_server(&server, s);
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
			remapped = remap_once(s, remapped, SMALL);
		if (actions & UNMAPPING)
			unmap_once(s, SMALL);
		if (actions & DISCARDING)
			discard_once(s, gone, SMALL);
		if (actions & FREEING)
			free_once(s, gone, SMALL);
		if (actions & EXECING)
			exec_once(s);
		if (actions & FETCHING)
			fetch_once(s, &server);
		if (actions & MERGING)
			merge_once(s, one, two, paced(s, actions));
		__sync_fetch_and_add(&s->acts, 1);
		if (!(actions & ~(SWAPPING | CPUSET | TWO_MIGRATORS)))
			sm_nap();
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	if (actions & FETCHING)
		stop_server(&server);
	if (sm_bad(buf, part, 1) || sm_bad(remapped, SMALL, 3))
		complain(s, "pages changed in the end", 1);
	_exit(0);
}

/* One that execs may be gone, or about to be. */
static void move_execer(struct shared *s, pid_t pid, long n)
{
	long ret = sm_migrate(pid, SM_NODE(n % 2), SM_NODE(!(n % 2)));

	if (ret >= 0)
		__sync_fetch_and_add(&s->execer_moves, 1);
	else if (ret != -ESRCH && ret != -EINVAL)
		complain(s, "migrate_pages of one that execs", -ret);
}

static pid_t start_migrator(struct shared *s, pid_t target, int actions)
{
	pid_t pid = sm_fork(), execer;
	long n, acts;

	if (pid)
		return pid;
	for (n = 0; go_on(s); n++) {
		acts = now(s->acts);
		execer = now(s->execer);
		if (execer > 0)
			move_execer(s, execer, n);
		if (sm_migrate(target, SM_NODE(n % 2), SM_NODE(!(n % 2))) < 0) {
			/* It may be gone when all is over. */
			if (go_on(s))
				complain(s, "migrate_pages", errno);
			break;
		}
		__sync_fetch_and_add(&s->moves, 1);
		keep_pace(s, actions, acts);
	}
	_exit(0);
}

/* The second migrator's call is another one, where the kernel has it. */
static long move_pages_to(pid_t target, char *buf, int node)
{
	static void *pages[SIZE / SM_PAGE];
	static int nodes[SIZE / SM_PAGE], status[SIZE / SM_PAGE];
	size_t i;
	long ret;

	for (i = 0; i < SIZE / SM_PAGE; i++) {
		pages[i] = buf + i * SM_PAGE;
		nodes[i] = node;
	}
	ret = sm_move_pages(target, i, pages, nodes, status, MPOL_MF_MOVE_ALL);
	if (ret == -SM_NO_SYSCALL)
		ret = sm_migrate(target, SM_NODE(!node), SM_NODE(node));
	return ret;
}

static pid_t start_second(struct shared *s, pid_t target, char *buf, int actions)
{
	pid_t pid = sm_fork();
	long n, ret, acts;

	if (pid)
		return pid;
	for (n = 0; go_on(s); n++) {
		acts = now(s->acts);
		ret = move_pages_to(target, buf, n % 2);
		if (ret == -EACCES && actions & CPUSET) {
			/* Its cpuset has other nodes at the moment. */
			sm_nap();
			continue;
		}
		if (ret < 0) {
			if (go_on(s))
				complain(s, "move_pages", -ret);
			break;
		}
		__sync_fetch_and_add(&s->page_moves, 1);
		__sync_fetch_and_add(&s->moves, 1);
		keep_pace(s, actions, acts);
	}
	_exit(0);
}

static pid_t start_cpuset_changer(struct shared *s, pid_t target, int actions)
{
	pid_t pid = sm_fork();
	long n, acts;

	if (pid)
		return pid;
	if (sm_group_join(V2_DIR, target))
		complain(s, "joining a group", errno);
	for (n = 0; go_on(s); n++) {
		acts = now(s->acts);
		if (sm_group_set(V2_DIR, "cpuset.mems", n % 2 ? "0-1" : "2-3"))
			complain(s, "cpuset.mems", errno);
		__sync_fetch_and_add(&s->cpuset_moves, 1);
		__sync_fetch_and_add(&s->moves, 1);
		keep_pace(s, actions, acts);
	}
	_exit(0);
}

/* Pages that left for another node, or for swap, since the machine started */
static long departed(void)
{
	return sm_vmstat(sm_direct() ? "pgmigrate_success" : "pswpout");
}

/* What a test is about happens so often, what else it does at least once. */
static bool often(int actions, int action, long n, long want)
{
	return !(actions & action) || n >= (actions == action ? want : 1);
}

/* Were there so many moves, some of all the rest, and pages that left? */
static bool enough(struct shared *s, int actions, long moves, long swaps,
		   long pages)
{
	return often(actions, EXECING, now(s->execer_moves), moves) &&
	       often(actions, MERGING, now(s->merges), moves / 2) &&
	       often(actions, CPUSET, now(s->cpuset_moves), moves) &&
	       often(actions, TWO_MIGRATORS, now(s->page_moves), moves) &&
	       now(s->moves) >= moves && now(s->rounds) >= 2 * THREADS &&
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
	if (actions & MERGING) {
		ASSERT_EQ(0, sm_write(SM_KSM("pages_to_scan"), "20000"));
		ASSERT_EQ(0, sm_write(SM_KSM("sleep_millisecs"), "1"));
		ASSERT_EQ(0, sm_write(SM_KSM("run"), "1"));
	}
	if (actions & CPUSET) {
		ASSERT_TRUE(sm_v2_cpusets(true));
		ASSERT_EQ(0, sm_group_make(V2_DIR, "0-3"));
	}
	subj = sm_fork();
	ASSERT_LE(0, subj);
	if (!subj)
		subject(s, buf, len, actions);
	if (actions & CPUSET)
		movers[nr++] = start_cpuset_changer(s, subj, actions);
	movers[nr++] = start_migrator(s, subj, actions);
	if (actions & TWO_MIGRATORS)
		movers[nr++] = start_second(s, subj, buf, actions);

	/* Much more than enough is too much: something does not happen at all. */
	while (!now(s->errors) && now(s->moves) < 1000 * moves &&
	       !enough(s, actions, moves, swaps, pages)) {
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
	EXPECT_TRUE(now(s->errors) || enough(s, actions, moves, swaps, pages)) {
		TH_LOG("%ld moves, %ld rounds, %ld acts, %ld swaps, %ld pages short",
		       now(s->moves), now(s->rounds), now(s->acts), swaps,
		       pages - departed());
		TH_LOG("%ld moves of one that execs, %ld by move_pages, %ld of cpusets, %ld merges",
		       now(s->execer_moves), now(s->page_moves),
		       now(s->cpuset_moves), now(s->merges));
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
	if (actions & MERGING)
		EXPECT_EQ(0, sm_write(SM_KSM("run"), "0"));
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

TEST_F(stress, madv_free)
{
	stress(_metadata, self->buf, self->len, FREEING, 12);
}

TEST_F(stress, exec)
{
	stress(_metadata, self->buf, self->len, EXECING, 12);
}

TEST_F(stress, userfaultfd)
{
	int fd = uffd_open();

	if (fd < 0)
		SKIP(return, "needs CONFIG_USERFAULTFD");
	close(fd);
	stress(_metadata, self->buf, self->len, FETCHING, 12);
}

TEST_F(stress, ksm)
{
	if (access(SM_KSM("run"), W_OK))
		SKIP(return, "needs CONFIG_KSM");
	stress(_metadata, self->buf, self->len, MERGING, 12);
}

TEST_F(stress, everything_at_once)
{
	int actions = EVERYTHING, fd = uffd_open();

	if (fd < 0)
		actions &= ~FETCHING;
	else
		close(fd);
	if (access(SM_KSM("run"), W_OK))
		actions &= ~MERGING;
	stress(_metadata, self->buf, self->len, actions, 12);
}
