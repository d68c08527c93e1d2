// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to a node that is full: the first call places every page, and not
 * one goes to swap.
 */
#include "swapmig_displace.h"

/* Two processes change places on whole nodes. */
FIXTURE(exchange)
{
	size_t len;
	long min_free;
};

FIXTURE_VARIANT(exchange)
{
	enum sm_swap swap;
	bool full;		/* as far as the watermarks let one */
};

FIXTURE_VARIANT_ADD(exchange, no_swap)
{
	.swap = SM_SWAP_NONE,
	.full = false,
};

FIXTURE_VARIANT_ADD(exchange, disk)
{
	.swap = SM_SWAP_DISK,
	.full = false,
};

FIXTURE_VARIANT_ADD(exchange, full_no_swap)
{
	.swap = SM_SWAP_NONE,
	.full = true,
};

FIXTURE_VARIANT_ADD(exchange, full_disk)
{
	.swap = SM_SWAP_DISK,
	.full = true,
};

FIXTURE_SETUP(exchange)
{
	self->min_free = sm_read_long(MIN_FREE);
	if (displace_lacks(2))
		return;
	/* With huge pages the kernel keeps more than 3 % free. */
	if (variant->full)
		ASSERT_EQ(0, sm_write(MIN_FREE, "8192"));
	ASSERT_EQ(0, sm_swap_on(variant->swap, 0));
	self->len = full_begin(2, sm_scale(100) < 100 ? 128 * SM_MIB : 0);
	/* Beyond that the filling itself may wake kswapd, which uses swap. */
	self->len = part(self->len, variant->full ? 98 : 80);
}

FIXTURE_TEARDOWN(exchange)
{
	full_end(2);
	EXPECT_EQ(0, sm_swap_off());
	EXPECT_EQ(0, sm_write(MIN_FREE, "%ld", self->min_free));
}

TEST_F(exchange, migrate_pages)
{
	struct sm_peer a, b;
	struct quiet q;

	NEED_DISPLACE(return, 2);
	START(&a, self->len, 0, 1);
	START(&b, self->len, 1, 2);
	quiet_begin(&q);
	EXPECT_EQ(0, MOVE(&a, 0, 1));
	EXPECT_EQ(SM_PAGES(a.len), ON(&a, 1)) {
		TH_LOG("%s", full_where());
		TH_LOG("B: %s", WHERE(&b));
	}
	EXPECT_ABOVE_LOW(1);
	EXPECT_EQ(0, MOVE(&b, 1, 0));
	EXPECT_QUIET(&q);
	EXPECT_ABOVE_LOW(0);
	EXPECT_HOME(&a, 1, 1);
	EXPECT_HOME(&b, 0, 2);
	EXPECT_TRUE(sm_isolated_settles());
	STOP(&a);
	STOP(&b);
}

/* Everything else, on nodes that huge pages make small */
FIXTURE(displace)
{
	size_t len;
	long nap;
};

#define KHUGEPAGED_NAP	\
	"/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs"

FIXTURE_SETUP(displace)
{
	/* What was split is not to be collapsed again, which reclaims. */
	self->nap = sm_read_long(KHUGEPAGED_NAP);
	if (self->nap > 0)
		sm_write(KHUGEPAGED_NAP, "3600000");
	if (displace_lacks(4))
		return;
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	self->len = full_begin(4, 48 * SM_MIB);
	ASSERT_LT(16 * SM_MIB, self->len);
}

FIXTURE_TEARDOWN(displace)
{
	if (self->nap > 0)
		sm_write(KHUGEPAGED_NAP, "%ld", self->nap);
	full_end(4);
	EXPECT_EQ(0, sm_swap_off());
}

TEST_F(displace, mbind)
{
	size_t len = part(self->len, 80);
	int flags = MPOL_MF_MOVE | MPOL_MF_STRICT;
	struct sm_peer a, b;
	struct quiet q;

	NEED_DISPLACE(return, 4);
	START(&a, len, 0, 1);
	START(&b, len, 1, 2);
	quiet_begin(&q);
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_MBIND, SM_NODE(1), flags));
	EXPECT_HOME(&a, 1, 1);
	EXPECT_INTACT(&b, 0, 1, 2);
	EXPECT_EQ(0, sm_peer(&b, SM_ORD_MBIND, SM_NODE(0), flags));
	EXPECT_HOME(&b, 0, 2);
	EXPECT_HOME(&a, 1, 1);
	EXPECT_QUIET(&q);
	STOP(&a);
	STOP(&b);
}

