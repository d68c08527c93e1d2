// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to full nodes, many at once: four that take each other's places, together
 * or one after the other, one that waits for another, and two on whole nodes.
 */
#include "swapmig_displace.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#define ROOM	(48 * SM_MIB)

/* Who has slept so often in a call waits for something; and how often to try */
#define NAPS	50
#define TRIES	3

/* Four processes, each on a node of its own, go to the next one by four calls. */
FIXTURE(rotation)
{
	struct sm_peer p[SM_NODES], caller[SM_NODES];
	struct quiet q;
	long asked;
};

FIXTURE_VARIANT(rotation)
{
	int percent;		/* of each node */
	bool late;		/* each call begins when pages make way already */
};

FIXTURE_VARIANT_ADD(rotation, full_82)
{
	.percent = 82,
};

FIXTURE_VARIANT_ADD(rotation, full_82_late)
{
	.percent = 82,
	.late = true,
};

FIXTURE_VARIANT_ADD(rotation, full_95_late)
{
	.percent = 95,
	.late = true,
};

FIXTURE_SETUP(rotation)
{
	int i;

	FULL_BEGIN(SM_SWAP_DISK, SM_NODES, ROOM);
	for (i = 0; i < SM_NODES; i++) {
		START(&self->p[i], sm_part(ROOM, variant->percent), i, i + 1);
		START(&self->caller[i], SM_PAGE, 0, 0);
		self->asked += SM_PAGES(self->p[i].len);
	}
	quiet_begin(&self->q);
}

FIXTURE_TEARDOWN(rotation)
{
	int i;

	for (i = 0; i < SM_NODES; i++) {
		EXPECT_EQ(0, sm_peer_stop(&self->caller[i]));
		EXPECT_EQ(0, sm_peer_stop(&self->p[i]));
	}
	FULL_END(NULL);
}

TEST_F(rotation, four_calls)
{
	long no_room = COUNTER("stayed/no_room"), raced = COUNTER("stayed/raced");
	long displaced = COUNTER("displaced"), astray = 0, now;
	int i;

	for (i = 0; i < SM_NODES; i++) {
		now = COUNTER("displaced");
		EXPECT_EQ(0, sm_peer_order_migrate(&self->caller[i], self->p[i].pid,
						   SM_NODE(i),
						   SM_NODE((i + 1) % SM_NODES)));
		if (variant->late && i < SM_NODES - 1)
			EXPECT_TRUE(SM_WAIT(COUNTER("displaced") != now));
	}
	for (i = 0; i < SM_NODES; i++) {
		long left = sm_peer_answer(&self->caller[i]);

		/* All four have some pages of libraries in hand, to and fro */
		EXPECT_LE(0, left);
		EXPECT_GE(8, left) {
			TH_LOG("from node %d: %s; no room %ld, raced %ld", i,
			       sm_where(self->p[i].pid, self->p[i].buf, self->p[i].len),
			       COUNTER("stayed/no_room") - no_room,
			       COUNTER("stayed/raced") - raced);
		}
	}
	EXPECT_QUIET(&self->q);
	displaced = COUNTER("displaced") - displaced;
	EXPECT_GE(3 * self->asked, displaced);
	for (i = 0; i < SM_NODES; i++) {
		EXPECT_INTACT(&self->p[i], ~0UL, i + 1);
		astray += SM_PAGES(self->p[i].len) - ON(&self->p[i], (i + 1) % SM_NODES);
	}
	/* What had made way before is not where its own call looks for it */
	EXPECT_GE(displaced, astray);
	if (variant->late)
		EXPECT_LT(0, displaced);
}

/* What is on the full node is about to leave for one that is full as well, for good. */
FIXTURE(waiting)
{
	struct sm_peer a, b, c, caller;
};

FIXTURE_SETUP(waiting)
{
	if (access("/dev/mapper/control", R_OK))
		SKIP(return, "needs CONFIG_BLK_DEV_DM");
	FULL_BEGIN(SM_SWAP_DM, SM_NODES, ROOM);
	PAIR_BEGIN(&self->a, &self->b, sm_part(ROOM, 85));
	START(&self->c, sm_part(ROOM, 85), 2, 3);
	START(&self->caller, SM_PAGE, 3, 0);
	/* It does not go where the other one comes from */
	ASSERT_EQ(0, sm_peer(&self->b, SM_ORD_MBIND, SM_NODE(1) | SM_NODE(2), 0));
	ASSERT_EQ(0, sm_peer(&self->c, SM_ORD_MBIND, SM_NODE(2), 0));
}

FIXTURE_TEARDOWN(waiting)
{
	sm_dm_stall(false);
	EXPECT_EQ(0, sm_peer_stop(&self->caller));
	FULL_END(&self->a, &self->b, &self->c);
}

