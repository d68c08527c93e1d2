// SPDX-License-Identifier: GPL-2.0
/*
 * Cpusets: changing their nodes moves the members' pages, each to the node in
 * the same relative position (version 1 with memory_migrate, version 2
 * always); pages that are sent to a node that it forbids; and the errnos of
 * migrate_pages(2) that need one.
 */
#include "swapmig_harness.h"

#include <sys/mount.h>
#include <sys/stat.h>

/* Two groups, of nodes 0,1 and of node 2; and a process in the first */
struct groups {
	char *buf;
	size_t half;
	bool v2;
	const char *root;
	char dir[64];
	char other[64];
	struct sm_peer peer;
};

static void groups_begin(struct __test_metadata *_metadata, struct groups *g,
			 bool v2)
{
	size_t len = 2 * SM_MIB;

	g->v2 = v2;
	g->half = len / 2;
	g->root = v2 ? SM_V2_ROOT : SM_V1_ROOT;
	snprintf(g->dir, sizeof(g->dir), "%s/swapmig-a", g->root);
	snprintf(g->other, sizeof(g->other), "%s/swapmig-b", g->root);
	ASSERT_TRUE(v2 ? sm_v2_cpusets(true) : sm_v1_cpusets(true));
	g->buf = sm_map(len);
	ASSERT_NE(NULL, g->buf);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	ASSERT_EQ(0, sm_group_make(g->dir, "0-1"));
	ASSERT_EQ(0, sm_group_make(g->other, "2"));
	if (!v2) {
		ASSERT_EQ(0, sm_group_set(g->dir, "cpuset.memory_migrate", "1"));
		ASSERT_EQ(0, sm_group_set(g->other, "cpuset.memory_migrate", "1"));
	}
	ASSERT_EQ(0, sm_peer_start(&g->peer, g->buf, len));
	ASSERT_EQ(0, sm_group_join(g->dir, g->peer.pid));
}

static void groups_end(struct __test_metadata *_metadata, struct groups *g)
{
	EXPECT_EQ(0, sm_peer_stop(&g->peer));
	EXPECT_TRUE(sm_group_remove(g->dir));
	EXPECT_TRUE(sm_group_remove(g->other));
	EXPECT_TRUE(g->v2 ? sm_v2_cpusets(false) : sm_v1_cpusets(false));
	EXPECT_EQ(0, sm_swap_off());
}

/* Both halves of the peer's memory, each on a node of its own */
static void fill_halves(struct __test_metadata *_metadata, struct groups *g,
			int one, int two)
{
	ASSERT_EQ(0, sm_peer_part(&g->peer, 0, g->half));
	ASSERT_EQ(0, sm_peer(&g->peer, SM_ORD_FILL, one, 1));
	ASSERT_EQ(0, sm_peer_part(&g->peer, g->half, g->half));
	ASSERT_EQ(0, sm_peer(&g->peer, SM_ORD_FILL, two, 2));
	EXPECT_PID_ON(g->peer.pid, one, g->buf, g->half);
	EXPECT_PID_ON(g->peer.pid, two, g->buf + g->half, g->half);
}

/* Touched they are intact, and on these nodes */
static void check_halves(struct __test_metadata *_metadata, struct groups *g,
			 int one, int two)
{
	EXPECT_EQ(0, sm_peer_part(&g->peer, 0, g->half));
	EXPECT_EQ(0, sm_peer(&g->peer, SM_ORD_CHECK, 0, 1));
	EXPECT_EQ(0, sm_peer_part(&g->peer, g->half, g->half));
	EXPECT_EQ(0, sm_peer(&g->peer, SM_ORD_CHECK, 0, 2));
	EXPECT_PID_ON(g->peer.pid, one, g->buf, g->half);
	EXPECT_PID_ON(g->peer.pid, two, g->buf + g->half, g->half);
}

/* Both were sent to these nodes, and nobody has touched them since. */
static void halves_sent(struct __test_metadata *_metadata, struct groups *g,
			int one, int two)
{
	EXPECT_PID_SENT(g->peer.pid, one, g->buf, g->half);
	EXPECT_PID_SENT(g->peer.pid, two, g->buf + g->half, g->half);
}

/* Tests of both versions */
FIXTURE(cpuset)
{
	struct groups g;
};

FIXTURE_VARIANT(cpuset)
{
	bool v2;
};

FIXTURE_VARIANT_ADD(cpuset, v1)
{
	.v2 = false,
};

FIXTURE_VARIANT_ADD(cpuset, v2)
{
	.v2 = true,
};

FIXTURE_SETUP(cpuset)
{
	groups_begin(_metadata, &self->g, variant->v2);
}

FIXTURE_TEARDOWN(cpuset)
{
	groups_end(_metadata, &self->g);
}

/* The write returns when all is done; nothing is left behind. */
TEST_F(cpuset, change_of_mems_keeps_relative_nodes)
{
	struct groups *g = &self->g;

	fill_halves(_metadata, g, 0, 1);
	ASSERT_EQ(0, sm_group_set(g->dir, "cpuset.mems", "2-3"));
	halves_sent(_metadata, g, 2, 3);
	check_halves(_metadata, g, 2, 3);
}

TEST_F(cpuset, joining_moves_too)
{
	struct groups *g = &self->g;

	fill_halves(_metadata, g, 0, 1);
	ASSERT_EQ(0, sm_group_join(g->other, g->peer.pid));
	halves_sent(_metadata, g, 2, 2);
	check_halves(_metadata, g, 2, 2);
	ASSERT_EQ(0, sm_group_join(g->dir, g->peer.pid));
}

