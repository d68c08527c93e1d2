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
	SM_SETUP(SM_MIB);
	sm_fill_on(self->buf, self->len, 1, 0);
}

/* None of these calls moves anything. */
FIXTURE_TEARDOWN(migrate_errno)
{
	EXPECT_ON(0, self->buf, self->len);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 1));
	SM_TEARDOWN();
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

/* kthreadd and a zombie have no memory. */
TEST_F(migrate_errno, einval_no_memory)
{
	pid_t pid = sm_fork();
	siginfo_t info;

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(0);
	ASSERT_EQ(0, waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	EXPECT_EQ(-EINVAL, sm_migrate(2, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(-EINVAL, sm_migrate(pid, SM_NODE(0), SM_NODE(1)));
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
}

/* No node, a node that does not exist, one beyond all nodes; and sizes */
TEST_F(migrate_errno, einval_nodes)
{
	unsigned long far[2] = { 0, 1 }, one[2] = { 1, 0 };

	EXPECT_EQ(-EINVAL, sm_migrate(0, SM_NODE(0), 0));
	EXPECT_EQ(-EINVAL, sm_migrate(0, SM_NODE(0), SM_NODE(SM_NODES)));
	EXPECT_EQ(-EINVAL, raw_migrate(0, 128, one, far));
	EXPECT_EQ(-EINVAL, raw_migrate(0, 128, far, one));
	EXPECT_EQ(-EINVAL, raw_migrate(0, SM_PAGE * 8 + 2, one, one));
	EXPECT_EQ(-EINVAL, raw_migrate(0, ~0UL, one, one));
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

	EXPECT_EQ(0, raw_migrate(0, SM_MAXNODE, NULL, &to));
	EXPECT_EQ(0, sm_migrate(0, 0, SM_NODE(1)));
}

TEST_F(migrate_errno, eperm_other_user)
{
	struct sm_peer target, caller;

	ASSERT_EQ(0, sm_peer_start(&target, self->buf, self->len));
	ASSERT_EQ(0, sm_peer_start(&caller, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&caller, SM_ORD_DROP_ROOT, 0, 0));
	EXPECT_EQ(-EPERM, sm_peer_migrate(&caller, target.pid, SM_NODE(0),
					  SM_NODE(1)));
	EXPECT_EQ(-EPERM, sm_peer_migrate(&caller, 1, SM_NODE(0), SM_NODE(1)));
	EXPECT_PEER_ON(target, 0);
	EXPECT_EQ(0, sm_peer(&target, SM_ORD_CHECK, 0, 1));
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
					  SM_NODE(SM_NODES)));
	EXPECT_EQ(0, sm_peer_stop(&caller));
}

static long move_page(void *page, int node, int *status)
{
	long ret = syscall(SYS_move_pages, 0, 1UL, &page, &node, status, 0);

	return ret < 0 ? -errno : ret;
}

/*
 * It is not there without CONFIG_MIGRATION, which is what counts pgmigrate_success.
 * By way of swap the page is where it was sent once it is touched.
 */
TEST_F(migrate_errno, move_pages)
{
	int status = -1;

	if (sm_vmstat("pgmigrate_success") < 0) {
		EXPECT_EQ(-SM_NO_SYSCALL, move_page(self->buf, 1, &status));
		return;
	}
	EXPECT_EQ(0, move_page(self->buf, 1, &status));
	EXPECT_EQ(1, status);
	sm_touch(self->buf, SM_PAGE);
	EXPECT_EQ(1, sm_page(0, self->buf));
	EXPECT_EQ(0, move_page(self->buf, 0, &status));
	EXPECT_EQ(0, status);
	sm_touch(self->buf, SM_PAGE);
}