/* Pages that somebody else, as kcompactd, had isolated when their turn came */
static long status_busy(struct sm_peer *p, const int *status)
{
	long i, busy = 0;

	for (i = 0; i < SM_PAGES(p->len); i++)
		busy += status[i] == -EBUSY;
	return busy;
}

/* Pages whose status is not the node that they are on */
static long status_lies(struct sm_peer *p, const int *status)
{
	long i, lies = 0;

	for (i = 0; i < SM_PAGES(p->len); i++)
		lies += status[i] != -EBUSY &&
			status[i] != sm_page(p->pid, p->buf + i * SM_PAGE);
	return lies;
}

/* The call looks at a page once, so busy ones take another call. */
static long move_pages_to(struct sm_peer *p, int node, int *status)
{
	long ret;
	int calls = 0;

	do {
		ret = sm_move_pages(p->pid, p->buf, p->len, node, status);
	} while (!ret && status_busy(p, status) && ++calls < 4);
	return ret;
}

TEST_F(displace, move_pages)
{
	size_t len = part(self->len, 80);
	struct sm_peer a, b;
	struct quiet q;
	int *status;

	NEED_DISPLACE(return, 4);
	status = calloc(SM_PAGES(len), sizeof(*status));
	ASSERT_NE(NULL, status);
	START(&a, len, 0, 1);
	START(&b, len, 1, 2);
	quiet_begin(&q);
	EXPECT_EQ(0, move_pages_to(&a, 1, status));
	EXPECT_HOME(&a, 1, 1);
	EXPECT_EQ(0, status_lies(&a, status));
	EXPECT_EQ(0, move_pages_to(&b, 0, status));
	EXPECT_HOME(&b, 0, 2);
	EXPECT_EQ(0, status_lies(&b, status));
	EXPECT_HOME(&a, 1, 1);
	EXPECT_QUIET(&q);
	STOP(&a);
	STOP(&b);
	free(status);
}

/* Half of the target is bound: what did not fit has its old node as status. */
TEST_F(displace, move_pages_in_part)
{
	size_t len = part(self->len, 80);
	struct sm_peer a, b;
	int *status;
	long ret;

	NEED_DISPLACE(return, 4);
	ASSERT_EQ(0, sm_swap_off());
	status = calloc(SM_PAGES(len), sizeof(*status));
	ASSERT_NE(NULL, status);
	START(&b, len, 1, 2);
	ASSERT_EQ(0, sm_peer_part(&b, 0, part(len, 50)));
	ASSERT_EQ(0, sm_peer(&b, SM_ORD_MBIND, SM_NODE(1), 0));
	ASSERT_EQ(0, sm_peer_part(&b, 0, len));
	START(&a, len, 0, 1);
	ret = sm_move_pages(a.pid, a.buf, len, 1, status);
	EXPECT_LT(0, ret);
	EXPECT_EQ(SM_PAGES(len) - ON(&a, 1), ret + status_busy(&a, status)) {
		TH_LOG("%s", WHERE(&a));
	}
	EXPECT_LT(SM_PAGES(len) / 2, ON(&a, 1));
	EXPECT_EQ(0, status_lies(&a, status));
	EXPECT_INTACT(&a, 0, 1, 1);
	EXPECT_INTACT(&b, 0, 1, 2);
	STOP(&a);
	STOP(&b);
	free(status);
}

/* Reads @len bytes of a disk into page cache on @node; a descriptor. */
static int fill_cache(int node, size_t len)
{
	int fd = open("/dev/vdc", O_RDONLY);
	static char buf[SM_MIB];
	size_t done;

	sm_set_mempolicy(MPOL_BIND, SM_NODE(node));
	for (done = 0; fd >= 0 && done + sizeof(buf) <= len;
	     done += sizeof(buf))
		if (pread(fd, buf, sizeof(buf), done) != sizeof(buf))
			break;
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	return fd;
}

