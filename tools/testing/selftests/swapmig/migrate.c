// SPDX-License-Identifier: GPL-2.0
/*
 * migrate_pages(2): which pages move where, for oneself and for another
 * process, and the number that it returns.
 */
#include "swapmig_harness.h"

FIXTURE(migrate)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(migrate)
{
	SM_SETUP(2 * SM_MIB);
}

FIXTURE_TEARDOWN(migrate)
{
	SM_TEARDOWN();
}

TEST_F(migrate, self)
{
	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_ON(0, self->buf, self->len);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 1, true);
	/* and by one's own number */
	EXPECT_EQ(0, sm_migrate(getpid(), SM_NODE(1), SM_NODE(3)));
	EXPECT_MOVED(self->buf, self->len, 3, 1, 1, true);
}

TEST_F(migrate, other_process)
{
	struct sm_peer peer;

	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 3));
	EXPECT_PEER_ON(peer, 0);
	EXPECT_EQ(0, sm_migrate(peer.pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_PEER_SENT(peer, 1);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_TOUCH, 0, 0));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 3));
	EXPECT_PEER_ON(peer, 1);
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/* 0,1 -> 2,3: what was together stays together. */
TEST_F(migrate, relative_nodes)
{
	size_t half = self->len / 2;

	sm_fill_on(self->buf, half, 4, 0);
	sm_fill_on(self->buf + half, half, 5, 1);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0) | SM_NODE(1),
				SM_NODE(2) | SM_NODE(3)));
	EXPECT_MOVED(self->buf, half, 2, 1, 4, true);
	EXPECT_MOVED(self->buf + half, half, 3, 0, 5, true);
}

/* 0,1,2 -> 1,2,3: what went out for the first pair is none of the next one's. */
TEST_F(migrate, chain_of_nodes)
{
	size_t part = self->len / 4;
	char *p = self->buf;

	sm_fill_on(p, part, 6, 0);
	sm_fill_on(p + part, part, 7, 1);
	sm_fill_on(p + 2 * part, part, 8, 2);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0) | SM_NODE(1) | SM_NODE(2),
				SM_NODE(1) | SM_NODE(2) | SM_NODE(3)));
	EXPECT_MOVED(p, part, 1, 0, 6, true);
	EXPECT_MOVED(p + part, part, 2, 1, 7, true);
	EXPECT_MOVED(p + 2 * part, part, 3, 0, 8, true);
}

/* 0,1,2 -> 1,2: nodes that are in both stay, as the counts differ. */
TEST_F(migrate, fewer_targets)
{
	size_t part = self->len / 4;
	char *p = self->buf;

	sm_fill_on(p, part, 8, 0);
	sm_fill_on(p + part, part, 9, 1);
	sm_fill_on(p + 2 * part, part, 10, 2);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0) | SM_NODE(1) | SM_NODE(2),
				SM_NODE(1) | SM_NODE(2)));
	EXPECT_ON(1, p + part, part);
	EXPECT_ON(2, p + 2 * part, part);
	EXPECT_MOVED(p, part, 1, 0, 8, true);
	EXPECT_EQ(0, sm_bad(p + part, part, 9));
	EXPECT_EQ(0, sm_bad(p + 2 * part, part, 10));
}

/* Sets have no order: 0,1 -> 1,0 is 0 -> 0 and 1 -> 1. */
TEST_F(migrate, other_and_same_nodes_stay)
{
	size_t half = self->len / 2;

	sm_fill_on(self->buf, half, 11, 3);
	sm_fill_on(self->buf + half, half, 12, 0);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(0)));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0) | SM_NODE(1),
				SM_NODE(1) | SM_NODE(0)));
	EXPECT_ON(0, self->buf + half, half);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0) | SM_NODE(1),
				SM_NODE(1) | SM_NODE(2)));
	EXPECT_ON(3, self->buf, half);
	EXPECT_EQ(0, sm_bad(self->buf, half, 11));
	EXPECT_MOVED(self->buf + half, half, 1, 0, 12, true);
}

