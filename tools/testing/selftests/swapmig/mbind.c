// SPDX-License-Identifier: GPL-2.0
/*
 * mbind(2) with MPOL_MF_MOVE, MPOL_MF_MOVE_ALL and MPOL_MF_STRICT: which pages
 * move, which do not, and what the call says of it.
 */
#include "swapmig_harness.h"

#define MOVE	(MPOL_MF_MOVE | MPOL_MF_STRICT)

FIXTURE(mbind)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(mbind)
{
	SM_SETUP(2 * SM_MIB);
}

FIXTURE_TEARDOWN(mbind)
{
	SM_TEARDOWN();
}

#define BIND(node, flags)						\
	sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(node), flags)

/* The nodes that the memory at @addr is bound to, 0 for none */
static unsigned long bound_to(void *addr)
{
	unsigned long mask;
	int mode;

	if (sm_get_mempolicy(addr, &mode, &mask))
		return ~0UL;
	return mode == MPOL_BIND ? mask : 0;
}

TEST_F(mbind, move_round_all_nodes)
{
	int i, to;

	sm_fill_on(self->buf, self->len, 2, 0);
	EXPECT_ON(0, self->buf, self->len);
	for (i = 1; i <= SM_NODES; i++) {
		to = i % SM_NODES;
		EXPECT_EQ(0, BIND(to, i % 2 ? MOVE : MPOL_MF_MOVE));
		EXPECT_MOVED(self->buf, self->len, to, to == 0, 2, true);
	}
}

TEST_F(mbind, pages_that_obey_stay)
{
	size_t half = self->len / 2;

	sm_fill_on(self->buf, half, 3, 0);
	sm_fill_on(self->buf + half, half, 4, 1);
	EXPECT_EQ(0, BIND(1, MOVE));
	/* Not even for a moment: they were never taken out. */
	EXPECT_ON(1, self->buf + half, half);
	EXPECT_EQ(0, sm_bad(self->buf + half, half, 4));
	EXPECT_MOVED(self->buf, half, 1, 0, 3, true);
}

TEST_F(mbind, without_flags_nothing_moves)
{
	sm_fill_on(self->buf, self->len, 5, 0);
	EXPECT_EQ(0, BIND(1, 0));
	EXPECT_EQ(SM_NODE(1), bound_to(self->buf));
	EXPECT_ON(0, self->buf, self->len);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 5));
}

TEST_F(mbind, only_the_range)
{
	size_t quarter = self->len / 4;
	char *mid = self->buf + quarter;

	sm_fill_on(self->buf, self->len, 6, 0);
	EXPECT_EQ(0, sm_mbind(mid, 2 * quarter, MPOL_BIND, SM_NODE(1), MOVE));
	EXPECT_ON(0, self->buf, quarter);
	EXPECT_ON(0, mid + 2 * quarter, quarter);
	EXPECT_SENT(1, mid, 2 * quarter);
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 6));
	EXPECT_ON(1, mid, 2 * quarter);
}

TEST_F(mbind, several_areas_and_gaps_in_population)
{
	size_t quarter = self->len / 4;
	char *p = self->buf;

	sm_fill_on(p, quarter, 7, 0);
	sm_fill_on(p + 2 * quarter, quarter, 8, 0);
	ASSERT_EQ(0, mprotect(p + 2 * quarter, quarter, PROT_READ));
	EXPECT_EQ(0, BIND(1, MOVE));
	EXPECT_MOVED(p, quarter, 1, 0, 7, true);
	EXPECT_MOVED(p + 2 * quarter, quarter, 1, 0, 8, true);
	EXPECT_EQ(0, sm_present(0, p + quarter, quarter));
}

