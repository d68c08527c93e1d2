// SPDX-License-Identifier: GPL-2.0
/*
 * Every kind of anonymous page, moved by migrate_pages(2) and by mbind(2); and
 * those that stay where they are.
 */
#include "swapmig_harness.h"

#define RACED		"/sys/kernel/mm/swapmig/stayed/raced"

FIXTURE(kinds_anon)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(kinds_anon)
{
	SM_SETUP(SM_MIB);
}

FIXTURE_TEARDOWN(kinds_anon)
{
	SM_TEARDOWN();
}

#define MIGRATE()	sm_migrate(0, SM_NODE(0), SM_NODE(1))
#define BIND(node)							\
	sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(node),	\
		 MPOL_MF_MOVE_ALL | MPOL_MF_STRICT)

TEST_F(kinds_anon, private)
{
	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_MOVES(self->buf, self->len, 1, true);
}

TEST_F(kinds_anon, read_only)
{
	sm_fill_on(self->buf, self->len, 2, 0);
	ASSERT_EQ(0, mprotect(self->buf, self->len, PROT_READ));
	EXPECT_MOVES(self->buf, self->len, 2, true);
}

/* Pages that may not be touched at all move like others. */
TEST_F(kinds_anon, prot_none)
{
	sm_fill_on(self->buf, self->len, 3, 0);
	ASSERT_EQ(0, mprotect(self->buf, self->len, PROT_NONE));
	EXPECT_EQ(0, MIGRATE());
	EXPECT_SENT(1, self->buf, self->len);
	ASSERT_EQ(0, mprotect(self->buf, self->len, PROT_READ | PROT_WRITE));
	EXPECT_BACK_ON(1, 0, 3);
}

TEST_F(kinds_anon, fork_shared)
{
	struct sm_peer one, two;

	sm_fill_on(self->buf, self->len, 4, 0);
	ASSERT_EQ(0, sm_peer_start(&one, self->buf, self->len));
	ASSERT_EQ(0, sm_peer_start(&two, self->buf, self->len));
	EXPECT_EQ(0, MIGRATE());
	EXPECT_PEER_SENT(one, 1);
	EXPECT_PEER_SENT(two, 1);
	EXPECT_MOVED(self->buf, self->len, 1, 0, 4, true);
	EXPECT_EQ(0, sm_peer(&one, SM_ORD_CHECK, 0, 4));
	EXPECT_PEER_ON(one, 1);
	/* One that has no policy finds them where mbind() of another sent them. */
	EXPECT_EQ(0, BIND(2));
	EXPECT_SENT(2, self->buf, self->len);
	EXPECT_EQ(0, sm_peer(&two, SM_ORD_TOUCH, 0, 0));
	EXPECT_EQ(0, sm_peer(&two, SM_ORD_CHECK, 0, 4));
	EXPECT_PEER_ON(two, 2);
	/* One writes, the others keep what they had. */
	EXPECT_EQ(0, sm_peer(&one, SM_ORD_FILL, 0, 5));
	EXPECT_BACK_ON(2, 0, 4);
	EXPECT_EQ(0, sm_peer(&two, SM_ORD_CHECK, 0, 4));
	EXPECT_EQ(0, sm_peer(&one, SM_ORD_CHECK, 0, 5));
	EXPECT_EQ(0, sm_peer_stop(&one));
	EXPECT_EQ(0, sm_peer_stop(&two));
}

/*
 * Without CAP_SYS_NICE what another process maps as well is left alone, and that
 * is no failure; what it has for itself moves in the same call.
 */
TEST_F(kinds_anon, fork_shared_without_nice)
{
	size_t half = self->len / 2;
	struct sm_peer peer;

	sm_fill_on(self->buf, self->len, 19, 0);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_DROP_NICE, 0, 0));
	EXPECT_EQ(0, sm_peer_migrate(&peer, 0, SM_NODE(0), SM_NODE(1)));
	EXPECT_ON(0, self->buf, self->len);
	EXPECT_PEER_ON(peer, 0);

	/* These are new pages here, and the old ones belong to the other alone */
	sm_fill_on(self->buf, half, 20, 0);
	EXPECT_EQ(0, sm_peer_migrate(&peer, 0, SM_NODE(0), SM_NODE(1)));
	EXPECT_PID_SENT(peer.pid, 1, self->buf, half);
	EXPECT_PID_ON(peer.pid, 0, self->buf + half, self->len - half);
	EXPECT_ON(0, self->buf, self->len);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 19));
	EXPECT_PID_ON(peer.pid, 1, self->buf, half);
	EXPECT_EQ(0, sm_bad(self->buf, half, 20));
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/* How many pages of the two ranges are one and the same */
static long merged(const char *one, const char *two, size_t len)
{
	long n = 0;
	size_t i;

	for (i = 0; i < len; i += SM_PAGE)
		n += sm_pagemap(0, one + i) == sm_pagemap(0, two + i);
	return n;
}