/* Clean cache is dropped: it does not turn up on the other node. */
TEST_F(displace, clean_page_cache)
{
	size_t len = part(self->len, 80);
	long source, target;
	struct sm_peer a;
	struct quiet q;
	int fd;

	NEED_DISPLACE(return, 4);
	target = sm_node_kib(1, "FilePages");
	fd = fill_cache(1, self->len);
	if (fd < 0)
		SKIP(return, "needs a disk, /dev/vdc");
	START(&a, len, 0, 1);
	source = sm_node_kib(0, "FilePages");
	EXPECT_LT((long)len / 1024, sm_node_kib(1, "FilePages") - target);
	EXPECT_ABOVE_LOW(1);
	quiet_begin(&q);
	EXPECT_EQ(0, MOVE(&a, 0, 1));
	EXPECT_ABOVE_LOW(1);
	EXPECT_HOME(&a, 1, 1);
	EXPECT_GT(source + (long)(self->len / 4) / 1024,
		  sm_node_kib(0, "FilePages"));
	EXPECT_GT(target + (long)(self->len / 2) / 1024,
		  sm_node_kib(1, "FilePages"));
	EXPECT_QUIET(&q);
	STOP(&a);
	close(fd);
}

/* Both write all the time, and check what they wrote. */
TEST_F_TIMEOUT(displace, hot_writers, 390)
{
	int rounds = sm_scale(100) < 100 ? 4 : 100, i, on = 0;
	size_t len = part(self->len, 80) / 2;
	struct sm_peer a, b, filler[2];
	long missed = 0;
	struct quiet q;

	NEED_DISPLACE(return, 4);
	for (i = 0; i < 2; i++) {
		START(&filler[i], part(self->len, 50), i, 3);
		ASSERT_EQ(0, sm_peer(&filler[i], SM_ORD_MBIND, SM_NODE(i), 0));
	}
	START(&a, len, 0, 1);
	START(&b, len, 1, 2);
	quiet_begin(&q);
	ASSERT_EQ(0, sm_peer_tell(&a, SM_ORD_BUSY, true, 0, 1));
	ASSERT_EQ(0, sm_peer_tell(&b, SM_ORD_BUSY, true, 0, 2));
	for (i = 0; i < rounds; i++, on = !on) {
		missed += labs(MOVE(&a, on, !on));
		missed += labs(MOVE(&b, !on, on));
	}
	EXPECT_EQ(0, missed);
	EXPECT_EQ(0, sm_peer_idle(&a));
	EXPECT_EQ(0, sm_peer_idle(&b));
	EXPECT_HOME(&a, on, 1);
	EXPECT_HOME(&b, !on, 2);
	EXPECT_QUIET(&q);
	for (i = 0; i < 2; i++) {
		EXPECT_HOME(&filler[i], i, 3);
		STOP(&filler[i]);
	}
	STOP(&a);
	STOP(&b);
}

/* Where small pages were there is no room for a huge one: it is split. */
TEST_F(displace, thp_onto_small_pages)
{
	size_t len = part(self->len, 80) / SM_THP * SM_THP;
	struct sm_peer a, b;
	struct quiet q;
	char *map;

	NEED_DISPLACE(return, 4);
	map = sm_map(len + SM_THP);
	ASSERT_NE(NULL, map);
	map = (char *)(((uintptr_t)map + SM_THP - 1) & ~(SM_THP - 1));
	if (madvise(map, len, MADV_HUGEPAGE))
		SKIP(return, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	/* For a huge page the fault itself may wake kswapd, which uses swap. */
	EXPECT_EQ(0, sm_swap_off());
	START(&b, part(self->len, 90), 1, 2);
	ASSERT_EQ(0, sm_peer_start(&a, map, len));
	ASSERT_EQ(0, sm_peer(&a, SM_ORD_FILL, 0, 1));
	if (sm_smaps_kib(a.pid, map, "AnonHugePages:") * 1024 < (long)len / 2)
		SKIP(return, "huge pages were not to be had");
	quiet_begin(&q);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	quiet_begin(&q);
	EXPECT_EQ(0, MOVE(&a, 0, 1));
	EXPECT_QUIET(&q);
	EXPECT_HOME(&a, 1, 1);
	EXPECT_INTACT(&b, 0, 1, 2);
	STOP(&a);
	STOP(&b);
}
