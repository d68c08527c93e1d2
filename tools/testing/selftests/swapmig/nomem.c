// SPDX-License-Identifier: GPL-2.0
/*
 * Memory runs out in the middle of a request: one allocation after the other is
 * made to fail. What could not move is where it was, the result says so, and the
 * next call moves it.
 */
#include "swapmig_harness.h"

#include <sys/mman.h>

/* An end, should the allocations that a call makes have none */
#define FAULTS_MAX	20000

#define PAGES		64

/* What no call may leave in a status */
#define UNWRITTEN	(-999)

#define MOVING		SM_V2_ROOT "/swapmig-nomem"
#define AFTER		SM_V2_ROOT "/swapmig-nomem-after"
#define ROUNDS		4

FIXTURE(nomem)
{
	char *buf;
	size_t len;
	long pages;
	int status[PAGES];	/* of move_pages() */
};

FIXTURE_SETUP(nomem)
{
	/* Half of it is private, half of it is shared memory */
	SM_SETUP(PAGES * SM_PAGE);
	ASSERT_NE(MAP_FAILED,
		  mmap(self->buf + self->len / 2, self->len / 2,
		       PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

FIXTURE_TEARDOWN(nomem)
{
	SM_TEARDOWN();
}

static long call_migrate(struct _test_data_nomem *self)
{
	return sm_migrate(0, SM_NODE(0), SM_NODE(1));
}

static long call_mbind(struct _test_data_nomem *self)
{
	return sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1),
			MPOL_MF_MOVE | MPOL_MF_STRICT);
}

static long call_move_pages(struct _test_data_nomem *self)
{
	void *pages[PAGES];
	int nodes[PAGES], i;

	for (i = 0; i < PAGES; i++) {
		pages[i] = self->buf + i * SM_PAGE;
		nodes[i] = 1;
		self->status[i] = UNWRITTEN;
	}
	return sm_move_pages(0, PAGES, pages, nodes, self->status, MPOL_MF_MOVE);
}

/*
 * Does a status lie? A page that is said to be on node 1 is there, or on its way;
 * one that is said not to be is not. None has one if the call did not begin.
 */
static bool lies(int status, int at, long ret)
{
	switch (status) {
	case 1:
		return at != 1 && (sm_direct() || at >= 0);
	case -EBUSY:
	case -ENOMEM:
		return at == 1;
	case UNWRITTEN:
		return ret >= 0 || at != 0;
	default:
		return true;
	}
}

static void check_statuses(struct __test_metadata *_metadata,
			   struct _test_data_nomem *self, long nth, long ret)
{
	long left = 0;
	int i, at;

	for (i = 0; i < PAGES; i++) {
		at = sm_page(0, self->buf + i * SM_PAGE);
		left += self->status[i] == -EBUSY || self->status[i] == -ENOMEM;
		EXPECT_FALSE(lies(self->status[i], at, ret)) {
			TH_LOG("allocation %ld, result %ld: page %d is at %d, its status %d",
			       nth, ret, i, at, self->status[i]);
		}
	}
	if (ret >= 0)
		EXPECT_EQ(left, ret);
}

static void fill(struct _test_data_nomem *self, __u64 seed)
{
	/* Whatever became of the pages and their slots, begin anew */
	sm_mbind(self->buf, self->len, MPOL_DEFAULT, 0, 0);
	madvise(self->buf, self->len / 2, MADV_DONTNEED);
	madvise(self->buf + self->len / 2, self->len / 2, MADV_REMOVE);
	sm_fill_on(self->buf, self->len, seed, 0);
}

/* Returns the number of allocations that were still to come, or -1 */
static long one_fault(struct __test_metadata *_metadata,
		      struct _test_data_nomem *self,
		      long (*call)(struct _test_data_nomem *self), long nth)
{
	long ret, left, behind;

	fill(self, nth);
	EXPECT_ON(0, self->buf, self->len);
	if (sm_fault_arm(nth))
		return -1;
	ret = call(self);
	left = sm_fault_disarm();

	EXPECT_TRUE(ret >= 0 || ret == -ENOMEM || ret == -EIO) {
		TH_LOG("allocation %ld: the call returns %ld", nth, ret);
	}
	/* It is the number of pages that stayed: of all that this process has */
	behind = sm_on(0, self->buf, self->len, 0);
	EXPECT_TRUE(behind >= 0 && (ret < 0 || behind <= ret)) {
		TH_LOG("allocation %ld: the call returns %ld, and %ld pages stayed",
		       nth, ret, behind);
	}
	if (call == call_move_pages)
		check_statuses(_metadata, self, nth, ret);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, nth));

	/* Without a failure all of it moves, wherever the last call left it */
	EXPECT_EQ(0, call(self));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, nth));
	EXPECT_ON(1, self->buf, self->len);
	return left;
}

