// SPDX-License-Identifier: GPL-2.0
/*
 * Kinds of pages and kinds of swap: what needs swap to move goes if that works, and
 * else stays, intact, and is counted; what needs none does not care. With the disk
 * each kind has more tests in kinds_anon, kinds_file and kinds_thp.
 */
#include "swapmig_harness.h"

#include <sys/mount.h>
#include <sys/stat.h>

#define FILE_PATH	"/var/tmp/swapmig.kind"
#define TMPFS_DIR	"/tmp/swapmig.kinds"
#define HOG_LEN		(16 * SM_MIB)
#define AREA_LEN	(8 * SM_MIB)

/* What becomes of a working area once there are pages */
enum breaks { WORKS, IS_FULL, FAILS };

FIXTURE(kinds_swap)
{
	char *buf;
	char *hog;
	size_t len;
	long pages;
	bool mounted;
	bool huge;
};

FIXTURE_VARIANT(kinds_swap)
{
	enum sm_swap kind;
	enum breaks then;
};

FIXTURE_VARIANT_ADD(kinds_swap, none)
{
	.kind = SM_SWAP_NONE,
};

FIXTURE_VARIANT_ADD(kinds_swap, zram)
{
	.kind = SM_SWAP_ZRAM,
};

FIXTURE_VARIANT_ADD(kinds_swap, file)
{
	.kind = SM_SWAP_FILE,
};

FIXTURE_VARIANT_ADD(kinds_swap, full)
{
	.kind = SM_SWAP_ZRAM,
	.then = IS_FULL,
};

FIXTURE_VARIANT_ADD(kinds_swap, failing)
{
	.kind = SM_SWAP_ZRAM,
	.then = FAILS,
};

FIXTURE_SETUP(kinds_swap)
{
	if (variant->kind == SM_SWAP_ZRAM && access(SM_ZRAM, F_OK))
		SKIP(return, "needs CONFIG_ZRAM");
	self->len = 2 * SM_MIB;
	self->pages = SM_PAGES(self->len);
	ASSERT_EQ(0, sm_swap_on(variant->kind, variant->then == IS_FULL ? AREA_LEN : 0));
}

FIXTURE_TEARDOWN(kinds_swap)
{
	int node;

	if (variant->then == FAILS)
		EXPECT_EQ(0, sm_write(SM_ZRAM_SYS("mem_limit"), "0"));
	if (self->buf)
		munmap(self->buf, self->len);
	if (self->hog)
		munmap(self->hog, HOG_LEN);
	unlink(FILE_PATH);
	if (self->mounted)
		EXPECT_EQ(0, umount(TMPFS_DIR));
	rmdir(TMPFS_DIR);
	for (node = 0; self->huge && node < 3; node++)
		EXPECT_EQ(0, sm_huge(node, 0));
	EXPECT_EQ(0, sm_swap_off());
	EXPECT_TRUE(sm_isolated_settles());
}

/* ------------------------------------------------------------------------- */
/* What is expected of a kind                                                 */
/* ------------------------------------------------------------------------- */

/* From here on the area is what the variant says. */
static void area_breaks(struct __test_metadata *_metadata,
			struct _test_data_kinds_swap *self, enum breaks then)
{
	if (then == FAILS) {
		printf("# EXPECT-LOG [Ww]rite-error on swap-device\n");
		fflush(stdout);
		/* It may use one page, and needs more for anything */
		ASSERT_EQ(0, sm_write(SM_ZRAM_SYS("mem_limit"), "%lu", SM_PAGE));
	}
	if (then != IS_FULL)
		return;
	/* All else stays in memory: it is on the node that the pages leave, or not ours */
	self->hog = sm_map(HOG_LEN);
	ASSERT_NE(NULL, self->hog);
	sm_fill_on(self->hog, HOG_LEN, 99, 2);
	madvise(self->hog, HOG_LEN, MADV_PAGEOUT);
	madvise(self->hog, HOG_LEN, MADV_PAGEOUT);
	ASSERT_GT(512, sm_meminfo_kib("SwapFree"));
}

static bool swap_works(const struct _fixture_variant_kinds_swap *variant)
{
	return variant->kind != SM_SWAP_NONE && variant->then == WORKS;
}

/* Pages of which the kernel has said that they stay */
static long nr_stayed(void)
{
	long sum = 0;
	int i;

	for (i = 0; i < SM_STAYED; i++)
		sum += sm_stayed(sm_stayed_why[i]);
	return sum;
}

/*
 * It stays on node 0, all of it, or most if the area has a few slots left; and the
 * call says of so much that it does, in folios of at most @size pages. What could not
 * be written is in no page table, but where it was.
 */
