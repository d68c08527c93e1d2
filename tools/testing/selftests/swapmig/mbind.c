// SPDX-License-Identifier: GPL-2.0
/*
 * mbind(2) with MPOL_MF_MOVE, MPOL_MF_MOVE_ALL and MPOL_MF_STRICT: which pages
 * move, which do not, and what the call says of it.
 */
#include <stdio.h>
#include <string.h>
#include "swapmig_harness.h"

FIXTURE(mbind)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(mbind)
{
	self->len = sm_size(4 * SM_MIB);
	self->pages = SM_PAGES(self->len);
	self->buf = sm_map(self->len);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
}

FIXTURE_TEARDOWN(mbind)
{
	munmap(self->buf, self->len);
	EXPECT_EQ(0, sm_swap_off());
}

TEST_F(mbind, move_private)
{
	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 1, 0);
	ASSERT_EQ(self->pages, sm_on(0, self->buf, self->len, 0));
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 1, true);
}

TEST_F(mbind, move_and_back)
{
	int i, to;

	NEED_NODES(return, 4);
	sm_fill_on(self->buf, self->len, 2, 0);
	for (i = 1; i <= 4; i++) {
		to = i % 4;
		EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND,
				      SM_NODE(to),
				      MPOL_MF_MOVE | MPOL_MF_STRICT));
		EXPECT_MOVED(self->buf, self->len, to, (to + 2) % 4, 2, true);
	}
}

TEST_F(mbind, pages_that_obey_stay)
{
	size_t half = self->len / 2;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, half, 3, 0);
	sm_fill_on(self->buf + half, half, 4, 1);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	/* Not even for a moment: they were never taken out. */
	EXPECT_EQ(SM_PAGES(half), sm_on(0, self->buf + half, half, 1));
	EXPECT_EQ(0, sm_bad(self->buf + half, half, 4));
	EXPECT_MOVED(self->buf, half, 1, 0, 3, true);
}

TEST_F(mbind, without_flags_nothing_moves)
{
	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 5, 0);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1), 0));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 0));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 5));
}

TEST_F(mbind, only_the_range)
{
	size_t quarter = self->len / 4;
	char *mid = self->buf + quarter;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 6, 0);
	EXPECT_EQ(0, sm_mbind(mid, 2 * quarter, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_EQ(SM_PAGES(quarter), sm_on(0, self->buf, quarter, 0));
	EXPECT_EQ(SM_PAGES(quarter),
		  sm_on(0, mid + 2 * quarter, quarter, 0));
	EXPECT_EQ(0, sm_on(0, mid, 2 * quarter, 0));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 6));
	EXPECT_EQ(SM_PAGES(2 * quarter), sm_on(0, mid, 2 * quarter, 1));
}

TEST_F(mbind, several_areas_and_gaps_in_population)
{
	size_t quarter = self->len / 4;
	char *p = self->buf;

	NEED_NODES(return, 2);
	sm_fill_on(p, quarter, 7, 0);
	sm_fill_on(p + 2 * quarter, quarter, 8, 0);
	ASSERT_EQ(0, mprotect(p + 2 * quarter, quarter, PROT_READ));
	EXPECT_EQ(0, sm_mbind(p, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_MOVED(p, quarter, 1, 0, 7, true);
	EXPECT_MOVED(p + 2 * quarter, quarter, 1, 0, 8, true);
	EXPECT_EQ(0, sm_present(0, p + quarter, quarter));
}

TEST_F(mbind, strict_alone_fails_and_changes_nothing)
{
	unsigned long mask;
	int mode;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 9, 0);
	EXPECT_EQ(-EIO, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
				 MPOL_MF_STRICT));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 0));
	EXPECT_EQ(0, sm_get_mempolicy(self->buf, &mode, &mask));
	EXPECT_EQ(MPOL_DEFAULT, mode);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 9));
}

TEST_F(mbind, strict_alone_is_content)
{
	unsigned long mask;
	int mode;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 10, 1);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_STRICT));
	EXPECT_EQ(0, sm_get_mempolicy(self->buf, &mode, &mask));
	EXPECT_EQ(MPOL_BIND, mode);
	EXPECT_EQ(SM_NODE(1), mask);
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 1));
}

TEST_F(mbind, strict_move_fails_on_mlocked)
{
	bool direct = sm_has_engine("direct");
	unsigned long mask;
	int mode;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 11, 0);
	ASSERT_EQ(0, mlock(self->buf, SM_PAGE));
	EXPECT_EQ(direct ? 0 : -EIO,
		  sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			   MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_EQ(direct ? 1 : 0, sm_page(0, self->buf));
	/* The policy is in place, and the rest has moved. */
	EXPECT_EQ(0, sm_get_mempolicy(self->buf, &mode, &mask));
	EXPECT_EQ(MPOL_BIND, mode);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 11));
	EXPECT_EQ(self->pages - !direct, sm_on(0, self->buf, self->len, 1));
}

TEST_F(mbind, strict_move_fails_on_pinned)
{
	int fd;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 12, 0);
	fd = sm_pin(self->buf + SM_PAGE, 2 * SM_PAGE);
	if (fd < 0)
		SKIP(return, "needs CONFIG_IO_URING (%d)", fd);
	EXPECT_EQ(-EIO, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
				 MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_EQ(2, sm_on(0, self->buf, self->len, 0)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 12));
	EXPECT_EQ(self->pages - 2, sm_on(0, self->buf, self->len, 1));
	/* Without STRICT nobody is told. */
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE));
	close(fd);
}