TEST_F(mbind, strict_alone)
{
	sm_fill_on(self->buf, self->len, 9, 0);
	EXPECT_EQ(-EIO, BIND(1, MPOL_MF_STRICT));
	EXPECT_EQ(0UL, bound_to(self->buf));
	EXPECT_ON(0, self->buf, self->len);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 9));
	/* It is content with pages that obey. */
	madvise(self->buf, self->len, MADV_DONTNEED);
	sm_fill_on(self->buf, self->len, 10, 1);
	EXPECT_EQ(0, BIND(1, MPOL_MF_STRICT));
	EXPECT_EQ(SM_NODE(1), bound_to(self->buf));
	EXPECT_ON(1, self->buf, self->len);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 10));
}

/* An mlocked page is not evicted, which is a failure; but it can be migrated. */
TEST_F(mbind, strict_move_of_mlocked)
{
	bool direct = sm_direct();

	sm_fill_on(self->buf, self->len, 11, 0);
	ASSERT_EQ(0, mlock(self->buf, SM_PAGE));
	EXPECT_EQ(direct ? 0 : -EIO, BIND(1, MOVE));
	EXPECT_EQ(direct ? 1 : 0, sm_page(0, self->buf));
	/* The policy is in place, and the rest has moved. */
	EXPECT_EQ(SM_NODE(1), bound_to(self->buf));
	EXPECT_SENT(1, self->buf + SM_PAGE, self->len - SM_PAGE);
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 11));
	EXPECT_ON(1, self->buf + SM_PAGE, self->len - SM_PAGE);
}

TEST_F(mbind, strict_move_fails_on_pinned)
{
	int fd;

	sm_fill_on(self->buf, self->len, 12, 0);
	fd = sm_pin(self->buf + SM_PAGE, 2 * SM_PAGE);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EIO, BIND(1, MOVE));
	EXPECT_ON(0, self->buf + SM_PAGE, 2 * SM_PAGE);
	EXPECT_EQ(self->pages - 2,
		  sm_sent(0, self->buf, self->len, SM_NODE(1)));
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 12));
	EXPECT_EQ(self->pages - 2, sm_on(0, self->buf, self->len, 1));
	/* Without STRICT nobody is told. */
	EXPECT_EQ(0, BIND(1, MPOL_MF_MOVE));
	EXPECT_ON(0, self->buf + SM_PAGE, 2 * SM_PAGE);
	close(fd);
}

/* Pages that a child maps as well: MOVE leaves them, MOVE_ALL does not. */
TEST_F(mbind, move_leaves_shared)
{
	struct sm_peer peer;

	sm_fill_on(self->buf, self->len, 13, 0);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 13));
	/* Not a failure either: they were not to be moved. */
	EXPECT_EQ(0, BIND(1, MOVE));
	EXPECT_ON(0, self->buf, self->len);
	EXPECT_PEER_ON(peer, 0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 13));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 13));
	EXPECT_EQ(0, sm_peer_stop(&peer));
	/* Now they are private again. */
	EXPECT_EQ(0, BIND(1, MOVE));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 13, true);
}

TEST_F(mbind, move_all_moves_shared)
{
	struct sm_peer peer;

	sm_fill_on(self->buf, self->len, 14, 0);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	EXPECT_EQ(0, BIND(1, MPOL_MF_MOVE_ALL | MPOL_MF_STRICT));
	EXPECT_PEER_SENT(peer, 1);
	EXPECT_MOVED(self->buf, self->len, 1, 0, 14, true);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 14));
	EXPECT_PEER_ON(peer, 1);
	/* Still two owners: what one writes the other does not see. */
	sm_fill(self->buf, self->len, 15);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 14));
	EXPECT_EQ(0, sm_peer_stop(&peer));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 15));
}

/* Pages that are not on the three nodes in turn */
static long out_of_turn(const char *p, size_t len)
{
	long bad = 0;
	size_t i;

	for (i = 3 * SM_PAGE; i < len; i += SM_PAGE)
		bad += sm_page(0, p + i) != sm_page(0, p + i - 3 * SM_PAGE) ||
		       sm_page(0, p + i) == sm_page(0, p + i - SM_PAGE);
	return bad;
}

/*
 * No slot can say which of several nodes: the policy does when the page comes
 * back. Read-ahead has one index for all that it reads, so no pattern is kept. It
 * is if the kernel migrates the pages itself.
 */
