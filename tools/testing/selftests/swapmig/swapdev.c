// SPDX-License-Identifier: GPL-2.0
/*
 * swapout with every kind of swap: none, a disk, zram, a file, one that is
 * full, one that fills up half way, one that fails; with and without zswap.
 * What could not move is counted, nothing is lost.
 */
#include "swapmig_harness.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define ZSWAP "/sys/module/zswap/parameters/enabled"
#define FAIL_DIR "/sys/kernel/debug/fail_make_request/"

FIXTURE(swapdev)
{
	char *buf;
	size_t len;
	long pages;
	bool direct;
};

FIXTURE_SETUP(swapdev)
{
	self->len = sm_size(4 * SM_MIB);
	self->pages = SM_PAGES(self->len);
	self->buf = sm_map(self->len);
	self->direct = sm_has_engine("direct");
	ASSERT_NE(NULL, self->buf);
}

FIXTURE_TEARDOWN(swapdev)
{
	munmap(self->buf, self->len);
	EXPECT_EQ(0, sm_swap_off());
}

/* There and back again, by both calls. */
#define EXPECT_WORKS() do {						\
	sm_fill_on(self->buf, self->len, 1, 0);				\
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));		\
	EXPECT_MOVED(self->buf, self->len, 1, 0, 1, true);		\
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND,		\
			      SM_NODE(0), MPOL_MF_MOVE | MPOL_MF_STRICT)); \
	EXPECT_MOVED(self->buf, self->len, 0, 1, 1, true);		\
	sm_fill(self->buf, self->len, 2);				\
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 2));			\
	/* and taking the area away brings all of it back */		\
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND,		\
			      SM_NODE(1), MPOL_MF_MOVE | MPOL_MF_STRICT)); \
	EXPECT_EQ(0, sm_swap_off());					\
	EXPECT_EQ(self->pages, sm_present(0, self->buf, self->len));	\
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 2));			\
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 1));	\
} while (0)

TEST_F(swapdev, disk)
{
	NEED_NODES(return, 2);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	EXPECT_WORKS();
}

TEST_F(swapdev, zram)
{
	NEED_NODES(return, 2);
	if (access(SM_ZRAM, F_OK))
		SKIP(return, "needs CONFIG_ZRAM");
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_ZRAM, 0));
	EXPECT_WORKS();
}

TEST_F(swapdev, file)
{
	int ret = sm_swap_on(SM_SWAP_FILE, 32 * SM_MIB);

	NEED_NODES(return, 2);
	if (ret == -EINVAL)
		SKIP(return, "/var/tmp takes no swap file");
	ASSERT_EQ(0, ret);
	EXPECT_WORKS();
}

TEST_F(swapdev, device_mapper)
{
	int ret = sm_swap_on(SM_SWAP_DM, 64 * SM_MIB);

	NEED_NODES(return, 2);
	if (ret == -ENOENT)
		SKIP(return, "needs CONFIG_BLK_DEV_DM");
	ASSERT_EQ(0, ret);
	EXPECT_WORKS();
}

TEST_F(swapdev, zswap)
{
	char old[8];
	long stored;

	NEED_NODES(return, 2);
	if (sm_read(ZSWAP, old, sizeof(old)) < 0)
		SKIP(return, "needs CONFIG_ZSWAP");
	if (sm_write(ZSWAP, "Y"))
		SKIP(return, "zswap cannot be switched on");
	stored = sm_vmstat("zswpout");
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	EXPECT_WORKS();
	if (!self->direct)
		EXPECT_LT(stored, sm_vmstat("zswpout"));
	EXPECT_EQ(0, sm_write(ZSWAP, "%s", old));
}

