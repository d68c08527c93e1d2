// SPDX-License-Identifier: GPL-2.0
/*
 * What one migration engine leaves for the next, and how much each gets at once.
 * For a kernel that has more than one.
 */
#include "swapmig_harness.h"

#define NO_ROOM		"/sys/kernel/mm/swapmig/stayed/no_room"
#define TRACING		"/sys/kernel/tracing/"
#define MIGRATE_EVENT	TRACING "events/migrate/mm_migrate_pages/enable"

FIXTURE(engines)
{
	char *buf;
	size_t len;
	long pages;
	char list[128];
	long batch;
};

FIXTURE_SETUP(engines)
{
	SM_SETUP(2 * SM_MIB);
	ASSERT_LT(0, sm_read(SM_ENGINES, self->list, sizeof(self->list)));
	self->batch = sm_read_long(SM_BATCH);
}

FIXTURE_TEARDOWN(engines)
{
	sm_fault_huge(false);
	EXPECT_EQ(0, sm_write(SM_ENGINES, "%s", self->list));
	EXPECT_EQ(0, sm_write(SM_BATCH, "%ld", self->batch));
	SM_TEARDOWN();
	sm_huge(0, 0);
	sm_huge(1, 0);
}

/* What reclaim does not take "direct" moves: nothing is left. */
TEST_F(engines, swapout_then_direct)
{
	size_t half = self->len / 2;

	ASSERT_EQ(0, sm_write(SM_ENGINES, "swapout direct"));
	sm_fill_on(self->buf, self->len, 1, 0);
	ASSERT_EQ(0, mlock(self->buf, half));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_ON(1, self->buf, half);
	EXPECT_SWAPPED(self->buf + half, self->len - half);
	EXPECT_BACK_ON(1, 0, 1);
	ASSERT_EQ(0, munlock(self->buf, half));
}

/*
 * What finds no room on the target, and cannot make any: the kernel's migration
 * gives up, and the rest is where it was.
 */