/* Two processes change places, and neither has touched anything in between. */
TEST_F(migrate, exchange)
{
	struct sm_peer one, two;

	ASSERT_EQ(0, sm_peer_start(&one, self->buf, self->len));
	ASSERT_EQ(0, sm_peer_start(&two, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&one, SM_ORD_FILL, 0, 1));
	ASSERT_EQ(0, sm_peer(&two, SM_ORD_FILL, 1, 2));
	EXPECT_EQ(0, sm_migrate(one.pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_migrate(two.pid, SM_NODE(1), SM_NODE(0)));
	EXPECT_PEER_SENT(one, 1);
	EXPECT_PEER_SENT(two, 0);
	EXPECT_EQ(0, sm_peer(&one, SM_ORD_TOUCH, 0, 0));
	EXPECT_EQ(0, sm_peer(&two, SM_ORD_TOUCH, 1, 0));
	EXPECT_EQ(0, sm_peer(&one, SM_ORD_CHECK, 0, 1));
	EXPECT_EQ(0, sm_peer(&two, SM_ORD_CHECK, 0, 2));
	EXPECT_PEER_ON(one, 1);
	EXPECT_PEER_ON(two, 0);
	EXPECT_EQ(0, sm_peer_stop(&one));
	EXPECT_EQ(0, sm_peer_stop(&two));
}

/* With CAP_SYS_NICE pages that others map move as well. */
TEST_F(migrate, privileged_moves_shared)
{
	struct sm_peer peer;

	sm_fill_on(self->buf, self->len, 15, 0);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	EXPECT_PEER_ON(peer, 0);
	EXPECT_EQ(0, sm_migrate(peer.pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_PEER_SENT(peer, 1);
	EXPECT_MOVED(self->buf, self->len, 1, 0, 15, true);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 15));
	EXPECT_PEER_ON(peer, 1);
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/* Without it only those that nobody else maps. */
TEST_F(migrate, unprivileged_leaves_shared)
{
	size_t half = self->len / 2;
	char *shared = self->buf, *own = self->buf + half;
	struct sm_peer peer;
	int status;
	pid_t pid;

	sm_fill_on(shared, half, 16, 0);
	pid = sm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (sm_peer_start(&peer, shared, half))
			_exit(1);
		sm_fill_on(own, half, 17, 0);
		if (sm_peer(&peer, SM_ORD_CHECK, 0, 16) ||
		    sm_drop_cap_sys_nice())
			_exit(2);
		if (sm_migrate(0, SM_NODE(0), SM_NODE(1)) < 0)
			_exit(3);
		if (sm_on(0, shared, half, 0) != SM_PAGES(half))
			_exit(4);
		if (sm_sent(0, own, half, SM_NODE(1)) != SM_PAGES(half))
			_exit(5);
		sm_run_on_node(0);
		if (sm_bad(shared, half, 16) || sm_bad(own, half, 17))
			_exit(6);
		_exit(sm_on(0, own, half, 1) == SM_PAGES(half) ? 0 : 7);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status) {
		TH_LOG("exit status %d", WEXITSTATUS(status));
	}
	EXPECT_EQ(0, sm_bad(shared, half, 16));
}

/* An ordinary user moves a process of the same user. */
TEST_F(migrate, same_user)
{
	struct sm_peer target, caller;

	ASSERT_EQ(0, sm_peer_start(&target, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&target, SM_ORD_FILL, 0, 18));
	ASSERT_EQ(0, sm_peer(&target, SM_ORD_DROP_ROOT, 0, 0));
	ASSERT_EQ(0, sm_peer_start(&caller, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&caller, SM_ORD_DROP_ROOT, 0, 0));
	EXPECT_LE(0, sm_peer_migrate(&caller, target.pid, SM_NODE(0),
				     SM_NODE(1)));
	EXPECT_PEER_SENT(target, 1);
	EXPECT_EQ(0, sm_peer(&target, SM_ORD_TOUCH, 0, 0));
	EXPECT_EQ(0, sm_peer(&target, SM_ORD_CHECK, 0, 18));
	EXPECT_PEER_ON(target, 1);
	EXPECT_EQ(0, sm_peer_stop(&caller));
	EXPECT_EQ(0, sm_peer_stop(&target));
}

/*
 * What did not move is counted, and nothing else: pinned pages, and mlocked ones if
 * all goes by way of swap.
 */
TEST_F(migrate, returns_what_stayed)
{
	bool direct = sm_direct();
	long moved = self->pages - (direct ? 4 : 9);
	int fd;

	sm_fill_on(self->buf, self->len, 19, 0);
	ASSERT_EQ(0, mlock(self->buf, 5 * SM_PAGE));
	fd = sm_pin(self->buf + 8 * SM_PAGE, 4 * SM_PAGE);
	ASSERT_LE(0, fd);
	EXPECT_EQ(self->pages - moved, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_ON(direct ? 1 : 0, self->buf, 5 * SM_PAGE);
	EXPECT_ON(0, self->buf + 8 * SM_PAGE, 4 * SM_PAGE);
	EXPECT_EQ(moved, sm_sent(0, self->buf, self->len, SM_NODE(1)));
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 19));
	EXPECT_EQ(moved, sm_on(0, self->buf, self->len, 1));
	close(fd);
	/* A later call takes what can go now; pins go a while after the ring. */
	ASSERT_EQ(0, munlock(self->buf, 5 * SM_PAGE));
	EXPECT_TRUE(SM_WAIT(!sm_migrate(0, SM_NODE(0), SM_NODE(1))));
	EXPECT_SENT(1, self->buf + 8 * SM_PAGE, 4 * SM_PAGE);
	EXPECT_MOVED(self->buf, 5 * SM_PAGE, 1, 0, 19, true);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 19));
	EXPECT_ON(1, self->buf, self->len);
}

