// SPDX-License-Identifier: GPL-2.0
/*
 * Every kind of swap: none, a disk, zram, a file, one that is full, one that
 * fills up half way, one that fails; with and without zswap. What could not move
 * is counted, nothing is lost; and compressed copies leave the node as well.
 */
#include "swapmig_harness.h"

#define NO_ROOM		"/sys/kernel/mm/swapmig/stayed/no_room"
#define FILE_PATH	"/var/tmp/swapmig.noswap"

FIXTURE(swapdev)
{
	char *buf;
	size_t len;
	long pages;
	char zswap[8];
};

FIXTURE_SETUP(swapdev)
{
	self->len = 4 * SM_MIB;
	self->pages = SM_PAGES(self->len);
	self->buf = sm_map(self->len);
	ASSERT_NE(NULL, self->buf);
	sm_read(SM_ZSWAP, self->zswap, sizeof(self->zswap));
}

FIXTURE_TEARDOWN(swapdev)
{
	SM_TEARDOWN();
	sm_write(SM_ZSWAP, "%s", self->zswap);
}

#define MIGRATE()	sm_migrate(0, SM_NODE(0), SM_NODE(1))
#define BIND(node)							\
	sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(node),	\
		 MPOL_MF_MOVE | MPOL_MF_STRICT)

/* By both calls; and taking the area away brings all of it back. */
#define EXPECT_WORKS() do {						\
	sm_fill_on(self->buf, self->len, 1, 0);				\
	EXPECT_MOVES(self->buf, self->len, 1, true);			\
	sm_fill(self->buf, self->len, 2);				\
	EXPECT_EQ(0, BIND(3));						\
	EXPECT_SWAPPED(self->buf, self->len);				\
	EXPECT_EQ(0, sm_swap_off());					\
	EXPECT_ON(3, self->buf, self->len);				\
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 2));			\
} while (0)

TEST_F(swapdev, disk)
{
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	EXPECT_WORKS();
}

TEST_F(swapdev, zram)
{
	if (access(SM_ZRAM, F_OK))
		SKIP(return, "needs CONFIG_ZRAM");
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_ZRAM, 0));
	EXPECT_WORKS();
}

TEST_F(swapdev, file)
{
	int ret = sm_swap_on(SM_SWAP_FILE, 32 * SM_MIB);

	if (ret == -EINVAL)
		SKIP(return, "needs a file system that takes swap files in /var/tmp");
	ASSERT_EQ(0, ret);
	EXPECT_WORKS();
}

TEST_F(swapdev, zswap)
{
	long stored = sm_vmstat("zswpout");

	if (sm_write(SM_ZSWAP, "Y"))
		SKIP(return, "needs CONFIG_ZSWAP");
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	EXPECT_WORKS();
	EXPECT_LT(stored + self->pages, sm_vmstat("zswpout"));
}

/* Nothing moves, and the calls say how much that is. */
TEST_F(swapdev, none)
{
	sm_fill_on(self->buf, self->len, 3, 0);
	EXPECT_LE(self->pages, MIGRATE());
	EXPECT_ON(0, self->buf, self->len);
	EXPECT_EQ(-EIO, BIND(1));
	EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE));
	EXPECT_ON(0, self->buf, self->len);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 3));
	EXPECT_TRUE(sm_isolated_settles());
}

/* A file that is mapped, clean, and has its pages on node 0 */
static char *map_file(struct __test_metadata *_metadata, size_t len, __u64 seed)
{
	int fd = open(FILE_PATH, O_RDWR | O_CREAT | O_TRUNC, 0600);
	char *p;

	ASSERT_LE(0, fd);
	unlink(FILE_PATH);
	ASSERT_EQ(0, ftruncate(fd, len));
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	close(fd);
	sm_fill_on(p, len, seed, 0);
	ASSERT_EQ(0, msync(p, len, MS_SYNC));
	EXPECT_ON(0, p, len);
	return p;
}

/* Its pages are in no page table, nor in the cache: they are read anew */
static void expect_read_on(struct __test_metadata *_metadata, char *p, size_t len,
			   __u64 seed, int node)
{
	EXPECT_EQ(0, sm_present(0, p, len));
	sm_set_mempolicy(MPOL_BIND, SM_NODE(node));
	EXPECT_EQ(0, sm_bad(p, len, seed));
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	EXPECT_ON(node, p, len);
}

/* Pages of files move all the same: they go where they came from. */
TEST_F(swapdev, none_file)
{
	char *p = map_file(_metadata, self->len, 11);

	sm_fill_on(self->buf, self->len, 12, 0);
	EXPECT_LE(self->pages, MIGRATE());
	EXPECT_ON(0, self->buf, self->len);
	expect_read_on(_metadata, p, self->len, 11, 2);
	EXPECT_EQ(0, sm_mbind(p, self->len, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	expect_read_on(_metadata, p, self->len, 11, 3);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 12));
	munmap(p, self->len);
}