/* Pages that a child maps as well: MOVE leaves them, MOVE_ALL does not. */
TEST_F(mbind, move_leaves_shared)
{
	struct sm_peer peer;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 13, 0);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 13));
	/* Not a failure either: they were not to be moved. */
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 0));
	EXPECT_EQ(self->pages, sm_on(peer.pid, self->buf, self->len, 0));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 13));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 13));
	EXPECT_EQ(0, sm_peer_stop(&peer));
	/* Now they are private again. */
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 13, true);
}

TEST_F(mbind, move_all_moves_shared)
{
	struct sm_peer peer;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 14, 0);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE_ALL | MPOL_MF_STRICT));
	EXPECT_EQ(0, sm_on(peer.pid, self->buf, self->len, 0));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 14, true);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 14));
	EXPECT_EQ(self->pages, sm_on(peer.pid, self->buf, self->len, 1));
	/* Still two owners: what one writes the other does not see. */
	sm_fill(self->buf, self->len, 15);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 14));
	EXPECT_EQ(0, sm_peer_stop(&peer));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 15));
}

/*
 * Read-ahead by offset has one interleave index for all that it reads, with or
 * without swapmig, so evicted pages come back on nodes of the mask, unordered.
 */
static bool by_swapout(void)
{
	char list[64] = "";
	FILE *f = fopen("/proc/sys/vm/migration_engines", "r");

	if (f) {
		if (!fgets(list, sizeof(list), f))
			list[0] = '\0';
		fclose(f);
	}
	return !strncmp(list, "swapout", 7);
}

/* Every page on a node of the mask, and neighbours on different ones. */
TEST_F(mbind, interleave_keeps_pattern)
{
	unsigned long mask = SM_NODE(1) | SM_NODE(2) | SM_NODE(3);
	long i, wrong = 0;
	int at, before;

	NEED_NODES(return, 4);
	sm_fill_on(self->buf, self->len, 16, 0);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_INTERLEAVE, mask,
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_EQ(0, sm_on(0, self->buf, self->len, 0));
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 16));
	before = sm_page(0, self->buf);
	for (i = 1; i < self->pages; i++) {
		at = sm_page(0, self->buf + i * SM_PAGE);
		wrong += at != before % 3 + 1;
		before = at;
	}
	if (!by_swapout())
		EXPECT_EQ(0, wrong) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
}

TEST_F(mbind, bind_to_several)
{
	unsigned long mask = SM_NODE(1) | SM_NODE(2);
	struct sm_count c;

	NEED_NODES(return, 3);
	sm_fill_on(self->buf, self->len / 2, 17, 0);
	sm_fill_on(self->buf + self->len / 2, self->len / 2, 18, 2);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, mask,
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_EQ(self->pages / 2, sm_on(0, self->buf + self->len / 2,
					 self->len / 2, 2));
	EXPECT_EQ(0, sm_bad(self->buf, self->len / 2, 17));
	EXPECT_EQ(0, sm_count(0, self->buf, self->len, &c));
	EXPECT_EQ(self->pages, c.node[1] + c.node[2]);
}

TEST_F(mbind, preferred)
{
	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 19, 0);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_PREFERRED, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 19, true);
}

TEST_F(mbind, preferred_many)
{
	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 20, 0);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_PREFERRED_MANY,
			      SM_NODE(1), MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 20, true);
}

/* Back to the default policy: pages go where this process runs. */
TEST_F(mbind, default_policy)
{
	NEED_NODES(return, 4);
	sm_fill_on(self->buf, self->len, 21, 0);
	ASSERT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(3), 0));
	ASSERT_EQ(0, sm_run_on_node(2));
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_DEFAULT, 0,
			      MPOL_MF_MOVE));
	EXPECT_MOVED(self->buf, self->len, 2, 2, 21, true);
}

/* A second request for pages that are in swap: the new policy decides. */
TEST_F(mbind, again_before_touch)
{
	NEED_NODES(return, 3);
	sm_fill_on(self->buf, self->len, 22, 0);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(2),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_MOVED(self->buf, self->len, 2, 0, 22, true);
}

/* Every size of batch gives the same result. */
TEST_F(mbind, batch_sizes)
{
	static const int sizes[] = { 1, 7, 512, 0, 32 };
	long old = sm_read_long(SM_BATCH);
	size_t i;

	NEED_NODES(return, 2);
	if (old < 0)
		SKIP(return, "needs vm.migration_batch");
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		sm_fill_on(self->buf, SM_MIB, 23 + i, 0);
		ASSERT_EQ(0, sm_write(SM_BATCH, "%d", sizes[i]));
		EXPECT_EQ(0, sm_mbind(self->buf, SM_MIB, MPOL_BIND, SM_NODE(1),
				      MPOL_MF_MOVE | MPOL_MF_STRICT));
		EXPECT_MOVED(self->buf, SM_MIB, 1, 0, 23 + i, true);
		madvise(self->buf, SM_MIB, MADV_DONTNEED);
		sm_mbind(self->buf, SM_MIB, MPOL_DEFAULT, 0, 0);
	}
	EXPECT_EQ(0, sm_write(SM_BATCH, "%ld", old));
}