/* Neither waits forever, and each says what it left. */
TEST_F(waiting, in_vain)
{
	struct quiet q;
	long left;

	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct displace"));
	quiet_begin(&q);
	ASSERT_EQ(0, sm_peer_order_migrate(&self->caller, self->b.pid, SM_NODE(1),
					   SM_NODE(2)));
	left = MOVE(&self->a, 0, 1);
	EXPECT_LE(ON(&self->a, 0), left);
	EXPECT_GE(ON(&self->a, 0) + 256, left);
	left = sm_peer_answer(&self->caller);
	EXPECT_LE(ON(&self->b, 1), left);
	EXPECT_GE(ON(&self->b, 1) + 256, left);
	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct displace swapout"));
	EXPECT_LT(0, ON(&self->b, 1));
	EXPECT_QUIET(&q);
	EXPECT_INTACT(&self->a, SM_NODE(0) | SM_NODE(1), 1);
	EXPECT_INTACT(&self->b, SM_NODE(1) | SM_NODE(2), 2);
	EXPECT_HOME(&self->c, 2, 3);
}

static bool has_answered(const struct sm_peer *p)
{
	struct pollfd fd = { .fd = p->fd, .events = POLLIN };

	return poll(&fd, 1, 0);
}

/* One waits for a disk, the other for that one: is it killed, and gone, meanwhile? */
static bool killed_waiting(struct __test_metadata *_metadata,
			   struct _test_data_waiting *self)
{
	bool over = false, meanwhile;
	int status = 0;
	pid_t pid;

	EXPECT_LE(0, MOVE(&self->a, 1, 0));
	ASSERT_EQ(0, sm_dm_stall(true));
	ASSERT_EQ(0, sm_peer_order_migrate(&self->caller, self->b.pid, SM_NODE(1),
					   SM_NODE(2)));
	pid = sm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		MOVE(&self->a, 0, 1);
		_exit(0);
	}
	EXPECT_TRUE(SM_WAIT((over = waitpid(pid, &status, WNOHANG) == pid) ||
			    sm_naps(pid) >= NAPS));
	if (!over) {
		kill(pid, SIGKILL);
		EXPECT_EQ(pid, waitpid(pid, &status, 0));
	}
	meanwhile = WIFSIGNALED(status) && !has_answered(&self->caller);
	ASSERT_EQ(0, sm_dm_stall(false));
	EXPECT_LE(0, sm_peer_answer(&self->caller));
	return meanwhile;
}

TEST_F(waiting, killed)
{
	bool in_wait = false;
	int i;

	for (i = 0; i < TRIES && !in_wait; i++)
		in_wait = killed_waiting(_metadata, self);
	EXPECT_TRUE(in_wait);
	EXPECT_TRUE(sm_isolated_settles());
	EXPECT_LT(0, ON(&self->a, 0));
	EXPECT_INTACT(&self->a, SM_NODE(0) | SM_NODE(1), 1);
	EXPECT_EQ(0, sm_peer(&self->b, SM_ORD_CHECK, 0, 2));
	EXPECT_HOME(&self->c, 2, 3);
}

/* Once the one has ended, what it could not move makes way for the other. */
TEST_F(waiting, for_one_that_is_killed)
{
	int status = -1;
	pid_t pid;

	ASSERT_EQ(0, sm_peer(&self->b, SM_ORD_MBIND,
			     SM_NODE(0) | SM_NODE(1) | SM_NODE(2), 0));
	ASSERT_EQ(0, sm_dm_stall(true));
	ASSERT_EQ(0, sm_peer_order_migrate(&self->caller, self->b.pid, SM_NODE(1),
					   SM_NODE(2)));
	EXPECT_TRUE(SM_WAIT(sm_naps(self->caller.pid) >= NAPS));
	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct displace"));
	pid = sm_fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(MOVE(&self->a, 0, 1) ? 1 : 0);
	EXPECT_TRUE(SM_WAIT(sm_naps(pid) >= NAPS));
	kill(self->caller.pid, SIGKILL);
	EXPECT_EQ(self->caller.pid, waitpid(self->caller.pid, NULL, 0));
	close(self->caller.fd);
	self->caller.pid = 0;
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, sm_dm_stall(false));
	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct displace swapout"));
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_EQ(0, sm_peer(&self->b, SM_ORD_CHECK, 0, 2));
	EXPECT_HOME(&self->c, 2, 3);
}

/* Whole nodes, as full as they get without kswapd */
FIXTURE(whole)
{
	struct sm_peer a, b;
	size_t len;
};

FIXTURE_VARIANT(whole)
{
	enum sm_swap swap;
};

FIXTURE_VARIANT_ADD(whole, none)
{
	.swap = SM_SWAP_NONE,
};

FIXTURE_VARIANT_ADD(whole, disk)
{
	.swap = SM_SWAP_DISK,
};

FIXTURE_SETUP(whole)
{
	FULL_BEGIN(variant->swap, 0, 0);
	self->len = sm_part(sm_full_room(2), 97);
	PAIR_BEGIN(&self->a, &self->b, self->len);
}

FIXTURE_TEARDOWN(whole)
{
	FULL_END(&self->a, &self->b);
}

TEST_F(whole, exchange)
{
	EXCHANGE(&self->a, &self->b, 0);
	/* And back, at the same time; and again while both write all the time */
	EXCHANGE_AT_ONCE(&self->a, &self->b, 1, LATE);
	EXCHANGE_AT_ONCE(&self->a, &self->b, 0, HOT);
}
