// SPDX-License-Identifier: GPL-2.0
/*
 * What makes way on a full node, by the sort of its pages: it goes where it may, and
 * is intact there; or it stays, and is counted.
 */
#include "swapmig_displace.h"

#include <sys/mman.h>

#define ROOM	(48 * SM_MIB)
#define FILE_PATH	"/var/tmp/swapmig.victim"
#define WRITEBACK	"/proc/sys/vm/dirty_writeback_centisecs"

enum sort {
	SHARED,
	SHARED_BOUND,
	FORKED,
	OF_THE_MOVER,
	OF_A_FILE,
	OF_TMPFS,
	DIRTY,
};

FIXTURE(victims)
{
	struct sm_peer a, child;
	char *buf;
	size_t len;
	int fd;
};

FIXTURE_VARIANT(victims)
{
	enum sort sort;
	bool stays;
	bool unmapped;
};

FIXTURE_VARIANT_ADD(victims, shared)
{
	.sort = SHARED,
};

/* The policy is that of the memory, not of who maps it. */
FIXTURE_VARIANT_ADD(victims, shared_bound)
{
	.sort = SHARED_BOUND,
	.stays = true,
};

FIXTURE_VARIANT_ADD(victims, forked)
{
	.sort = FORKED,
};

/* What it has on the node already, from before it was forked, does not leave for it. */
FIXTURE_VARIANT_ADD(victims, of_the_mover)
{
	.sort = OF_THE_MOVER,
	.stays = true,
};

FIXTURE_VARIANT_ADD(victims, of_a_file)
{
	.sort = OF_A_FILE,
};

/* What nobody maps is dropped only if it can be read again. */
FIXTURE_VARIANT_ADD(victims, unmapped_tmpfs)
{
	.sort = OF_TMPFS,
	.unmapped = true,
};

FIXTURE_VARIANT_ADD(victims, unmapped_dirty)
{
	.sort = DIRTY,
	.unmapped = true,
};

static char *map_sort(enum sort sort, size_t len, int *fd)
{
	switch (sort) {
	case FORKED:
	case OF_THE_MOVER:
		return sm_map(len);
	case OF_TMPFS:
		*fd = memfd_create("swapmig", 0);
		return sm_map_fd(*fd, len, MAP_SHARED);
	case OF_A_FILE:
	case DIRTY:
		return sm_map_file(FILE_PATH, len, MAP_SHARED, fd);
	default:
		return sm_map_shared(len);
	}
}

/*
 * Who moves is there before the memory is, so that it is none of its own, but for one
 * variant. What finds no room would go on to swap, if there were any.
 */
FIXTURE_SETUP(victims)
{
	bool late = variant->sort == OF_THE_MOVER;

	FULL_BEGIN(variant->stays ? SM_SWAP_NONE : SM_SWAP_DISK, 2, ROOM);
	self->fd = -1;
	if (!late)
		START(&self->a, sm_part(ROOM, 70), 0, 1);
	self->len = sm_part(ROOM, 60);
	self->buf = map_sort(variant->sort, self->len, &self->fd);
	ASSERT_NE(NULL, self->buf);
	if (variant->sort == SHARED_BOUND)
		ASSERT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1), 0));
	sm_fill_on(self->buf, self->len, 2, 1);
	ASSERT_EQ(SM_PAGES(self->len), sm_on(0, self->buf, self->len, 1));
	if (variant->sort == OF_A_FILE)
		ASSERT_EQ(0, msync(self->buf, self->len, MS_SYNC));
	if (variant->sort == FORKED)
		START(&self->child, SM_PAGE, 2, 0);
	if (late)
		START(&self->a, sm_part(ROOM, 70), 0, 1);
}

FIXTURE_TEARDOWN(victims)
{
	if (variant->unmapped)
		EXPECT_EQ(0, sm_write(WRITEBACK, "500"));
	munmap(self->buf, self->len);
	if (self->fd >= 0)
		close(self->fd);
	unlink(FILE_PATH);
	FULL_END(&self->a, &self->child);
}

TEST_F(victims, make_way)
{
	long pages = SM_PAGES(self->len), left;
	struct quiet q;

	/* What is dirty stays so */
	if (variant->unmapped) {
		ASSERT_EQ(0, sm_write(WRITEBACK, "0"));
		ASSERT_EQ(0, munmap(self->buf, self->len));
	}
	quiet_begin(&q);
	left = MOVE(&self->a, 0, 1);
	EXPECT_QUIET(&q);
	EXPECT_ABOVE_LOW(1);
	if (variant->unmapped) {
		self->buf = sm_map_fd(self->fd, self->len, MAP_SHARED);
		ASSERT_NE(NULL, self->buf);
		EXPECT_EQ(0, sm_bad(self->buf, self->len, 2));
	}
	if (variant->stays) {
		EXPECT_LT(0, left);
		EXPECT_EQ(pages, sm_on(0, self->buf, self->len, 1));
		EXPECT_INTACT(&self->a, SM_NODE(0) | SM_NODE(1), 1);
	} else {
		EXPECT_EQ(0, left);
		EXPECT_LT(pages / 4, sm_on(0, self->buf, self->len, 0));
		EXPECT_EQ(pages, sm_on(0, self->buf, self->len, 0) +
				 sm_on(0, self->buf, self->len, 1));
		EXPECT_HOME(&self->a, 1, 1);
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 2));
}