/* Without swap, swapout moves nothing and says how much that is. */
TEST_F(swapdev, none)
{
	long not_placed = sm_vmstat("swapmig_not_placed"), ret;

	NEED_NODES(return, 2);
	sm_fill_on(self->buf, self->len, 3, 0);
	ret = sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
		       MPOL_MF_MOVE | MPOL_MF_STRICT);
	EXPECT_EQ(self->direct ? 0 : -EIO, ret);
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, self->direct));
	EXPECT_EQ(not_placed + (self->direct ? 0 : self->pages),
		  sm_vmstat("swapmig_not_placed"));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 3));
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_DEFAULT, 0, 0));
	if (self->direct)
		return;
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_PREFERRED, SM_NODE(1),
			      MPOL_MF_MOVE));
	ret = sm_migrate(0, SM_NODE(0), SM_NODE(1));
	EXPECT_LE(self->pages, ret);
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 0));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 3));
}

/* Someone else filled the swap area before. */
TEST_F(swapdev, full)
{
	size_t hog_len = 8 * SM_MIB;
	char *hog = sm_map(hog_len);
	long ret;

	NEED_NODES(return, 2);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 4 * SM_MIB));
	sm_fill_on(hog, hog_len, 4, 2 % sm_nodes());
	madvise(hog, hog_len, MADV_PAGEOUT);
	madvise(hog, hog_len, MADV_PAGEOUT);
	ASSERT_GT(1024, sm_swap_free_kib());
	sm_fill_on(self->buf, self->len, 5, 0);
	ret = sm_migrate(0, SM_NODE(0), SM_NODE(1));
	if (self->direct) {
		EXPECT_EQ(0, ret);
		EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 1));
	} else {
		EXPECT_LE(sm_on(0, self->buf, self->len, 0), ret);
		EXPECT_LT(0, ret);
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 5));
	EXPECT_EQ(0, sm_bad(hog, hog_len, 4));
	munmap(hog, hog_len);
}

/* The area fills up in the middle of a request. */
TEST_F(swapdev, full_half_way)
{
	size_t len = 12 * SM_MIB;
	char *p = sm_map(len);
	struct sm_count c;
	long ret;

	NEED_NODES(return, 2);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 4 * SM_MIB));
	sm_fill_on(p, len, 6, 0);
	ret = sm_migrate(0, SM_NODE(0), SM_NODE(1));
	ASSERT_EQ(0, sm_count(0, p, len, &c));
	if (self->direct) {
		EXPECT_EQ(0, ret);
		EXPECT_EQ(SM_PAGES(len), c.node[1]);
	} else {
		/* Some went, the rest stayed, and the number is right. */
		EXPECT_LT(0, c.swapped);
		EXPECT_LT(0, c.node[0]);
		EXPECT_EQ(SM_PAGES(len), c.swapped + c.node[0]);
		EXPECT_LE(c.node[0], ret);
		EXPECT_GE(c.node[0] + 512, ret);
	}
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(p, len, 6));
	EXPECT_TRUE(sm_isolated_settles());
	if (!self->direct) {
		/* All that is in memory now, and what was sent is there. */
		EXPECT_LE(c.swapped, sm_on(0, p, len, 1));
		/* A later request moves more. */
		EXPECT_LE(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
		EXPECT_EQ(0, sm_bad(p, len, 6));
	}
	munmap(p, len);
}

/* Every write fails: everything stays, and can be moved once it works again. */
TEST_F(swapdev, failing)
{
	int ret = sm_swap_on(SM_SWAP_DM, 64 * SM_MIB);
	long n;

	NEED_NODES(return, 2);
	if (ret == -ENOENT)
		SKIP(return, "needs CONFIG_BLK_DEV_DM");
	ASSERT_EQ(0, ret);
	sm_dm_announce();
	sm_fill_on(self->buf, self->len, 7, 0);
	ASSERT_EQ(0, sm_dm_fail(true));
	n = sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
		     MPOL_MF_MOVE | MPOL_MF_STRICT);
	ASSERT_EQ(0, sm_dm_fail(false));
	EXPECT_EQ(self->direct ? 0 : -EIO, n);
	sm_run_on_node(1);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 7));
	EXPECT_TRUE(sm_isolated_settles());
	if (self->direct)
		return;
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 0)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	/* The same by migrate_pages(2): counted. */
	ASSERT_EQ(0, sm_mbind(self->buf, self->len, MPOL_DEFAULT, 0, 0));
	ASSERT_EQ(0, sm_dm_fail(true));
	n = sm_migrate(0, SM_NODE(0), SM_NODE(1));
	ASSERT_EQ(0, sm_dm_fail(false));
	EXPECT_LE(self->pages, n);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 7));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 0)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	/* The device has recovered. */
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 7));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 1)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
}

