// SPDX-License-Identifier: GPL-2.0
/*
 * Every kind of anonymous page, moved by migrate_pages(2) and by mbind(2).
 */
#include "swapmig_harness.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

FIXTURE(kinds_anon)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_VARIANT(kinds_anon)
{
	bool mbind;
};

FIXTURE_VARIANT_ADD(kinds_anon, migrate_pages)
{
	.mbind = false,
};

FIXTURE_VARIANT_ADD(kinds_anon, mbind)
{
	.mbind = true,
};

FIXTURE_SETUP(kinds_anon)
{
	self->len = sm_size(2 * SM_MIB);
	self->pages = SM_PAGES(self->len);
	self->buf = sm_map(self->len);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
}

FIXTURE_TEARDOWN(kinds_anon)
{
	munmap(self->buf, self->len);
	EXPECT_EQ(0, sm_swap_off());
}

/*
 * Move everything from node 0 to node 1. 0 when all moved, else the number of
 * pages that did not (mbind: 1 for any), or -errno.
 */
static long move(const struct _test_data_kinds_anon *self, bool by_mbind)
{
	long ret;

	if (!by_mbind)
		return sm_migrate(0, SM_NODE(0), SM_NODE(1));
	ret = sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
		       MPOL_MF_MOVE_ALL | MPOL_MF_STRICT);
	return ret == -EIO ? 1 : ret;
}

TEST_F(kinds_anon, private)
{
	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 1, true);
}

TEST_F(kinds_anon, read_only)
{
	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 2, 0);
	ASSERT_EQ(0, mprotect(self->buf, self->len, PROT_READ));
	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 2, true);
}

/* Pages that may not be touched at all move like others. */
TEST_F(kinds_anon, prot_none)
{
	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 3, 0);
	ASSERT_EQ(0, mprotect(self->buf, self->len, PROT_NONE));
	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_EQ(0, sm_on(0, self->buf, self->len, 0));
	ASSERT_EQ(0, mprotect(self->buf, self->len, PROT_READ | PROT_WRITE));
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 3));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 1));
}

TEST_F(kinds_anon, fork_shared)
{
	struct sm_peer one, two;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 4, 0);
	ASSERT_EQ(0, sm_peer_start(&one, self->buf, self->len));
	ASSERT_EQ(0, sm_peer_start(&two, self->buf, self->len));
	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_EQ(0, sm_on(one.pid, self->buf, self->len, 0));
	EXPECT_EQ(0, sm_on(two.pid, self->buf, self->len, 0));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 4, true);
	EXPECT_EQ(0, sm_peer(&one, SM_ORD_CHECK, 0, 4));
	EXPECT_EQ(self->pages, sm_on(one.pid, self->buf, self->len, 1));
	/* One writes, the others keep what they had. */
	EXPECT_EQ(0, sm_peer(&one, SM_ORD_FILL, 0, 5));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 4));
	EXPECT_EQ(0, sm_peer(&two, SM_ORD_CHECK, 0, 4));
	EXPECT_EQ(0, sm_peer(&one, SM_ORD_CHECK, 0, 5));
	EXPECT_EQ(0, sm_peer_stop(&one));
	EXPECT_EQ(0, sm_peer_stop(&two));
}

/* Two halves with the same contents, merged page by page. */
TEST_F(kinds_anon, ksm)
{
	size_t half = self->len / 2;
	char *one = self->buf, *two = self->buf + half;
	bool merged;

	NEED_NODES(return, 2);
	if (access(SM_KSM("run"), W_OK))
		SKIP(return, "needs CONFIG_KSM");
	sm_fill_on(one, half, 6, 0);
	sm_fill_on(two, half, 6, 0);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_MERGEABLE));
	merged = sm_ksm_merged(self->pages);
	sm_write(SM_KSM("run"), "0");
	EXPECT_TRUE(merged);
	EXPECT_EQ(sm_pagemap(0, one), sm_pagemap(0, two));

	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_EQ(0, sm_on(0, self->buf, self->len, 0)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(one, half, 6));
	EXPECT_EQ(0, sm_bad(two, half, 6));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 1)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
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
	long i, bad = 0;

	NEED_NODES(return, 2);
	sm_touch(self->buf, self->len);
	EXPECT_EQ(0, move(self, variant->mbind));
	for (i = 0; i < (long)self->len; i++)
		bad += !!self->buf[i];
	EXPECT_EQ(0, bad);
	sm_set_mempolicy(MPOL_BIND, SM_NODE(1));
	sm_fill(self->buf, self->len, 8);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 1));
}