/* There and back, many times, with new contents each time. */
TEST_F(migrate, round_trips)
{
	int i, from, to;

	sm_fill_on(self->buf, self->len, 20, 0);
	for (i = 0; i < 8; i++) {
		from = i % 2;
		to = !from;
		EXPECT_EQ(0, sm_migrate(0, SM_NODE(from), SM_NODE(to)));
		EXPECT_MOVED(self->buf, self->len, to, from, 20 + i, true);
		sm_fill(self->buf, self->len, 21 + i);
		EXPECT_ON(to, self->buf, self->len);
	}
}

/* A stopped process touches nothing in between. */
TEST_F(migrate, pages_of_a_stopped_process)
{
	struct sm_peer peer;
	int status;

	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 31));
	ASSERT_EQ(0, kill(peer.pid, SIGSTOP));
	ASSERT_EQ(peer.pid, waitpid(peer.pid, &status, WUNTRACED));
	EXPECT_EQ(0, sm_migrate(peer.pid, SM_NODE(0), SM_NODE(3)));
	EXPECT_PEER_SENT(peer, 3);
	ASSERT_EQ(0, kill(peer.pid, SIGCONT));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 31));
	EXPECT_PEER_ON(peer, 3);
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/*
 * Much of it is not there: what is takes no longer to find. With a window for each
 * 2 MiB of it the call would not end while somebody waits for it.
 */
TEST_F(migrate, sparse_shared_memory)
{
	size_t len = 1UL << 45;
	int fd = memfd_create("swapmig", 0);
	char *p;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, len));
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		 fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	sm_fill_on(p + len / 2, self->len, 32, 0);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_MOVED(p + len / 2, self->len, 1, 0, 32, false);
	munmap(p, len);
	close(fd);
}
