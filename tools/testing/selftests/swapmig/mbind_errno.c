// SPDX-License-Identifier: GPL-2.0
/*
 * Every errno of mbind(2) that a request to move pages can meet, and that a
 * refused call moves nothing.
 */
#include "swapmig_harness.h"

#include <sys/syscall.h>

#ifndef MPOL_F_NUMA_BALANCING
#define MPOL_F_NUMA_BALANCING 0x2000
#endif

FIXTURE(mbind_errno)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(mbind_errno)
{
	SM_SETUP(SM_MIB);
	sm_fill_on(self->buf, self->len, 1, 0);
}

/* None of these calls moves anything. */
FIXTURE_TEARDOWN(mbind_errno)
{
	EXPECT_ON(0, self->buf, self->len);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 1));
	SM_TEARDOWN();
}

static long raw_mbind(void *addr, unsigned long len, unsigned long mode,
		      const void *mask, unsigned long maxnode,
		      unsigned int flags)
{
	long ret = syscall(SYS_mbind, addr, len, mode, mask, maxnode, flags);

	return ret < 0 ? -errno : ret;
}

TEST_F(mbind_errno, einval_flags_and_mode)
{
	static const struct {
		int mode;
		unsigned int flags;
	} wrong[] = {
		{ MPOL_BIND, MPOL_MF_MOVE | 1 << 10 },
		{ MPOL_BIND, MPOL_MF_MOVE | MPOL_MF_LAZY },
		{ 99, MPOL_MF_MOVE },
		{ -1, MPOL_MF_MOVE },
		{ MPOL_BIND | MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES,
		  MPOL_MF_MOVE },
		{ MPOL_INTERLEAVE | MPOL_F_NUMA_BALANCING, MPOL_MF_MOVE },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		EXPECT_EQ(-EINVAL, sm_mbind(self->buf, self->len, wrong[i].mode,
					    SM_NODE(1), wrong[i].flags)) {
			TH_LOG("case %zu", i);
		}
}

TEST_F(mbind_errno, einval_range)
{
	EXPECT_EQ(-EINVAL, sm_mbind(self->buf + 8, SM_PAGE, MPOL_BIND,
				    SM_NODE(1), MPOL_MF_MOVE));
	EXPECT_EQ(-EINVAL, sm_mbind(self->buf, -(SM_PAGE * 2), MPOL_BIND,
				    SM_NODE(1), MPOL_MF_MOVE));
}

TEST_F(mbind_errno, einval_nodes)
{
	unsigned long far[2] = { 0, 1 }, mask = SM_NODE(1);

	/* No node where there must be one */
	EXPECT_EQ(-EINVAL, sm_mbind(self->buf, self->len, MPOL_BIND, 0,
				    MPOL_MF_MOVE));
	EXPECT_EQ(-EINVAL, sm_mbind(self->buf, self->len, MPOL_INTERLEAVE, 0,
				    MPOL_MF_MOVE));
	/* One where there must be none */
	EXPECT_EQ(-EINVAL, sm_mbind(self->buf, self->len, MPOL_DEFAULT,
				    SM_NODE(1), MPOL_MF_MOVE));
	/* One that is possible but has no memory, and one beyond all nodes */
	EXPECT_EQ(-EINVAL, sm_mbind(self->buf, self->len, MPOL_BIND,
				    SM_NODE(SM_NODES), MPOL_MF_MOVE));
	EXPECT_EQ(-EINVAL, raw_mbind(self->buf, self->len, MPOL_BIND, far, 128,
				     MPOL_MF_MOVE));
	/* Sizes of masks that nobody has */
	EXPECT_EQ(-EINVAL, raw_mbind(self->buf, self->len, MPOL_BIND, &mask,
				     SM_PAGE * 8 + 2, MPOL_MF_MOVE));
	EXPECT_EQ(-EINVAL, raw_mbind(self->buf, self->len, MPOL_BIND, &mask,
				     ~0UL, MPOL_MF_MOVE));
}

TEST_F(mbind_errno, efault_mask)
{
	EXPECT_EQ(-EFAULT, raw_mbind(self->buf, self->len, MPOL_BIND,
				     (void *)8, SM_MAXNODE, MPOL_MF_MOVE));
}

/* A hole at the head, in the middle and at the tail; and nothing but hole. */
TEST_F(mbind_errno, efault_hole)
{
	static const struct {
		int first;
		int pages;
	} wrong[] = { { 0, 2 }, { 1, 4 }, { 4, 2 }, { 3, 1 } };
	char *p = sm_map(6 * SM_PAGE);
	size_t i;

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, munmap(p, SM_PAGE));
	ASSERT_EQ(0, munmap(p + 3 * SM_PAGE, SM_PAGE));
	ASSERT_EQ(0, munmap(p + 5 * SM_PAGE, SM_PAGE));
	sm_fill_on(p + SM_PAGE, 2 * SM_PAGE, 2, 0);
	sm_fill_on(p + 4 * SM_PAGE, SM_PAGE, 3, 0);
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		EXPECT_EQ(-EFAULT,
			  sm_mbind(p + wrong[i].first * SM_PAGE,
				   wrong[i].pages * SM_PAGE, MPOL_BIND,
				   SM_NODE(1), MPOL_MF_MOVE | MPOL_MF_STRICT)) {
			TH_LOG("case %zu", i);
		}
	EXPECT_ON(0, p + SM_PAGE, 2 * SM_PAGE);
	EXPECT_ON(0, p + 4 * SM_PAGE, SM_PAGE);
	EXPECT_TRUE(sm_isolated_settles());
	/* The default policy does not mind holes. */
	EXPECT_EQ(0, sm_mbind(p + SM_PAGE, 4 * SM_PAGE, MPOL_DEFAULT, 0,
			      MPOL_MF_MOVE));
	EXPECT_EQ(0, sm_bad(p + SM_PAGE, 2 * SM_PAGE, 2));
	EXPECT_EQ(0, sm_bad(p + 4 * SM_PAGE, SM_PAGE, 3));
	munmap(p, 6 * SM_PAGE);
}

TEST_F(mbind_errno, length_zero_is_fine)
{
	EXPECT_EQ(0, sm_mbind(self->buf, 0, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
}

/* MOVE_ALL needs CAP_SYS_NICE, MOVE does not. */
TEST_F(mbind_errno, eperm_move_all)
{
	int status;
	pid_t pid;

	pid = sm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (sm_drop_cap_sys_nice())
			_exit(1);
		if (sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			     MPOL_MF_MOVE_ALL) != -EPERM)
			_exit(2);
		sm_fill_on(self->buf, self->len, 2, 0);
		if (sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			     MPOL_MF_MOVE | MPOL_MF_STRICT))
			_exit(3);
		if (sm_sent(0, self->buf, self->len, SM_NODE(1)) != self->pages)
			_exit(4);
		_exit(sm_bad(self->buf, self->len, 2) ? 5 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status) {
		TH_LOG("exit status %d", WEXITSTATUS(status));
	}
}
