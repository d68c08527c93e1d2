// SPDX-License-Identifier: GPL-2.0
/*
 * move_pages(2): a status for each page that was asked for, and the truth in it.
 */
#include "swapmig_harness.h"

#define MOVE		MPOL_MF_MOVE
#define MOVE_ALL	MPOL_MF_MOVE_ALL

/* What no call may leave in a status */
#define UNWRITTEN	(-999)

FIXTURE(move_pages)
{
	char *buf;
	size_t len;
	long pages;
	void **addr;
	int *node;
	int *status;
};

static void ask(struct _test_data_move_pages *self, int node)
{
	long i;

	for (i = 0; i < self->pages; i++) {
		self->addr[i] = self->buf + i * SM_PAGE;
		self->node[i] = node;
		self->status[i] = UNWRITTEN;
	}
}

FIXTURE_SETUP(move_pages)
{
	SM_SETUP(6 * SM_MIB);
	self->addr = calloc(self->pages, sizeof(*self->addr));
	self->node = calloc(self->pages, sizeof(*self->node));
	self->status = calloc(self->pages, sizeof(*self->status));
	ASSERT_NE(NULL, self->status);
	ask(self, 1);
}

FIXTURE_TEARDOWN(move_pages)
{
	sm_fault_huge(false);
	SM_TEARDOWN();
	free(self->addr);
	free(self->node);
	free(self->status);
	sm_huge(0, 0);
	sm_huge(1, 0);
}

#define CALL(pid, nr, flags)						\
	sm_move_pages(pid, nr, self->addr, self->node, self->status, flags)

/* How many of the first @nr have a status */
static long with_status(const struct _test_data_move_pages *self, long nr,
			int status)
{
	long i, n = 0;

	for (i = 0; i < nr; i++)
		n += self->status[i] == status;
	return n;
}

/*
 * Statuses that lie: a page that is said to be on its node and is not, nor on
 * its way there; or one that is said not to be, and is.
 */
static long lies(const struct _test_data_move_pages *self, long nr)
{
	bool direct = sm_direct();
	long i, n = 0;

	for (i = 0; i < nr; i++) {
		int at = sm_page(0, self->addr[i]);

		if (self->status[i] == self->node[i])
			n += at != self->node[i] && (direct || at != SM_SWAPPED);
		else
			n += self->status[i] >= 0 || at == self->node[i] ||
			     at == SM_SWAPPED;
	}
	return n;
}

/* How many are not on the node that was asked for? */
static long elsewhere(const struct _test_data_move_pages *self, long nr)
{
	long i, n = 0;

	for (i = 0; i < nr; i++)
		n += sm_page(0, self->addr[i]) != self->node[i];
	return n;
}

TEST_F(move_pages, all)
{
	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_EQ(0, CALL(0, self->pages, MOVE));
	EXPECT_EQ(self->pages, with_status(self, self->pages, 1));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 1, true);
}

/* Each to a node of its own. */
TEST_F(move_pages, by_turns)
{
	long i;

	sm_fill_on(self->buf, self->len, 2, 0);
	for (i = 0; i < self->pages; i++)
		self->node[i] = i % SM_NODES;
	EXPECT_EQ(0, CALL(0, self->pages, MOVE));
	EXPECT_EQ(0, lies(self, self->pages));
	EXPECT_EQ(self->pages / SM_NODES, with_status(self, self->pages, 2));
	sm_run_on_node(1);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 2));
	EXPECT_EQ(0, elsewhere(self, self->pages));
}

/* Those that cannot move end nothing: all the others do. */
TEST_F(move_pages, pinned_in_the_middle)
{
	long i;
	int fd;

	sm_fill_on(self->buf, self->len, 3, 0);
	fd = sm_pin(self->buf + 700 * SM_PAGE, 5 * SM_PAGE);
	if (fd < 0)
		SKIP(return, "needs CONFIG_IO_URING (%d)", fd);
	EXPECT_EQ(5, CALL(0, self->pages, MOVE));
	EXPECT_EQ(5, with_status(self, self->pages, -EBUSY));
	for (i = 700; i < 705; i++)
		EXPECT_EQ(-EBUSY, self->status[i]);
	EXPECT_EQ(self->pages - 5, with_status(self, self->pages, 1));
	EXPECT_EQ(0, lies(self, self->pages));
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 3));
	EXPECT_EQ(self->pages - 5, sm_on(0, self->buf, self->len, 1));
	close(fd);
}

/*
 * A pipe holds them. Reclaim finds that out after it has unmapped them, and in no
 * page table is not the same as gone.
 */