/* Someone else filled the swap area before. */
TEST_F(swapdev, full)
{
	size_t hog_len = 16 * SM_MIB;
	char *hog = sm_map(hog_len);
	long ret, left, no_room;

	ASSERT_EQ(0, sm_swap_on(SM_SWAP_ZRAM, 8 * SM_MIB));
	sm_fill_on(hog, hog_len, 4, 2);
	madvise(hog, hog_len, MADV_PAGEOUT);
	madvise(hog, hog_len, MADV_PAGEOUT);
	ASSERT_GT(512, sm_meminfo_kib("SwapFree"));
	sm_fill_on(self->buf, self->len, 5, 0);
	no_room = sm_read_long(NO_ROOM);
	ret = MIGRATE();
	no_room = sm_read_long(NO_ROOM) - no_room;
	left = sm_on(0, self->buf, self->len, 0);
	EXPECT_LT(self->pages / 2, left);
	EXPECT_LE(left, ret);
	/* And no more than the call says, which knows of other memory as well */
	EXPECT_LE(left, no_room);
	EXPECT_GE(ret, no_room);
	EXPECT_EQ(-EIO, BIND(1));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 5));
	EXPECT_EQ(0, sm_bad(hog, hog_len, 4));
	EXPECT_TRUE(sm_isolated_settles());
	munmap(hog, hog_len);
}

/* The area fills up in the middle of a request. */
TEST_F(swapdev, full_half_way)
{
	size_t len = 16 * SM_MIB;
	char *p = sm_map(len);
	struct sm_count c;
	long ret;

	ASSERT_EQ(0, sm_swap_on(SM_SWAP_ZRAM, 8 * SM_MIB));
	sm_fill_on(p, len, 6, 0);
	ret = MIGRATE();
	ASSERT_EQ(0, sm_count(0, p, len, &c));
	/* Some went, the rest stayed, and the number is right. */
	EXPECT_LT(0, c.swapped);
	EXPECT_LT(0, c.node[0]);
	EXPECT_EQ(SM_PAGES(len), c.swapped + c.node[0]);
	EXPECT_LE(c.node[0], ret);
	EXPECT_GE(c.node[0] + 512, ret);
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(p, len, 6));
	EXPECT_EQ(c.swapped, sm_on(0, p, len, 1));
	/* All of it is in memory now: a later request moves more. */
	EXPECT_LE(0, MIGRATE());
	EXPECT_GT(c.node[0], sm_on(0, p, len, 0));
	EXPECT_EQ(0, sm_bad(p, len, 6));
	EXPECT_TRUE(sm_isolated_settles());
	munmap(p, len);
}

/* Every write fails: everything stays, and can be moved once it works again. */
TEST_F(swapdev, failing)
{
	if (access(SM_ZRAM, F_OK))
		SKIP(return, "needs CONFIG_ZRAM");
	printf("# EXPECT-LOG [Ww]rite-error on swap-device\n");
	fflush(stdout);
	self->len = SM_MIB;
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_ZRAM, 0));
	sm_fill_on(self->buf, self->len, 7, 0);
	/* It may use one page, and needs more for anything. */
	ASSERT_EQ(0, sm_write(SM_ZRAM_SYS("mem_limit"), "%lu", SM_PAGE));
	EXPECT_LE(SM_PAGES(self->len), MIGRATE());
	EXPECT_EQ(-EIO, BIND(1));
	sm_run_on_node(1);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 7));
	EXPECT_ON(0, self->buf, self->len);
	EXPECT_TRUE(sm_isolated_settles());
	ASSERT_EQ(0, sm_mbind(self->buf, self->len, MPOL_DEFAULT, 0, 0));
	ASSERT_EQ(0, sm_write(SM_ZRAM_SYS("mem_limit"), "0"));
	EXPECT_MOVES(self->buf, self->len, 7, true);
	self->len = 4 * SM_MIB;
}

