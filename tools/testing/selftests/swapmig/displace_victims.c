// SPDX-License-Identifier: GPL-2.0
/*
 * What makes way on a full node, by the sort of its pages: it goes where it may, and
 * is intact there; or it stays, and is counted.
 */
#include "swapmig_displace.h"

#include <sys/mman.h>

#define ROOM	(48 * SM_MIB)
#define FILE_PATH	"/var/tmp/swapmig.victim"

enum sort {
	SHARED,
	SHARED_BOUND,
	FORKED,
	OF_A_FILE,
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

FIXTURE_VARIANT_ADD(victims, of_a_file)
{
	.sort = OF_A_FILE,
};

static char *map_sort(enum sort sort, size_t len, int fd)
{
	void *p;

	if (sort == FORKED)
		return sm_map(len);
	if (sort != OF_A_FILE)
		return sm_map_shared(len);
	if (ftruncate(fd, len))
		return NULL;
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

/*
 * Who moves is there before the memory is, so that it is none of its own. What finds no
 * room would go on to swap, if there were any.
 */
FIXTURE_SETUP(victims)
{
	FULL_BEGIN(variant->stays ? SM_SWAP_NONE : SM_SWAP_DISK, 2, ROOM);
	START(&self->a, sm_part(ROOM, 70), 0, 1);
	self->len = sm_part(ROOM, 60);
	self->fd = open(FILE_PATH, O_RDWR | O_CREAT | O_TRUNC, 0600);
	ASSERT_LE(0, self->fd);
	self->buf = map_sort(variant->sort, self->len, self->fd);
	ASSERT_NE(NULL, self->buf);
	if (variant->sort == SHARED_BOUND)
		ASSERT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(1), 0));
	sm_fill_on(self->buf, self->len, 2, 1);
	ASSERT_EQ(SM_PAGES(self->len), sm_on(0, self->buf, self->len, 1));
	if (variant->sort == OF_A_FILE)
		ASSERT_EQ(0, msync(self->buf, self->len, MS_SYNC));
	if (variant->sort == FORKED)
		START(&self->child, SM_PAGE, 2, 0);
}

FIXTURE_TEARDOWN(victims)
{
	munmap(self->buf, self->len);
	close(self->fd);
	unlink(FILE_PATH);
	FULL_END(&self->a, &self->child);
}

TEST_F(victims, make_way)
{
	long pages = SM_PAGES(self->len), left;
	struct quiet q;

	quiet_begin(&q);
	left = MOVE(&self->a, 0, 1);
	EXPECT_QUIET(&q);
	EXPECT_ABOVE_LOW(1);
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
