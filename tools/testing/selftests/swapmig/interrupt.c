// SPDX-License-Identifier: GPL-2.0
/*
 * A request is worked off in windows: few pages are isolated at any moment, and
 * a fatal signal ends it between two of them with everything put back.
 */
#include "swapmig_harness.h"

#include <pthread.h>

/* Pages of a window, and what the CPUs may not have added up yet */
#define WINDOW		512
#define NOT_ADDED_UP	500

#define SIZE		(16 * SM_MIB)

/* Each hits a call in the middle or not: as many as it takes to be sure of one */
#define ATTEMPTS	100

FIXTURE(interrupt)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(interrupt)
{
	SM_SETUP(SIZE);
}

FIXTURE_TEARDOWN(interrupt)
{
	SM_TEARDOWN();
}

static long seen(long *n)
{
	return __atomic_load_n(n, __ATOMIC_RELAXED);
}

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
		__atomic_store_n(&s->samples, s->samples + 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Sends all that a peer has from node 0 to 1; the number of samples meanwhile */
static long sampled_move(struct __test_metadata *_metadata, struct sm_peer *peer,
			 struct sampler *s)
{
	long samples, left;

	/* Back, if this is not the first time */
	sm_migrate(peer->pid, SM_NODE(1), SM_NODE(0));
	EXPECT_EQ(0, sm_peer(peer, SM_ORD_TOUCH, 0, 0));
	EXPECT_PEER_ON(*peer, 0);
	samples = seen(&s->samples);
	left = sm_migrate(peer->pid, SM_NODE(0), SM_NODE(1));
	samples = seen(&s->samples) - samples;
	/* Code that the sampler shares with the peer may be hot in every pass. */
	EXPECT_LE(0, left);
	EXPECT_GE(64, left);
	EXPECT_PEER_SENT(*peer, 1);
	return samples;
}

/* Of thousands of pages no more than a window's are isolated at once. */
TEST_F(interrupt, isolation_is_bounded)
{
	struct sampler s = { .stop = false };
	struct sm_peer peer;
	pthread_t thread;

	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, sample, &s));
	/* Again, if it was over before the sampler had looked */
	EXPECT_TRUE(SM_WAIT(sampled_move(_metadata, &peer, &s) > 1));
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_GE(WINDOW + NOT_ADDED_UP, s.max) {
		TH_LOG("%ld samples", s.samples);
	}
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 1));
	EXPECT_PEER_ON(peer, 1);
	EXPECT_EQ(0, sm_peer_stop(&peer));
	EXPECT_TRUE(sm_isolated_settles());
}

/* Calls migrate_pages(), back and forth until it is killed or an error. */
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

/* What counts pages as they leave: for another node, or for swap */
static const char *departures(void)
{
	return sm_direct() ? "pgmigrate_success" : "pswpout";
}

/* Waits until a request is at work: so many pages left, or it is over already. */
static bool at_work(long before, long pages, long *calls)
{
	const char *event = departures();
	double end = sm_now() + SM_PATIENCE;

	while (sm_vmstat(event) < before + pages && !seen(calls))
		if (sm_now() > end)
			return false;
	return true;
}

/*
 * Killed in the middle of a call: when the target's pages are then on both sides,
 * the call ended early; that must come to pass in some attempt.
 */
TEST_F(interrupt, migrate_pages_killed)
{
	long *calls = sm_map_shared(SM_PAGE), before, left;
	int attempt, status, in_middle = 0;
	struct sm_peer peer;
	pid_t pid;

	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	for (attempt = 0; attempt < ATTEMPTS && !in_middle; attempt++) {
		sm_alive("attempt", attempt);
		ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 100 + attempt));
		/* Off node 1, whatever the last attempt left there */
		sm_migrate(peer.pid, SM_NODE(1), SM_NODE(0));
		ASSERT_EQ(0, sm_peer(&peer, SM_ORD_TOUCH, 0, 0));
		EXPECT_PEER_ON(peer, 0);
		*calls = 0;
		before = sm_vmstat(departures());
		pid = start_migrator(peer.pid, calls);
		ASSERT_LT(0, pid);
		EXPECT_TRUE(at_work(before, 16 * (attempt + 1), calls));
		kill(pid, attempt % 2 ? SIGTERM : SIGKILL);
		ASSERT_EQ(pid, TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)));
		EXPECT_TRUE(WIFSIGNALED(status));
		left = sm_on(peer.pid, self->buf, self->len, 0);
		in_middle = !seen(calls) && left > 0 && left < self->pages;
		EXPECT_TRUE(sm_isolated_settles());
		EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 100 + attempt));
	}
	EXPECT_EQ(1, in_middle);
	/* Nothing stands in the way of the next request. */
	EXPECT_EQ(0, sm_migrate(peer.pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_PEER_OFF(peer, 0);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 99 + attempt));
	EXPECT_PEER_ON(peer, 1);
	EXPECT_EQ(0, sm_peer_stop(&peer));
	munmap(calls, SM_PAGE);
}

