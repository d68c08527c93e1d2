// SPDX-License-Identifier: GPL-2.0
/*
 * A tag lives as long as its slot: through fork, mremap and swapoff, but not
 * into the next use of the slot.
 */
#include "swapmig_harness.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

FIXTURE(forward_life)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(forward_life)
{
	self->len = sm_size(2 * SM_MIB);
	self->pages = SM_PAGES(self->len);
	self->buf = sm_map(self->len);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
}

FIXTURE_TEARDOWN(forward_life)
{
	munmap(self->buf, self->len);
	EXPECT_EQ(0, sm_swap_off());
}

#define EVICT(from, to, seed) do {					\
	int __from = (from);						\
									\
	sm_fill_on(self->buf, self->len, seed, __from);			\
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(__from), SM_NODE(to)));	\
	ASSERT_EQ(self->pages, sm_swapped(0, self->buf, self->len)) {	\
		TH_LOG("%s", sm_where(0, self->buf, self->len));	\
	}								\
} while (0)

#define PM_SWAP_ENTRY(x) ((x) & 0x007fffffffffffffULL)

static int compare(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

/* The slots of the pages that are in swap, sorted; how many. */
static long slots(pid_t pid, char *p, size_t len, __u64 *out)
{
	long i, n = 0;
	__u64 pm;

	for (i = 0; i < SM_PAGES(len); i++) {
		pm = sm_pagemap(pid, p + i * SM_PAGE);
		if (sm_page(pid, p + i * SM_PAGE) == SM_SWAPPED)
			out[n++] = PM_SWAP_ENTRY(pm);
	}
	qsort(out, n, sizeof(*out), compare);
	return n;
}

static long common(const __u64 *a, long na, const __u64 *b, long nb)
{
	long i, n = 0;

	for (i = 0; i < na; i++)
		n += !!bsearch(&a[i], b, nb, sizeof(*b), compare);
	return n;
}

/*
 * An area so small that slots must be used again: pages that reclaim puts
 * there later have nothing to do with the node that the first ones went to.
 */
TEST_F(forward_life, reused_slots_have_no_tag)
{
	size_t len = 2 * SM_MIB;
	char *p = sm_map(len), *q = sm_map(len);
	__u64 first[512], again[512];
	long n_first, n_again, tries, met = 0;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	ASSERT_EQ(0, sm_swap_off());
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 4 * SM_MIB));
	sm_fill_on(p, len, 1, 0);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	n_first = slots(0, p, len, first);
	EXPECT_LT(SM_PAGES(len) / 2, n_first);
	ASSERT_EQ(0, munmap(p, len));

	/* Other slots may be handed out first: go on until they meet. */
	for (tries = 0; tries < 20 && !met; tries++) {
		sm_run_on_node(tries % sm_nodes());
		madvise(q, len, MADV_DONTNEED);
		sm_fill_on(q, len, 2, 0);
		madvise(q, len, MADV_PAGEOUT);
		n_again = slots(0, q, len, again);
		met = common(again, n_again, first, n_first);
	}
	EXPECT_LT(0, met);
	sm_run_on_node(2);
	EXPECT_EQ(0, sm_bad(q, len, 2));
	EXPECT_EQ(0, sm_on(0, q, len, 1)) {
		TH_LOG("%s", sm_where(0, q, len));
	}
	munmap(q, len);
}

/* The same when the first owner exits with its pages in swap. */
TEST_F(forward_life, exit_leaves_no_tag)
{
	size_t len = 2 * SM_MIB;
	char *p = sm_map(len);
	__u64 first[512], again[512];
	long n_first, n_again, tries, met = 0;
	struct sm_peer peer;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	ASSERT_EQ(0, sm_swap_off());
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 4 * SM_MIB));
	ASSERT_EQ(0, sm_peer_start(&peer, p, len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 3));
	EXPECT_EQ(0, sm_migrate(peer.pid, SM_NODE(0), SM_NODE(1)));
	n_first = slots(peer.pid, p, len, first);
	EXPECT_LT(SM_PAGES(len) / 2, n_first);
	EXPECT_EQ(0, sm_peer_stop(&peer));
	for (tries = 0; tries < 20 && !met; tries++) {
		sm_run_on_node(tries % sm_nodes());
		madvise(p, len, MADV_DONTNEED);
		sm_fill_on(p, len, 4, 0);
		madvise(p, len, MADV_PAGEOUT);
		n_again = slots(0, p, len, again);
		met = common(again, n_again, first, n_first);
	}
	EXPECT_LT(0, met);
	sm_run_on_node(2);
	EXPECT_EQ(0, sm_bad(p, len, 4));
	EXPECT_EQ(0, sm_on(0, p, len, 1)) {
		TH_LOG("%s", sm_where(0, p, len));
	}
	munmap(p, len);
}

