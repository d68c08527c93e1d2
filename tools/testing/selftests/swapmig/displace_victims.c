// SPDX-License-Identifier: GPL-2.0
/*
 * Who is moved away to make room on a full node, and who never is.
 */
#include "swapmig_displace.h"

#define ROOM	(64 * SM_MIB)

enum kind {
	VMA_BOUND,
	TASK_BOUND,
	CPUSET,
	MLOCKED,
	PINNED,
	HUGETLB,
	MEMORY_LOW,
	MEMORY_MIN,
};

/* Two fill node 1: one that has to stay, and one that may be moved. */
FIXTURE(stays)
{
	size_t len;
	const char *controller;
	struct sm_peer stays, goes, a;
	char *huge;
};

FIXTURE_VARIANT(stays)
{
	enum kind kind;
};

FIXTURE_VARIANT_ADD(stays, mbind)
{
	.kind = VMA_BOUND,
};

FIXTURE_VARIANT_ADD(stays, set_mempolicy)
{
	.kind = TASK_BOUND,
};

FIXTURE_VARIANT_ADD(stays, cpuset)
{
	.kind = CPUSET,
};

FIXTURE_VARIANT_ADD(stays, mlock)
{
	.kind = MLOCKED,
};

FIXTURE_VARIANT_ADD(stays, pinned)
{
	.kind = PINNED,
};

FIXTURE_VARIANT_ADD(stays, hugetlb)
{
	.kind = HUGETLB,
};

FIXTURE_VARIANT_ADD(stays, memory_low)
{
	.kind = MEMORY_LOW,
};

FIXTURE_VARIANT_ADD(stays, memory_min)
{
	.kind = MEMORY_MIN,
};

FIXTURE_SETUP(stays)
{
	if (displace_lacks(2))
		return;
	self->controller = variant->kind == CPUSET ? "cpuset" :
			   variant->kind >= MEMORY_LOW ? "memory" : NULL;
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	self->len = full_begin(2, ROOM);
	ASSERT_LT(16 * SM_MIB, self->len);
	if (self->controller) {
		ASSERT_TRUE(sm_cgroup_on(self->controller));
		ASSERT_EQ(0, sm_cgroup_make("stays"));
	}
}

FIXTURE_TEARDOWN(stays)
{
	if (self->controller) {
		EXPECT_TRUE(sm_cgroup_remove("stays"));
		EXPECT_TRUE(sm_cgroup_off(self->controller));
	}
	full_end(2);
	EXPECT_EQ(0, sm_swap_off());
}

/* What the one that stays does before and after it has its memory */
static long prepare(struct sm_peer *p, enum kind kind)
{
	switch (kind) {
	case CPUSET:
		return sm_cgroup_set("stays", "cpuset.mems", "1") ?:
		       sm_cgroup_join("stays", p->pid);
	case MEMORY_LOW:
		return sm_cgroup_set("stays", "memory.low", "max") ?:
		       sm_cgroup_join("stays", p->pid);
	case MEMORY_MIN:
		return sm_cgroup_set("stays", "memory.min", "max") ?:
		       sm_cgroup_join("stays", p->pid);
	default:
		return 0;
	}
}

