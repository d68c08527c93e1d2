// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to full nodes by who has huge pages: they move whole where that is possible,
 * and are split, and moved, where it is not.
 */
#include "swapmig_displace.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROOM	(48 * SM_MIB)

/* What cannot be split, and shares a batch with small pages */
#define LARGE_FILE(file) \
	"/sys/kernel/mm/transparent_hugepage/hugepages-512kB/" file
#define LARGE	(SM_MIB / 2)

FIXTURE(huge)
{
	struct sm_peer a, b;
	struct quiet q;
};

FIXTURE_SETUP(huge)
{
	FULL_BEGIN(SM_SWAP_DISK, SM_NODES, ROOM);
}

FIXTURE_TEARDOWN(huge)
{
	FULL_END(&self->a, &self->b);
	sm_write(LARGE_FILE("enabled"), "never");
}

/* Huge pages of a process, in bytes */
static size_t huge_of(const struct sm_peer *p)
{
	long kib = sm_smaps_kib(p->pid, p->buf, "AnonHugePages:");

	return kib > 0 ? kib * 1024 : 0;
}

/* A process with huge pages; the fault itself may reclaim for them */
#define START_HUGE(...) start_huge(_metadata, __VA_ARGS__)

static void start_huge(struct __test_metadata *_metadata, struct sm_peer *p,
		       size_t len, int node, __u64 seed)
{
	char *map = sm_map(len + SM_HUGE);
	int tries;

	ASSERT_NE(NULL, map);
	map = (char *)(((uintptr_t)map + SM_HUGE - 1) & -SM_HUGE);
	ASSERT_EQ(0, madvise(map, len, MADV_HUGEPAGE));
	ASSERT_EQ(0, sm_peer_start(p, map, len));
	/* A node that is nearly full may lack some at first */
	for (tries = 0; tries < 5 && huge_of(p) < len; tries++) {
		ASSERT_EQ(0, sm_peer(p, SM_ORD_FREE, 0, 0));
		ASSERT_EQ(0, sm_write("/proc/sys/vm/compact_memory", "1"));
		ASSERT_EQ(0, sm_peer(p, SM_ORD_FILL, node, seed));
	}
	ASSERT_EQ(SM_PAGES(len), ON(p, node));
	ASSERT_LT(0, huge_of(p));
}

/* Most of what a process has: what is among many fragments does not stay huge */
static bool is_huge(const struct sm_peer *p)
{
	return huge_of(p) >= p->len / 4 * 3;
}

static void make_way(struct __test_metadata *_metadata, struct _test_data_huge *self)
{
	START(&self->b, sm_part(ROOM, 90), 1, 2);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	quiet_begin(&self->q);
	EXPECT_ALL_MOVE(&self->a, 0, 1);
	EXPECT_QUIET(&self->q);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_INTACT(&self->b, SM_NODE(0) | SM_NODE(1), 2);
}

/* Pages of others make room for huge ones. */
TEST_F(huge, pages)
{
	ASSERT_EQ(0, sm_swap_off());
	START_HUGE(&self->a, sm_part(ROOM, 70) / SM_HUGE * SM_HUGE, 0, 1);
	make_way(_metadata, self);
	EXPECT_LT(0, huge_of(&self->a));
}

/*
 * Of all that is on the node only a few huge pages may go, for which the other one has
 * no room; and for what is only preferred none is split for that. The call ends.
 */
