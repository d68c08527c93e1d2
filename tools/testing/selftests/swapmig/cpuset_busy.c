// SPDX-License-Identifier: GPL-2.0
/*
 * While the pages of one cpuset move, other groups are made, joined and removed.
 */
#include "swapmig_harness.h"

#include <sys/stat.h>

#define MOVING		SM_V2_ROOT "/swapmig-moving"
#define JOINED		SM_V2_ROOT "/swapmig-joined"
#define MADE		SM_V2_ROOT "/swapmig-made"
#define ATTEMPTS	20

FIXTURE(cpuset_busy)
{
	char *buf;
	size_t len;
	long pages;
	long batch;
	struct sm_peer peer;
};

FIXTURE_SETUP(cpuset_busy)
{
	SM_SETUP(96 * SM_MIB);
	self->batch = sm_read_long(SM_BATCH);
	/* Slow, so that there is something to see */
	ASSERT_EQ(0, sm_write(SM_BATCH, "1"));
	ASSERT_TRUE(sm_v2_cpusets(true));
	ASSERT_EQ(0, sm_group_make(MOVING, "0"));
	ASSERT_EQ(0, sm_group_make(JOINED, "0"));
	ASSERT_EQ(0, sm_peer_start(&self->peer, self->buf, self->len));
	ASSERT_EQ(0, sm_group_join(MOVING, self->peer.pid));
	ASSERT_EQ(0, sm_peer(&self->peer, SM_ORD_FILL, 0, 1));
}

FIXTURE_TEARDOWN(cpuset_busy)
{
	EXPECT_EQ(0, sm_peer_stop(&self->peer));
	EXPECT_TRUE(sm_group_remove(MOVING));
	EXPECT_TRUE(sm_group_remove(JOINED));
	EXPECT_TRUE(sm_v2_cpusets(false));
	EXPECT_EQ(0, sm_write(SM_BATCH, "%ld", self->batch));
	SM_TEARDOWN();
}

static pid_t start_move(int to)
{
	pid_t pid = sm_fork();
	char node[8];

	if (!pid) {
		snprintf(node, sizeof(node), "%d", to);
		_exit(sm_group_set(MOVING, "cpuset.mems", node) ? 1 : 0);
	}
	return pid;
}

static pid_t start_join(void)
{
	pid_t pid = sm_fork();

	if (!pid)
		_exit(sm_group_join(JOINED, getpid()) ? 1 : 0);
	return pid;
}

static bool has_joined(pid_t pid)
{
	FILE *f = fopen(JOINED "/cgroup.procs", "r");
	bool found = false;
	int member;

	while (f && fscanf(f, "%d", &member) == 1)
		found |= member == pid;
	if (f)
		fclose(f);
	return found;
}

static long behind(const struct _test_data_cpuset_busy *self, int node)
{
	return sm_on(self->peer.pid, self->buf, self->len, node);
}

/* Groups were made and removed, and a task has joined one, before all had moved. */
TEST_F(cpuset_busy, others_go_on)
{
	bool went_on = false;
	int i, status;

	for (i = 0; i < ATTEMPTS && !went_on; i++) {
		int from = i % 2, to = !from;
		pid_t mover, joiner;
		long left;

		mover = start_move(to);
		ASSERT_LE(0, mover);
		SM_WAIT(behind(self, from) < self->pages);
		joiner = start_join();
		ASSERT_LE(0, joiner);
		SM_WAIT(has_joined(joiner) || !behind(self, from));
		EXPECT_EQ(0, mkdir(MADE, 0755));
		EXPECT_EQ(0, rmdir(MADE));
		left = behind(self, from);
		went_on = left > 0;
		ASSERT_EQ(mover, waitpid(mover, &status, 0));
		EXPECT_EQ(0, status);
		/* Who changed it is not told before all is done */
		EXPECT_EQ(0, behind(self, from));
		ASSERT_EQ(joiner, waitpid(joiner, &status, 0));
		EXPECT_EQ(0, status);
		EXPECT_EQ(0, sm_peer(&self->peer, SM_ORD_CHECK, 0, 1));
		EXPECT_PEER_ON(self->peer, to);
		sm_alive("moves of a cpuset", i);
	}
	EXPECT_TRUE(went_on);
}
