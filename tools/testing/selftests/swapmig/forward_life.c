// SPDX-License-Identifier: GPL-2.0
/*
 * A tag lives as long as its slot: through fork, mremap and swapoff, but not
 * into the next use of the slot.
 */
#include "swapmig_harness.h"

FIXTURE(forward_life)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(forward_life)
{
	SM_SETUP(2 * SM_MIB);
}

FIXTURE_TEARDOWN(forward_life)
{
	SM_TEARDOWN();
}

#define PM_SWAP_ENTRY(x) ((x) & 0x007fffffffffffffULL)
#define SLOTS	512

struct slots {
	__u64 slot[SLOTS];
	long nr;
};

/* The slots of the pages that are in swap */
static void get_slots(pid_t pid, char *p, struct slots *s)
{
	long i;

	s->nr = 0;
	for (i = 0; i < SLOTS; i++, p += SM_PAGE)
		if (sm_page(pid, p) == SM_SWAPPED)
			s->slot[s->nr++] = PM_SWAP_ENTRY(sm_pagemap(pid, p));
}

static long common(const struct slots *a, const struct slots *b)
{
	long i, j, n = 0;

	for (i = 0; i < a->nr; i++)
		for (j = 0; j < b->nr; j++)
			n += a->slot[i] == b->slot[j];
	return n;
}

/*
 * Pages that reclaim puts into slots that were used before have nothing to do with
 * the node that the first ones went to. The area is so small that slots must be
 * used again; others may be handed out first, so go on until they are.
 */
static void reuse_slots(struct __test_metadata *_metadata, char *p, size_t len,
			const struct slots *first)
{
	struct slots again;
	int tries = 0;

	ASSERT_LT(SLOTS / 2, first->nr);
	do {
		sm_run_on_node(tries % SM_CPU_NODES);
		madvise(p, len, MADV_DONTNEED);
		sm_fill_on(p, len, 2, 0);
		madvise(p, len, MADV_PAGEOUT);
		get_slots(0, p, &again);
	} while (!common(&again, first) && ++tries < 50);
	EXPECT_LT(0, common(&again, first));
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(p, len, 2));
	EXPECT_ON(0, p, len);
}

TEST_F(forward_life, reused_slots_have_no_tag)
{
	struct slots first;

	USE_ZRAM(4 * SM_MIB);
	EVICT(0, 1, 1);
	get_slots(0, self->buf, &first);
	reuse_slots(_metadata, self->buf, self->len, &first);
}

/* The same when the first owner exits with its pages in swap. */
TEST_F(forward_life, exit_leaves_no_tag)
{
	struct sm_peer peer;
	struct slots first;

	USE_ZRAM(4 * SM_MIB);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 3));
	EXPECT_EQ(0, sm_migrate(peer.pid, SM_NODE(0), SM_NODE(1)));
	get_slots(peer.pid, self->buf, &first);
	EXPECT_EQ(0, sm_peer_stop(&peer));
	reuse_slots(_metadata, self->buf, self->len, &first);
}

/* Both owners find it where it was sent, whoever comes first. */
TEST_F(forward_life, fork)
{
	struct sm_peer peer;
	size_t half = self->len / 2;

	EVICT(0, 2, 8);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	sm_run_on_node(0);
	sm_touch(self->buf, half);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_TOUCH, 1, 0));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 8));
	EXPECT_BACK_ON(2, 0, 8);
	EXPECT_PEER_ON(peer, 2);
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/* The parent has none of it when the child touches. */
TEST_F(forward_life, fork_then_unmap)
{
	struct sm_peer peer;

	EVICT(0, 2, 9);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_DONTNEED));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_TOUCH, 1, 0));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 9));
	EXPECT_PEER_ON(peer, 2);
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/* Pages that came back keep slot and tag; a child has them without an entry. */
TEST_F(forward_life, mbind_by_a_child)
{
	struct sm_peer peer;

	NO_READAHEAD();
	EVICT(0, 1, 17);
	EXPECT_BACK_ON(1, 0, 17);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_MBIND, SM_NODE(2), 0));
	ASSERT_EQ(0, munmap(self->buf, self->len));
	EXPECT_LE(0, sm_peer(&peer, SM_ORD_PAGEOUT, 0, 0));
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 17));
	EXPECT_PEER_ON(peer, 2);
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

TEST_F(forward_life, mremap)
{
	char *to = sm_map(self->len), *moved;

	EVICT(0, 1, 10);
	moved = mremap(self->buf, self->len, self->len,
		       MREMAP_MAYMOVE | MREMAP_FIXED, to);
	ASSERT_EQ(to, moved);
	self->buf = moved;
	EXPECT_BACK_ON(1, 0, 10);
}

/* Taking the swap area away brings pages back where they were sent. */
TEST_F(forward_life, swapoff)
{
	EVICT(0, 1, 11);
	sm_run_on_node(0);
	ASSERT_EQ(0, sm_swap_off());
	EXPECT_ON(1, self->buf, self->len);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 11));
}

TEST_F(forward_life, swapoff_shmem)
{
	char *p = sm_map_shared(self->len);

	ASSERT_NE(NULL, p);
	sm_fill_on(p, self->len, 12, 0);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_present(0, p, self->len));
	sm_run_on_node(0);
	ASSERT_EQ(0, sm_swap_off());
	EXPECT_EQ(0, sm_bad(p, self->len, 12));
	EXPECT_ON(1, p, self->len);
	munmap(p, self->len);
}

/* A new area in the place of an old one knows nothing of its tags. */
TEST_F(forward_life, swapoff_forgets)
{
	EVICT(0, 1, 13);
	USE_ZRAM(4 * SM_MIB);
	madvise(self->buf, self->len, MADV_DONTNEED);
	sm_fill_on(self->buf, self->len, 14, 0);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	EXPECT_LT(self->pages / 2, sm_swapped(0, self->buf, self->len));
	EXPECT_BACK_ON(0, 0, 14);
}

/* No page table has the slots of shared memory; a later request finds them. */
TEST_F(forward_life, shmem_follows_a_later_request)
{
	char *p = sm_map_shared(self->len);

	NO_READAHEAD();
	ASSERT_NE(NULL, p);
	sm_fill_on(p, self->len, 15, 0);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_present(0, p, self->len));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(1), SM_NODE(2)));
	/* and one that does not concern them */
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(1), SM_NODE(3)));
	EXPECT_MOVED(p, self->len, 2, 0, 15, false);
	/* mbind() finds them as well. */
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(2), SM_NODE(3)));
	EXPECT_EQ(0, sm_mbind(p, self->len, MPOL_BIND, SM_NODE(1), 0));
	EXPECT_MOVED(p, self->len, 1, 0, 15, false);
	munmap(p, self->len);
}

/* A tag that mbind() gave is ended by the next one as any other. */
TEST_F(forward_life, mbind_leaves_no_tag)
{
	NO_READAHEAD();
	sm_fill_on(self->buf, self->len, 16, 0);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_SWAPPED(self->buf, self->len);
	ASSERT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(2), 0));
	EXPECT_BACK_ON(2, 0, 16);
}