/* The same with shared memory, whose slots no page table has. */
TEST_F(swapdev, failing_shmem)
{
	size_t len = SM_MIB;
	char *p = sm_map_shared(len);
	long ret;

	if (access(SM_ZRAM, F_OK))
		SKIP(return, "needs CONFIG_ZRAM");
	printf("# EXPECT-LOG [Ww]rite-error on swap-device\n");
	fflush(stdout);
	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_ZRAM, 0));
	sm_fill_on(p, len, 9, 0);
	ASSERT_EQ(0, sm_write(SM_ZRAM_SYS("mem_limit"), "%lu", SM_PAGE));
	/* Once each, and a few of what else this process has */
	ret = MIGRATE();
	EXPECT_LE(SM_PAGES(len), ret);
	EXPECT_GT(2 * SM_PAGES(len), ret);
	/* Also when nobody has touched them since */
	EXPECT_LE(SM_PAGES(len), MIGRATE());
	EXPECT_EQ(-EIO, sm_mbind(p, len, MPOL_BIND, SM_NODE(1),
				 MPOL_MF_MOVE | MPOL_MF_STRICT));
	sm_run_on_node(1);
	EXPECT_EQ(0, sm_bad(p, len, 9));
	EXPECT_ON(0, p, len);
	EXPECT_TRUE(sm_isolated_settles());
	ASSERT_EQ(0, sm_write(SM_ZRAM_SYS("mem_limit"), "0"));
	EXPECT_EQ(0, MIGRATE());
	EXPECT_MOVED(p, len, 1, 0, 9, false);
	munmap(p, len);
}

/* The third field of its mm_stat: memory used, in KiB */
static long zram_used(void)
{
	char line[256];
	long used;

	if (sm_read(SM_ZRAM_SYS("mm_stat"), line, sizeof(line)) < 0 ||
	    sscanf(line, "%*u %*u %ld", &used) != 1)
		return -1;
	return used / 1024;
}

static long zswap_used(void)
{
	return sm_meminfo_kib("Zswap");
}

/*
 * Memory leaves node 0 at the hands of a CPU of node 0. The node must gain
 * clearly more than it would with the copies on it, and node 1 pay for them.
 */
static void copies_follow(struct __test_metadata *_metadata,
			  long (*used)(void))
{
	long kib = 64 * 1024, copies, gain, cost;
	size_t len = kib * 1024;
	char *p = sm_map(len);

	ASSERT_NE(NULL, p);
	sm_trim_pcp(true);
	sm_run_on_node(0);
	sm_fill_on(p, len, 8, 0);
	copies = used();
	gain = sm_node_kib(0, "MemFree");
	cost = sm_node_kib(1, "MemFree");
	EXPECT_EQ(0, MIGRATE());
	copies = used() - copies;
	gain = sm_node_kib(0, "MemFree") - gain;
	cost -= sm_node_kib(1, "MemFree");
	sm_alive("KiB of compressed copies", copies);
	EXPECT_SWAPPED(p, len);
	EXPECT_LT(kib / 4, copies);
	EXPECT_GT(kib * 3 / 4, copies);
	EXPECT_LT(kib - copies / 2, gain) {
		TH_LOG("%ld KiB of copies cost node 1 %ld KiB", copies, cost);
	}
	EXPECT_LT(copies / 2, cost);
	EXPECT_EQ(0, sm_bad(p, len, 8));
	EXPECT_ON(1, p, len);
	sm_trim_pcp(false);
	munmap(p, len);
}

TEST_F(swapdev, copies_in_zram_follow)
{
	if (access(SM_ZRAM, F_OK))
		SKIP(return, "needs CONFIG_ZRAM");
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_ZRAM, 128 * SM_MIB));
	copies_follow(_metadata, zram_used);
}

TEST_F(swapdev, copies_in_zswap_follow)
{
	if (sm_write(SM_ZSWAP, "Y"))
		SKIP(return, "needs CONFIG_ZSWAP");
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	copies_follow(_metadata, zswap_used);
}

/* No room on the target at the time of the touch: elsewhere, but intact. */
TEST_F(swapdev, no_room_when_it_comes_back)
{
	const int target = SM_NODES - 1;
	size_t len = 32 * SM_MIB;
	char *p = sm_map(len);
	long hogged, left, elsewhere;
	struct sm_count c;

	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	sm_fill_on(p, len, 10, 0);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(target)));
	EXPECT_SWAPPED(p, len);
	hogged = sm_hog(target, SM_MIB);
	left = sm_node_kib(target, "MemFree");
	if (hogged <= 0 || left >= (long)(len / 1024)) {
		sm_huge(target, 0);
		SKIP(return, "needs node %d full: %ld huge pages, %ld KiB free",
		     target, hogged, left);
	}
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(p, len, 10));
	/* With memory so short, reclaim may have taken some again. */
	ASSERT_EQ(0, sm_count(0, p, len, &c));
	EXPECT_EQ(0, c.none);
	elsewhere = SM_PAGES(len) - c.swapped - c.node[target];
	EXPECT_EQ(0, sm_huge(target, 0));
	EXPECT_EQ(0, sm_bad(p, len, 10));
	munmap(p, len);
	if (!elsewhere && __test_passed(_metadata))
		SKIP(return, "reclaim made room on node %d: %ld pages there, %ld in swap",
		     target, c.node[target], c.swapped);
}
