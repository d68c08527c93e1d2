// SPDX-License-Identifier: GPL-2.0
/*
 * Several requests to full nodes, one after the other and at the same time,
 * and cpusets whose nodes change.
 */
#include "swapmig_displace.h"

/* On nodes that huge pages make small */
FIXTURE(displace_many)
{
	size_t len;
};

FIXTURE_SETUP(displace_many)
{
	if (displace_lacks(4))
		return;
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	self->len = full_begin(4, 48 * SM_MIB);
	ASSERT_LT(16 * SM_MIB, self->len);
}

FIXTURE_TEARDOWN(displace_many)
{
	full_end(4);
	EXPECT_EQ(0, sm_swap_off());
}

/* Its owner's cpuset lets nobody push B away, until B's own turn. */
TEST_F(displace_many, cpusets_swap_their_mems)
{
	size_t len = part(self->len, 80);
	struct sm_peer a, b;
	struct quiet q;

	NEED_DISPLACE(return, 4);
	ASSERT_EQ(0, sm_swap_off());
	ASSERT_TRUE(sm_cgroup_on("cpuset"));
	ASSERT_EQ(0, sm_cgroup_make("a") ?: sm_cgroup_make("b"));
	ASSERT_EQ(0, sm_cgroup_set("a", "cpuset.mems", "0"));
	ASSERT_EQ(0, sm_cgroup_set("b", "cpuset.mems", "1"));
	START_EMPTY(&a, len);
	START_EMPTY(&b, len);
	EXPECT_EQ(0, sm_cgroup_join("a", a.pid) ?: sm_cgroup_join("b", b.pid));
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_FILL, 0, 1));
	EXPECT_EQ(0, sm_peer(&b, SM_ORD_FILL, 1, 2));
	quiet_begin(&q);
	EXPECT_EQ(0, sm_cgroup_set("a", "cpuset.mems", "1"));
	EXPECT_HOME(&b, 1, 2);
	EXPECT_EQ(0, sm_cgroup_set("b", "cpuset.mems", "0"));
	EXPECT_HOME(&b, 0, 2);
	EXPECT_HOME(&a, 1, 1);
	EXPECT_QUIET(&q);
	STOP(&a);
	STOP(&b);
	EXPECT_TRUE(sm_cgroup_remove("a"));
	EXPECT_TRUE(sm_cgroup_remove("b"));
	EXPECT_TRUE(sm_cgroup_off("cpuset"));
}

/* The write returns when all is done. */
TEST_F(displace_many, cpuset_onto_a_full_node)
{
	size_t len = part(self->len, 80);
	struct sm_peer a, b;
	struct quiet q;

	NEED_DISPLACE(return, 4);
	ASSERT_TRUE(sm_cgroup_on("cpuset"));
	ASSERT_EQ(0, sm_cgroup_make("a"));
	ASSERT_EQ(0, sm_cgroup_set("a", "cpuset.mems", "0,2"));
	START(&b, len, 1, 2);
	START_EMPTY(&a, len);
	EXPECT_EQ(0, sm_cgroup_join("a", a.pid));
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_FILL, 0, 1));
	quiet_begin(&q);
	EXPECT_EQ(0, sm_cgroup_set("a", "cpuset.mems", "1,3"));
	EXPECT_HOME(&a, 1, 1);
	EXPECT_INTACT(&b, 0, 1, 2);
	EXPECT_QUIET(&q);
	STOP(&a);
	STOP(&b);
	EXPECT_TRUE(sm_cgroup_remove("a"));
	EXPECT_TRUE(sm_cgroup_off("cpuset"));
}

/* Each of @n processes goes from its node to another, all at the same time. */
static void all_at_once(struct __test_metadata *_metadata, struct sm_peer *p,
			int n, const int *from, const int *to)
{
	struct sm_peer caller[4];
	struct quiet q;
	int i;

	for (i = 0; i < n; i++)
		START_EMPTY(&caller[i], SM_PAGE);
	quiet_begin(&q);
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, sm_peer_tell(&caller[i], SM_ORD_MIGRATE,
					  SM_NODE(from[i]), SM_NODE(to[i]),
					  p[i].pid));
	}
	for (i = 0; i < n; i++) {
		EXPECT_EQ(0, sm_peer_answer(&caller[i])) {
			TH_LOG("process %d: %s", i, WHERE(&p[i]));
		}
	}
	for (i = 0; i < n; i++) {
		EXPECT_HOME(&p[i], to[i], i + 1);
		STOP(&caller[i]);
	}
	EXPECT_QUIET(&q);
	EXPECT_TRUE(sm_isolated_settles());
}

TEST_F(displace_many, exchange_at_once)
{
	static const int from[] = { 0, 1 }, to[] = { 1, 0 };
	struct sm_peer p[2];
	int i;

	NEED_DISPLACE(return, 4);
	for (i = 0; i < 2; i++)
		START(&p[i], part(self->len, 85), from[i], i + 1);
	all_at_once(_metadata, p, 2, from, to);
	for (i = 0; i < 2; i++)
		STOP(&p[i]);
}

TEST_F(displace_many, rotation_of_four)
{
	static const int from[] = { 0, 1, 2, 3 }, to[] = { 1, 2, 3, 0 };
	struct sm_peer p[4];
	int i;

	NEED_DISPLACE(return, 4);
	for (i = 0; i < 4; i++)
		START(&p[i], part(self->len, 90), from[i], i + 1);
	all_at_once(_metadata, p, 4, from, to);
	for (i = 0; i < 4; i++)
		STOP(&p[i]);
}

/* Neither pushes away what the other has just placed. */
TEST_F(displace_many, two_onto_one_node)
{
	static const int from[] = { 0, 2 }, to[] = { 1, 1 };
	struct sm_peer p[2], b;
	struct sm_count c;
	int i;

	NEED_DISPLACE(return, 4);
	START(&b, part(self->len, 85), 1, 9);
	for (i = 0; i < 2; i++)
		START(&p[i], part(self->len, 40), from[i], i + 1);
	all_at_once(_metadata, p, 2, from, to);
	ASSERT_EQ(0, sm_count(b.pid, b.buf, b.len, &c));
	EXPECT_EQ(SM_PAGES(b.len), c.node[0] + c.node[1] + c.node[2]);
	EXPECT_EQ(0, sm_peer(&b, SM_ORD_CHECK, 0, 9));
	for (i = 0; i < 2; i++)
		STOP(&p[i]);
	STOP(&b);
}
