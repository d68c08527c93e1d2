// SPDX-License-Identifier: GPL-2.0
/*
 * libnuma, as programs use it: that pages are really where it was told to put
 * them, with what was in them.
 */
#include "swapmig_harness.h"

#include <numa.h>

FIXTURE(libnuma)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(libnuma)
{
	SM_SETUP(2 * SM_MIB);
	ASSERT_EQ(0, numa_available());
}

FIXTURE_TEARDOWN(libnuma)
{
	SM_TEARDOWN();
}

/* numa_migrate_pages() with sets of nodes as numactl(8) takes them */
static int migrate(pid_t pid, const char *from, const char *to)
{
	struct bitmask *old = numa_parse_nodestring(from);
	struct bitmask *new = numa_parse_nodestring(to);
	int ret = -1;

	if (old && new)
		ret = numa_migrate_pages(pid, old, new);
	numa_free_nodemask(old);
	numa_free_nodemask(new);
	return ret;
}

TEST_F(libnuma, migrate_pages)
{
	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_EQ(0, migrate(getpid(), "0", "1"));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 1, true);
	EXPECT_EQ(0, migrate(0, "1", "3"));
	EXPECT_MOVED(self->buf, self->len, 3, 1, 1, true);
}

TEST_F(libnuma, migrate_pages_relative)
{
	size_t half = self->len / 2;

	sm_fill_on(self->buf, half, 2, 0);
	sm_fill_on(self->buf + half, half, 3, 1);
	EXPECT_EQ(0, migrate(0, "0,1", "2-3"));
	EXPECT_MOVED(self->buf, half, 2, 1, 2, true);
	EXPECT_MOVED(self->buf + half, half, 3, 0, 3, true);
}

TEST_F(libnuma, migrate_pages_of_other)
{
	size_t half = self->len / 2;
	char *first = self->buf, *second = self->buf + half;
	struct sm_peer peer;

	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer_part(&peer, 0, half));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 4));
	ASSERT_EQ(0, sm_peer_part(&peer, half, half));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 1, 5));
	EXPECT_PID_ON(peer.pid, 0, first, half);
	EXPECT_PID_ON(peer.pid, 1, second, half);
	EXPECT_EQ(0, migrate(peer.pid, "0,1", "2,3"));
	EXPECT_PID_SENT(peer.pid, 2, first, half);
	EXPECT_PID_SENT(peer.pid, 3, second, half);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_TOUCH, 0, 0));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 5));
	ASSERT_EQ(0, sm_peer_part(&peer, 0, half));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_TOUCH, 1, 0));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 4));
	EXPECT_PID_ON(peer.pid, 2, first, half);
	EXPECT_PID_ON(peer.pid, 3, second, half);
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/*
 * It sets a policy: that moves nothing that is there. A request to move wins over
 * it, and what is not on the request's nodes stays.
 */
TEST_F(libnuma, tonode_memory)
{
	size_t half = self->len / 2;
	char *old = self->buf, *new = self->buf + half;

	sm_fill_on(old, half, 6, 0);
	numa_tonode_memory(self->buf, self->len, 1);
	sm_run_on_node(0);
	sm_fill(new, half, 7);
	EXPECT_ON(0, old, half);
	EXPECT_ON(1, new, half);
	EXPECT_EQ(0, migrate(0, "0", "2"));
	EXPECT_MOVED(old, half, 2, 0, 6, true);
	EXPECT_ON(1, new, half);
	EXPECT_EQ(0, sm_bad(new, half, 7));
}

/* Memory that is bound to a node from the start moves as well. */
TEST_F(libnuma, alloc_onnode)
{
	char *p = numa_alloc_onnode(self->len, 3);

	ASSERT_NE(NULL, p);
	sm_run_on_node(0);
	sm_fill(p, self->len, 8);
	EXPECT_ON(3, p, self->len);
	EXPECT_EQ(0, migrate(0, "3", "1"));
	EXPECT_MOVED(p, self->len, 1, 0, 8, true);
	numa_free(p, self->len);
}

/*
 * Have numa_move_pages() send all pages of a process to @node, or ask where they
 * are if that is -1. How many statuses are @want then, or -errno.
 */
static long move(struct _test_data_libnuma *self, pid_t pid, int node, int want)
{
	void **addr = calloc(self->pages, sizeof(*addr));
	int *nodes = calloc(self->pages, sizeof(*nodes));
	int *status = calloc(self->pages, sizeof(*status));
	long n = -ENOMEM, i;

	if (addr && nodes && status) {
		for (i = 0; i < self->pages; i++) {
			addr[i] = self->buf + i * SM_PAGE;
			nodes[i] = node;
			status[i] = -999;
		}
		n = numa_move_pages(pid, self->pages, addr,
				    node < 0 ? NULL : nodes, status,
				    node < 0 ? 0 : MPOL_MF_MOVE);
		if (n < 0)
			n = -errno;
		for (i = 0; !n && i < self->pages; i++)
			if (status[i] != want)
				break;
		if (!n)
			n = i;
	}
	free(addr);
	free(nodes);
	free(status);
	return n;
}

TEST_F(libnuma, move_pages)
{
	sm_fill_on(self->buf, self->len, 9, 0);
	if (sm_vmstat("pgmigrate_success") < 0) {
		EXPECT_EQ(-SM_NO_SYSCALL, move(self, 0, 1, 1));
		EXPECT_ON(0, self->buf, self->len);
		EXPECT_EQ(0, sm_bad(self->buf, self->len, 9));
		return;
	}
	EXPECT_EQ(self->pages, move(self, 0, -1, 0));
	EXPECT_EQ(self->pages, move(self, 0, 1, 1));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 9, true);
	EXPECT_EQ(self->pages, move(self, 0, -1, 1));
}

TEST_F(libnuma, move_pages_of_other)
{
	struct sm_peer peer;

	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 10));
	if (sm_vmstat("pgmigrate_success") < 0) {
		EXPECT_EQ(-SM_NO_SYSCALL, move(self, peer.pid, 2, 2));
		EXPECT_PEER_ON(peer, 0);
	} else {
		EXPECT_EQ(self->pages, move(self, peer.pid, 2, 2));
		EXPECT_PEER_SENT(peer, 2);
		EXPECT_EQ(0, sm_peer(&peer, SM_ORD_TOUCH, 1, 0));
		EXPECT_PEER_ON(peer, 2);
	}
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 10));
	EXPECT_EQ(0, sm_peer_stop(&peer));
}
