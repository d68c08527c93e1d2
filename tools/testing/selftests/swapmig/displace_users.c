// SPDX-License-Identifier: GPL-2.0
/*
 * Who may push: without CAP_SYS_NICE a caller moves only pages of processes of
 * his own user, and only those that are charged to his own memory cgroup.
 */
#include "swapmig_displace.h"

FIXTURE(users)
{
	struct sm_peer a, b;
	struct quiet q;
	size_t len;
};

FIXTURE_SETUP(users)
{
	if (displace_lacks(2))
		return;
	self->len = full_begin(2, 48 * SM_MIB);
	ASSERT_LT(16 * SM_MIB, self->len);
}

FIXTURE_TEARDOWN(users)
{
	full_end(2);
}

/* The process itself has a few pages beside the area. */
#define BESIDES	512

/* A, an ordinary user, asks for room where B is. */
static void push(struct __test_metadata *_metadata, struct sm_peer *a,
		 struct sm_peer *b, const char *group_a, const char *group_b,
		 bool other_user, size_t len)
{
	ASSERT_TRUE(sm_cgroup_on("memory"));
	ASSERT_EQ(0, sm_cgroup_make("one") ?: sm_cgroup_make("two"));
	START_EMPTY(b, part(len, 90));
	ASSERT_EQ(0, sm_cgroup_join(group_b, b->pid));
	ASSERT_EQ(0, sm_peer(b, SM_ORD_FILL, 1, 2));
	if (!other_user)
		ASSERT_EQ(0, sm_peer(b, SM_ORD_DROP_ROOT, 0, 0));
	START_EMPTY(a, part(len, 60));
	ASSERT_EQ(0, sm_cgroup_join(group_a, a->pid));
	ASSERT_EQ(0, sm_peer(a, SM_ORD_FILL, 0, 1));
	ASSERT_EQ(0, sm_peer(a, SM_ORD_DROP_ROOT, 0, 0));
}

static void push_end(struct __test_metadata *_metadata, struct sm_peer *a,
		     struct sm_peer *b)
{
	EXPECT_INTACT(a, 0, 1, 1);
	EXPECT_INTACT(b, 0, 1, 2);
	STOP(a);
	STOP(b);
	EXPECT_TRUE(sm_cgroup_remove("one"));
	EXPECT_TRUE(sm_cgroup_remove("two"));
	EXPECT_TRUE(sm_cgroup_off("memory"));
}

TEST_F(users, pushes_no_other_user)
{
	struct sm_peer *a = &self->a, *b = &self->b;
	long ret;

	NEED_DISPLACE(return, 2);
	push(_metadata, a, b, "one", "one", true, self->len);
	ret = sm_peer_migrate(a, 0, SM_NODE(0), SM_NODE(1));
	EXPECT_LT(0, ON(a, 0));
	EXPECT_LE(ON(a, 0), ret);
	EXPECT_GT(ON(a, 0) + BESIDES, ret);
	EXPECT_HOME(b, 1, 2);
	push_end(_metadata, a, b);
}

TEST_F(users, pushes_no_other_cgroup)
{
	struct sm_peer *a = &self->a, *b = &self->b;
	long ret;

	NEED_DISPLACE(return, 2);
	push(_metadata, a, b, "one", "two", false, self->len);
	ret = sm_peer_migrate(a, 0, SM_NODE(0), SM_NODE(1));
	EXPECT_LT(0, ON(a, 0));
	EXPECT_LE(ON(a, 0), ret);
	EXPECT_HOME(b, 1, 2);
	push_end(_metadata, a, b);
}

TEST_F(users, pushes_his_own)
{
	struct sm_peer *a = &self->a, *b = &self->b;

	NEED_DISPLACE(return, 2);
	push(_metadata, a, b, "one", "one", false, self->len);
	quiet_begin(&self->q);
	EXPECT_EQ(0, sm_peer_migrate(a, 0, SM_NODE(0), SM_NODE(1)));
	EXPECT_QUIET(&self->q);
	EXPECT_HOME(a, 1, 1);
	EXPECT_LT(0, ON(b, 0));
	push_end(_metadata, a, b);
}