static long hold(struct sm_peer *p, enum kind kind)
{
	switch (kind) {
	case VMA_BOUND:
		return sm_peer(p, SM_ORD_MBIND, SM_NODE(1), 0);
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

static char *map_huge(size_t len, int node)
{
	char *p;

	sm_set_mempolicy(MPOL_BIND, SM_NODE(node));
	p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (p != MAP_FAILED)
		sm_fill(p, len, 4);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	return p == MAP_FAILED ? NULL : p;
}

TEST_F(stays, page_by_page)
{
	size_t half = part(self->len, 50), huge_len = 4 * SM_THP;
	struct sm_peer *stays = &self->stays, *goes = &self->goes;
	struct sm_peer *a = &self->a;
	struct quiet q;
	long ret;

	NEED_DISPLACE(return, 2);
	if (variant->kind == HUGETLB) {
		self->huge = map_huge(huge_len, 1);
		ASSERT_NE(NULL, self->huge);
	}
	START_EMPTY(stays, half);
	ASSERT_EQ(0, prepare(stays, variant->kind));
	ASSERT_EQ(0, sm_peer(stays, SM_ORD_FILL, 1, 2));
	ret = hold(stays, variant->kind);
	if (variant->kind == PINNED && ret == -SM_NO_SYSCALL)
		SKIP(return, "needs CONFIG_IO_URING");
	ASSERT_LE(0, ret);
	START(goes, part(self->len, 48), 1, 3);
	START(a, part(self->len, 40), 0, 1);
	quiet_begin(&q);
	EXPECT_EQ(0, MOVE(a, 0, 1));
	EXPECT_QUIET(&q);
	EXPECT_HOME(a, 1, 1);
	EXPECT_INTACT(goes, 0, 1, 3);
	if (variant->kind == HUGETLB) {
		EXPECT_INTACT(stays, 0, 1, 2);
		EXPECT_EQ(SM_PAGES(huge_len),
			  sm_on(0, self->huge, huge_len, 1));
		EXPECT_EQ(0, sm_bad(self->huge, huge_len, 4));
		munmap(self->huge, huge_len);
	} else {
		EXPECT_HOME(stays, 1, 2);
		/* Somebody had to go. */
		EXPECT_LT(SM_PAGES(a->len) / 2, ON(goes, 0));
	}
	STOP(stays);
	STOP(goes);
	STOP(a);
}

FIXTURE(victims)
{
	size_t len;
};

FIXTURE_SETUP(victims)
{
	if (displace_lacks(2))
		return;
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	self->len = full_begin(2, ROOM);
	ASSERT_LT(16 * SM_MIB, self->len);
}

FIXTURE_TEARDOWN(victims)
{
	full_end(2);
	EXPECT_EQ(0, sm_swap_off());
}

/* The older one is used without pause: the cold one goes. */
TEST_F(victims, cold_before_hot)
{
	struct sm_peer hot, cold, a;

	NEED_DISPLACE(return, 2);
	START(&hot, part(self->len, 50), 1, 2);
	START(&cold, part(self->len, 48), 1, 3);
	START(&a, part(self->len, 30), 0, 1);
	ASSERT_EQ(0, sm_peer_tell(&hot, SM_ORD_BUSY, false, 0, 2));
	usleep(200000);
	EXPECT_EQ(0, MOVE(&a, 0, 1));
	EXPECT_EQ(0, sm_peer_idle(&hot));
	EXPECT_LT(4 * ON(&hot, 0), ON(&cold, 0)) {
		TH_LOG("hot pages: %s", WHERE(&hot));
	}
	EXPECT_LT(SM_PAGES(a.len) / 2, ON(&cold, 0));
	EXPECT_HOME(&a, 1, 1);
	EXPECT_INTACT(&hot, 0, 1, 2);
	EXPECT_INTACT(&cold, 0, 1, 3);
	STOP(&hot);
	STOP(&cold);
	STOP(&a);
}

/* Of two as old as each other, the one that wants to be there goes first. */
TEST_F(victims, wants_to_go)
{
	size_t len = part(self->len, 49), slice = 64 * SM_PAGE, off;
	struct sm_peer wants, other, a;

	NEED_DISPLACE(return, 2);
	START_EMPTY(&wants, len);
	START_EMPTY(&other, len);
	for (off = 0; off + slice <= len; off += slice) {
		ASSERT_EQ(0, sm_peer_part(&other, off, slice));
		ASSERT_EQ(0, sm_peer(&other, SM_ORD_FILL, 1, 3));
		ASSERT_EQ(0, sm_peer_part(&wants, off, slice));
		ASSERT_EQ(0, sm_peer(&wants, SM_ORD_FILL, 1, 2));
	}
	ASSERT_EQ(0, sm_peer_part(&wants, 0, len));
	ASSERT_EQ(0, sm_peer(&wants, SM_ORD_MBIND, SM_NODE(0), 0));
	START(&a, part(self->len, 30), 0, 1);
	EXPECT_EQ(0, MOVE(&a, 0, 1));
	EXPECT_LT(2 * ON(&other, 0), ON(&wants, 0)) {
		TH_LOG("others: %s", WHERE(&other));
		TH_LOG("wants: %s", WHERE(&wants));
	}
	EXPECT_HOME(&a, 1, 1);
	STOP(&wants);
	STOP(&other);
	STOP(&a);
}

/* One of the two processes that map a page has to stay: the page stays. */
TEST_F(victims, one_of_two_owners_is_bound)
{
	size_t len = part(self->len, 50);
	struct sm_peer bound, goes, a;
	char *buf;

	NEED_DISPLACE(return, 2);
	buf = sm_map(len);
	ASSERT_NE(NULL, buf);
	sm_fill_on(buf, len, 2, 1);
	ASSERT_EQ(SM_PAGES(len), sm_on(0, buf, len, 1));
	ASSERT_EQ(0, sm_peer_start(&bound, buf, len));
	ASSERT_EQ(0, sm_peer(&bound, SM_ORD_POLICY, SM_NODE(1), MPOL_BIND));
	START(&goes, part(self->len, 48), 1, 3);
	START(&a, part(self->len, 40), 0, 1);
	EXPECT_EQ(0, MOVE(&a, 0, 1));
	EXPECT_HOME(&a, 1, 1);
	EXPECT_HOME(&bound, 1, 2);
	EXPECT_INTACT(&goes, 0, 1, 3);
	STOP(&bound);
	STOP(&goes);
	STOP(&a);
}

/* Pages change nodes, not owners. */
TEST_F(victims, charges_stay)
{
	struct sm_peer victim, a;
	long before, slack = SM_MIB;
	struct quiet q;

	NEED_DISPLACE(return, 2);
	ASSERT_TRUE(sm_cgroup_on("memory"));
	ASSERT_EQ(0, sm_cgroup_make("victim"));
	START_EMPTY(&victim, part(self->len, 90));
	EXPECT_EQ(0, sm_cgroup_join("victim", victim.pid));
	EXPECT_EQ(0, sm_peer(&victim, SM_ORD_FILL, 1, 2));
	START(&a, part(self->len, 60), 0, 1);
	before = sm_cgroup_get("victim", "memory.current");
	EXPECT_LT((long)victim.len, before);
	quiet_begin(&q);
	EXPECT_EQ(0, MOVE(&a, 0, 1));
	EXPECT_QUIET(&q);
	EXPECT_GT(slack, labs(sm_cgroup_get("victim", "memory.current") -
			      before));
	EXPECT_LT(SM_PAGES(a.len) / 2, ON(&victim, 0));
	EXPECT_HOME(&a, 1, 1);
	EXPECT_INTACT(&victim, 0, 1, 2);
	STOP(&victim);
	STOP(&a);
	EXPECT_TRUE(sm_cgroup_remove("victim"));
	EXPECT_TRUE(sm_cgroup_off("memory"));
}