/*
 * Two halves with the same contents, merged page by page. A page that is merged
 * is so no more after swap: the second of its owners gets a copy. The kernel's own
 * migration keeps it in one piece.
 */
TEST_F(kinds_anon, ksm)
{
	size_t half = self->len / 2;
	char *one = self->buf, *two = self->buf + half;

	if (access(SM_KSM("run"), W_OK))
		SKIP(return, "needs CONFIG_KSM");
	sm_fill_on(one, half, 6, 0);
	sm_fill_on(two, half, 6, 0);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_MERGEABLE));
	EXPECT_TRUE(sm_ksm_merged(self->pages));
	EXPECT_EQ(SM_PAGES(half), merged(one, two, half));

	EXPECT_EQ(0, MIGRATE());
	if (sm_direct())
		EXPECT_EQ(SM_PAGES(half), merged(one, two, half));
	EXPECT_MOVED(one, half, 1, 0, 6, true);
	EXPECT_EQ(0, sm_bad(two, half, 6));
	EXPECT_ON(1, two, half);
	EXPECT_EQ(sm_direct() ? SM_PAGES(half) : 0, merged(one, two, half));
	EXPECT_EQ(0, BIND(2));
	EXPECT_SENT(2, self->buf, self->len);
	if (sm_direct())
		EXPECT_EQ(SM_PAGES(half), merged(one, two, half));
	EXPECT_EQ(0, sm_bad(one, half, 6));
	EXPECT_EQ(0, sm_bad(two, half, 6));
	EXPECT_ON(2, self->buf, self->len);
	/* Writing to one half does not show in the other. */
	sm_fill(one, half, 7);
	EXPECT_EQ(0, sm_bad(two, half, 6));
	EXPECT_EQ(0, sm_bad(one, half, 7));
	sm_write(SM_KSM("run"), "2");
	EXPECT_EQ(0, sm_bad(two, half, 6));
	sm_write(SM_KSM("run"), "0");
}

/* The zero page belongs to nobody: it is neither moved nor counted. */
TEST_F(kinds_anon, zero_page)
{
	__u64 zero;

	sm_touch(self->buf, self->len);
	zero = sm_pagemap(0, self->buf);
	EXPECT_EQ(0, MIGRATE());
	EXPECT_EQ(0, BIND(2));
	EXPECT_EQ(zero, sm_pagemap(0, self->buf));
	EXPECT_EQ(0, sm_swapped(0, self->buf, self->len));
	EXPECT_EQ(0, sm_nonzero(self->buf, self->len));
	sm_fill(self->buf, self->len, 8);
	EXPECT_BACK_ON(2, 0, 8);
}

/* Pages of its own full of zeros: swap keeps no data for these. */
TEST_F(kinds_anon, zero_filled)
{
	sm_fill_on(self->buf, self->len, 9, 0);
	memset(self->buf, 0, self->len);
	EXPECT_EQ(0, MIGRATE());
	EXPECT_SENT(1, self->buf, self->len);
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_nonzero(self->buf, self->len));
	EXPECT_ON(1, self->buf, self->len);
}

/* Read back by a read fault: mapped, and still in the swap cache. */
TEST_F(kinds_anon, mapped_swap_cache)
{
	sm_fill_on(self->buf, self->len, 10, 0);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	EXPECT_LT(self->pages / 2, sm_swapped(0, self->buf, self->len));
	sm_set_mempolicy(MPOL_BIND, SM_NODE(0));
	sm_touch(self->buf, self->len);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	EXPECT_ON(0, self->buf, self->len);
	EXPECT_MOVES(self->buf, self->len, 10, true);
}

/* All but so many pages, which are in swap, have moved; then touch them. */
static void expect_rest_moved(struct __test_metadata *_metadata,
			      struct _test_data_kinds_anon *self, long swapped,
			      int to, __u64 seed)
{
	EXPECT_EQ(swapped, sm_swapped(0, self->buf, self->len));
	EXPECT_EQ(self->pages - swapped, sm_on(0, self->buf, self->len, to)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, seed));
}

/*
 * Read ahead, but mapped nowhere: page tables only have the swap entries, which
 * the kernel's own migration leaves to whoever touches them.
 */
TEST_F(kinds_anon, unmapped_swap_cache)
{
	long swapped;

	sm_fill_on(self->buf, self->len, 11, 0);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	swapped = sm_swapped(0, self->buf, self->len);
	EXPECT_LT(self->pages / 2, swapped);
	sm_set_mempolicy(MPOL_BIND, SM_NODE(0));
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_WILLNEED));
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	EXPECT_EQ(0, MIGRATE());
	if (sm_direct())
		expect_rest_moved(_metadata, self, swapped, 1, 11);
	else
		EXPECT_MOVED(self->buf, self->len, 1, 0, 11, true);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	swapped = sm_swapped(0, self->buf, self->len);
	EXPECT_EQ(0, BIND(2));
	if (sm_direct())
		expect_rest_moved(_metadata, self, swapped, 2, 11);
	else
		EXPECT_MOVED(self->buf, self->len, 2, 1, 11, true);
}