TEST_F(move_pages, referenced)
{
	long held = 16;
	int pipefd[2];

	sm_fill_on(self->buf, self->len, 10, 0);
	ASSERT_EQ(0, sm_vmsplice(self->buf, held * SM_PAGE, pipefd));
	EXPECT_EQ(held, CALL(0, self->pages, MOVE));
	EXPECT_EQ(held, with_status(self, held, -EBUSY));
	EXPECT_EQ(self->pages - held, with_status(self, self->pages, 1));
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 10));
	EXPECT_ON(0, self->buf, held * SM_PAGE);
	EXPECT_ON(1, self->buf + held * SM_PAGE, self->len - held * SM_PAGE);
	close(pipefd[0]);
	close(pipefd[1]);
}

/* What is no failure of the call is in the status only. */
TEST_F(move_pages, statuses)
{
	char *none = sm_map(4 * SM_PAGE);

	ASSERT_NE(NULL, none);
	sm_fill_on(self->buf, self->len, 4, 0);
	sm_fill_on(self->buf, SM_PAGE, 4, 1);
	self->addr[1] = NULL;
	self->addr[2] = none;
	sm_touch(none + SM_PAGE, SM_PAGE);
	self->addr[3] = none + SM_PAGE;
	sm_fill_on(self->buf, SM_PAGE, 4, 0);
	self->addr[5] = self->buf;
	self->addr[6] = self->buf + 6 * SM_PAGE + 123;
	EXPECT_EQ(0, CALL(0, 8, MOVE));
	EXPECT_EQ(1, self->status[0]);
	EXPECT_EQ(-EFAULT, self->status[1]);
	EXPECT_EQ(-ENOENT, self->status[2]);
	EXPECT_EQ(-EFAULT, self->status[3]);
	EXPECT_EQ(1, self->status[4]);
	/* Asked for twice; evicted by then, it is not there to be moved again. */
	EXPECT_EQ(sm_direct() ? 1 : -ENOENT, self->status[5]);
	EXPECT_EQ(1, self->status[6]);
	EXPECT_EQ(1, self->status[7]);
	EXPECT_EQ(UNWRITTEN, self->status[8]);
	munmap(none, 4 * SM_PAGE);
}

/* What is in swap is left alone, whatever the engine: its slot gets no tag. */
TEST_F(move_pages, in_swap)
{
	size_t len = 32 * SM_PAGE;
	long swapped;

	NO_READAHEAD();
	sm_run_on_node(0);
	sm_fill_on(self->buf, self->len, 11, 0);
	ASSERT_EQ(0, madvise(self->buf, len, MADV_PAGEOUT));
	swapped = sm_swapped(0, self->buf, len);
	ASSERT_LT(SM_PAGES(len) / 2, swapped);
	EXPECT_EQ(0, CALL(0, self->pages, MOVE));
	EXPECT_EQ(swapped, with_status(self, self->pages, -ENOENT));
	EXPECT_EQ(self->pages - swapped, with_status(self, self->pages, 1));
	EXPECT_EQ(sm_direct() ? swapped : self->pages,
		  sm_swapped(0, self->buf, self->len));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 11));
	EXPECT_EQ(swapped, sm_on(0, self->buf, len, 0));
	EXPECT_EQ(self->pages - swapped, sm_on(0, self->buf, self->len, 1));
}

/* Two of the pages are of the same page of hugetlbfs, which has no room there. */
TEST_F(move_pages, hugetlb)
{
	char *p;

	if (sm_fault_huge(false))
		SKIP(return, "needs CONFIG_FAIL_PAGE_ALLOC");
	p = sm_map_huge(0, 12);
	if (!p)
		SKIP(return, "needs a huge page on node 0");
	sm_fill_on(self->buf, self->len, 13, 0);
	self->addr[100] = p + 3 * SM_PAGE;
	self->addr[200] = p + 400 * SM_PAGE;

	ASSERT_EQ(0, sm_fault_huge(true));
	EXPECT_EQ(2, CALL(0, self->pages, MOVE));
	/* By way of swap it could not go, whatever room there is */
	EXPECT_EQ(sm_direct() ? -ENOMEM : -EBUSY, self->status[100]);
	EXPECT_EQ(sm_direct() ? -ENOMEM : -EBUSY, self->status[200]);
	EXPECT_EQ(self->pages - 2, with_status(self, self->pages, 1));
	EXPECT_ON(0, p, SM_HUGE);

	ASSERT_EQ(0, sm_fault_huge(false));
	EXPECT_EQ(sm_direct() ? 0 : 2, CALL(0, self->pages, MOVE));
	EXPECT_ON(sm_direct() ? 1 : 0, p, SM_HUGE);
	EXPECT_EQ(0, sm_bad(p, SM_HUGE, 12));
	munmap(p, SM_HUGE);
}

