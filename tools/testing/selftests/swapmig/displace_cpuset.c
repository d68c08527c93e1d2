// SPDX-License-Identifier: GPL-2.0
/*
 * Full nodes and cpusets: two of them change their nodes with each other, and a caller
 * whose own cpuset has walls moves others.
 */
#include "swapmig_displace.h"

#include <sys/wait.h>

#define ROOM	(48 * SM_MIB)

/* How often to try what a machine may be too slow for */
#define TRIES	5

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

static bool apart(const struct _test_data_cpusets *self)
{
	return ON(&self->a, 1) == SM_PAGES(self->a.len) &&
	       ON(&self->b, 0) == SM_PAGES(self->b.len);
}

/* Whether all has been placed, once nothing moves any more */
static bool settles_apart(const struct _test_data_cpusets *self)
{
	long moved = -1, now = sm_vmstat("pgmigrate_success");

	while (!apart(self) && now != moved) {
		moved = now;
		usleep(500000);
		now = sm_vmstat("pgmigrate_success");
	}
	return apart(self);
}

/*
 * What the first one had to leave is its debt for a second: that has been too short if
 * the second one comes late, so they try again then. Without an engine that swaps,
 * because such a debt would be paid by that.
 */
static void expect_exchange(struct __test_metadata *_metadata,
			    struct _test_data_cpusets *self, bool at_once)
{
	int i;

	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct displace"));
	send_both(_metadata, self, "1", "0", at_once);
	for (i = 0; i < TRIES && !settles_apart(self); i++) {
		send_both(_metadata, self, "0", "1", false);
		settles_apart(self);
		send_both(_metadata, self, "1", "0", at_once);
	}
	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct displace swapout"));
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