/* Back in memory and written to: its next trip to swap is an ordinary one. */
TEST_F(forward_life, evicted_again_by_reclaim)
{
	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	EVICT(0, 1, 5);
	sm_run_on_node(0);
	sm_fill(self->buf, self->len, 6);
	ASSERT_EQ(self->pages, sm_on(0, self->buf, self->len, 1));
	/* A copy on another node, as a write after fork() makes it */
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(3),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	sm_fill(self->buf, self->len, 7);
	ASSERT_EQ(self->pages, sm_on(0, self->buf, self->len, 3));
	ASSERT_EQ(0, sm_mbind(self->buf, self->len, MPOL_DEFAULT, 0, 0));
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	EXPECT_LT(self->pages / 2, sm_swapped(0, self->buf, self->len));
	sm_run_on_node(2);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 7));
	EXPECT_EQ(0, sm_on(0, self->buf, self->len, 1)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
}

/* Both owners find it where it was sent, whoever comes first. */
TEST_F(forward_life, fork)
{
	struct sm_peer peer;
	size_t half = self->len / 2;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	EVICT(0, 1, 8);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	sm_run_on_node(2);
	sm_touch(self->buf, half);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_TOUCH, 3, 0));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 8));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 8));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 1)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	EXPECT_EQ(self->pages, sm_on(peer.pid, self->buf, self->len, 1)) {
		TH_LOG("%s", sm_where(peer.pid, self->buf, self->len));
	}
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/* The parent is gone when the child touches. */
TEST_F(forward_life, fork_then_unmap)
{
	struct sm_peer peer;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	EVICT(0, 1, 9);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_DONTNEED));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_TOUCH, 3, 0));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 9));
	EXPECT_EQ(self->pages, sm_on(peer.pid, self->buf, self->len, 1));
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

TEST_F(forward_life, mremap)
{
	char *to = sm_map(self->len), *moved;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	EVICT(0, 1, 10);
	moved = mremap(self->buf, self->len, self->len,
		       MREMAP_MAYMOVE | MREMAP_FIXED, to);
	ASSERT_EQ(to, moved);
	sm_run_on_node(3);
	EXPECT_EQ(0, sm_bad(moved, self->len, 10));
	EXPECT_EQ(self->pages, sm_on(0, moved, self->len, 1)) {
		TH_LOG("%s", sm_where(0, moved, self->len));
	}
	self->buf = moved;
}

/* Taking the swap area away brings pages back where they were sent. */
TEST_F(forward_life, swapoff)
{
	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	EVICT(0, 1, 11);
	sm_run_on_node(3);
	ASSERT_EQ(0, sm_swap_off());
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 1)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 11));
}

TEST_F(forward_life, swapoff_shmem)
{
	char *p = sm_map_shared(self->len);

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	ASSERT_NE(NULL, p);
	sm_fill_on(p, self->len, 12, 0);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_present(0, p, self->len));
	sm_run_on_node(3);
	ASSERT_EQ(0, sm_swap_off());
	EXPECT_EQ(0, sm_bad(p, self->len, 12));
	EXPECT_EQ(self->pages, sm_on(0, p, self->len, 1)) {
		TH_LOG("%s", sm_where(0, p, self->len));
	}
	munmap(p, self->len);
}

/* No page table has the slots of shared memory; a later request finds them. */
TEST_F(forward_life, shmem_follows_a_later_request)
{
	size_t len = 256 * SM_PAGE;
	char *p = sm_map_shared(len);

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	ASSERT_NE(NULL, p);
	sm_fill_on(p, len, 80, 0);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_present(0, p, len));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(1), SM_NODE(2)));
	/* and one that does not concern them */
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(1), SM_NODE(3)));
	sm_run_on_node(3);
	EXPECT_EQ(0, sm_bad(p, len, 80));
	EXPECT_EQ(SM_PAGES(len), sm_on(0, p, len, 2)) {
		TH_LOG("%s", sm_where(0, p, len));
	}
	munmap(p, len);
}

/* A new area in the place of an old one knows nothing of its tags. */
TEST_F(forward_life, swapoff_forgets)
{
	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	EVICT(0, 1, 13);
	ASSERT_EQ(0, sm_swap_off());
	madvise(self->buf, self->len, MADV_DONTNEED);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	sm_fill_on(self->buf, self->len, 14, 0);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	EXPECT_LT(self->pages / 2, sm_swapped(0, self->buf, self->len));
	sm_run_on_node(2);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 14));
	EXPECT_EQ(0, sm_on(0, self->buf, self->len, 1)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
}

/* mbind() leaves no tag that a later default policy would meet. */
TEST_F(forward_life, mbind_leaves_no_tag)
{
	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	sm_fill_on(self->buf, self->len, 15, 0);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	ASSERT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(2), 0));
	sm_run_on_node(3);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 15));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 2)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
}
