// SPDX-License-Identifier: GPL-2.0
/*
 * Transparent huge pages and hugetlb pages.
 */
#include "swapmig_harness.h"

#define THP_ENABLED "/sys/kernel/mm/transparent_hugepage/enabled"
#define HUGE_NODE "/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/"

FIXTURE(kinds_big)
{
	char *map;
	char *buf;
	size_t len;
	long pages;
	char old_thp[64];
};

FIXTURE_VARIANT(kinds_big)
{
	bool mbind;
	enum sm_swap swap;
};

FIXTURE_VARIANT_ADD(kinds_big, migrate_pages)
{
	.mbind = false,
	.swap = SM_SWAP_DISK,
};

FIXTURE_VARIANT_ADD(kinds_big, mbind)
{
	.mbind = true,
	.swap = SM_SWAP_DISK,
};

/* A device without seek time takes huge pages whole. */
FIXTURE_VARIANT_ADD(kinds_big, migrate_pages_zram)
{
	.mbind = false,
	.swap = SM_SWAP_ZRAM,
};

FIXTURE_SETUP(kinds_big)
{
	self->len = sm_scale(4) * SM_THP;
	self->pages = SM_PAGES(self->len);
	self->map = sm_map(self->len + SM_THP);
	ASSERT_NE(NULL, self->map);
	self->buf = (char *)(((uintptr_t)self->map + SM_THP - 1) &
			     ~(SM_THP - 1));
	ASSERT_EQ(0, sm_swap_on(variant->swap, 0));
}

FIXTURE_TEARDOWN(kinds_big)
{
	int node;

	munmap(self->map, self->len + SM_THP);
	for (node = 0; node < 2; node++)
		sm_unhog(node);
	EXPECT_EQ(0, sm_swap_off());
}

static long move(const struct _test_data_kinds_big *self, bool by_mbind,
		 void *buf, size_t len)
{
	long ret;

	(void)self;
	if (!by_mbind)
		return sm_migrate(0, SM_NODE(0), SM_NODE(1));
	ret = sm_mbind(buf, len, MPOL_BIND, SM_NODE(1),
		       MPOL_MF_MOVE_ALL | MPOL_MF_STRICT);
	return ret == -EIO ? 1 : ret;
}

static bool thp_on(char *buf, size_t len)
{
	char now[64];

	if (sm_read(THP_ENABLED, now, sizeof(now)) < 0 || strstr(now, "[never]"))
		return false;
	return !madvise(buf, len, MADV_HUGEPAGE);
}

