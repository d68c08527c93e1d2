// SPDX-License-Identifier: GPL-2.0
/*
 * Full nodes and several processes on each, one call after the other: what an earlier
 * one has placed stays there.
 */
#include "swapmig_displace.h"

#include <sys/stat.h>
#include <sys/wait.h>

#define ROOM	(48 * SM_MIB)
#define MOST	4

FIXTURE(several)
{
	struct sm_peer p[MOST];
	struct quiet q;
};

/* Each in a memory cgroup of its own, or all in one */
FIXTURE_VARIANT(several)
{
	bool groups;
};

FIXTURE_VARIANT_ADD(several, together)
{
	.groups = false,
};

FIXTURE_VARIANT_ADD(several, grouped)
{
	.groups = true,
};

static const char *group(int i)
{
	static char path[64];

	snprintf(path, sizeof(path), SM_V2_ROOT "/swapmig-several%d", i);
	return path;
}

FIXTURE_SETUP(several)
{
	int i;

	FULL_BEGIN(SM_SWAP_DISK, SM_NODES, ROOM);
	if (variant->groups)
		ASSERT_EQ(0, sm_write(SM_V2_ROOT "/cgroup.subtree_control", "+memory"));
	/* In this order they are looked at */
	for (i = 0; i < MOST && variant->groups; i++)
		ASSERT_EQ(0, mkdir(group(i), 0755));
}

FIXTURE_TEARDOWN(several)
{
	int i;

	FULL_END(&self->p[0], &self->p[1], &self->p[2], &self->p[3]);
	for (i = 0; i < MOST && variant->groups; i++)
		EXPECT_TRUE(sm_group_remove(group(i)));
	if (variant->groups)
		EXPECT_EQ(0, sm_write(SM_V2_ROOT "/cgroup.subtree_control", "-memory"));
}

/* Process @i, with so many percent of node @node */
#define SEVERAL(...) start_several(_metadata, self, variant, __VA_ARGS__)

static void start_several(struct __test_metadata *_metadata,
			  struct _test_data_several *self,
			  const struct _fixture_variant_several *variant,
			  int i, int percent, int node)
{
	START(&self->p[i], sm_part(ROOM, percent), node, 0);
	if (variant->groups)
		ASSERT_EQ(0, sm_group_join(group(i), self->p[i].pid));
	ASSERT_EQ(0, sm_peer(&self->p[i], SM_ORD_FILL, node, i + 1));
}

/* One smaller than the hole, then one that needs room, then who made way. */
TEST_F(several, three)
{
	SEVERAL(0, 20, 0);
	SEVERAL(1, 65, 0);
	SEVERAL(2, 85, 1);
	quiet_begin(&self->q);
	EXPECT_ALL_MOVE(&self->p[0], 0, 1);
	EXPECT_ALL_MOVE(&self->p[1], 0, 1);
	EXPECT_ALL_MOVE(&self->p[2], 1, 0);
	EXPECT_QUIET(&self->q);
	EXPECT_HOME(&self->p[0], 1, 1);
	EXPECT_HOME(&self->p[1], 1, 2);
	EXPECT_HOME(&self->p[2], 0, 3);
}

/* Who asks for nothing, or for little, is not the last to go. */
TEST_F(several, little)
{
	SEVERAL(0, 20, 0);
	SEVERAL(1, 65, 0);
	SEVERAL(2, 85, 1);
	quiet_begin(&self->q);
	EXPECT_ALL_MOVE(&self->p[0], 0, 1);
	EXPECT_ALL_MOVE(&self->p[2], 2, 1);
	EXPECT_ALL_MOVE(&self->p[1], 0, 1);
	EXPECT_QUIET(&self->q);
	EXPECT_HOME(&self->p[0], 1, 1);
	EXPECT_HOME(&self->p[1], 1, 2);
	EXPECT_INTACT(&self->p[2], SM_NODE(0) | SM_NODE(1), 3);
}

/* Two of each node; and back again. */
TEST_F(several, four)
{
	int i, there;

	for (i = 0; i < MOST; i++)
		SEVERAL(i, 42, i / 2);
	quiet_begin(&self->q);
	for (there = 0; there < 2; there++) {
		for (i = 0; i < MOST; i++)
			EXPECT_ALL_MOVE(&self->p[i], i / 2 ^ there, i / 2 ^ !there);
		for (i = 0; i < MOST; i++)
			EXPECT_HOME(&self->p[i], i / 2 ^ !there, i + 1);
	}
	EXPECT_QUIET(&self->q);
}

/* All that they have is used between the calls. */
TEST_F(several, touched)
{
	int i;

	SEVERAL(0, 90, 0);
	SEVERAL(1, 45, 1);
	SEVERAL(2, 45, 1);
	quiet_begin(&self->q);
	for (i = 1; i <= 3; i++) {
		EXPECT_ALL_MOVE(&self->p[i % 3], i < 3, i == 3);
		EXPECT_EQ(0, sm_peer(&self->p[0], SM_ORD_CHECK, 0, 1));
		EXPECT_EQ(0, sm_peer(&self->p[1], SM_ORD_CHECK, 0, 2));
		EXPECT_EQ(0, sm_peer(&self->p[2], SM_ORD_CHECK, 0, 3));
	}
	EXPECT_QUIET(&self->q);
	EXPECT_HOME(&self->p[0], 1, 1);
	EXPECT_HOME(&self->p[1], 0, 2);
	EXPECT_HOME(&self->p[2], 0, 3);
}

/* Three calls at once, of three processes on two nodes. */
TEST_F(several, at_once)
{
	struct sm_peer caller[3];
	int i;

	SEVERAL(0, 43, 0);
	SEVERAL(1, 43, 0);
	SEVERAL(2, 85, 1);
	for (i = 0; i < 3; i++)
		START(&caller[i], SM_PAGE, 2, 1);
	quiet_begin(&self->q);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, sm_peer_order_migrate(&caller[i], self->p[i].pid,
						   SM_NODE(i / 2), SM_NODE(!(i / 2))));
	/* Pages of libraries, which two of them have in hand to and fro, may be counted */
	for (i = 0; i < 3; i++) {
		long left = sm_peer_answer(&caller[i]);

		EXPECT_LE(0, left);
		EXPECT_GE(8, left);
	}
	EXPECT_QUIET(&self->q);
	for (i = 0; i < 3; i++) {
		EXPECT_HOME(&self->p[i], !(i / 2), i + 1);
		EXPECT_EQ(0, sm_peer_stop(&caller[i]));
	}
}
