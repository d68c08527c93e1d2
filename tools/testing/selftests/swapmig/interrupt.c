// SPDX-License-Identifier: GPL-2.0
/*
 * A request is worked off in batches: few pages are isolated at any moment,
 * and a fatal signal ends it between two of them with everything put back.
 */
#include "swapmig_harness.h"

#include <pthread.h>

FIXTURE(interrupt)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(interrupt)
{
	self->len = sm_size(32 * SM_MIB);
	self->pages = SM_PAGES(self->len);
	self->buf = sm_map(self->len);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
}

FIXTURE_TEARDOWN(interrupt)
{
	munmap(self->buf, self->len);
	EXPECT_EQ(0, sm_swap_off());
}

/* How long a killed call may take to end: a batch, under emulation */
#define SOON	5.0

struct sampler {
	bool stop;
	long max;
	long samples;
};

static void *sample(void *arg)
{
	struct sampler *s = arg;
	long now;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		now = sm_isolated();
		if (now > s->max)
			s->max = now;
		s->samples++;
	}
	return NULL;
}

/*
 * The counters lag behind by what each CPU has not added up yet, up to 125
 * pages a CPU, node and counter; the whole area is thousands of pages.
 */
TEST_F(interrupt, isolation_is_bounded)
{
	struct sampler s = { .stop = false };
	long old = sm_read_long(SM_BATCH);
	struct sm_peer peer;
	pthread_t thread;
	long left;

	NEED_NODES(return, 2);
	if (old < 0)
		SKIP(return, "needs vm.migration_batch");
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, sample, &s));
	left = sm_migrate(peer.pid, SM_NODE(0), SM_NODE(1));
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	/* Code that the sampler shares with the peer may be hot in every pass. */
	EXPECT_LE(0, left);
	EXPECT_GE(8, left);
	EXPECT_EQ(0, sm_on(peer.pid, self->buf, self->len, 0));
	EXPECT_LT(1, s.samples);
	EXPECT_GT(old + 500, s.max) {
		TH_LOG("%ld samples", s.samples);
	}
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 1));
	EXPECT_EQ(0, sm_peer_stop(&peer));
	EXPECT_TRUE(sm_isolated_settles());
}

/* Calls migrate_pages(), back and forth until it is killed. */
static pid_t start_migrator(pid_t target, long *calls)
{
	pid_t pid = sm_fork();
	long n;

	if (pid)
		return pid;
	for (n = 0;; n++) {
		if (sm_migrate(target, SM_NODE(n % 2), SM_NODE(!(n % 2))) < 0)
			_exit(1);
		__atomic_store_n(calls, n + 1, __ATOMIC_RELAXED);
	}
}

static long seen(long *n)
{
	return __atomic_load_n(n, __ATOMIC_RELAXED);
}

/* Pages that moved so far, by any engine */
static long progress(void)
{
	long evicted = sm_vmstat("swapmig_evicted");
	long moved = sm_vmstat("pgmigrate_success");

	return (evicted > 0 ? evicted : 0) + (moved > 0 ? moved : 0);
}

/*
 * Kill it in the middle of its first call. When the target's pages are then on
 * both sides, the call ended early; that must come to pass in some attempt.
 */
static void kill_in_the_middle(struct __test_metadata *_metadata,
			       struct sm_peer *peer, int sig)
{
	long *calls = sm_map_shared(SM_PAGE);
	long pages = SM_PAGES(peer->len), before, left;
	int attempt, status, in_middle = 0;
	double start;
	pid_t pid;

	for (attempt = 0; attempt < 12 && !in_middle; attempt++) {
		ASSERT_EQ(0, sm_peer(peer, SM_ORD_FILL, 0, 100 + attempt));
		/* Off node 1, whatever the last attempt left there */
		sm_migrate(peer->pid, SM_NODE(1), SM_NODE(0));
		ASSERT_EQ(0, sm_peer(peer, SM_ORD_TOUCH, 0, 0));
		*calls = 0;
		before = progress();
		pid = start_migrator(peer->pid, calls);
		ASSERT_LT(0, pid);
		start = sm_now();
		while (progress() < before + 16 * (attempt + 1) && !seen(calls) &&
		       sm_now() < start + 20)
			;
		kill(pid, sig);
		start = sm_now();
		ASSERT_EQ(pid, TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)));
		EXPECT_GT(SOON, sm_now() - start);
		EXPECT_TRUE(WIFSIGNALED(status));
		left = sm_on(peer->pid, peer->buf, peer->len, 0);
		in_middle = !seen(calls) && left && left < pages;
		EXPECT_TRUE(sm_isolated_settles());
		EXPECT_EQ(0, sm_peer(peer, SM_ORD_CHECK, 0, 100 + attempt));
	}
	EXPECT_EQ(1, in_middle);
	munmap(calls, SM_PAGE);
}

