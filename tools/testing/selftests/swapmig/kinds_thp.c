// SPDX-License-Identifier: GPL-2.0
/*
 * Transparent huge pages: whole, in pieces, shared, and those of other sizes that
 * come back from swap.
 */
#include "swapmig_harness.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED	24
#endif

#define THP(file)	"/sys/kernel/mm/transparent_hugepage/" file
#define COMPACT_MLOCKED	"/proc/sys/vm/compact_unevictable_allowed"
/* Half of it is free then. Of what lies together a node keeps 16 MiB in reserve. */
#define FILLER		(128 * SM_MIB)
#define MANY		(16 * SM_HUGE)
#define MAP_LEN		(MANY + SM_HUGE)
#define MTHP_SIZE	(64 * 1024UL)

FIXTURE(kinds_thp)
{
	char *map;
	char *buf;
	size_t len;
	long pages;
};

/* Page tables without a page of theirs would do for small ones. */
static bool map_huge(struct _test_data_kinds_thp *self)
{
	void *p = mmap(self->buf, self->len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	return p != MAP_FAILED && !madvise(p, self->len, MADV_HUGEPAGE);
}

FIXTURE_SETUP(kinds_thp)
{
	self->len = 4 * SM_HUGE;
	self->pages = SM_PAGES(self->len);
	self->map = sm_map(MAP_LEN);
	ASSERT_NE(NULL, self->map);
	self->buf = (char *)(((uintptr_t)self->map + SM_HUGE - 1) & -SM_HUGE);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
}

FIXTURE_TEARDOWN(kinds_thp)
{
	munmap(self->map, MAP_LEN);
	sm_huge(1, 0);
	EXPECT_EQ(0, sm_swap_off());
	sm_write(COMPACT_MLOCKED, "1");
	sm_write(THP("hugepages-64kB/enabled"), "never");
}

static long huge_kib(const struct _test_data_kinds_thp *self)
{
	return sm_smaps_kib(self->buf, "AnonHugePages:");
}

#define FILL_HUGE(seed) do {						\
	ASSERT_TRUE(map_huge(self));					\
	sm_fill_on(self->buf, self->len, seed, 0);			\
	ASSERT_EQ((long)self->len / 1024, huge_kib(self));		\
} while (0)

TEST_F(kinds_thp, whole)
{
	FILL_HUGE(1);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	if (sm_direct())
		EXPECT_EQ((long)self->len / 1024, huge_kib(self));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 1, true);
	FILL_HUGE(2);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(2),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	if (sm_direct())
		EXPECT_EQ((long)self->len / 1024, huge_kib(self));
	EXPECT_MOVED(self->buf, self->len, 2, 0, 2, true);
}

/* A device without seeks takes them whole, and gives them back in small. */
TEST_F(kinds_thp, to_zram)
{
	long before = sm_vmstat("thp_swpout");

	if (sm_direct())
		before -= self->len / SM_HUGE;
	USE_ZRAM(64 * SM_MIB);
	FILL_HUGE(3);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(before + (long)(self->len / SM_HUGE), sm_vmstat("thp_swpout"));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 3, true);
}

/* Mapped in pieces, of which some are gone. */
TEST_F(kinds_thp, in_pieces)
{
	size_t off;

	FILL_HUGE(4);
	for (off = 0; off < self->len; off += SM_HUGE)
		ASSERT_EQ(0, madvise(self->buf + off, SM_PAGE, MADV_DONTNEED));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	sm_run_on_node(0);
	for (off = 0; off < self->len; off += SM_HUGE) {
		char *rest = self->buf + off + SM_PAGE;

		/* The first is a page of zeros now */
		EXPECT_EQ(0, sm_nonzero(self->buf + off, SM_PAGE));
		sm_touch(rest, SM_HUGE - SM_PAGE);
		EXPECT_ON(1, rest, SM_HUGE - SM_PAGE);
	}
	EXPECT_EQ((long)(self->len / SM_HUGE), sm_bad(self->buf, self->len, 4));
}

TEST_F(kinds_thp, shared)
{
	struct sm_peer peer;

	FILL_HUGE(5);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_PEER_OFF(peer, 0);
	EXPECT_MOVED(self->buf, self->len, 1, 0, 5, true);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 5));
	EXPECT_PEER_ON(peer, 1);
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/*
 * No room for it whole: hugetlb holds all of the target that is together, so it
 * is split, or goes by way of swap; and all of it arrives.
 */
TEST_F(kinds_thp, split)
{
	long before = sm_vmstat("thp_migration_split");
	char *filler = sm_map(FILLER);
	size_t off;

	ASSERT_NE(NULL, filler);
	/* Else reclaim makes room, and compaction brings together what is free */
	if (sm_direct())
		ASSERT_EQ(0, sm_swap_off());
	ASSERT_EQ(0, sm_write(COMPACT_MLOCKED, "0"));
	self->len = MANY;
	FILL_HUGE(6);
	/* All that is free there in small pages, and then every other one */
	ASSERT_LT(0, sm_hog(1, FILLER + 16 * SM_MIB));
	sm_fill_on(filler, FILLER, 7, 1);
	ASSERT_EQ(0, mlock(filler, FILLER));
	ASSERT_LT(0, sm_hog(1, 0));
	for (off = 0; off < FILLER; off += 2 * SM_PAGE) {
		ASSERT_EQ(0, madvise(filler + off, SM_PAGE,
				     MADV_DONTNEED_LOCKED));
	}
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	if (sm_direct()) {
		/* Compaction may have some of them in its hands */
		EXPECT_TRUE(SM_WAIT(sm_on(0, self->buf, self->len, 1) ==
				    SM_PAGES(self->len))) {
			TH_LOG("%s", sm_where(0, self->buf, self->len));
		}
		/* Unless there was room after all */
		if (sm_vmstat("thp_migration_split") <= before)
			EXPECT_EQ((long)self->len / 1024, huge_kib(self));
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 6));
	munmap(filler, FILLER);
}

/* 64 KiB at once, if all of it was sent to one node; else page by page. */
TEST_F(kinds_thp, mthp_from_zram)
{
	long i, large;

	if (sm_write(THP("hugepages-64kB/enabled"), "always"))
		SKIP(return, "needs huge pages of 64 KiB");
	USE_ZRAM(64 * SM_MIB);
	self->buf = mmap(self->buf, self->len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->buf);
	sm_fill_on(self->buf, self->len, 8, 0);
	large = sm_read_long(THP("hugepages-64kB/stats/swpout"));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_SWAPPED(self->buf, self->len);
	EXPECT_EQ(large + (long)(self->len / MTHP_SIZE),
		  sm_read_long(THP("hugepages-64kB/stats/swpout")));
	/* One page of the second half of them is to go somewhere else. */
	for (i = self->pages / 2; i < self->pages; i += SM_PAGES(MTHP_SIZE))
		EXPECT_EQ(0, sm_mbind(self->buf + i * SM_PAGE, SM_PAGE, MPOL_BIND,
				      SM_NODE(2), MPOL_MF_MOVE));
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 8));
	EXPECT_ON(1, self->buf, self->len / 2);
	for (i = self->pages / 2; i < self->pages; i++) {
		ASSERT_EQ(i % SM_PAGES(MTHP_SIZE) ? 1 : 2,
			  sm_page(0, self->buf + i * SM_PAGE));
	}
}
