// SPDX-License-Identifier: GPL-2.0
/*
 * Memory cgroups: one that may not swap, one that is full. What cannot go is
 * counted, charges stay where they were, and nobody is killed.
 */
#include "swapmig_harness.h"

#include <sys/stat.h>

#define GROUP		SM_V2_ROOT "/swapmig-memcg"
#define NO_ROOM		"/sys/kernel/mm/swapmig/stayed/no_room"

FIXTURE(memcg)
{
	char *buf;
	size_t len;
	long pages;
	struct sm_peer peer;
};

FIXTURE_SETUP(memcg)
{
	SM_SETUP(4 * SM_MIB);
	ASSERT_EQ(0, sm_write(SM_V2_ROOT "/cgroup.subtree_control", "+memory"));
	ASSERT_EQ(0, mkdir(GROUP, 0755));
	ASSERT_EQ(0, sm_peer_start(&self->peer, self->buf, self->len));
	ASSERT_EQ(0, sm_group_join(GROUP, self->peer.pid));
}

FIXTURE_TEARDOWN(memcg)
{
	EXPECT_EQ(0, sm_peer_stop(&self->peer));
	EXPECT_TRUE(SM_WAIT(!rmdir(GROUP)));
	EXPECT_EQ(0, sm_write(SM_V2_ROOT "/cgroup.subtree_control", "-memory"));
	SM_TEARDOWN();
}

/* A line of memory.events */
static long event(const char *name)
{
	FILE *f = fopen(GROUP "/memory.events", "r");
	long n, ret = -1;
	char key[64];

	while (f && fscanf(f, "%63s %ld", key, &n) == 2)
		if (!strcmp(key, name))
			ret = n;
	if (f)
		fclose(f);
	return ret;
}

TEST_F(memcg, may_not_swap)
{
	long before = sm_read_long(NO_ROOM);
	long ret;

	ASSERT_EQ(0, sm_group_set(GROUP, "memory.swap.max", "0"));
	ASSERT_EQ(0, sm_peer(&self->peer, SM_ORD_FILL, 0, 1));
	ret = sm_migrate(self->peer.pid, SM_NODE(0), SM_NODE(1));
	if (sm_direct()) {
		EXPECT_EQ(0, ret);
		EXPECT_PEER_ON(self->peer, 1);
	} else {
		EXPECT_LE(self->pages, ret);
		EXPECT_LE(before + self->pages, sm_read_long(NO_ROOM));
		EXPECT_PEER_ON(self->peer, 0);
	}
	EXPECT_EQ(0, sm_peer(&self->peer, SM_ORD_CHECK, 0, 1));
	EXPECT_EQ(0, event("oom_kill"));

	ASSERT_EQ(0, sm_group_set(GROUP, "memory.swap.max", "max"));
	EXPECT_EQ(0, sm_migrate(self->peer.pid, SM_NODE(!!sm_direct()), SM_NODE(2)));
	EXPECT_PEER_SENT(self->peer, 2);
	EXPECT_EQ(0, sm_peer(&self->peer, SM_ORD_CHECK, 0, 1));
	EXPECT_PEER_ON(self->peer, 2);
}

/* As much as it may have, and not a page more: no page is charged twice. */
TEST_F(memcg, full)
{
	long charged, max, oom, kill;
	char limit[32];

	ASSERT_EQ(0, sm_peer(&self->peer, SM_ORD_FILL, 0, 2));
	charged = sm_read_long(GROUP "/memory.current");
	snprintf(limit, sizeof(limit), "%ld", charged + 16 * (long)SM_PAGE);
	ASSERT_EQ(0, sm_group_set(GROUP, "memory.max", limit));
	max = event("max");
	oom = event("oom");
	kill = event("oom_kill");
	ASSERT_LE(0, kill);
	EXPECT_EQ(0, sm_migrate(self->peer.pid, SM_NODE(0), SM_NODE(1)));
	/* Who moves pages charges nothing, so the limit was not even met */
	EXPECT_EQ(max, event("max"));
	EXPECT_PEER_SENT(self->peer, 1);
	EXPECT_GE(charged + 16 * (long)SM_PAGE,
		  sm_read_long(GROUP "/memory.current"));
	EXPECT_EQ(0, sm_peer(&self->peer, SM_ORD_CHECK, 0, 2));
	EXPECT_PEER_OFF(self->peer, 0);
	/* What comes back is charged: if that met the limit, reclaim made room */
	EXPECT_EQ(oom, event("oom"));
	EXPECT_EQ(kill, event("oom_kill"));
}
