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

/* Smaller than a huge page: there are only those of 64 KiB in it */
#define MTHP(file)	THP("hugepages-64kB/" file)
#define MTHP_SIZE	(64 * 1024UL)
#define MTHP_LEN	SM_MIB

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
	sm_write(MTHP("enabled"), "never");
}

static long huge_kib(const struct _test_data_kinds_thp *self)
{
	return sm_smaps_kib(0, self->buf, "AnonHugePages:");
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

/* One that is pinned is one folio that stays, and 512 pages that do. */
TEST_F(kinds_thp, pinned)
{
	int node[512], status[512], fd, i, busy = 0;
	void *addr[512];

	FILL_HUGE(9);
	fd = sm_pin(self->buf, SM_HUGE);
	if (fd < 0)
		SKIP(return, "needs CONFIG_IO_URING (%d)", fd);
	EXPECT_EQ(1, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_ON(0, self->buf, SM_HUGE);
	EXPECT_SENT(1, self->buf + SM_HUGE, self->len - SM_HUGE);

	for (i = 0; i < 512; i++) {
		addr[i] = self->buf + i * SM_PAGE;
		node[i] = 1;
		status[i] = 0;
	}
	EXPECT_EQ(512, sm_move_pages(0, 512, addr, node, status, MPOL_MF_MOVE));
	for (i = 0; i < 512; i++)
		busy += status[i] == -EBUSY;
	EXPECT_EQ(512, busy);
	EXPECT_ON(0, self->buf, SM_HUGE);
	EXPECT_LE((long)SM_HUGE / 1024, huge_kib(self));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 9));
	close(fd);
}

/* ------------------------------------------------------------------------- */
/* In pieces                                                                  */
/* ------------------------------------------------------------------------- */

/* Node 1 is full, but for every other page of the filler. */
static void fragment(struct __test_metadata *_metadata, char *filler)
{
	size_t off;

	ASSERT_EQ(0, sm_write(COMPACT_MLOCKED, "0"));
	/* All that is free there in small pages, and then every other one */
	ASSERT_LT(0, sm_hog(1, FILLER + 16 * SM_MIB));
	sm_fill_on(filler, FILLER, 7, 1);
	ASSERT_EQ(0, mlock(filler, FILLER));
	ASSERT_LT(0, sm_hog(1, 0));
	for (off = 0; off < FILLER; off += 2 * SM_PAGE) {
		ASSERT_EQ(0, madvise(filler + off, SM_PAGE,
				     MADV_DONTNEED_LOCKED));
	}
}

/*
 * No room for it whole: hugetlb holds all of the target that is together, so it
 * is split, and all of it arrives; or a disk takes it in small pages.
 */
TEST_F(kinds_thp, split)
{
	char *filler = sm_map(FILLER);
	long split, whole, fallback;

	ASSERT_NE(NULL, filler);
	/* Else reclaim makes room, and compaction brings together what is free */
	if (sm_direct())
		ASSERT_EQ(0, sm_swap_off());
	self->len = MANY;
	FILL_HUGE(6);
	fragment(_metadata, filler);
	split = sm_vmstat("thp_migration_split");
	whole = sm_vmstat("thp_swpout");
	fallback = sm_vmstat("thp_swpout_fallback");
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	split = sm_vmstat("thp_migration_split") - split;
	if (sm_direct()) {
		/* Compaction may have some of them in its hands */
		EXPECT_TRUE(SM_WAIT(sm_on(0, self->buf, self->len, 1) ==
				    SM_PAGES(self->len))) {
			TH_LOG("%s", sm_where(0, self->buf, self->len));
		}
	} else {
		EXPECT_EQ(whole, sm_vmstat("thp_swpout"));
		EXPECT_EQ(fallback + (long)(self->len / SM_HUGE),
			  sm_vmstat("thp_swpout_fallback"));
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 6));
	munmap(filler, FILLER);
	if (sm_direct() && !split && __test_passed(_metadata))
		SKIP(return, "node 1 had room for %lu huge pages", MANY / SM_HUGE);
}

/* ------------------------------------------------------------------------- */
/* Other sizes                                                                */
/* ------------------------------------------------------------------------- */

/* Memory for pages of 64 KiB, by 64 KiB; false: this kernel has none. */
static bool map_mthp(struct _test_data_kinds_thp *self)
{
	self->len = MTHP_LEN;
	self->pages = SM_PAGES(self->len);
	return !access(MTHP("stats/nr_anon"), R_OK) &&
	       !sm_write(MTHP("enabled"), "madvise") && map_huge(self);
}

static long mthp_count(const char *path)
{
	return sm_read_long(path) * SM_PAGES(MTHP_SIZE);
}

static long mthp_pages(void)
{
	return mthp_count(MTHP("stats/nr_anon"));
}

/* In one piece as well, if it is copied. */
TEST_F(kinds_thp, mthp)
{
	long large = mthp_pages();

	if (!map_mthp(self))
		SKIP(return, "needs huge pages of 64 KiB, and their nr_anon");
	sm_fill_on(self->buf, self->len, 10, 0);
	ASSERT_EQ(large + self->pages, mthp_pages());
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(large + (sm_direct() ? self->pages : 0), mthp_pages());
	EXPECT_MOVED(self->buf, self->len, 1, 0, 10, true);
	if (sm_direct())
		EXPECT_EQ(large + self->pages, mthp_pages());
}

/* Does swap-in give large pages? Where zswap ever was on it does not. */
static bool swapin_is_large(struct __test_metadata *_metadata,
			    struct _test_data_kinds_thp *self)
{
	long large;

	sm_fill_on(self->buf, self->len, 11, 0);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	EXPECT_SWAPPED(self->buf, self->len);
	large = mthp_pages();
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 11));
	large = mthp_pages() - large;
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_DONTNEED));
	return large == self->pages;
}

/* 64 KiB at once, if all of it was sent to one node; else page by page. */
TEST_F(kinds_thp, mthp_from_zram)
{
	long i, out, large, elsewhere = 0;
	bool gives;

	if (!map_mthp(self))
		SKIP(return, "needs huge pages of 64 KiB, and their nr_anon");
	USE_ZRAM(64 * SM_MIB);
	sm_run_on_node(0);
	gives = swapin_is_large(_metadata, self);
	sm_fill_on(self->buf, self->len, 8, 0);
	out = mthp_count(MTHP("stats/swpout"));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_SWAPPED(self->buf, self->len);
	EXPECT_EQ(out + self->pages, mthp_count(MTHP("stats/swpout")));
	/*
	 * One page of each of the second half is to go where it is touched. It has
	 * an area of its own only meanwhile.
	 */
	for (i = self->pages / 2; i < self->pages; i += SM_PAGES(MTHP_SIZE)) {
		char *p = self->buf + i * SM_PAGE;

		EXPECT_EQ(0, sm_mbind(p, SM_PAGE, MPOL_BIND, SM_NODE(2), 0));
		EXPECT_EQ(0, sm_mbind(p, SM_PAGE, MPOL_DEFAULT, 0, 0));
	}
	EXPECT_SWAPPED(self->buf, self->len);
	large = mthp_pages();
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 8));
	if (gives)
		EXPECT_EQ(large + self->pages / 2, mthp_pages());
	EXPECT_ON(1, self->buf, self->len / 2);
	for (i = self->pages / 2; i < self->pages; i++)
		elsewhere += sm_page(0, self->buf + i * SM_PAGE) !=
			     (i % SM_PAGES(MTHP_SIZE) ? 1 : 0);
	EXPECT_EQ(0, elsewhere);
}