/* Pages full of zeros of its own: swap may keep no data for these. */
TEST_F(kinds_anon, zero_filled)
{
	long i, bad = 0;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 9, 0);
	memset(self->buf, 0, self->len);
	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_EQ(0, sm_on(0, self->buf, self->len, 0));
	sm_run_on_node(0);
	for (i = 0; i < (long)self->len; i++)
		bad += !!self->buf[i];
	EXPECT_EQ(0, bad);
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 1));
}

/* Read back by a read fault: mapped, and still in the swap cache. */
TEST_F(kinds_anon, mapped_swap_cache)
{
	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 10, 0);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	EXPECT_LT(self->pages * 9 / 10, sm_swapped(0, self->buf, self->len));
	sm_set_mempolicy(MPOL_BIND, SM_NODE(0));
	sm_touch(self->buf, self->len);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	ASSERT_EQ(self->pages, sm_on(0, self->buf, self->len, 0));
	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 10, true);
}

/* Read ahead, but mapped nowhere: page tables only have the swap entries. */
TEST_F(kinds_anon, unmapped_swap_cache)
{
	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 11, 0);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	sm_set_mempolicy(MPOL_BIND, SM_NODE(0));
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_WILLNEED));
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	EXPECT_LT(self->pages * 9 / 10, sm_swapped(0, self->buf, self->len));
	EXPECT_EQ(0, move(self, variant->mbind));
	sm_run_on_node(2 % sm_nodes());
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 11));
	/*
	 * No page of these may be left on the node that was to be vacated.
	 * Where a page was not in memory any more, policy decides.
	 */
	EXPECT_EQ(0, sm_on(0, self->buf, self->len, 0)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	if (variant->mbind)
		EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 1));
}

/* Lazily freed: the old contents or zeros, nothing else. */
TEST_F(kinds_anon, madv_free)
{
	long i, w, bad = 0;
	__u64 *at;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 12, 0);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_FREE));
	EXPECT_EQ(0, move(self, variant->mbind));
	EXPECT_EQ(0, sm_on(0, self->buf, self->len, 0)) {
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

/* swapout leaves mlocked pages where they are, direct moves them. */
TEST_F(kinds_anon, mlocked)
{
	bool direct = sm_has_engine("direct");
	long want = variant->mbind ? 1 : self->pages;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 14, 0);
	ASSERT_EQ(0, mlock(self->buf, self->len));
	EXPECT_EQ(direct ? 0 : want, move(self, variant->mbind));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, direct));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 14));
	EXPECT_EQ(self->pages * 4, sm_smaps_kib(0, self->buf, "Locked:"));
	ASSERT_EQ(0, munlock(self->buf, self->len));
	EXPECT_EQ(0, move(self, variant->mbind));
	if (!direct)
		EXPECT_MOVED(self->buf, self->len, 1, 0, 14, true);
}

TEST_F(kinds_anon, pinned)
{
	long want = variant->mbind ? 1 : self->pages;
	int fd;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 15, 0);
	fd = sm_pin(self->buf, self->len);
	if (fd < 0)
		SKIP(return, "needs CONFIG_IO_URING (%d)", fd);
	EXPECT_EQ(want, move(self, variant->mbind));
	/* Neither moved nor unmapped. */
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 0)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 15));
	close(fd);
}

/* A reference that is not a pin: a pipe that holds the pages. */
TEST_F(kinds_anon, referenced)
{
	size_t len = 32 * SM_PAGE;
	char *part = self->buf;
	__u64 back[512];
	int pipefd[2], i;
	long ret;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 16, 0);
	ret = sm_vmsplice(part, len, pipefd);
	ASSERT_EQ(0, ret);
	ret = move(self, variant->mbind);
	EXPECT_EQ(variant->mbind ? 1 : SM_PAGES(len), ret);
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 16));
	EXPECT_EQ(SM_PAGES(len), sm_on(0, self->buf, self->len, 0)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	for (i = 0; i < SM_PAGES(len); i++) {
		ASSERT_EQ((ssize_t)SM_PAGE, read(pipefd[0], back, SM_PAGE));
		EXPECT_EQ(sm_word(i, 77, 16), back[77]);
	}
	close(pipefd[0]);
	close(pipefd[1]);
}
