// SPDX-License-Identifier: GPL-2.0
/*
 * libnuma, as programs use it, and that the pages really moved.
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
	self->len = sm_size(4 * SM_MIB);
	self->pages = SM_PAGES(self->len);
	self->buf = sm_map(self->len);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
}

FIXTURE_TEARDOWN(libnuma)
{
	munmap(self->buf, self->len);
	EXPECT_EQ(0, sm_swap_off());
}

TEST_F(libnuma, numa_migrate_pages)
{
	struct bitmask *from, *to;

	NEED_NODES(return, 2);
	ASSERT_EQ(0, numa_available());
	from = numa_parse_nodestring("0");
	to = numa_parse_nodestring("1");
	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_EQ(0, numa_migrate_pages(getpid(), from, to));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 1, true);
	EXPECT_EQ(0, numa_migrate_pages(0, to, from));
	EXPECT_MOVED(self->buf, self->len, 0, 1, 1, true);
	numa_free_nodemask(from);
	numa_free_nodemask(to);
}

TEST_F(libnuma, numa_migrate_pages_of_other)
{
	struct bitmask *from, *to;
	struct sm_peer peer;
	size_t half = self->len / 2;

	NEED_NODES(return, 4);
	ASSERT_EQ(0, numa_available());
	from = numa_parse_nodestring("0,1");
	to = numa_parse_nodestring("2-3");
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer_part(&peer, 0, half));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 2));
	ASSERT_EQ(0, sm_peer_part(&peer, half, half));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 1, 3));
	EXPECT_EQ(0, numa_migrate_pages(peer.pid, from, to));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 3));
	ASSERT_EQ(0, sm_peer_part(&peer, 0, half));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 2));
	EXPECT_EQ(SM_PAGES(half), sm_on(peer.pid, self->buf, half, 2));
	EXPECT_EQ(SM_PAGES(half), sm_on(peer.pid, self->buf + half, half, 3));
	EXPECT_EQ(0, sm_peer_stop(&peer));
	numa_free_nodemask(from);
	numa_free_nodemask(to);
}

/* numa_tonode_memory() sets a policy; a policy moves nothing that is there. */
TEST_F(libnuma, numa_tonode_memory)
{
	size_t half = self->len / 2;

	NEED_NODES(return, 2);
	ASSERT_EQ(0, numa_available());
	sm_fill_on(self->buf, half, 4, 0);
	numa_tonode_memory(self->buf, self->len, 1);
	sm_fill(self->buf + half, half, 5);
	EXPECT_EQ(SM_PAGES(half), sm_on(0, self->buf, half, 0));
	EXPECT_EQ(SM_PAGES(half), sm_on(0, self->buf + half, half, 1));
	/* Through swap and back, the policy still says where. */
	EXPECT_EQ(0, numa_migrate_pages(0, numa_parse_nodestring("0"),
					numa_parse_nodestring("1")));
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, half, 4));
	EXPECT_EQ(0, sm_bad(self->buf + half, half, 5));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 1));
}

/* Memory of numa_alloc_onnode() is bound: back on its node, then freed. */
TEST_F(libnuma, numa_alloc_onnode)
{
	char *p;

	NEED_NODES(return, 2);
	ASSERT_EQ(0, numa_available());
	p = numa_alloc_onnode(self->len, 0);
	ASSERT_NE(NULL, p);
	sm_fill(p, self->len, 6);
	ASSERT_EQ(self->pages, sm_on(0, p, self->len, 0));
	EXPECT_EQ(0, numa_migrate_pages(0, numa_parse_nodestring("0"),
					numa_parse_nodestring("1")));
	sm_run_on_node(1);
	EXPECT_EQ(0, sm_bad(p, self->len, 6));
	/* Copied to node 1; or in swap, and policy won when it came back. */
	EXPECT_EQ(self->pages, sm_on(0, p, self->len, sm_has_engine("direct")));
	numa_free(p, self->len);
}

TEST_F(libnuma, numa_move_pages)
{
	void *pages[4];
	int nodes[4] = { 1, 1, 1, 1 }, status[4] = { 0 };
	int i, ret, err;

	NEED_NODES(return, 2);
	ASSERT_EQ(0, numa_available());
	sm_fill_on(self->buf, self->len, 7, 0);
	for (i = 0; i < 4; i++)
		pages[i] = self->buf + i * SM_PAGE;
	ret = numa_move_pages(0, 4, pages, nodes, status, MPOL_MF_MOVE);
	err = errno;
	if (sm_has_migration()) {
		EXPECT_EQ(0, ret);
		EXPECT_EQ(self->pages - 4, sm_on(0, self->buf, self->len, 0));
		sm_run_on_node(0);
		sm_touch(self->buf, 4 * SM_PAGE);
		EXPECT_EQ(4, sm_on(0, self->buf, self->len, 1));
	} else {
		EXPECT_EQ(-1, ret);
		EXPECT_EQ(SM_NO_SYSCALL, err);
		EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 0));
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 7));
}