TEST_F(engines, no_room)
{
	size_t len = 64 * SM_MIB;
	char *p = sm_map(len);
	long on, left, before;

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, sm_swap_off());
	sm_fill_on(p, len, 2, 0);
	ASSERT_LT(0, sm_hog(1, 8 * SM_MIB));

	before = sm_read_long(NO_ROOM);
	EXPECT_EQ(-ENOMEM, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	on = sm_on(0, p, len, 0);
	EXPECT_LT(0, on);
	/* What was to move with those that found none; the rest was not tried */
	left = sm_read_long(NO_ROOM) - before;
	EXPECT_LT(0, left);
	EXPECT_GE(512, left);
	EXPECT_EQ(SM_PAGES(len), on + sm_on(0, p, len, 1)) {
		TH_LOG("%s", sm_where(0, p, len));
	}
	/* The allocator says so, too: mbind() tries as hard as ever. */
	printf("# EXPECT-LOG engines: page allocation failure\n");
	EXPECT_EQ(-EIO, sm_mbind(p, len, MPOL_BIND, SM_NODE(1),
				 MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_LT(before + left, sm_read_long(NO_ROOM));
	EXPECT_EQ(SM_PAGES(len), sm_present(0, p, len));
	EXPECT_EQ(0, sm_mbind(p, len, MPOL_DEFAULT, 0, 0));

	/* The next engine tries each of them, and there is no swap: a number. */
	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct swapout"));
	left = sm_migrate(0, SM_NODE(0), SM_NODE(1));
	on = sm_on(0, p, len, 0);
	EXPECT_LT(0, on);
	/* Those of the program itself are in it, too */
	EXPECT_LE(on, left);
	EXPECT_EQ(0, sm_bad(p, len, 2));

	/*
	 * With swap there is always a place: for them, or for those that the
	 * kernel's migration made the target's reclaim write out.
	 */
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_OFF(0, p, len);
	EXPECT_OFF(2, p, len);
	EXPECT_OFF(3, p, len);
	EXPECT_EQ(0, sm_bad(p, len, 2));
	munmap(p, len);
}

/*
 * A page of hugetlbfs for which the target has none: it stays, is one folio in the
 * result, and keeps no other page from moving.
 */
TEST_F(engines, no_room_for_hugetlb)
{
	long before, pages = SM_PAGES(SM_HUGE);
	char *p;

	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct"));
	if (sm_fault_huge(false))
		SKIP(return, "needs CONFIG_FAIL_PAGE_ALLOC");
	p = sm_map_huge(0, 8);
	if (!p)
		SKIP(return, "needs a huge page on node 0");
	sm_fill_on(self->buf, self->len, 9, 0);

	ASSERT_EQ(0, sm_fault_huge(true));
	before = sm_read_long(NO_ROOM);
	EXPECT_EQ(1, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(before + pages, sm_read_long(NO_ROOM));
	EXPECT_ON(0, p, SM_HUGE);
	EXPECT_ON(1, self->buf, self->len);
	EXPECT_EQ(-EIO, sm_mbind(p, SM_HUGE, MPOL_BIND, SM_NODE(1),
				 MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_EQ(before + 2 * pages, sm_read_long(NO_ROOM));
	EXPECT_ON(0, p, SM_HUGE);

	/* Nothing but that kept it there */
	ASSERT_EQ(0, sm_fault_huge(false));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_ON(1, p, SM_HUGE);
	EXPECT_EQ(0, sm_bad(p, SM_HUGE, 8));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 9));
	munmap(p, SM_HUGE);
}

/* What has to be copied, and finds no room, ends nothing: the rest needs none. */
TEST_F(engines, no_room_for_what_is_mlocked)
{
	size_t len = 64 * SM_MIB, locked = 32 * SM_MIB, left = 8 * SM_MIB;
	char *p = sm_map(len), *more = NULL;
	long stayed, room;

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, sm_write(SM_ENGINES, "swapout direct"));
	sm_fill_on(p, len, 10, 0);
	ASSERT_EQ(0, mlock(p, locked));
	ASSERT_LT(0, sm_hog(1, left));
	/* Among fragments there are fewer huge pages than it wants */
	room = sm_room(1, "high") - left;
	if (room > 0) {
		more = sm_map(room);
		ASSERT_NE(NULL, more);
		sm_fill_on(more, room, 11, 1);
		ASSERT_EQ(0, mlock(more, room));
	}
	stayed = sm_migrate(0, SM_NODE(0), SM_NODE(1));
	EXPECT_LT(0, sm_on(0, p, locked, 0));
	EXPECT_LE(sm_on(0, p, locked, 0), stayed);
	EXPECT_EQ(SM_PAGES(locked), sm_present(0, p, locked));
	EXPECT_SWAPPED(p + locked, len - locked);
	EXPECT_EQ(0, sm_bad(p, len, 10));
	munmap(p, len);
	if (more)
		munmap(more, room);
}

/* "direct" alone knows nothing of swap: what is there is not sent anywhere. */
TEST_F(engines, direct_leaves_swap_alone)
{
	NO_READAHEAD();
	sm_fill_on(self->buf, self->len, 4, 0);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	EXPECT_SWAPPED(self->buf, self->len);
	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct"));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_SWAPPED(self->buf, self->len);
	EXPECT_BACK_ON(0, 0, 4);

	/* With "swapout" on the list it is, wherever that stands. */
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	EXPECT_SWAPPED(self->buf, self->len);
	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct swapout"));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_BACK_ON(1, 0, 4);
}

/* But it ends what an earlier request began: the last one wins. */
TEST_F(engines, direct_ends_old_tags)
{
	ASSERT_EQ(0, sm_write(SM_ENGINES, "swapout"));
	EVICT(0, 1, 5);
	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct"));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(1), SM_NODE(2)));
	EXPECT_SWAPPED(self->buf, self->len);
	EXPECT_BACK_ON(2, 0, 5);
}

/* So does move_pages(2), of pages that were read back and keep their slots. */
TEST_F(engines, move_pages_ends_old_tags)
{
	size_t len = 64 * SM_PAGE;
	int node[64], status[64];
	void *addr[64];
	int i;

	NO_READAHEAD();
	ASSERT_EQ(0, sm_write(SM_ENGINES, "swapout"));
	EVICT(0, 1, 7);
	sm_run_on_node(1);
	sm_touch(self->buf, self->len);
	EXPECT_ON(1, self->buf, self->len);
	for (i = 0; i < 64; i++) {
		addr[i] = self->buf + i * SM_PAGE;
		node[i] = 0;
	}
	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct"));
	EXPECT_EQ(0, sm_move_pages(0, 64, addr, node, status, MPOL_MF_MOVE));
	EXPECT_ON(0, self->buf, len);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	EXPECT_SWAPPED(self->buf, self->len);
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 7));
	EXPECT_ON(0, self->buf, len);
	EXPECT_ON(1, self->buf + len, self->len - len);
}

/* The largest number of folios in one call of the kernel's migration */
static long largest_batch(void)
{
	long max = -1, n;
	char line[512];
	char *at;
	FILE *f;

	f = fopen(TRACING "trace", "r");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		at = strstr(line, "nr_succeeded=");
		if (at && sscanf(at, "nr_succeeded=%ld", &n) == 1 && n > max)
			max = n;
	}
	fclose(f);
	return max;
}

TEST_F(engines, batch_is_kept)
{
	static const long want[][2] = { { 32, 32 }, { 1, 1 }, { 0, 512 } };
	int i, to;

	if (access(MIGRATE_EVENT, W_OK))
		SKIP(return, "needs tracepoints");
	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct"));
	sm_fill_on(self->buf, self->len, 6, 0);
	for (i = 0; i < 3; i++) {
		to = !(i % 2);
		ASSERT_EQ(0, sm_write(SM_BATCH, "%ld", want[i][0]));
		close(open(TRACING "trace", O_WRONLY | O_TRUNC));
		ASSERT_EQ(0, sm_write(MIGRATE_EVENT, "1"));
		EXPECT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND,
				      SM_NODE(to), MPOL_MF_MOVE | MPOL_MF_STRICT));
		ASSERT_EQ(0, sm_write(MIGRATE_EVENT, "0"));
		EXPECT_EQ(want[i][1], largest_batch());
		EXPECT_ON(to, self->buf, self->len);
	}
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 6));
}