TEST_F(mbind, interleave_stays_in_the_mask)
{
	unsigned long nodes = SM_NODE(1) | SM_NODE(2) | SM_NODE(3);
	struct sm_count c;

	sm_fill_on(self->buf, self->len, 16, 0);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_INTERLEAVE, nodes,
			      MOVE));
	EXPECT_SENT_TO(nodes, self->buf, self->len);
	if (sm_direct())
		EXPECT_EQ(0, out_of_turn(self->buf, self->len));
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 16));
	ASSERT_EQ(0, sm_count(0, self->buf, self->len, &c));
	EXPECT_EQ(self->pages, c.node[1] + c.node[2] + c.node[3]);
	/* More than one of them */
	EXPECT_LT(0, c.node[1]);
	EXPECT_LT(0, c.node[2] + c.node[3]);
}

TEST_F(mbind, bind_to_several)
{
	unsigned long nodes = SM_NODE(1) | SM_NODE(2);
	size_t half = self->len / 2;
	struct sm_count c;

	sm_fill_on(self->buf, half, 17, 0);
	sm_fill_on(self->buf + half, half, 18, 2);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, nodes, MOVE));
	EXPECT_ON(2, self->buf + half, half);
	EXPECT_SENT_TO(nodes, self->buf, half);
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, half, 17));
	EXPECT_EQ(0, sm_bad(self->buf + half, half, 18));
	ASSERT_EQ(0, sm_count(0, self->buf, self->len, &c));
	EXPECT_EQ(self->pages, c.node[1] + c.node[2]);
}

TEST_F(mbind, preferred)
{
	sm_fill_on(self->buf, self->len, 19, 0);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_PREFERRED, SM_NODE(1),
			      MOVE));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 19, true);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_PREFERRED_MANY,
			      SM_NODE(3), MOVE));
	EXPECT_MOVED(self->buf, self->len, 3, 1, 19, true);
}

/* Back to the default policy: pages go where this process runs. */
TEST_F(mbind, default_policy)
{
	sm_fill_on(self->buf, self->len, 21, 0);
	ASSERT_EQ(0, BIND(3, 0));
	sm_run_on_node(1);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_DEFAULT, 0,
			      MPOL_MF_MOVE));
	EXPECT_MOVED(self->buf, self->len, 1, 1, 21, true);
}

/*
 * A local policy has no nodes of its own; what was in the memory that it is made of
 * does not count as such.
 */
TEST_F(mbind, local_policy)
{
	size_t half = self->len / 2;
	char *other = self->buf + half;

	sm_fill_on(self->buf, half, 22, 1);
	sm_fill_on(other, half, 23, 1);
	sm_run_on_node(0);
	ASSERT_EQ(0, sm_mbind(self->buf, half, MPOL_BIND, SM_NODE(1), 0));
	ASSERT_EQ(0, sm_mbind(self->buf, half, MPOL_DEFAULT, 0, 0));
	EXPECT_EQ(0, sm_mbind(other, half, MPOL_LOCAL, 0, MPOL_MF_MOVE));
	EXPECT_ON(1, self->buf, half);
	EXPECT_MOVED(other, half, 0, 0, 23, true);
}

/* What is on one of the nodes that the caller names is where it belongs. */
TEST_F(mbind, preferred_of_two)
{
	sm_fill_on(self->buf, self->len, 24, 1);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_PREFERRED,
			      SM_NODE(0) | SM_NODE(1), MOVE));
	EXPECT_ON(1, self->buf, self->len);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 24));
}

/* A second request for pages that nobody touched since the first */
TEST_F(mbind, again_before_touch)
{
	sm_fill_on(self->buf, self->len, 22, 0);
	EXPECT_EQ(0, BIND(1, MOVE));
	EXPECT_EQ(0, BIND(2, MOVE));
	EXPECT_MOVED(self->buf, self->len, 2, 0, 22, true);
}
