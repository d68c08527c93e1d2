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
	self->len = sm_size(4 * SM_MIB);
	self->pages = SM_PAGES(self->len);
	self->buf = sm_map(self->len);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
}

FIXTURE_TEARDOWN(migrate)
{
	munmap(self->buf, self->len);
	EXPECT_EQ(0, sm_swap_off());
}

TEST_F(migrate, self)
{
	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 1, true);
}

TEST_F(migrate, own_pid)
{
	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 2, 1);
	EXPECT_EQ(0, sm_migrate(getpid(), SM_NODE(1), SM_NODE(0)));
	EXPECT_MOVED(self->buf, self->len, 0, 1, 2, true);
}

TEST_F(migrate, other_process)
{
	struct sm_peer peer;

	NEED_NODES(return, 2);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 3));
	EXPECT_EQ(0, sm_migrate(peer.pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_on(peer.pid, self->buf, self->len, 0));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_TOUCH, 0, 0));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 3));
	EXPECT_EQ(self->pages, sm_on(peer.pid, self->buf, self->len, 1)) {
		TH_LOG("%s", sm_where(peer.pid, self->buf, self->len));
	}
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/* 0,1 -> 2,3: what was together stays together. */
TEST_F(migrate, relative_nodes)
{
	size_t half = self->len / 2;

	NEED_NODES(return, 4);
	sm_fill_on(self->buf, half, 4, 0);
	sm_fill_on(self->buf + half, half, 5, 1);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0) | SM_NODE(1),
				SM_NODE(2) | SM_NODE(3)));
	EXPECT_MOVED(self->buf, half, 2, 1, 4, true);
	EXPECT_MOVED(self->buf + half, half, 3, 0, 5, true);
}

/* 0,1 -> 1,2: node 1 is vacated before it is filled. */
TEST_F(migrate, overlapping_nodes)
{
	size_t half = self->len / 2;

	NEED_NODES(return, 3);
	sm_fill_on(self->buf, half, 6, 0);
	sm_fill_on(self->buf + half, half, 7, 1);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0) | SM_NODE(1),
				SM_NODE(1) | SM_NODE(2)));
	EXPECT_MOVED(self->buf, half, 1, 0, 6, true);
	EXPECT_MOVED(self->buf + half, half, 2, 0, 7, true);
}

/* 0,1,2 -> 1,2: nodes that are in both stay, as the counts differ. */
TEST_F(migrate, fewer_targets)
{
	size_t third = self->len / 4;
	char *p = self->buf;

	NEED_NODES(return, 3);
	sm_fill_on(p, third, 8, 0);
	sm_fill_on(p + third, third, 9, 1);
	sm_fill_on(p + 2 * third, third, 10, 2);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0) | SM_NODE(1) | SM_NODE(2),
				SM_NODE(1) | SM_NODE(2)));
	EXPECT_EQ(SM_PAGES(third), sm_on(0, p + third, third, 1));
	EXPECT_EQ(SM_PAGES(third), sm_on(0, p + 2 * third, third, 2));
	EXPECT_MOVED(p, third, 1, 0, 8, true);
	EXPECT_EQ(0, sm_bad(p + third, third, 9));
	EXPECT_EQ(0, sm_bad(p + 2 * third, third, 10));
}

TEST_F(migrate, other_nodes_stay)
{
	NEED_NODES(return, 4);
	sm_fill_on(self->buf, self->len, 11, 3);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0) | SM_NODE(1),
				SM_NODE(1) | SM_NODE(2)));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 3));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 11));
}

TEST_F(migrate, same_node_is_nothing)
{
	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 12, 0);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(0)));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 0));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 12));
}

/* With CAP_SYS_NICE pages that others map move as well. */
TEST_F(migrate, privileged_moves_shared)
{
	struct sm_peer peer;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 13, 0);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	EXPECT_EQ(0, sm_migrate(peer.pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_on(peer.pid, self->buf, self->len, 0));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 13, true);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 13));
	EXPECT_EQ(self->pages, sm_on(peer.pid, self->buf, self->len, 1));
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/* Without it only those that nobody else maps. */
TEST_F(migrate, unprivileged_leaves_shared)
{
	size_t half = self->len / 2;
	char *shared = self->buf, *own = self->buf + half;
	struct sm_peer peer;
	pid_t pid;
	int status;

	NEED_NODES(return, 2);
	sm_fill_on(shared, half, 14, 0);
	pid = sm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		long ret;

		if (sm_peer_start(&peer, shared, half))
			_exit(1);
		sm_fill_on(own, half, 15, 0);
		if (sm_peer(&peer, SM_ORD_CHECK, 0, 14) ||
		    sm_drop_cap_sys_nice())
			_exit(2);
		ret = sm_migrate(0, SM_NODE(0), SM_NODE(1));
		if (ret < 0)
			_exit(3);
		if (sm_on(0, shared, half, 0) != SM_PAGES(half))
			_exit(4);
		if (sm_on(0, own, half, 0))
			_exit(5);
		sm_run_on_node(0);
		if (sm_bad(shared, half, 14) || sm_bad(own, half, 15))
			_exit(6);
		_exit(sm_on(0, own, half, 1) == SM_PAGES(half) ? 0 : 7);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status) {
		TH_LOG("exit status %d", WEXITSTATUS(status));
	}
	EXPECT_EQ(0, sm_bad(shared, half, 14));
}