TEST_F(move_pages, already_there)
{
	sm_fill_on(self->buf, self->len, 5, 1);
	EXPECT_EQ(0, CALL(0, self->pages, MOVE));
	EXPECT_EQ(self->pages, with_status(self, self->pages, 1));
	EXPECT_ON(1, self->buf, self->len);
}

/* Pages of others: left alone, and said to be, unless all are to move. */
TEST_F(move_pages, shared)
{
	struct sm_peer peer;

	sm_fill_on(self->buf, self->len, 6, 0);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	EXPECT_EQ(0, CALL(0, self->pages, MOVE));
	EXPECT_EQ(self->pages, with_status(self, self->pages, -EACCES));
	EXPECT_ON(0, self->buf, self->len);
	EXPECT_EQ(0, CALL(0, self->pages, MOVE_ALL));
	EXPECT_EQ(self->pages, with_status(self, self->pages, 1));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 6, true);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 6));
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

TEST_F(move_pages, other_process)
{
	struct sm_peer peer;

	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 7));
	EXPECT_EQ(0, CALL(peer.pid, self->pages, MOVE));
	EXPECT_EQ(self->pages, with_status(self, self->pages, 1));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 7));
	EXPECT_PEER_ON(peer, 1);
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/* A bad node or pointer ends the call; what stands before it has moved. */
TEST_F(move_pages, bad_input)
{
	sm_fill_on(self->buf, self->len, 8, 0);
	self->node[3] = 1000000;
	EXPECT_EQ(-ENODEV, CALL(0, self->pages, MOVE));
	self->node[3] = -1;
	EXPECT_EQ(-ENODEV, CALL(0, self->pages, MOVE));
	EXPECT_EQ(UNWRITTEN, self->status[3]);
	EXPECT_EQ(UNWRITTEN, self->status[4]);
	EXPECT_EQ(SM_PAGES(self->len) - 3, sm_on(0, self->buf, self->len, 0));
	EXPECT_EQ(-EFAULT, sm_move_pages(0, 8, (void **)8, self->node,
					 self->status, MOVE));
	EXPECT_EQ(-EFAULT, sm_move_pages(0, 8, self->addr + 4, (void *)8,
					 self->status, MOVE));
	EXPECT_EQ(-EFAULT, sm_move_pages(0, 8, self->addr + 4, self->node + 4,
					 (void *)8, MOVE));
	EXPECT_EQ(-EINVAL, CALL(0, self->pages, 1 << 7));
	EXPECT_EQ(-ESRCH, CALL(0x3ffffff, self->pages, MOVE));
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 8));
}

/* No room, and nowhere else to go: a number, and which of them. */
TEST_F(move_pages, no_room)
{
	long left, full, i;

	ASSERT_EQ(0, sm_swap_off());
	munmap(self->buf, self->len);
	self->len = 64 * SM_MIB;
	self->pages = SM_PAGES(self->len);
	self->buf = sm_map(self->len);
	ASSERT_NE(NULL, self->buf);
	self->addr = realloc(self->addr, self->pages * sizeof(*self->addr));
	self->node = realloc(self->node, self->pages * sizeof(*self->node));
	self->status = realloc(self->status, self->pages * sizeof(*self->status));
	ASSERT_NE(NULL, self->status);
	ask(self, 1);
	/* The last ones go where there is room. */
	for (i = self->pages - 100; i < self->pages; i++)
		self->node[i] = 2;
	sm_fill_on(self->buf, self->len, 9, 0);
	ASSERT_LT(0, sm_hog(1, 8 * SM_MIB));

	left = CALL(0, self->pages, MOVE);
	EXPECT_EQ(0, with_status(self, self->pages, UNWRITTEN));
	EXPECT_EQ(0, lies(self, self->pages));
	EXPECT_EQ(left, sm_on(0, self->buf, self->len, 0));
	full = with_status(self, self->pages, -ENOMEM);
	EXPECT_EQ(left, full + with_status(self, self->pages, -EBUSY));
	if (sm_direct()) {
		EXPECT_LT(0, full);
		EXPECT_EQ(100, with_status(self, self->pages, 2));
	} else {
		EXPECT_EQ(self->pages, left);
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 9));
}