/* Some requests to the disk fail, at random. */
TEST_F(swapdev, failing_now_and_then)
{
	struct sm_count c;
	long ret;

	NEED_NODES(return, 2);
	if (access(FAIL_DIR "probability", W_OK))
		SKIP(return, "needs CONFIG_FAIL_MAKE_REQUEST");
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	printf("# EXPECT-LOG [Ww]rite-error on swap-device\n");
	printf("# EXPECT-LOG I/O error, dev vdb\n");
	printf("# EXPECT-LOG FAULT_INJECTION: forcing a failure\n");
	fflush(stdout);
	sm_fill_on(self->buf, self->len, 8, 0);
	ASSERT_EQ(0, sm_write(FAIL_DIR "probability", "30"));
	ASSERT_EQ(0, sm_write(FAIL_DIR "interval", "1"));
	ASSERT_EQ(0, sm_write(FAIL_DIR "verbose", "0"));
	ASSERT_EQ(0, sm_write(FAIL_DIR "times", "-1"));
	ASSERT_EQ(0, sm_write("/sys/block/vdb/make-it-fail", "1"));
	/* Reads would fail as well, and lose data: touch nothing meanwhile. */
	ret = sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
		       MPOL_MF_MOVE | MPOL_MF_STRICT);
	ASSERT_EQ(0, sm_write("/sys/block/vdb/make-it-fail", "0"));
	ASSERT_EQ(0, sm_write(FAIL_DIR "probability", "0"));
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 8));
	ASSERT_EQ(0, sm_count(0, self->buf, self->len, &c));
	EXPECT_EQ(self->pages, c.node[0] + c.node[1]);
	EXPECT_EQ(c.node[0] ? -EIO : 0, ret);
	EXPECT_TRUE(sm_isolated_settles());
}

/*
 * No room on the target. Reclaim may make some, by sending out what has just
 * arrived; so all that holds is that each page is accounted for and intact, and
 * that the request completes once there is room.
 */
TEST_F(swapdev, target_without_room)
{
	int target = sm_nodes() - 1;
	struct sm_count c;
	long ret;

	NEED_NODES(return, 2);
	if (access("/proc/sys/vm/nr_hugepages", W_OK))
		SKIP(return, "needs CONFIG_HUGETLBFS");
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	sm_fill_on(self->buf, self->len, 9, 0);
	if (sm_hog(target, SM_MIB) <= 0)
		SKIP(return, "node %d could not be filled", target);
	ret = sm_migrate(0, SM_NODE(0), SM_NODE(target));
	ASSERT_EQ(0, sm_count(0, self->buf, self->len, &c));
	sm_unhog(target);
	EXPECT_EQ(0, ret);
	EXPECT_EQ(self->pages, c.swapped + c.node[target]) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 9));
	/* Read-ahead for other processes may have taken some elsewhere. */
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(target) - 1, SM_NODE(target)));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 9));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, target)) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
}

/* No room on the target at the time of the touch: elsewhere, but intact. */
TEST_F(swapdev, no_room_when_it_comes_back)
{
	int target = sm_nodes() - 1;
	struct sm_count c;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 2);
	if (access("/proc/sys/vm/nr_hugepages", W_OK))
		SKIP(return, "needs CONFIG_HUGETLBFS");
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	sm_fill_on(self->buf, self->len, 10, 0);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(target)));
	if (sm_hog(target, SM_MIB) <= 0)
		SKIP(return, "node %d could not be filled", target);
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 10));
	/* With memory so short, reclaim may have taken some again. */
	ASSERT_EQ(0, sm_count(0, self->buf, self->len, &c));
	EXPECT_EQ(0, c.none);
	sm_unhog(target);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 10));
}