static void expect_counted(struct __test_metadata *_metadata,
			   struct _test_data_kinds_swap *self, enum breaks then,
			   __u64 seed, long size)
{
	long ret = sm_migrate(0, SM_NODE(0), SM_NODE(1));
	long left, before;

	if (then != WORKS)
		sm_touch(self->buf, self->len);
	left = sm_on(0, self->buf, self->len, 0);
	EXPECT_LE(then == IS_FULL ? self->pages / 2 : self->pages, left) {
		TH_LOG("%s", sm_where(0, self->buf, self->len));
	}
	EXPECT_LE(left / size, ret);
	/* Of the others of this process nothing is asked here */
	before = nr_stayed();
	EXPECT_EQ(-EIO, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
				 MPOL_MF_MOVE_ALL | MPOL_MF_STRICT));
	EXPECT_LE(then == IS_FULL ? self->pages / 4 : self->pages, nr_stayed() - before);
	EXPECT_GE(self->pages, nr_stayed() - before);
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, seed));
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_DEFAULT, 0, 0));
}

/* What the kernel migrates, or else needs swap. */
#define EXPECT_BY_SWAP(...)						\
	expect_by_swap(_metadata, self, variant, __VA_ARGS__)

static void expect_by_swap(struct __test_metadata *_metadata,
			   struct _test_data_kinds_swap *self,
			   const struct _fixture_variant_kinds_swap *variant,
			   __u64 seed, bool anon, long size)
{
	area_breaks(_metadata, self, variant->then);
	if (sm_direct() || swap_works(variant))
		EXPECT_MOVES(self->buf, self->len, seed, anon);
	else
		expect_counted(_metadata, self, variant->then, seed, size);
	if (self->hog)
		EXPECT_EQ(0, sm_bad(self->hog, HOG_LEN, 99));
}

/*
 * What cannot go by way of swap, in @nr folios: where that works the number is theirs
 * alone; else all that this process has stays as well.
 */
static void expect_stays(struct __test_metadata *_metadata,
			 struct _test_data_kinds_swap *self, bool works, __u64 seed,
			 long nr)
{
	if (works)
		EXPECT_STAYS(self->buf, self->len, seed, nr);
	else
		expect_counted(_metadata, self, WORKS, seed, self->pages / nr);
}

#define EXPECT_ONLY_DIRECTLY(...)					\
	expect_only_directly(_metadata, self, variant, __VA_ARGS__)

static void expect_only_directly(struct __test_metadata *_metadata,
				 struct _test_data_kinds_swap *self,
				 const struct _fixture_variant_kinds_swap *variant,
				 __u64 seed, long nr)
{
	area_breaks(_metadata, self, variant->then);
	if (sm_direct())
		EXPECT_MOVES(self->buf, self->len, seed, true);
	else
		expect_stays(_metadata, self, swap_works(variant), seed, nr);
}

/* ------------------------------------------------------------------------- */
/* Anonymous memory                                                           */
/* ------------------------------------------------------------------------- */

static bool map_pages(struct _test_data_kinds_swap *self, __u64 seed)
{
	self->buf = sm_map(self->len);
	if (!self->buf)
		return false;
	sm_fill_on(self->buf, self->len, seed, 0);
	return true;
}

TEST_F(kinds_swap, private)
{
	ASSERT_TRUE(map_pages(self, 1));
	EXPECT_BY_SWAP(1, true, 1);
}

TEST_F(kinds_swap, fork_shared)
{
	struct sm_peer peer;

	ASSERT_TRUE(map_pages(self, 2));
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	EXPECT_BY_SWAP(2, true, 1);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 2));
	/* One writes, the other keeps what it had */
	sm_fill(self->buf, self->len, 3);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 2));
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/* Pages of another range with the same contents are merged with each. */
TEST_F(kinds_swap, ksm)
{
	char *same;

	if (access(SM_KSM("run"), W_OK))
		SKIP(return, "needs CONFIG_KSM");
	ASSERT_TRUE(map_pages(self, 4));
	same = sm_map(self->len);
	ASSERT_NE(NULL, same);
	sm_fill_on(same, self->len, 4, 0);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_MERGEABLE));
	ASSERT_EQ(0, madvise(same, self->len, MADV_MERGEABLE));
	EXPECT_TRUE(sm_ksm_merged(2 * self->pages));
	EXPECT_BY_SWAP(4, true, 1);
	sm_fill(self->buf, self->len, 5);
	EXPECT_EQ(0, sm_bad(same, self->len, 4));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 5));
	munmap(same, self->len);
	sm_write(SM_KSM("run"), "2");
	sm_write(SM_KSM("run"), "0");
}