TEST_F(huge, preferred)
{
	const int flags = MPOL_MF_MOVE | MPOL_MF_STRICT;
	struct sm_peer filler[2];
	size_t huge;
	int i;

	ASSERT_EQ(0, sm_swap_off());
	START_HUGE(&self->b, 2 * SM_HUGE, 1, 2);
	START(&self->a, 100 * SM_PAGE, 0, 1);
	huge = huge_of(&self->b);
	for (i = 0; i < 2; i++) {
		long room = sm_zone_room(i, "low") - (i ? 0 : 150);

		ASSERT_LT(0, room);
		START(&filler[i], room * SM_PAGE, i, 3);
		ASSERT_EQ(0, sm_peer(&filler[i], SM_ORD_MBIND, SM_NODE(i), 0));
	}
	EXPECT_LE(-EIO, sm_peer(&self->a, SM_ORD_PREFER, SM_NODE(1), flags));
	EXPECT_INTACT(&self->a, ~0UL, 1);
	EXPECT_INTACT(&self->b, ~0UL, 2);
	if (sm_zone_room(0, "low") < (long)SM_PAGES(SM_HUGE))
		EXPECT_LE(huge, huge_of(&self->b));
	for (i = 0; i < 2; i++) {
		EXPECT_HOME(&filler[i], i, 3);
		EXPECT_EQ(0, sm_peer_stop(&filler[i]));
	}
}

/* They change places whole, also several times. */
TEST_F(huge, exchange)
{
	size_t len = sm_part(ROOM, 80) / SM_HUGE * SM_HUGE;
	int round, at = 0;

	ASSERT_EQ(0, sm_swap_off());
	START_HUGE(&self->a, len, 0, 1);
	START_HUGE(&self->b, len, 1, 2);
	if (!is_huge(&self->a) || !is_huge(&self->b))
		SKIP(return, "needs nodes with few fragments");
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	quiet_begin(&self->q);
	for (round = 0; round < 4; round++, at = !at) {
		EXPECT_ALL_MOVE(&self->a, at, !at);
		EXPECT_ALL_MOVE(&self->b, !at, at);
	}
	EXPECT_QUIET(&self->q);
	/* Most of them, after eight moves among fragments */
	EXPECT_LE(len, huge_of(&self->a) + huge_of(&self->b));
	EXPECT_HOME(&self->a, at, 1);
	EXPECT_HOME(&self->b, !at, 2);
}

/* Two with huge pages change places, where nodes have no more than a hole. */
static void huge_hole(struct __test_metadata *_metadata, struct _test_data_huge *self,
		      long hole)
{
	size_t len = sm_part(ROOM, 60) / SM_HUGE * SM_HUGE;
	struct sm_peer filler[2];
	int i;

	ASSERT_EQ(0, sm_swap_off());
	START_HUGE(&self->a, len, 0, 1);
	START_HUGE(&self->b, len, 1, 2);
	for (i = 0; i < 2; i++) {
		long room = sm_zone_room(i, "low") - hole / (long)SM_PAGE;

		ASSERT_LT(0, room);
		START(&filler[i], room * SM_PAGE, i, 3);
		ASSERT_EQ(0, sm_peer(&filler[i], SM_ORD_MBIND, SM_NODE(i), 0));
	}
	EXCHANGE(&self->a, &self->b, 0);
	for (i = 0; i < 2; i++) {
		EXPECT_HOME(&filler[i], i, 3);
		EXPECT_EQ(0, sm_peer_stop(&filler[i]));
	}
}

/* There is room for one, but for what has to stay free. */
TEST_F(huge, small_hole)
{
	huge_hole(_metadata, self, 11 * SM_MIB / 4);
}

/* The hole is smaller than a huge page, until some are split. */
TEST_F(huge, smaller_hole)
{
	huge_hole(_metadata, self, 9 * SM_MIB / 4);
}

/*
 * Either of two nodes will do, and there is room for one of the two huge pages: others make
 * way for the second, which may stay whole if compaction gets on with what they leave.
 */
