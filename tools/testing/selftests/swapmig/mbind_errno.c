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
	self->len = sm_size(SM_MIB);
	self->pages = SM_PAGES(self->len);
	self->buf = sm_map(self->len);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
}

FIXTURE_TEARDOWN(mbind_errno)
{
	munmap(self->buf, self->len);
	EXPECT_EQ(0, sm_swap_off());
}

static long raw_mbind(void *addr, unsigned long len, unsigned long mode,
		      const void *mask, unsigned long maxnode,
		      unsigned int flags)
{
	long ret = syscall(SYS_mbind, addr, len, mode, mask, maxnode, flags);

	return ret < 0 ? -errno : ret;
}

#define EXPECT_UNMOVED() do {						\
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 0)) {	\
		TH_LOG("%s", sm_where(0, self->buf, self->len));	\
	}								\
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 1));			\
} while (0)

TEST_F(mbind_errno, einval_flags)
{
	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_EQ(-EINVAL, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
				    MPOL_MF_MOVE | 1 << 10));
	EXPECT_EQ(-EINVAL, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
				    MPOL_MF_MOVE | MPOL_MF_LAZY));
	EXPECT_UNMOVED();
}

TEST_F(mbind_errno, einval_mode)
{
	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_EQ(-EINVAL, sm_mbind(self->buf, self->len, 99, SM_NODE(1),
				    MPOL_MF_MOVE));
	EXPECT_EQ(-EINVAL, sm_mbind(self->buf, self->len, -1, SM_NODE(1),
				    MPOL_MF_MOVE));
	EXPECT_EQ(-EINVAL,
		  sm_mbind(self->buf, self->len, MPOL_BIND |
			   MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES,
			   SM_NODE(1), MPOL_MF_MOVE));
	EXPECT_EQ(-EINVAL,
		  sm_mbind(self->buf, self->len, MPOL_INTERLEAVE |
			   MPOL_F_NUMA_BALANCING, SM_NODE(1), MPOL_MF_MOVE));
	EXPECT_UNMOVED();
}

TEST_F(mbind_errno, einval_start)
{
	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_EQ(-EINVAL, sm_mbind(self->buf + 8, SM_PAGE, MPOL_BIND,
				    SM_NODE(1), MPOL_MF_MOVE));
	EXPECT_UNMOVED();
}

TEST_F(mbind_errno, einval_length)
{
	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_EQ(-EINVAL, sm_mbind(self->buf, -(SM_PAGE * 2), MPOL_BIND,
				    SM_NODE(1), MPOL_MF_MOVE));
	EXPECT_UNMOVED();
}

TEST_F(mbind_errno, einval_nodes)
{
	unsigned long far[2] = { 0, 1 };

	sm_fill_on(self->buf, self->len, 1, 0);
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
				    SM_NODE(sm_nodes()), MPOL_MF_MOVE));
	EXPECT_EQ(-EINVAL, raw_mbind(self->buf, self->len, MPOL_BIND, far, 128,
				     MPOL_MF_MOVE));
	EXPECT_UNMOVED();
}

TEST_F(mbind_errno, einval_maxnode)
{
	unsigned long mask = SM_NODE(1);

	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_EQ(-EINVAL, raw_mbind(self->buf, self->len, MPOL_BIND, &mask,
				     SM_PAGE * 8 + 2, MPOL_MF_MOVE));
	EXPECT_EQ(-EINVAL, raw_mbind(self->buf, self->len, MPOL_BIND, &mask,
				     ~0UL, MPOL_MF_MOVE));
	EXPECT_UNMOVED();
}

TEST_F(mbind_errno, efault_mask)
{
	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_EQ(-EFAULT, raw_mbind(self->buf, self->len, MPOL_BIND,
				     (void *)8, SM_MAXNODE, MPOL_MF_MOVE));
	EXPECT_UNMOVED();
}

/* A hole at the head, in the middle and at the tail; and nothing but hole. */
TEST_F(mbind_errno, efault_hole)
{
	unsigned int flags = MPOL_MF_MOVE | MPOL_MF_STRICT;
	char *p = mmap(NULL, 6 * SM_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, munmap(p, SM_PAGE));
	ASSERT_EQ(0, munmap(p + 3 * SM_PAGE, SM_PAGE));
	ASSERT_EQ(0, munmap(p + 5 * SM_PAGE, SM_PAGE));
	sm_fill_on(p + SM_PAGE, 2 * SM_PAGE, 2, 0);
	sm_fill_on(p + 4 * SM_PAGE, SM_PAGE, 3, 0);
	EXPECT_EQ(-EFAULT, sm_mbind(p, 2 * SM_PAGE, MPOL_BIND, SM_NODE(1),
				    flags));
	EXPECT_EQ(-EFAULT, sm_mbind(p + SM_PAGE, 4 * SM_PAGE, MPOL_BIND,
				    SM_NODE(1), flags));
	EXPECT_EQ(-EFAULT, sm_mbind(p + 4 * SM_PAGE, 2 * SM_PAGE, MPOL_BIND,
				    SM_NODE(1), flags));
	EXPECT_EQ(-EFAULT, sm_mbind(p + 3 * SM_PAGE, SM_PAGE, MPOL_BIND,
				    SM_NODE(1), flags));
	/* Nothing was lost on the way, wherever the pages are now. */
	EXPECT_EQ(0, sm_bad(p + SM_PAGE, 2 * SM_PAGE, 2));
	EXPECT_EQ(0, sm_bad(p + 4 * SM_PAGE, SM_PAGE, 3));
	EXPECT_TRUE(sm_isolated_settles());
	/* The default policy does not mind holes. */
	EXPECT_EQ(0, sm_mbind(p + SM_PAGE, 4 * SM_PAGE, MPOL_DEFAULT, 0,
			      MPOL_MF_MOVE));
	EXPECT_EQ(0, sm_bad(p + SM_PAGE, 2 * SM_PAGE, 2));
	munmap(p, 6 * SM_PAGE);
}

TEST_F(mbind_errno, length_zero_is_fine)
{
	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_EQ(0, sm_mbind(self->buf, 0, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_UNMOVED();
}

TEST_F(mbind_errno, eperm_move_all)
{
	int status;
	pid_t pid;

	sm_fill_on(self->buf, self->len, 1, 0);
	pid = sm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (sm_drop_cap_sys_nice())
			_exit(1);
		if (sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			     MPOL_MF_MOVE_ALL) != -EPERM)
			_exit(2);
		/* MOVE itself needs no capability. */
		sm_fill_on(self->buf, self->len, 2, 0);
		if (sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			     MPOL_MF_MOVE | MPOL_MF_STRICT))
			_exit(3);
		if (sm_on(0, self->buf, self->len, 0))
			_exit(4);
		_exit(sm_bad(self->buf, self->len, 2) ? 5 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status) {
		TH_LOG("exit status %d", WEXITSTATUS(status));
	}
	EXPECT_UNMOVED();
}

TEST_F(mbind_errno, eio_strict)
{
	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_EQ(-EIO, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
				 MPOL_MF_STRICT));
	EXPECT_UNMOVED();
}