/* The target of the request dies in the middle of it. */
TEST_F(interrupt, target_dies)
{
	long *calls = sm_map_shared(SM_PAGE), before;
	struct sm_peer peer;
	int status, i;
	pid_t pid;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
		ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 3));
		EXPECT_PEER_ON(peer, 0);
		*calls = 0;
		before = sm_vmstat(departures());
		pid = start_migrator(peer.pid, calls);
		ASSERT_LT(0, pid);
		EXPECT_TRUE(at_work(before, 64, calls));
		kill(peer.pid, SIGKILL);
		ASSERT_EQ(peer.pid, waitpid(peer.pid, &status, 0));
		close(peer.fd);
		/* A call for a process that is no more fails; so the loop ends. */
		ASSERT_EQ(pid, TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)));
		EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
		EXPECT_TRUE(sm_isolated_settles());
		sm_alive("target", i);
	}
	munmap(calls, SM_PAGE);
}

static long caught;

static void on_usr1(int sig)
{
	__atomic_fetch_add(&caught, 1, __ATOMIC_RELAXED);
}

/* Sends all to the other one of nodes 1 and 2; did a signal come meanwhile? */
static bool bind_under_fire(struct __test_metadata *_metadata,
			    struct _test_data_interrupt *self, int *to)
{
	long before;

	*to = *to == 1 ? 2 : 1;
	before = seen(&caught);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(*to),
			      MPOL_MF_MOVE_ALL | MPOL_MF_STRICT));
	return seen(&caught) > before;
}

/* A signal with a handler is none of the request's business. */
TEST_F(interrupt, handled_signal_does_not_end_it)
{
	struct sigaction sa = { .sa_handler = on_usr1 };
	int status, to = 0;
	pid_t pid;

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
	EXPECT_TRUE(SM_WAIT(bind_under_fire(_metadata, self, &to)));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)));
	EXPECT_MOVED(self->buf, self->len, to, 0, 4, true);
}

/* In a child of who has the pages, so all who share them have to let go of them */
static long call_mbind(struct _test_data_interrupt *self)
{
	return sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			MPOL_MF_MOVE_ALL);
}

static long call_move_pages(struct _test_data_interrupt *self)
{
	static void *pages[SIZE / SM_PAGE];
	static int nodes[SIZE / SM_PAGE], status[SIZE / SM_PAGE];
	long i;

	for (i = 0; i < self->pages; i++) {
		pages[i] = self->buf + i * SM_PAGE;
		nodes[i] = 1;
	}
	return sm_move_pages(0, self->pages, pages, nodes, status,
			     MPOL_MF_MOVE_ALL);
}

/* Is a child that makes the call killed in the middle of it? */
static bool killed_once(struct __test_metadata *_metadata,
			struct _test_data_interrupt *self,
			long (*call)(struct _test_data_interrupt *self),
			long *over, int attempt)
{
	long before = sm_vmstat(departures()), left;
	int status;
	pid_t pid;

	*over = 0;
	pid = sm_fork();
	if (!pid) {
		call(self);
		__atomic_store_n(over, 1, __ATOMIC_RELAXED);
		_exit(0);
	}
	ASSERT_LT(0, pid);
	EXPECT_TRUE(at_work(before, 16 * (attempt + 1), over));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)));
	left = sm_on(0, self->buf, self->len, 0);
	return WIFSIGNALED(status) && left > 0 && left < self->pages;
}

static void killed(struct __test_metadata *_metadata,
		   struct _test_data_interrupt *self,
		   long (*call)(struct _test_data_interrupt *self))
{
	long *over = sm_map_shared(SM_PAGE);
	bool in_middle = false;
	int attempt;

	/* The parent shares the pages and sees that they are intact. */
	sm_fill_on(self->buf, self->len, 5, 0);
	for (attempt = 0; attempt < ATTEMPTS && !in_middle; attempt++) {
		sm_alive("attempt", attempt);
		EXPECT_ON(0, self->buf, self->len);
		in_middle = killed_once(_metadata, self, call, over, attempt);
		EXPECT_EQ(0, sm_bad(self->buf, self->len, 5));
		sm_migrate(0, SM_NODE(1), SM_NODE(0));
		EXPECT_EQ(0, sm_bad(self->buf, self->len, 5));
	}
	EXPECT_TRUE(in_middle);
	EXPECT_TRUE(sm_isolated_settles());
	munmap(over, SM_PAGE);
}

/* mbind() moves a big area in windows, too, and can be killed. */
TEST_F(interrupt, mbind_killed)
{
	killed(_metadata, self, call_mbind);
}

/* So does move_pages(), with the pages that it is given. */
TEST_F(interrupt, move_pages_killed)
{
	if (call_move_pages(self) == -SM_NO_SYSCALL)
		SKIP(return, "needs CONFIG_MIGRATION");
	killed(_metadata, self, call_move_pages);
}