/*
 * Lazily freed: copied, or freed, but not written to swap; the old contents or
 * zeros, nothing else.
 */
TEST_F(kinds_anon, madv_free)
{
	long i, w, bad = 0;
	struct sm_count c;
	__u64 *at;

	/* What is in the LRU batch of another CPU would not be marked */
	sm_run_on_node(0);
	sm_fill_on(self->buf, self->len, 12, 0);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_FREE));
	EXPECT_EQ(0, MIGRATE());
	ASSERT_EQ(0, sm_count(0, self->buf, self->len, &c));
	EXPECT_EQ(self->pages, sm_direct() ? c.node[1] : c.none) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	for (i = 0; i < self->pages; i++) {
		at = (__u64 *)(self->buf + i * SM_PAGE);
		for (w = 0; w < 512; w++)
			if (at[w] != (at[0] ? sm_word(i, w, 12) : 0))
				break;
		bad += w < 512;
	}
	EXPECT_EQ(0, bad);
	sm_fill(self->buf, self->len, 13);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 13));
}

/* Not evicted; migrated they are mlocked, and counted so, as before. */
TEST_F(kinds_anon, mlocked)
{
	long before = sm_vmstat("nr_mlock");

	sm_fill_on(self->buf, self->len, 14, 0);
	ASSERT_EQ(0, mlock(self->buf, self->len));
	EXPECT_MOVES_DIRECTLY(self->buf, self->len, 14, self->pages);
	EXPECT_LE(before + self->pages / 2, sm_vmstat("nr_mlock"));
	/* To where they came from, if they moved; and no policy */
	EXPECT_EQ(0, BIND(0));
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_DEFAULT, 0, 0));
	ASSERT_EQ(0, munlock(self->buf, self->len));
	EXPECT_MOVES(self->buf, self->len, 14, true);
}

/* Neither moved nor unmapped. */
TEST_F(kinds_anon, pinned)
{
	int fd;

	sm_fill_on(self->buf, self->len, 15, 0);
	fd = sm_pin(self->buf, self->len);
	if (fd < 0)
		SKIP(return, "needs CONFIG_IO_URING (%d)", fd);
	EXPECT_STAYS(self->buf, self->len, 15, self->pages);
	close(fd);
}

/* A reference that is not a pin: a pipe that holds the pages. */
TEST_F(kinds_anon, referenced)
{
	long raced = sm_read_long(RACED);
	size_t len = 32 * SM_PAGE;
	__u64 back[512];
	int pipefd[2], i;

	sm_fill_on(self->buf, self->len, 16, 0);
	ASSERT_EQ(0, sm_vmsplice(self->buf, len, pipefd));
	EXPECT_EQ(SM_PAGES(len), MIGRATE());
	EXPECT_EQ(raced + SM_PAGES(len), sm_read_long(RACED));
	EXPECT_SENT(1, self->buf + len, self->len - len);
	EXPECT_EQ(-EIO, BIND(1));
	EXPECT_EQ(raced + 2 * SM_PAGES(len), sm_read_long(RACED));
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 16));
	EXPECT_ON(0, self->buf, len);
	EXPECT_ON(1, self->buf + len, self->len - len);
	for (i = 0; i < SM_PAGES(len); i++) {
		ASSERT_EQ((ssize_t)SM_PAGE, read(pipefd[0], back, SM_PAGE));
		EXPECT_EQ(sm_word(i, 77, 16), back[77]);
	}
	close(pipefd[0]);
	close(pipefd[1]);
}

/*
 * hugetlb pages cannot be evicted: they are left alone and counted, and what lies
 * beside them moves. Migration takes huge pages from the pools of the nodes.
 */
TEST_F(kinds_anon, hugetlb)
{
	size_t len = 2 * SM_HUGE;
	char *p;

	if (sm_huge(0, 2) != 2 || sm_huge(1, 2) != 2 || sm_huge(2, 2) != 2)
		SKIP(return, "needs two huge pages on each of the nodes 0 to 2");
	sm_set_mempolicy(MPOL_BIND, SM_NODE(0));
	p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	sm_fill(p, len, 17);
	sm_fill_on(self->buf, self->len, 18, 0);
	EXPECT_MOVES_DIRECTLY(p, len, 17, 2);
	EXPECT_MOVED(self->buf, self->len, 1, 0, 18, true);
	munmap(p, len);
	EXPECT_EQ(0, sm_huge(0, 0));
	EXPECT_EQ(0, sm_huge(1, 0));
	EXPECT_EQ(0, sm_huge(2, 0));
}
