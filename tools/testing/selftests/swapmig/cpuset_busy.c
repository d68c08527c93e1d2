// SPDX-License-Identifier: GPL-2.0
/*
 * While the pages of one cpuset move, other groups are made, joined and removed.
 */
#include "swapmig_harness.h"

#include <sys/stat.h>

#define MOVING		SM_V2_ROOT "/swapmig-moving"
#define JOINED		SM_V2_ROOT "/swapmig-joined"
#define SAME		SM_V2_ROOT "/swapmig-same"
#define MADE		SM_V2_ROOT "/swapmig-made"
#define ATTEMPTS	10

/* What moves is much; a part of it is looked at afterwards */
#define SIZE		(200 * SM_MIB)
#define PART		(8 * SM_MIB)

/* Nodes that have room for it, because nothing else is there: without CPUs */
#define FIRST		2
#define SECOND		3

FIXTURE(cpuset_busy)
{
	char *buf;
	size_t len;
	long pages;
	long batch;
	struct sm_peer peer;
	struct sm_peer other;
};

FIXTURE_SETUP(cpuset_busy)
{
	SM_SETUP(SIZE);
	self->batch = sm_read_long(SM_BATCH);
	/* Slow, so that there is something to see */
	ASSERT_EQ(0, sm_write(SM_BATCH, "1"));
	/* Page cache would have to give way first, and not all of it might. */
	sm_write("/proc/sys/vm/drop_caches", "1");
	ASSERT_TRUE(sm_v2_cpusets(true));
	ASSERT_EQ(0, sm_group_make(MOVING, "2"));
	ASSERT_EQ(0, sm_group_make(JOINED, "0"));
	ASSERT_EQ(0, sm_group_make(SAME, "0"));
	ASSERT_EQ(0, sm_peer_start(&self->other, self->buf, PART));
	ASSERT_EQ(0, sm_group_join(JOINED, self->other.pid));
	ASSERT_EQ(0, sm_peer_start(&self->peer, self->buf, self->len));
	ASSERT_EQ(0, sm_group_join(MOVING, self->peer.pid));
	ASSERT_EQ(0, sm_peer(&self->peer, SM_ORD_FILL, FIRST, 1));
}

FIXTURE_TEARDOWN(cpuset_busy)
{
	EXPECT_EQ(0, sm_peer_stop(&self->peer));
	EXPECT_EQ(0, sm_peer_stop(&self->other));
	EXPECT_TRUE(sm_group_remove(MOVING));
	EXPECT_TRUE(sm_group_remove(JOINED));
	EXPECT_TRUE(sm_group_remove(SAME));
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

/* Pages leave in the order of their addresses. */
static bool has_begun(const struct _test_data_cpuset_busy *self, int from)
{
	return sm_page(self->peer.pid, self->buf) != from;
}

static bool goes_on(const struct _test_data_cpuset_busy *self, int from)
{
	const char *last = self->buf + self->len - SM_PAGE;

	return sm_page(self->peer.pid, last) == from;
}

/*
 * Groups are made and removed, a task joins one while its own pages wait for their
 * turn, and one of which no page has to move. Did all of that need no end of the
 * move?
 */
static bool others_go_on(struct __test_metadata *_metadata,
			 struct _test_data_cpuset_busy *self, int from,
			 const char *same, pid_t *joiner)
{
	*joiner = start_join();
	ASSERT_LE(0, *joiner);
	SM_WAIT(has_joined(*joiner) || !goes_on(self, from));
	EXPECT_EQ(0, mkdir(MADE, 0755));
	EXPECT_EQ(0, rmdir(MADE));
	EXPECT_EQ(0, sm_group_join(same, self->other.pid));
	return goes_on(self, from);
}

/* A part of it is intact, and where it belongs. */
static void check_part(struct __test_metadata *_metadata,
		       struct _test_data_cpuset_busy *self, int to)
{
	ASSERT_EQ(0, sm_peer_part(&self->peer, 0, PART));
	EXPECT_EQ(0, sm_peer(&self->peer, SM_ORD_CHECK, 0, 1));
	EXPECT_PID_ON(self->peer.pid, to, self->buf, PART);
	ASSERT_EQ(0, sm_peer_part(&self->peer, 0, self->len));
}

TEST_F(cpuset_busy, others_go_on)
{
	bool went_on = false;
	int i, status;

	for (i = 0; i < ATTEMPTS && !went_on; i++) {
		int from = i % 2 ? SECOND : FIRST, to = i % 2 ? FIRST : SECOND;
		pid_t mover, joiner;

		/* All of it is there, if this is not the first time */
		EXPECT_EQ(0, sm_peer(&self->peer, SM_ORD_TOUCH, 0, 0));
		EXPECT_PEER_ON(self->peer, from);
		mover = start_move(to);
		ASSERT_LE(0, mover);
		EXPECT_TRUE(SM_WAIT(has_begun(self, from)));
		went_on = others_go_on(_metadata, self, from,
				       i % 2 ? JOINED : SAME, &joiner);
		ASSERT_EQ(mover, waitpid(mover, &status, 0));
		EXPECT_EQ(0, status);
		/* Who changed it is not told before all is done */
		EXPECT_PEER_OFF(self->peer, from);
		ASSERT_EQ(joiner, waitpid(joiner, &status, 0));
		EXPECT_EQ(0, status);
		check_part(_metadata, self, to);
		sm_alive("moves of a cpuset", i);
	}
	EXPECT_TRUE(went_on);
}