TEST_F(kinds_big, thp)
{
	long swpout = sm_vmstat("thp_swpout");

	NEED_NODES(return, 2);
	if (!thp_on(self->buf, self->len))
		SKIP(return, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	sm_fill_on(self->buf, self->len, 1, 0);
	if (sm_smaps_kib(0, self->buf, "AnonHugePages:") * 1024 !=
	    (long)self->len)
		SKIP(return, "no huge page was to be had");
	EXPECT_EQ(0, move(self, variant->mbind, self->buf, self->len));
	if (sm_has_engine("direct")) {
		/* Whole */
		EXPECT_EQ((long)self->len,
			  sm_smaps_kib(0, self->buf, "AnonHugePages:") * 1024);
	} else if (variant->swap == SM_SWAP_ZRAM) {
		EXPECT_EQ(swpout + (long)(self->len / SM_THP),
			  sm_vmstat("thp_swpout"));
	}
	EXPECT_MOVED(self->buf, self->len, 1, 0, 1, true);
}

/* A huge page that is mapped in pieces, of which some are gone. */
TEST_F(kinds_big, thp_in_pieces)
{
	size_t off;

	NEED_NODES(return, 2);
	if (!thp_on(self->buf, self->len))
		SKIP(return, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	sm_fill_on(self->buf, self->len, 2, 0);
	for (off = 0; off < self->len; off += SM_THP)
		ASSERT_EQ(0, madvise(self->buf + off, SM_PAGE, MADV_DONTNEED));
	EXPECT_EQ(0, move(self, variant->mbind, self->buf, self->len));
	/*
	 * All but those that are gone: khugepaged may have filled them in, and
	 * the split made zero pages of them, which may be anywhere.
	 */
	for (off = 0; off < self->len; off += SM_THP)
		EXPECT_EQ(0, sm_on(0, self->buf + off + SM_PAGE,
				   SM_THP - SM_PAGE, 0)) {
			TH_LOG("%s", sm_where(0, self->buf, self->len));
		}
	sm_run_on_node(0);
	EXPECT_EQ((long)(self->len / SM_THP), sm_bad(self->buf, self->len, 2));
	/* Those that were gone came back as zero pages. */
	for (off = 0; off < self->len; off += SM_THP)
		EXPECT_EQ(0, self->buf[off]);
	for (off = 0; off < self->len; off += SM_THP)
		EXPECT_EQ(SM_PAGES(SM_THP) - 1,
			  sm_on(0, self->buf + off + SM_PAGE, SM_THP - SM_PAGE,
				1)) {
			TH_LOG("%s", sm_where(0, self->buf, self->len));
		}
}

/* Huge pages that a child shares. */
TEST_F(kinds_big, thp_shared)
{
	struct sm_peer peer;

	NEED_NODES(return, 2);
	if (!thp_on(self->buf, self->len))
		SKIP(return, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	sm_fill_on(self->buf, self->len, 3, 0);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	EXPECT_EQ(0, move(self, variant->mbind, self->buf, self->len));
	EXPECT_EQ(0, sm_on(peer.pid, self->buf, self->len, 0));
	EXPECT_MOVED(self->buf, self->len, 1, 0, 3, true);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 3));
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

static bool reserve_huge(int node, int nr)
{
	char path[128];

	snprintf(path, sizeof(path), HUGE_NODE "nr_hugepages", node);
	return !sm_write(path, "%d", nr) && sm_read_long(path) >= nr;
}

/* hugetlb: direct moves them, swapout leaves them and says so. */
TEST_F(kinds_big, hugetlb)
{
	bool direct = sm_has_engine("direct");
	size_t len = 2 * SM_THP;
	char *p;

	NEED_NODES(return, 2);
	if (access("/proc/sys/vm/nr_hugepages", W_OK))
		SKIP(return, "needs CONFIG_HUGETLBFS");
	if (!reserve_huge(0, 2) || !reserve_huge(1, 2))
		SKIP(return, "no huge pages could be reserved");
	sm_set_mempolicy(MPOL_BIND, SM_NODE(0));
	p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	sm_fill(p, len, 4);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	ASSERT_EQ(SM_PAGES(len), sm_on(0, p, len, 0));
	EXPECT_EQ(direct ? 0 : variant->mbind ? 1 : 2,
		  move(self, variant->mbind, p, len));
	EXPECT_EQ(SM_PAGES(len), sm_on(0, p, len, direct)) {
		TH_LOG("%s", sm_where(0, p, len));
	}
	EXPECT_EQ(0, sm_bad(p, len, 4));
	munmap(p, len);
}

/* hugetlb pages are left alone, what lies beside them moves. */
TEST_F(kinds_big, hugetlb_beside_others)
{
	bool direct = sm_has_engine("direct");
	size_t small = SM_MIB;
	char *p;

	NEED_NODES(return, 2);
	if (access("/proc/sys/vm/nr_hugepages", W_OK))
		SKIP(return, "needs CONFIG_HUGETLBFS");
	if (!reserve_huge(0, 1) || !reserve_huge(1, 1))
		SKIP(return, "no huge pages could be reserved");
	sm_set_mempolicy(MPOL_BIND, SM_NODE(0));
	p = mmap(NULL, SM_THP, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	sm_fill(p, SM_THP, 5);
	sm_fill(self->buf, small, 6);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	EXPECT_EQ(direct ? 0 : 1, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_MOVED(self->buf, small, 1, 0, 6, true);
	EXPECT_EQ(SM_PAGES(SM_THP), sm_on(0, p, SM_THP, direct));
	EXPECT_EQ(0, sm_bad(p, SM_THP, 5));
	munmap(p, SM_THP);
}
