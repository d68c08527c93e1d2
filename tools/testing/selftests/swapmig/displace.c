// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to a node that is full: the first call places every page, and not one
 * goes to swap. Who makes way, and who never does.
 */
#include "swapmig_displace.h"

#include <sys/stat.h>

#define ROOM	(48 * SM_MIB)
#define GROUP	SM_V2_ROOT "/swapmig-displace"

/* Two processes change places. */
FIXTURE(exchange)
{
	struct sm_peer a, b;
	size_t len;
};

FIXTURE_VARIANT(exchange)
{
	enum sm_swap swap;
};

FIXTURE_VARIANT_ADD(exchange, no_swap)
{
	.swap = SM_SWAP_NONE,
};

FIXTURE_VARIANT_ADD(exchange, disk)
{
	.swap = SM_SWAP_DISK,
};

FIXTURE_SETUP(exchange)
{
	FULL_BEGIN(variant->swap, 2, ROOM);
	self->len = sm_part(ROOM, 85);
	PAIR_BEGIN(&self->a, &self->b, self->len);
}

FIXTURE_TEARDOWN(exchange)
{
	FULL_END(&self->a, &self->b);
}

TEST_F(exchange, migrate_pages)
{
	long displaced = COUNTER("displaced");

	EXCHANGE(&self->a, &self->b, 0);
	/* Most of B had gone already when its turn came */
	displaced = COUNTER("displaced") - displaced;
	EXPECT_LT(SM_PAGES(self->len) / 2, displaced);
	EXPECT_GE(2 * SM_PAGES(self->len), displaced);
	EXPECT_TRUE(sm_isolated_settles());
}

TEST_F(exchange, mbind)
{
	const int flags = MPOL_MF_MOVE | MPOL_MF_STRICT;
	struct quiet q;

	quiet_begin(&q);
	EXPECT_EQ(0, sm_peer(&self->a, SM_ORD_MBIND, SM_NODE(1), flags));
	EXPECT_EQ(0, sm_peer(&self->b, SM_ORD_MBIND, SM_NODE(0), flags));
	EXPECT_QUIET(&q);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_HOME(&self->b, 0, 2);
}

/* By two calls at the same time, while nobody, or both of them, write */
TEST_F(exchange, at_once)
{
	EXCHANGE_AT_ONCE(&self->a, &self->b, 0, 0);
}

TEST_F(exchange, at_once_hot)
{
	EXCHANGE_AT_ONCE(&self->a, &self->b, 0, HOT);
}

/* The second call begins when the first one displaces already. */
TEST_F(exchange, at_once_late)
{
	EXCHANGE_AT_ONCE(&self->a, &self->b, 0, HOT | LATE);
}

/* Both write all the time, and change places again and again. */
FIXTURE(exchange_stress)
{
	struct sm_peer a, b;
};

FIXTURE_SETUP(exchange_stress)
{
	FULL_BEGIN(SM_SWAP_DISK, 2, ROOM);
	PAIR_BEGIN(&self->a, &self->b, sm_part(ROOM, 85));
}

FIXTURE_TEARDOWN(exchange_stress)
{
	FULL_END(&self->a, &self->b);
}

TEST_F(exchange_stress, hot)
{
	int round, at = 0;
	struct quiet q;

	quiet_begin(&q);
	ASSERT_EQ(0, sm_peer_tell(&self->a, SM_ORD_BUSY, 0, 0));
	ASSERT_EQ(0, sm_peer_tell(&self->b, SM_ORD_BUSY, 0, 0));
	for (round = 0; round < 20; round++, at = !at) {
		EXPECT_ALL_MOVE(&self->a, at, !at);
		EXPECT_ALL_MOVE(&self->b, !at, at);
		sm_alive("exchanges", round);
	}
	REST(&self->a);
	REST(&self->b);
	EXPECT_QUIET(&q);
	EXPECT_HOME(&self->a, at, 1);
	EXPECT_HOME(&self->b, !at, 2);
}

/* Who is on node 1: one that has to stay there, and one that may go */
enum why {
	VMA_BOUND,
	VMA_BOUND_TO_TWO,
	TASK_BOUND,
	TASK_INTERLEAVES,
	CPUSET,
	MLOCKED,
	PINNED,
	MEMORY_LOW,
	MEMORY_MIN,
};

FIXTURE(stays)
{
	struct sm_peer stays, goes, a;
};

FIXTURE_VARIANT(stays)
{
	enum why why;
};