/* An ordinary user moves a process of the same user. */
TEST_F(migrate, same_user)
{
	struct sm_peer target, caller;
	pid_t pid;

	NEED_NODES(return, 2);
	ASSERT_EQ(0, sm_peer_start(&target, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&target, SM_ORD_FILL, 0, 16));
	ASSERT_EQ(0, sm_peer(&target, SM_ORD_DROP_ROOT, 0, 0));
	ASSERT_EQ(0, sm_peer_start(&caller, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&caller, SM_ORD_DROP_ROOT, 0, 0));
	pid = target.pid;
	EXPECT_LE(0, sm_peer_migrate(&caller, pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_on(pid, self->buf, self->len, 0));
	EXPECT_EQ(0, sm_peer(&target, SM_ORD_TOUCH, 0, 0));
	EXPECT_EQ(0, sm_peer(&target, SM_ORD_CHECK, 0, 16));
	EXPECT_EQ(self->pages, sm_on(pid, self->buf, self->len, 1)) {
		TH_LOG("%s", sm_where(pid, self->buf, self->len));
	}
	EXPECT_EQ(0, sm_peer_stop(&caller));
	EXPECT_EQ(0, sm_peer_stop(&target));
}

/* What did not move is counted: mlocked pages under swapout. */
TEST_F(migrate, returns_mlocked)
{
	bool direct = sm_has_engine("direct");

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 17, 0);
	ASSERT_EQ(0, mlock(self->buf, 5 * SM_PAGE));
	EXPECT_EQ(direct ? 0 : 5, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(direct ? 0 : 5, sm_on(0, self->buf, self->len, 0));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 17));
	ASSERT_EQ(0, munlock(self->buf, 5 * SM_PAGE));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 17));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 1));
}

TEST_F(migrate, returns_pinned)
{
	int fd;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 18, 0);
	fd = sm_pin(self->buf + 3 * SM_PAGE, 4 * SM_PAGE);
	if (fd < 0)
		SKIP(return, "needs CONFIG_IO_URING (%d)", fd);
	EXPECT_EQ(4, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(4, sm_on(0, self->buf, self->len, 0)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 18));
	EXPECT_EQ(self->pages - 4, sm_on(0, self->buf, self->len, 1));
	close(fd);
}

/* There and back, many times, with new contents each time. */
TEST_F(migrate, round_trips)
{
	int i, from, to;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, SM_MIB, 19, 0);
	for (i = 0; i < 6; i++) {
		from = i % 2;
		to = !from;
		EXPECT_EQ(0, sm_migrate(0, SM_NODE(from), SM_NODE(to)));
		EXPECT_MOVED(self->buf, SM_MIB, to, from, 19 + i, true);
		sm_fill(self->buf, SM_MIB, 20 + i);
		EXPECT_EQ(SM_PAGES(SM_MIB), sm_on(0, self->buf, SM_MIB, to));
	}
}

/* Every batch size gives the same result. */
TEST_F(migrate, batch_sizes)
{
	static const int sizes[] = { 1, 512, 0, 32 };
	long old = sm_read_long(SM_BATCH);
	size_t i;
	int from;

	NEED_NODES(return, 2);
	if (old < 0)
		SKIP(return, "needs vm.migration_batch");
	sm_fill_on(self->buf, self->len, 30, 0);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		from = i % 2;
		ASSERT_EQ(0, sm_write(SM_BATCH, "%d", sizes[i]));
		EXPECT_EQ(0, sm_migrate(0, SM_NODE(from), SM_NODE(!from)));
		EXPECT_MOVED(self->buf, self->len, !from, from, 30, true);
	}
	EXPECT_EQ(0, sm_write(SM_BATCH, "%ld", old));
}

/* A stopped process touches nothing in between. */
TEST_F(migrate, pages_of_a_stopped_process)
{
	struct sm_peer peer;
	int status;

	NEED_NODES(return, 2);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 31));
	ASSERT_EQ(0, kill(peer.pid, SIGSTOP));
	ASSERT_EQ(peer.pid, waitpid(peer.pid, &status, WUNTRACED));
	EXPECT_EQ(0, sm_migrate(peer.pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_on(peer.pid, self->buf, self->len, 0));
	ASSERT_EQ(0, kill(peer.pid, SIGCONT));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 31));
	EXPECT_EQ(self->pages, sm_on(peer.pid, self->buf, self->len, 1));
	EXPECT_EQ(0, sm_peer_stop(&peer));
}