TEST_F(interrupt, sigkill)
{
	struct sm_peer peer;

	NEED_NODES(return, 2);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	kill_in_the_middle(_metadata, &peer, SIGKILL);
	/* Nothing stands in the way of the next request. */
	EXPECT_EQ(0, sm_migrate(peer.pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_on(peer.pid, self->buf, self->len, 0));
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

TEST_F(interrupt, sigterm)
{
	struct sm_peer peer;

	NEED_NODES(return, 2);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	kill_in_the_middle(_metadata, &peer, SIGTERM);
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/* The target of the request dies in the middle of it. */
TEST_F(interrupt, target_dies)
{
	long *calls = sm_map_shared(SM_PAGE), before;
	struct sm_peer peer;
	int status, i;
	double start;
	pid_t pid;

	NEED_NODES(return, 2);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
		ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 3));
		*calls = 0;
		before = progress();
		pid = start_migrator(peer.pid, calls);
		start = sm_now();
		while (progress() < before + 64 && sm_now() < start + 20)
			;
		kill(peer.pid, SIGKILL);
		ASSERT_EQ(peer.pid, waitpid(peer.pid, &status, 0));
		close(peer.fd);
		start = sm_now();
		ASSERT_EQ(pid, TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)));
		EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
		EXPECT_GT(4 * SOON, sm_now() - start);
		EXPECT_TRUE(sm_isolated_settles());
	}
	munmap(calls, SM_PAGE);
}

static sig_atomic_t caught;

static void on_usr1(int sig)
{
	__atomic_store_n(&caught, sig, __ATOMIC_RELAXED);
}

/* A signal with a handler is none of the request's business. */
TEST_F(interrupt, handled_signal_does_not_end_it)
{
	struct sigaction sa = { .sa_handler = on_usr1 };
	int status;
	pid_t pid;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 4, 0);
	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	pid = sm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		pid_t parent = getppid();

		while (!kill(parent, SIGUSR1))
			;
		_exit(0);
	}
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE_ALL | MPOL_MF_STRICT));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)));
	EXPECT_EQ(SIGUSR1, __atomic_load_n(&caught, __ATOMIC_RELAXED));
	EXPECT_EQ(0, sm_on(0, self->buf, self->len, 0));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 4));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 1));
}

/* mbind() moves a big area in batches, too, and can be killed. */
TEST_F(interrupt, mbind_killed)
{
	struct sm_peer peer;
	long before, left;
	int status, attempt, in_middle = 0;
	pid_t pid;
	double start;

	NEED_NODES(return, 2);
	/* The peer shares the pages and shows that they are intact. */
	sm_fill_on(self->buf, self->len, 5, 0);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	for (attempt = 0; attempt < 12 && !in_middle; attempt++) {
		before = progress();
		pid = sm_fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
				 MPOL_MF_MOVE_ALL);
			_exit(0);
		}
		start = sm_now();
		while (progress() < before + 16 * (attempt + 1) &&
		       sm_now() < start + 20)
			;
		kill(pid, SIGKILL);
		start = sm_now();
		ASSERT_EQ(pid, TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)));
		EXPECT_GT(SOON, sm_now() - start);
		left = sm_on(0, self->buf, self->len, 0);
		in_middle = WIFSIGNALED(status) && left && left < self->pages;
		EXPECT_EQ(0, sm_bad(self->buf, self->len, 5));
		sm_migrate(0, SM_NODE(1), SM_NODE(0));
		EXPECT_EQ(0, sm_bad(self->buf, self->len, 5));
	}
	EXPECT_EQ(1, in_middle);
	EXPECT_TRUE(sm_isolated_settles());
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 5));
	EXPECT_EQ(0, sm_peer_stop(&peer));
}