static void faults(struct __test_metadata *_metadata,
		   struct _test_data_nomem *self,
		   long (*call)(struct _test_data_nomem *self))
{
	long nth = 0, left = 0, failed = 0;

	if (sm_fault_setup())
		SKIP(return, "needs CONFIG_FAIL_PAGE_ALLOC and CONFIG_FAILSLAB");
	/* The first ones each, then with larger and larger steps */
	do {
		nth += 1 + nth / 16;
		left = one_fault(_metadata, self, call, nth);
		failed += !left;
		if (failed % 16 == 1)
			sm_alive("allocation that fails", nth);
	} while (!left && nth < FAULTS_MAX);
	EXPECT_LT(0, left);
	EXPECT_LT(0, failed);
	EXPECT_TRUE(sm_isolated_settles());
}

TEST_F(nomem, migrate_pages)
{
	faults(_metadata, self, call_migrate);
}

TEST_F(nomem, mbind)
{
	faults(_metadata, self, call_mbind);
}

TEST_F(nomem, move_pages)
{
	if (call_move_pages(self) == -SM_NO_SYSCALL)
		SKIP(return, "needs CONFIG_MIGRATION");
	faults(_metadata, self, call_move_pages);
}

/* ------------------------------------------------------------------------- */
/* A changed cpuset                                                           */
/* ------------------------------------------------------------------------- */

/* A process whose pages move, and one that has its turn after it */
FIXTURE(nomem_cpuset)
{
	char *buf;
	size_t len;
	long pages;
	struct sm_peer peer;
	struct sm_peer after;
	bool wide;		/* has the second one all nodes? */
};

FIXTURE_SETUP(nomem_cpuset)
{
	SM_SETUP(16 * SM_PAGE);
	self->wide = true;
	ASSERT_TRUE(sm_v2_cpusets(true));
	ASSERT_EQ(0, sm_group_make(MOVING, "0"));
	ASSERT_EQ(0, sm_group_make(AFTER, "0-3"));
	ASSERT_EQ(0, sm_peer_start(&self->peer, self->buf, self->len));
	ASSERT_EQ(0, sm_group_join(MOVING, self->peer.pid));
	ASSERT_EQ(0, sm_peer_start(&self->after, self->buf, self->len));
	ASSERT_EQ(0, sm_group_join(AFTER, self->after.pid));
}

FIXTURE_TEARDOWN(nomem_cpuset)
{
	EXPECT_EQ(0, sm_peer_stop(&self->peer));
	EXPECT_EQ(0, sm_peer_stop(&self->after));
	EXPECT_TRUE(sm_group_remove(MOVING));
	EXPECT_TRUE(sm_group_remove(AFTER));
	EXPECT_TRUE(sm_v2_cpusets(false));
	SM_TEARDOWN();
}

/*
 * Cpusets are worked off one after the other: once the second one is done, which has
 * next to nothing to move, the first one is as well.
 */
static bool all_done(struct _test_data_nomem_cpuset *self)
{
	self->wide = !self->wide;
	return !sm_group_set(AFTER, "cpuset.mems", self->wide ? "0-3" : "0-2");
}

/*
 * Changes its nodes, with one allocation that fails. Returns how many were still to
 * come; *moved: one has failed, and the pages moved all the same.
 */
static long one_change(struct __test_metadata *_metadata,
		       struct _test_data_nomem_cpuset *self, int mems, long nth,
		       bool *moved)
{
	long left, behind, pages = self->pages;
	bool changed;

	EXPECT_EQ(0, sm_peer(&self->peer, SM_ORD_FILL, 0, nth));
	EXPECT_PEER_ON(self->peer, 0);
	ASSERT_EQ(0, sm_fault_arm(nth));
	changed = pwrite(mems, "1", 1, 0) == 1;
	EXPECT_TRUE(changed || errno == ENOMEM);
	left = sm_fault_disarm();
	EXPECT_TRUE(all_done(self));

	/* What can fail is the change itself, and the order to move pages */
	behind = sm_on(self->peer.pid, self->buf, self->len, 0);
	EXPECT_TRUE(changed ? !behind || (!left && behind == pages) :
		    behind == pages) {
		TH_LOG("allocation %ld: changed %d, %ld pages stayed", nth,
		       changed, behind);
	}
	*moved |= changed && !left && !behind;
	EXPECT_EQ(0, sm_group_set(MOVING, "cpuset.mems", "0"));
	EXPECT_EQ(0, sm_peer(&self->peer, SM_ORD_CHECK, 0, nth));
	return left;
}

/* Who has no memory to remember that it has to wait does not; the pages move. */
TEST_F(nomem_cpuset, change_of_mems)
{
	bool moved = false;
	long nth, left;
	int mems, i;

	if (sm_fault_setup())
		SKIP(return, "needs CONFIG_FAIL_PAGE_ALLOC and CONFIG_FAILSLAB");
	mems = open(MOVING "/cpuset.mems", O_WRONLY);
	ASSERT_LE(0, mems);
	/* Again, should the call have made others, and another number of them */
	for (i = 0; i < ROUNDS && !moved; i++) {
		left = 0;
		for (nth = 1; !left && nth < FAULTS_MAX; nth++)
			left = one_change(_metadata, self, mems, nth, &moved);
		EXPECT_LT(0, left);
	}
	EXPECT_TRUE(moved);
	EXPECT_TRUE(sm_isolated_settles());
	close(mems);
}
