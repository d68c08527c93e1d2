// SPDX-License-Identifier: GPL-2.0
/*
 * Every errno of migrate_pages(2) that does not need a cpuset (cpuset.c has
 * those), and that a refused call moves nothing.
 */
#include "swapmig_harness.h"

#include <sys/syscall.h>

FIXTURE(migrate_errno)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(migrate_errno)
{
	self->len = sm_size(SM_MIB);
	self->pages = SM_PAGES(self->len);
	self->buf = sm_map(self->len);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
}

FIXTURE_TEARDOWN(migrate_errno)
{
	munmap(self->buf, self->len);
	EXPECT_EQ(0, sm_swap_off());
}

static long raw_migrate(pid_t pid, unsigned long maxnode, const void *from,
			const void *to)
{
	long ret = syscall(SYS_migrate_pages, pid, maxnode, from, to);

	return ret < 0 ? -errno : ret;
}

TEST_F(migrate_errno, esrch)
{
	pid_t pid = sm_fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(0);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(-ESRCH, sm_migrate(pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(-ESRCH, sm_migrate(-1, SM_NODE(0), SM_NODE(1)));
}

TEST_F(migrate_errno, einval_kernel_thread)
{
	/* Process 2 is kthreadd: it has no memory. */
	EXPECT_EQ(-EINVAL, sm_migrate(2, SM_NODE(0), SM_NODE(1)));
}

TEST_F(migrate_errno, einval_zombie)
{
	pid_t pid = sm_fork();
	siginfo_t info;

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(0);
	ASSERT_EQ(0, waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	EXPECT_EQ(-EINVAL, sm_migrate(pid, SM_NODE(0), SM_NODE(1)));
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
}

TEST_F(migrate_errno, einval_nodes)
{
	unsigned long far[2] = { 0, 1 }, one[2] = { 1, 0 };

	sm_fill_on(self->buf, self->len, 1, 0);
	/* No node, a node that does not exist, one beyond all nodes */
	EXPECT_EQ(-EINVAL, sm_migrate(0, SM_NODE(0), 0));
	EXPECT_EQ(-EINVAL, sm_migrate(0, SM_NODE(0), SM_NODE(sm_nodes())));
	EXPECT_EQ(-EINVAL, raw_migrate(0, 128, one, far));
	EXPECT_EQ(-EINVAL, raw_migrate(0, 128, far, one));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 0));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 1));
}

TEST_F(migrate_errno, einval_maxnode)
{
	unsigned long mask = SM_NODE(1);

	EXPECT_EQ(-EINVAL, raw_migrate(0, SM_PAGE * 8 + 2, &mask, &mask));
	EXPECT_EQ(-EINVAL, raw_migrate(0, ~0UL, &mask, &mask));
}

TEST_F(migrate_errno, efault)
{
	unsigned long mask = SM_NODE(1);

	EXPECT_EQ(-EFAULT, raw_migrate(0, SM_MAXNODE, (void *)8, &mask));
	EXPECT_EQ(-EFAULT, raw_migrate(0, SM_MAXNODE, &mask, (void *)8));
}

/* No source node: nothing to do, not an error. */
TEST_F(migrate_errno, no_source_is_fine)
{
	unsigned long to = SM_NODE(1);

	sm_fill_on(self->buf, self->len, 2, 0);
	EXPECT_EQ(0, raw_migrate(0, SM_MAXNODE, NULL, &to));
	EXPECT_EQ(0, sm_migrate(0, 0, SM_NODE(1)));
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, 0));
}

TEST_F(migrate_errno, eperm_other_user)
{
	struct sm_peer target, caller;

	NEED_NODES(return, 2);
	ASSERT_EQ(0, sm_peer_start(&target, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&target, SM_ORD_FILL, 0, 3));
	ASSERT_EQ(0, sm_peer_start(&caller, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&caller, SM_ORD_DROP_ROOT, 0, 0));
	EXPECT_EQ(-EPERM, sm_peer_migrate(&caller, target.pid, SM_NODE(0),
					  SM_NODE(1)));
	EXPECT_EQ(-EPERM, sm_peer_migrate(&caller, 1, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(self->pages, sm_on(target.pid, self->buf, self->len, 0));
	EXPECT_EQ(0, sm_peer(&target, SM_ORD_CHECK, 0, 3));
	EXPECT_EQ(0, sm_peer_stop(&caller));
	EXPECT_EQ(0, sm_peer_stop(&target));
}

/* Target nodes outside of the target's cpuset: nodes that are not there. */
TEST_F(migrate_errno, eperm_nodes)
{
	struct sm_peer caller;

	ASSERT_EQ(0, sm_peer_start(&caller, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&caller, SM_ORD_DROP_NICE, 0, 0));
	EXPECT_EQ(-EPERM, sm_peer_migrate(&caller, 0, SM_NODE(0),
					  SM_NODE(sm_nodes())));
	EXPECT_EQ(0, sm_peer_stop(&caller));
}

TEST_F(migrate_errno, move_pages_without_migration)
{
	void *pages[1] = { self->buf };
	int nodes[1] = { 1 }, status[1];
	long ret;
	int err;

	sm_fill_on(self->buf, self->len, 4, 0);
	ret = syscall(SYS_move_pages, 0, 1UL, pages, nodes, status, 0);
	err = errno;
	if (sm_has_migration()) {
		EXPECT_EQ(0, ret);
		EXPECT_EQ(1, status[0]);
		EXPECT_EQ(1, sm_page(0, self->buf));
	} else {
		EXPECT_EQ(-1, ret);
		EXPECT_EQ(SM_NO_SYSCALL, err);
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 4));
}