TEST_F(huge, bound_to_two)
{
	const long hole[] = { 15 * SM_MIB / 4, 11 * SM_MIB / 4 };
	struct sm_peer filler[2];
	int i;

	ASSERT_EQ(0, sm_swap_off());
	START_HUGE(&self->a, 2 * SM_HUGE, 0, 1);
	for (i = 0; i < 2; i++) {
		long room = sm_zone_room(i + 1, "low") - hole[i] / (long)SM_PAGE;

		ASSERT_LT(0, room);
		START(&filler[i], room * SM_PAGE, i + 1, 2);
	}
	EXPECT_EQ(0, sm_peer(&self->a, SM_ORD_MBIND, SM_NODE(1) | SM_NODE(2),
			     MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_INTACT(&self->a, SM_NODE(1) | SM_NODE(2), 1);
	for (i = 0; i < 2; i++) {
		EXPECT_INTACT(&filler[i], SM_NODE(0) | SM_NODE(i + 1), 2);
		EXPECT_EQ(0, sm_peer_stop(&filler[i]));
	}
}

/* Where there is no room for a huge page it is split, and placed. */
TEST_F(huge, among_fragments)
{
	size_t huge;

	ASSERT_EQ(0, sm_swap_off());
	START_HUGE(&self->a, sm_part(ROOM, 70) / SM_HUGE * SM_HUGE, 0, 1);
	if (!is_huge(&self->a))
		SKIP(return, "needs a node with few fragments");
	huge = huge_of(&self->a);
	ASSERT_TRUE(sm_fragment(1));
	make_way(_metadata, self);
	EXPECT_GT(huge, huge_of(&self->a));
}

/*
 * Somebody holds a large page, so that it cannot be split, and there is no block for it
 * on the node: the small ones that come after it have room, and move, but for one that
 * is held as well, and stays for that reason.
 */
TEST_F(huge, held)
{
	enum { SMALL = 16 };
	const size_t len = LARGE + SMALL * SM_PAGE;
	int pipefd[2], nodes[SMALL + 1], status[SMALL + 1], i;
	char *map = sm_map(len + LARGE), *buf;
	void *pages[SMALL + 1];
	long large;

	ASSERT_NE(NULL, map);
	if (access(LARGE_FILE("stats/nr_anon"), R_OK))
		SKIP(return, "needs huge pages of 512 KiB, and their nr_anon");
	ASSERT_EQ(0, sm_swap_off());
	ASSERT_TRUE(sm_fragment(1));
	START(&self->b, (sm_zone_room(1, "low") - 1024) * SM_PAGE, 1, 2);
	ASSERT_EQ(0, sm_peer(&self->b, SM_ORD_MBIND, SM_NODE(1), 0));

	/* Not before: with who is forked they would be shared */
	buf = (char *)(((uintptr_t)map + LARGE - 1) & -LARGE);
	large = sm_read_long(LARGE_FILE("stats/nr_anon"));
	ASSERT_EQ(0, sm_write(LARGE_FILE("enabled"), "madvise"));
	ASSERT_EQ(0, madvise(buf, LARGE, MADV_HUGEPAGE));
	sm_fill_on(buf, len, 1, 0);
	if (sm_read_long(LARGE_FILE("stats/nr_anon")) != large + 1)
		SKIP(return, "needs a node with few fragments");
	ASSERT_EQ(0, sm_vmsplice(buf + LARGE - SM_PAGE, 2 * SM_PAGE, pipefd));
	for (i = 0; i <= SMALL; i++) {
		pages[i] = i ? buf + LARGE + (i - 1) * SM_PAGE : buf;
		nodes[i] = 1;
	}
	EXPECT_EQ(2, sm_move_pages(0, SMALL + 1, pages, nodes, status, MPOL_MF_MOVE));
	EXPECT_TRUE(status[0] == -ENOMEM || status[0] == -EBUSY);
	EXPECT_EQ(-EBUSY, status[1]);
	for (i = 2; i <= SMALL; i++)
		EXPECT_EQ(1, status[i]);
	EXPECT_EQ(large + 1, sm_read_long(LARGE_FILE("stats/nr_anon")));
	EXPECT_EQ(0, sm_bad(buf, len, 1));
	EXPECT_INTACT(&self->b, SM_NODE(1), 2);
	close(pipefd[0]);
	close(pipefd[1]);
	munmap(map, len + LARGE);
	if (status[0] != -ENOMEM && __test_passed(_metadata))
		SKIP(return, "node 1 had room for all of it together");
}
