// SPDX-License-Identifier: GPL-2.0
/*
 * Full nodes and cpusets: two of them change their nodes with each other, and a caller
 * whose own cpuset has walls moves others.
 */
#include "swapmig_displace.h"

#include <sys/wait.h>

#define ROOM	(48 * SM_MIB)

/* Two processes, each in a cpuset of its own and on a node */
FIXTURE(cpusets)
{
	struct sm_peer a, b;
	struct quiet q;
	char one[64], two[64];
};

FIXTURE_VARIANT(cpusets)
{
	bool v2;
};

FIXTURE_VARIANT_ADD(cpusets, v1)
{
	.v2 = false,
};

FIXTURE_VARIANT_ADD(cpusets, v2)
{
	.v2 = true,
};

FIXTURE_SETUP(cpusets)
{
	const char *root = variant->v2 ? SM_V2_ROOT : SM_V1_ROOT;

	snprintf(self->one, sizeof(self->one), "%s/swapmig-a", root);
	snprintf(self->two, sizeof(self->two), "%s/swapmig-b", root);
	FULL_BEGIN(SM_SWAP_DISK, SM_NODES, ROOM);
	ASSERT_TRUE(variant->v2 ? sm_v2_cpusets(true) : sm_v1_cpusets(true));
	ASSERT_EQ(0, sm_group_make(self->one, "0"));
	ASSERT_EQ(0, sm_group_make(self->two, "1"));
	if (!variant->v2) {
		ASSERT_EQ(0, sm_group_set(self->one, "cpuset.memory_migrate", "1"));
		ASSERT_EQ(0, sm_group_set(self->two, "cpuset.memory_migrate", "1"));
	}
	START(&self->a, sm_part(ROOM, 85), 0, 0);
	START(&self->b, sm_part(ROOM, 85), 1, 0);
	ASSERT_EQ(0, sm_group_join(self->one, self->a.pid));
	ASSERT_EQ(0, sm_group_join(self->two, self->b.pid));
	ASSERT_EQ(0, sm_peer(&self->a, SM_ORD_FILL, 0, 1));
	ASSERT_EQ(0, sm_peer(&self->b, SM_ORD_FILL, 1, 2));
	quiet_begin(&self->q);
}

FIXTURE_TEARDOWN(cpusets)
{
	FULL_END(&self->a, &self->b);
	EXPECT_TRUE(sm_group_remove(self->one));
	EXPECT_TRUE(sm_group_remove(self->two));
	EXPECT_TRUE(variant->v2 ? sm_v2_cpusets(false) : sm_v1_cpusets(false));
}

static pid_t set_mems(const char *group, const char *nodes)
{
	pid_t pid = sm_fork();

	if (!pid)
		_exit(sm_group_set(group, "cpuset.mems", nodes) ? 1 : 0);
	return pid;
}

static bool ends_well(pid_t pid)
{
	int status = -1;

	return waitpid(pid, &status, 0) == pid && !status;
}

/* Sends A and B where these say, one after the other or at once. */
static void send_both(struct __test_metadata *_metadata, struct _test_data_cpusets *self,
		      const char *a, const char *b, bool at_once)
{
	pid_t pid = set_mems(self->one, a);

	if (!at_once)
		EXPECT_TRUE(ends_well(pid));
	EXPECT_EQ(0, sm_group_set(self->two, "cpuset.mems", b));
	if (at_once)
		EXPECT_TRUE(ends_well(pid));
}

static void expect_exchange(struct __test_metadata *_metadata,
			    struct _test_data_cpusets *self, bool at_once)
{
	send_both(_metadata, self, "1", "0", at_once);
	EXPECT_QUIET(&self->q);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_HOME(&self->b, 0, 2);
}

TEST_F(cpusets, exchange)
{
	expect_exchange(_metadata, self, false);
}

TEST_F(cpusets, exchange_at_once)
{
	expect_exchange(_metadata, self, true);
}

/* The second is in no hurry. */
TEST_F(cpusets, exchange_late)
{
	EXPECT_EQ(0, sm_group_set(self->one, "cpuset.mems", "1"));
	sleep(2);
	EXPECT_LT(0, ON(&self->a, 0));
	EXPECT_EQ(0, sm_group_set(self->two, "cpuset.mems", "0"));
	EXPECT_QUIET(&self->q);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_HOME(&self->b, 0, 2);
}

/* Several cpusets, each with some processes and on a node, which go on to the next. */
#define MOST	24

FIXTURE(ring)
{
	struct sm_peer p[MOST];
	struct quiet q;
};