FIXTURE_VARIANT_ADD(stays, mbind)
{
	.why = VMA_BOUND,
};

FIXTURE_VARIANT_ADD(stays, set_mempolicy)
{
	.why = TASK_BOUND,
};

FIXTURE_VARIANT_ADD(stays, mbind_two)
{
	.why = VMA_BOUND_TO_TWO,
};

FIXTURE_VARIANT_ADD(stays, interleave)
{
	.why = TASK_INTERLEAVES,
};

FIXTURE_VARIANT_ADD(stays, cpuset)
{
	.why = CPUSET,
};

FIXTURE_VARIANT_ADD(stays, mlock)
{
	.why = MLOCKED,
};

FIXTURE_VARIANT_ADD(stays, pinned)
{
	.why = PINNED,
};

FIXTURE_VARIANT_ADD(stays, memory_low)
{
	.why = MEMORY_LOW,
};

FIXTURE_VARIANT_ADD(stays, memory_min)
{
	.why = MEMORY_MIN,
};

static bool in_group(enum why why)
{
	return why == CPUSET || why == MEMORY_LOW || why == MEMORY_MIN;
}

static bool group_make(enum why why)
{
	if (why == CPUSET)
		return sm_v2_cpusets(true) && !sm_group_make(GROUP, "1");
	return !sm_write(SM_V2_ROOT "/cgroup.subtree_control", "+memory") &&
	       !mkdir(GROUP, 0755) &&
	       !sm_group_set(GROUP, why == MEMORY_MIN ? "memory.min" : "memory.low", "max");
}

static void group_remove(enum why why)
{
	sm_group_remove(GROUP);
	if (why == CPUSET)
		sm_v2_cpusets(false);
	else
		sm_write(SM_V2_ROOT "/cgroup.subtree_control", "-memory");
}

FIXTURE_SETUP(stays)
{
	FULL_BEGIN(SM_SWAP_DISK, 2, ROOM);
	if (in_group(variant->why))
		ASSERT_TRUE(group_make(variant->why));
	START(&self->stays, sm_part(ROOM, 45), 1, 0);
	if (in_group(variant->why))
		ASSERT_EQ(0, sm_group_join(GROUP, self->stays.pid));
	ASSERT_EQ(0, sm_peer(&self->stays, SM_ORD_FILL, 1, 2));
}

FIXTURE_TEARDOWN(stays)
{
	FULL_END(&self->stays, &self->goes, &self->a);
	group_remove(variant->why);
}

static long hold(struct sm_peer *p, enum why why)
{
	switch (why) {
	case VMA_BOUND:
		return sm_peer(p, SM_ORD_MBIND, SM_NODE(1), 0);
	case VMA_BOUND_TO_TWO:
		return sm_peer(p, SM_ORD_MBIND, SM_NODE(1) | SM_NODE(2), 0);
	case TASK_INTERLEAVES:
		return sm_peer(p, SM_ORD_POLICY, SM_NODE(1) | SM_NODE(2),
			       MPOL_INTERLEAVE);
	case TASK_BOUND:
		return sm_peer(p, SM_ORD_POLICY, SM_NODE(1), MPOL_BIND);
	case MLOCKED:
		return sm_peer(p, SM_ORD_MLOCK, 0, 0);
	case PINNED:
		return sm_peer(p, SM_ORD_PIN, 0, 0);
	default:
		return 0;
	}
}

TEST_F(stays, page_by_page)
{
	struct quiet q;
	long room;

	ASSERT_LE(0, hold(&self->stays, variant->why));
	START(&self->goes, sm_part(ROOM, 45), 1, 3);
	START(&self->a, sm_part(ROOM, 40), 0, 1);
	quiet_begin(&q);
	room = sm_room(1, "low") / (long)SM_PAGE;
	EXPECT_ALL_MOVE(&self->a, 0, 1);
	EXPECT_QUIET(&q);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_HOME(&self->stays, 1, 2);
	EXPECT_INTACT(&self->goes, SM_NODE(0) | SM_NODE(1), 3);
	/* Somebody had to go, though not for what the node had free, nor alone */
	EXPECT_LT((SM_PAGES(self->a.len) - room) / 2, ON(&self->goes, 0));
	EXPECT_LT(0, ON(&self->goes, 0));
	EXPECT_EQ(0, sm_peer_stop(&self->goes));
	EXPECT_EQ(0, sm_peer_stop(&self->a));
}

