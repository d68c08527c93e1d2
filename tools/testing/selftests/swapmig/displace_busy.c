// SPDX-License-Identifier: GPL-2.0
/*
 * Two processes on full nodes change places while compaction has some of their pages
 * in hand, all the time: these cannot be isolated for a moment, which is no reason to
 * leave them behind, or to write them to swap.
 */
#include "swapmig_displace.h"

#include <signal.h>
#include <sys/wait.h>

#define ROOM	(32 * SM_MIB)

struct pair {
	struct sm_peer a, b;
	struct quiet q;
	pid_t compacts;
	long compacted;
};

FIXTURE(displace_busy)
{
	struct pair pair;
};

FIXTURE_SETUP(displace_busy)
{
	FULL_BEGIN(SM_SWAP_DISK, 2, ROOM);
	PAIR_BEGIN(&self->pair.a, &self->pair.b, sm_part(ROOM, 85));
	quiet_begin(&self->pair.q);
	self->pair.compacted = sm_vmstat("compact_isolated");
	self->pair.compacts = sm_fork();
	ASSERT_LE(0, self->pair.compacts);
	while (!self->pair.compacts)
		if (sm_write("/proc/sys/vm/compact_memory", "1"))
			_exit(1);
}

FIXTURE_TEARDOWN(displace_busy)
{
	FULL_END(&self->pair.a, &self->pair.b);
}

/* A is on node @at; what compaction has in hand is nowhere, for others to see. */
#define EXPECT_APART(...) expect_apart(_metadata, __VA_ARGS__)

static void expect_apart(struct __test_metadata *_metadata, struct pair *p, int at)
{
	int status = 0;

	EXPECT_EQ(0, kill(p->compacts, SIGKILL));
	EXPECT_EQ(p->compacts, waitpid(p->compacts, &status, 0));
	/* It has not given up before */
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_LT(p->compacted, sm_vmstat("compact_isolated"));
	EXPECT_QUIET(&p->q);
	EXPECT_HOME(&p->a, at, 1);
	EXPECT_HOME(&p->b, !at, 2);
}

TEST_F(displace_busy, migrate_pages)
{
	int round, at = 0;

	for (round = 0; round < 7; round++, at = !at) {
		EXPECT_ALL_MOVE(&self->pair.a, at, !at);
		EXPECT_ALL_MOVE(&self->pair.b, !at, at);
	}
	EXPECT_APART(&self->pair, at);
}

TEST_F(displace_busy, mbind)
{
	const int flags = MPOL_MF_MOVE | MPOL_MF_STRICT;
	int round, at = 0;

	for (round = 0; round < 3; round++, at = !at) {
		/* Each has to give up where it is bound to, for the other */
		EXPECT_EQ(0, sm_peer(&self->pair.b, SM_ORD_MBIND, 0, 0));
		EXPECT_EQ(0, sm_peer(&self->pair.a, SM_ORD_MBIND, SM_NODE(!at), flags));
		EXPECT_EQ(0, sm_peer(&self->pair.b, SM_ORD_MBIND, SM_NODE(at), flags));
		EXPECT_EQ(0, sm_peer(&self->pair.a, SM_ORD_MBIND, 0, 0));
	}
	EXPECT_APART(&self->pair, at);
}

TEST_F(displace_busy, move_pages)
{
	long nr = SM_PAGES(self->pair.a.len), i, wrong = 0;
	int *status = calloc(nr, sizeof(*status));
	int round, at = 0;

	ASSERT_NE(NULL, status);
	for (round = 0; round < 3; round++, at = !at) {
		EXPECT_EQ(0, sm_peer_move_pages(&self->pair.a, !at, status));
		for (i = 0; i < nr; i++)
			wrong += status[i] != !at;
		EXPECT_EQ(0, sm_peer_move_pages(&self->pair.b, at, status));
		for (i = 0; i < nr; i++)
			wrong += status[i] != at;
	}
	EXPECT_EQ(0, wrong);
	EXPECT_APART(&self->pair, at);
	free(status);
}