FIXTURE_VARIANT(ring)
{
	int cpusets;
	int each;
	int percent;
	int pinned;	/* processes of which a page is */
};

FIXTURE_VARIANT_ADD(ring, of_two_with_many)
{
	.cpusets = 2,
	.each = MOST / 2,
	.percent = 7,
};

FIXTURE_VARIANT_ADD(ring, of_two_with_pinned)
{
	.cpusets = 2,
	.each = 2,
	.percent = 42,
	.pinned = 1,
};

FIXTURE_VARIANT_ADD(ring, of_three)
{
	.cpusets = 3,
	.each = 1,
	.percent = 90,
};

static const char *ring_group(int i)
{
	static char path[64];

	snprintf(path, sizeof(path), SM_V2_ROOT "/swapmig-ring%d", i);
	return path;
}

static const char *ring_node(int i)
{
	static char text[16];

	snprintf(text, sizeof(text), "%d", i);
	return text;
}

FIXTURE_SETUP(ring)
{
	int i, node;

	FULL_BEGIN(SM_SWAP_DISK, SM_NODES, ROOM);
	ASSERT_TRUE(sm_v2_cpusets(true));
	for (i = 0; i < variant->cpusets; i++)
		ASSERT_EQ(0, sm_group_make(ring_group(i), ring_node(i)));
	for (i = 0; i < variant->cpusets * variant->each; i++) {
		node = i / variant->each;
		START(&self->p[i], sm_part(ROOM, variant->percent), node, 0);
		ASSERT_EQ(0, sm_group_join(ring_group(node), self->p[i].pid));
		ASSERT_EQ(0, sm_peer(&self->p[i], SM_ORD_FILL, node, i + 1));
	}
	quiet_begin(&self->q);
}

FIXTURE_TEARDOWN(ring)
{
	int i;

	for (i = 0; i < MOST; i++)
		EXPECT_EQ(0, sm_peer_stop(&self->p[i]));
	FULL_END(&self->p[0]);
	for (i = 0; i < variant->cpusets; i++)
		EXPECT_TRUE(sm_group_remove(ring_group(i)));
	EXPECT_TRUE(sm_v2_cpusets(false));
}

TEST_F(ring, turns)
{
	int i, nr = variant->cpusets;

	/* What cannot move at all is no reason for others to stay */
	if (variant->pinned) {
		ASSERT_EQ(0, sm_peer_part(&self->p[0], 0, SM_PAGE));
		ASSERT_LE(0, sm_peer(&self->p[0], SM_ORD_PIN, 0, 0));
		ASSERT_EQ(0, sm_peer_part(&self->p[0], 0, self->p[0].len));
	}
	for (i = 0; i < nr; i++)
		EXPECT_EQ(0, sm_group_set(ring_group(i), "cpuset.mems",
					  ring_node((i + 1) % nr)));
	EXPECT_QUIET(&self->q);
	if (variant->pinned)
		EXPECT_INTACT(&self->p[0], SM_NODE(0) | SM_NODE(1), 1);
	for (i = variant->pinned; i < nr * variant->each; i++)
		EXPECT_HOME(&self->p[i], (i / variant->each + 1) % nr, i + 1);
}

/* Who calls may not use the other node itself: others' pages go there all the same. */
FIXTURE(hardwall)
{
	struct sm_peer a, b, caller;
};

#define WALLED	SM_V1_ROOT "/swapmig-wall"

FIXTURE_SETUP(hardwall)
{
	FULL_BEGIN(SM_SWAP_DISK, 2, ROOM);
	ASSERT_TRUE(sm_v1_cpusets(true));
	ASSERT_EQ(0, sm_group_make(WALLED, "1"));
	ASSERT_EQ(0, sm_group_set(WALLED, "cpuset.mem_hardwall", "1"));
	PAIR_BEGIN(&self->a, &self->b, sm_part(ROOM, 85));
	START(&self->caller, SM_PAGE, 2, 0);
	ASSERT_EQ(0, sm_group_join(WALLED, self->caller.pid));
}

FIXTURE_TEARDOWN(hardwall)
{
	FULL_END(&self->a, &self->b, &self->caller);
	EXPECT_TRUE(sm_group_remove(WALLED));
	EXPECT_TRUE(sm_v1_cpusets(false));
}

TEST_F(hardwall, caller)
{
	struct quiet q;

	quiet_begin(&q);
	EXPECT_EQ(0, sm_peer_migrate(&self->caller, self->a.pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_QUIET(&q);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_INTACT(&self->b, SM_NODE(0) | SM_NODE(1), 2);
	EXPECT_LT(SM_PAGES(self->b.len) / 2, ON(&self->b, 0));
}