/* Who goes first */
FIXTURE(order)
{
	struct sm_peer one, two, a;
};

FIXTURE_SETUP(order)
{
	FULL_BEGIN(SM_SWAP_DISK, 2, ROOM);
}

FIXTURE_TEARDOWN(order)
{
	FULL_END(&self->one, &self->two, &self->a);
}

/* The older one is used without pause: the cold one goes. */
TEST_F(order, cold_before_hot)
{
	START(&self->one, sm_part(ROOM, 45), 1, 2);
	START(&self->two, sm_part(ROOM, 45), 1, 3);
	START(&self->a, sm_part(ROOM, 50), 0, 1);
	ASSERT_EQ(0, sm_peer_tell(&self->one, SM_ORD_BUSY, 0, 0));
	EXPECT_ALL_MOVE(&self->a, 0, 1);
	REST(&self->one);
	EXPECT_LT(3 * ON(&self->one, 0), ON(&self->two, 0)) {
		TH_LOG("hot: %s", sm_where(self->one.pid, self->one.buf, self->one.len));
	}
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_INTACT(&self->one, SM_NODE(0) | SM_NODE(1), 2);
	EXPECT_INTACT(&self->two, SM_NODE(0) | SM_NODE(1), 3);
}

/* Of two as old as each other, the one that wants to be there goes first. */
TEST_F(order, who_wants_to)
{
	size_t len = sm_part(ROOM, 45), slice = 64 * SM_PAGE, off;

	START(&self->one, len, 1, 0);
	START(&self->two, len, 1, 0);
	for (off = 0; off < len; off += slice) {
		size_t now = off + slice < len ? slice : len - off;

		ASSERT_EQ(0, sm_peer_part(&self->two, off, now));
		ASSERT_EQ(0, sm_peer(&self->two, SM_ORD_FILL, 1, 3));
		ASSERT_EQ(0, sm_peer_part(&self->one, off, now));
		ASSERT_EQ(0, sm_peer(&self->one, SM_ORD_FILL, 1, 2));
	}
	ASSERT_EQ(0, sm_peer_part(&self->one, 0, len));
	ASSERT_EQ(0, sm_peer(&self->one, SM_ORD_MBIND, SM_NODE(0), 0));
	START(&self->a, sm_part(ROOM, 35), 0, 1);
	EXPECT_ALL_MOVE(&self->a, 0, 1);
	EXPECT_LT(2 * ON(&self->two, 0), ON(&self->one, 0)) {
		TH_LOG("wants: %s", sm_where(self->one.pid, self->one.buf, len));
		TH_LOG("other: %s", sm_where(self->two.pid, self->two.buf, len));
	}
	EXPECT_HOME(&self->a, 1, 1);
}

/* One of the two processes that map a page has to stay: the page stays. */
static void one_of_two(struct __test_metadata *_metadata,
		       struct _test_data_order *self, bool cpuset)
{
	size_t len = sm_part(ROOM, 45);
	char *buf = sm_map(len);

	ASSERT_NE(NULL, buf);
	sm_fill_on(buf, len, 2, 1);
	ASSERT_EQ(0, sm_peer_start(&self->one, buf, len));
	ASSERT_EQ(0, cpuset ? sm_group_join(GROUP, self->one.pid) :
			      sm_peer(&self->one, SM_ORD_POLICY, SM_NODE(1), MPOL_BIND));
	ASSERT_EQ(SM_PAGES(len), ON(&self->one, 1));
	START(&self->two, sm_part(ROOM, 45), 1, 3);
	START(&self->a, sm_part(ROOM, 35), 0, 1);
	EXPECT_ALL_MOVE(&self->a, 0, 1);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_HOME(&self->one, 1, 2);
	EXPECT_INTACT(&self->two, SM_NODE(0) | SM_NODE(1), 3);
	EXPECT_EQ(0, sm_bad(buf, len, 2));
	munmap(buf, len);
}

TEST_F(order, policy_of_one_of_two)
{
	one_of_two(_metadata, self, false);
}

TEST_F(order, cpuset_of_one_of_two)
{
	ASSERT_TRUE(sm_v2_cpusets(true));
	ASSERT_EQ(0, sm_group_make(GROUP, "1"));
	one_of_two(_metadata, self, true);
	EXPECT_EQ(0, sm_peer_stop(&self->one));
	EXPECT_TRUE(sm_group_remove(GROUP));
	EXPECT_TRUE(sm_v2_cpusets(false));
}