/* Version 1 has a switch; version 2 moves nothing from nodes that stay allowed. */
TEST_F(cpuset, pages_stay)
{
	struct groups *g = &self->g;

	fill_halves(_metadata, g, 0, 1);
	if (!g->v2)
		ASSERT_EQ(0, sm_group_set(g->dir, "cpuset.memory_migrate", "0"));
	ASSERT_EQ(0, sm_group_set(g->dir, "cpuset.mems", g->v2 ? "0-3" : "2-3"));
	EXPECT_PID_ON(g->peer.pid, 0, g->buf, g->half);
	EXPECT_PID_ON(g->peer.pid, 1, g->buf + g->half, g->half);
	check_halves(_metadata, g, 0, 1);
}

/*
 * Sent to node 3, which its cpuset does not allow, by somebody who may do that.
 * They are there if the kernel migrates them itself, but a cpuset wins over a tag;
 * also when they are sent to node 1, and it allows only node 2 at the touch.
 */
TEST_F(cpuset, sent_outside_of_it)
{
	struct groups *g = &self->g;
	pid_t pid = g->peer.pid;

	fill_halves(_metadata, g, 0, 0);
	EXPECT_EQ(0, sm_migrate(pid, SM_NODE(0), SM_NODE(3)));
	halves_sent(_metadata, g, 3, 3);
	if (sm_direct()) {
		check_halves(_metadata, g, 3, 3);
		return;
	}
	EXPECT_EQ(0, sm_peer_part(&g->peer, 0, g->half));
	EXPECT_EQ(0, sm_peer(&g->peer, SM_ORD_TOUCH, 0, 0));
	EXPECT_PID_ON(pid, 0, g->buf, g->half);
	EXPECT_EQ(0, sm_migrate(pid, SM_NODE(0) | SM_NODE(3), SM_NODE(1)));
	halves_sent(_metadata, g, 1, 1);
	if (!g->v2)
		ASSERT_EQ(0, sm_group_set(g->other, "cpuset.memory_migrate", "0"));
	ASSERT_EQ(0, sm_group_join(g->other, pid));
	halves_sent(_metadata, g, 2, 2);
	check_halves(_metadata, g, 2, 2);
	ASSERT_EQ(0, sm_group_join(g->dir, pid));
}

/* Tests that are the same for both */
FIXTURE(cpuset_limits)
{
	struct groups g;
};

FIXTURE_SETUP(cpuset_limits)
{
	groups_begin(_metadata, &self->g, true);
	fill_halves(_metadata, &self->g, 0, 1);
}

FIXTURE_TEARDOWN(cpuset_limits)
{
	groups_end(_metadata, &self->g);
}

/* Twice without a touch in between */
TEST_F(cpuset_limits, change_twice)
{
	struct groups *g = &self->g;

	ASSERT_EQ(0, sm_group_set(g->dir, "cpuset.mems", "2-3"));
	ASSERT_EQ(0, sm_group_set(g->dir, "cpuset.mems", "0-1"));
	halves_sent(_metadata, g, 0, 1);
	check_halves(_metadata, g, 0, 1);
}

/* Without CAP_SYS_NICE the target's cpuset bounds the nodes. */
TEST_F(cpuset_limits, eperm_outside_of_the_targets)
{
	struct groups *g = &self->g;
	pid_t pid = g->peer.pid;
	struct sm_peer caller;

	ASSERT_EQ(0, sm_peer_start(&caller, g->buf, g->half));
	ASSERT_EQ(0, sm_peer(&caller, SM_ORD_DROP_NICE, 0, 0));
	EXPECT_EQ(-EPERM, sm_peer_migrate(&caller, pid, SM_NODE(0),
					  SM_NODE(3)));
	EXPECT_EQ(-EPERM, sm_peer_migrate(&caller, pid, SM_NODE(0),
					  SM_NODE(1) | SM_NODE(3)));
	EXPECT_PID_ON(pid, 0, g->buf, g->half);
	EXPECT_LE(0, sm_peer_migrate(&caller, pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_PID_SENT(pid, 1, g->buf, g->half);
	EXPECT_EQ(0, sm_peer_stop(&caller));
	check_halves(_metadata, g, 1, 1);
}

/* The caller's cpuset bounds them as well, whatever its capabilities. */
TEST_F(cpuset_limits, einval_outside_of_the_callers)
{
	struct groups *g = &self->g;
	struct sm_peer caller, target;

	ASSERT_EQ(0, sm_peer_start(&target, g->buf, g->half));
	ASSERT_EQ(0, sm_peer(&target, SM_ORD_FILL, 0, 3));
	ASSERT_EQ(0, sm_peer_start(&caller, g->buf, g->half));
	ASSERT_EQ(0, sm_group_join(g->other, caller.pid));
	EXPECT_EQ(-EINVAL, sm_peer_migrate(&caller, target.pid, SM_NODE(0),
					   SM_NODE(1)));
	EXPECT_PEER_ON(target, 0);
	/* Of 1,2 only 2 is left. */
	EXPECT_EQ(0, sm_peer_migrate(&caller, target.pid, SM_NODE(0),
				     SM_NODE(1) | SM_NODE(2)));
	EXPECT_PEER_SENT(target, 2);
	EXPECT_EQ(0, sm_peer(&target, SM_ORD_CHECK, 0, 3));
	EXPECT_PEER_ON(target, 2);
	EXPECT_EQ(0, sm_peer_stop(&caller));
	EXPECT_EQ(0, sm_peer_stop(&target));
}

/* mbind() outside of one's cpuset */
TEST_F(cpuset_limits, mbind_einval)
{
	struct groups *g = &self->g;

	EXPECT_EQ(-EINVAL, sm_peer(&g->peer, SM_ORD_MBIND, SM_NODE(3),
				   MPOL_MF_MOVE));
	check_halves(_metadata, g, 0, 1);
}