TEST_F(kinds_swap, thp)
{
	char *map = sm_map(2 * SM_HUGE);

	ASSERT_NE(NULL, map);
	self->buf = (char *)(((uintptr_t)map + SM_HUGE - 1) & -SM_HUGE);
	if (madvise(self->buf, self->len, MADV_HUGEPAGE))
		SKIP(return, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	sm_fill_on(self->buf, self->len, 7, 0);
	ASSERT_EQ((long)self->len / 1024, sm_smaps_kib(0, self->buf, "AnonHugePages:"));
	EXPECT_BY_SWAP(7, true, SM_PAGES(SM_HUGE));
}

/* These need no swap, and go to none. */
TEST_F(kinds_swap, mlocked)
{
	ASSERT_TRUE(map_pages(self, 8));
	ASSERT_EQ(0, mlock(self->buf, self->len));
	EXPECT_ONLY_DIRECTLY(8, self->pages);
}

TEST_F(kinds_swap, pinned)
{
	int fd;

	ASSERT_TRUE(map_pages(self, 9));
	fd = sm_pin(self->buf, self->len);
	if (fd < 0)
		SKIP(return, "needs CONFIG_IO_URING (%d)", fd);
	area_breaks(_metadata, self, variant->then);
	expect_stays(_metadata, self, sm_direct() || swap_works(variant), 9, self->pages);
	close(fd);
}

TEST_F(kinds_swap, hugetlb)
{
	void *p;

	self->huge = !access("/proc/sys/vm/nr_hugepages", F_OK);
	if (sm_huge(0, 1) != 1 || sm_huge(1, 1) != 1 || sm_huge(2, 1) != 1)
		SKIP(return, "needs a huge page on each of the nodes 0 to 2");
	sm_set_mempolicy(MPOL_BIND, SM_NODE(0));
	p = mmap(NULL, self->len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	self->buf = p;
	sm_fill(self->buf, self->len, 10);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	EXPECT_ONLY_DIRECTLY(10, 1);
}

TEST_F(kinds_swap, zero_page)
{
	__u64 zero;

	self->buf = sm_map(self->len);
	ASSERT_NE(NULL, self->buf);
	sm_touch(self->buf, self->len);
	ASSERT_EQ(self->pages, sm_present(0, self->buf, self->len));
	zero = sm_pagemap(0, self->buf);
	area_breaks(_metadata, self, variant->then);
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(2),
			      MPOL_MF_MOVE_ALL | MPOL_MF_STRICT));
	EXPECT_EQ(zero, sm_pagemap(0, self->buf));
	EXPECT_EQ(0, sm_nonzero(self->buf, self->len));
}

/* ------------------------------------------------------------------------- */
/* Memory with a file behind it                                               */
/* ------------------------------------------------------------------------- */

static bool map_file(struct _test_data_kinds_swap *self, const char *path)
{
	int fd;

	self->buf = sm_map_file(path, self->len, MAP_SHARED, &fd);
	close(fd);
	return self->buf;
}

TEST_F(kinds_swap, shared_anon)
{
	self->buf = sm_map_shared(self->len);
	ASSERT_NE(NULL, self->buf);
	sm_fill_on(self->buf, self->len, 11, 0);
	EXPECT_BY_SWAP(11, false, 1);
}

TEST_F(kinds_swap, tmpfs)
{
	mkdir(TMPFS_DIR, 0700);
	self->mounted = !mount("none", TMPFS_DIR, "tmpfs", 0, NULL);
	ASSERT_TRUE(self->mounted);
	ASSERT_TRUE(map_file(self, TMPFS_DIR "/file"));
	sm_fill_on(self->buf, self->len, 12, 0);
	EXPECT_BY_SWAP(12, false, 1);
}

TEST_F(kinds_swap, sysv)
{
	self->buf = sm_map_sysv(self->len);
	if (!self->buf && errno == SM_NO_SYSCALL)
		SKIP(return, "needs CONFIG_SYSVIPC");
	ASSERT_NE(NULL, self->buf);
	sm_fill_on(self->buf, self->len, 13, 0);
	EXPECT_BY_SWAP(13, false, 1);
}

/* Pages of a file go to the file, and are read again where the policy says. */
static void expect_file_moves(struct __test_metadata *_metadata,
			      struct _test_data_kinds_swap *self, __u64 seed)
{
	if (sm_direct()) {
		EXPECT_MOVES(self->buf, self->len, seed, false);
		return;
	}
	EXPECT_LE(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_present(0, self->buf, self->len));
	sm_set_mempolicy(MPOL_BIND, SM_NODE(2));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, seed));
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	EXPECT_ON(2, self->buf, self->len);
}

TEST_F(kinds_swap, ext4_clean)
{
	ASSERT_TRUE(map_file(self, FILE_PATH));
	sm_fill_on(self->buf, self->len, 14, 0);
	ASSERT_EQ(0, msync(self->buf, self->len, MS_SYNC));
	area_breaks(_metadata, self, variant->then);
	expect_file_moves(_metadata, self, 14);
}

TEST_F(kinds_swap, ext4_dirty)
{
	ASSERT_TRUE(map_file(self, FILE_PATH));
	sm_fill_on(self->buf, self->len, 15, 0);
	area_breaks(_metadata, self, variant->then);
	expect_file_moves(_metadata, self, 15);
}
