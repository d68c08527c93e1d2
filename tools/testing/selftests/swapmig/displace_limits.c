// SPDX-License-Identifier: GPL-2.0
/*
 * Where displacement ends: nobody may be moved, the caller is killed, page
 * allocations fail; and what an administrator sees of it.
 */
#include "swapmig_displace.h"

#include <sys/mman.h>

#define FAIL	"/sys/kernel/debug/fail_page_alloc/"
#define EVENT	"/sys/kernel/tracing/events/swapmig/swapmig_displace/enable"
#define TRACE	"/sys/kernel/tracing/trace"

/* No swap: what displacement does not place stays where it was. */
FIXTURE(limits)
{
	struct sm_peer a, b;
	struct quiet q;
	size_t len;
	char engines[128];
};

FIXTURE_SETUP(limits)
{
	sm_read(SM_ENGINES, self->engines, sizeof(self->engines));
	if (displace_lacks(2))
		return;
	self->len = full_begin(2, 48 * SM_MIB);
	ASSERT_LT(16 * SM_MIB, self->len);
}

FIXTURE_TEARDOWN(limits)
{
	full_end(2);
	EXPECT_EQ(0, sm_swap_off());
	EXPECT_EQ(0, sm_write(SM_ENGINES, "%s", self->engines));
}

/* The process itself has a few pages beside the area. */
#define BESIDES	512

/* A on node 0 is asked to a node that B fills for good. */
static void no_progress(struct __test_metadata *_metadata, struct sm_peer *a,
			struct sm_peer *b)
{
	long missed = sm_vmstat("swapmig_no_victim");
	long displaced = sm_vmstat("swapmig_displaced");
	struct quiet q;
	double start;
	long ret, left;

	quiet_begin(&q);
	start = sm_now();
	ret = MOVE(a, 0, 1);
	EXPECT_GT(60, sm_now() - start);
	left = ON(a, 0);
	EXPECT_LT(0, left);
	EXPECT_LE(left, ret);
	EXPECT_GT(left + BESIDES, ret);
	EXPECT_LT(missed, sm_vmstat("swapmig_no_victim"));
	EXPECT_GT(displaced + BESIDES, sm_vmstat("swapmig_displaced"));
	EXPECT_QUIET(&q);
	EXPECT_ABOVE_LOW(1);
	EXPECT_INTACT(a, 0, 1, 1);
	EXPECT_HOME(b, 1, 2);
	EXPECT_TRUE(sm_isolated_settles());
}

TEST_F(limits, all_bound)
{
	NEED_DISPLACE(return, 2);
	START(&self->b, part(self->len, 95), 1, 2);
	ASSERT_EQ(0, sm_peer(&self->b, SM_ORD_MBIND, SM_NODE(1), 0));
	START(&self->a, part(self->len, 60), 0, 1);
	no_progress(_metadata, &self->a, &self->b);
	STOP(&self->a);
	STOP(&self->b);
}

TEST_F(limits, all_mlocked)
{
	NEED_DISPLACE(return, 2);
	START(&self->b, part(self->len, 95), 1, 2);
	ASSERT_EQ(0, sm_peer(&self->b, SM_ORD_MLOCK, 0, 0));
	START(&self->a, part(self->len, 60), 0, 1);
	no_progress(_metadata, &self->a, &self->b);
	STOP(&self->a);
	STOP(&self->b);
}

/* One request's pages are in the way of its own others: they do not fit. */
TEST_F(limits, larger_than_the_target)
{
	long managed, ret;

	NEED_DISPLACE(return, 2);
	START(&self->b, part(self->len, 80), 1, 2);
	sm_unhog(0);
	managed = sm_room(0) < sm_room(2) ? sm_room(0) : sm_room(2);
	START(&self->a, part(managed, 70), 0, 1);
	ASSERT_LT(self->len, self->a.len);
	quiet_begin(&self->q);
	ret = MOVE(&self->a, 0, 1);
	EXPECT_LE(ON(&self->a, 0), ret);
	EXPECT_GT(ON(&self->a, 0) + BESIDES, ret);
	EXPECT_LT(0, ON(&self->a, 0));
	EXPECT_LE(SM_PAGES(self->len) * 3 / 4, ON(&self->a, 1));
	EXPECT_QUIET(&self->q);
	EXPECT_INTACT(&self->a, 0, 1, 1);
	EXPECT_INTACT(&self->b, 0, 1, 2);
	STOP(&self->a);
	STOP(&self->b);
}

/* Only what nobody made room for goes to swap. */
TEST_F(limits, swap_is_for_the_rest)
{
	long out, half;

	NEED_DISPLACE(return, 2);
	if (!sm_has_engine("swapout"))
		SKIP(return, "needs the engine swapout");
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	half = part(self->len, 50);
	START(&self->b, part(self->len, 95), 1, 2);
	ASSERT_EQ(0, sm_peer_part(&self->b, 0, half));
	ASSERT_EQ(0, sm_peer(&self->b, SM_ORD_MBIND, SM_NODE(1), 0));
	ASSERT_EQ(0, sm_peer_part(&self->b, 0, self->b.len));
	START(&self->a, part(self->len, 80), 0, 1);
	out = sm_vmstat("pswpout");
	EXPECT_EQ(0, MOVE(&self->a, 0, 1));
	out = sm_vmstat("pswpout") - out;
	EXPECT_EQ(0, ON(&self->a, 0));
	EXPECT_LE(SM_PAGES(half) * 3 / 4, ON(&self->a, 1));
	EXPECT_LT(0, out);
	EXPECT_GE(SM_PAGES(self->a.len) - ON(&self->a, 1) + BESIDES, out);
	EXPECT_INTACT(&self->b, 0, 1, 2);
	EXPECT_EQ(0, sm_peer(&self->a, SM_ORD_CHECK, 0, 1));
	STOP(&self->a);
	STOP(&self->b);
}

/* Kill the caller in the middle of it; nothing is lost, and it works then. */
TEST_F(limits, killed)
{
	struct sm_peer *a = &self->a, *b = &self->b, caller;
	long before, moved;
	int status;
	double end;

	NEED_DISPLACE(return, 2);
	START(a, part(self->len, 90), 0, 1);
	START(b, part(self->len, 90), 1, 2);
	START_EMPTY(&caller, SM_PAGE);
	before = sm_vmstat("swapmig_displaced");
	ASSERT_EQ(0, sm_peer_tell(&caller, SM_ORD_MIGRATE, SM_NODE(0),
				  SM_NODE(1), a->pid));
	end = sm_now() + 30;
	while (sm_vmstat("swapmig_displaced") < before + 64 && sm_now() < end)
		;
	kill(caller.pid, SIGKILL);
	ASSERT_EQ(caller.pid, waitpid(caller.pid, &status, 0));
	moved = ON(a, 1);
	EXPECT_LT(0, moved);
	EXPECT_GT(SM_PAGES(a->len), moved);
	EXPECT_INTACT(a, 0, 1, 1);
	EXPECT_INTACT(b, 0, 1, 2);
	EXPECT_TRUE(sm_isolated_settles());
	EXPECT_EQ(0, MOVE(a, 0, 1));
	EXPECT_EQ(0, MOVE(b, 1, 0));
	EXPECT_HOME(a, 1, 1);
	EXPECT_HOME(b, 0, 2);
	close(caller.fd);
	STOP(a);
	STOP(b);
}

/* One in ten of the caller's page allocations fails. */
TEST_F(limits, page_allocations_fail)
{
	struct sm_peer *a = &self->a, *b = &self->b, caller;
	char path[64];
	long ret, i;

	NEED_DISPLACE(return, 2);
	if (access(FAIL "probability", W_OK))
		SKIP(return, "needs CONFIG_FAIL_PAGE_ALLOC, debugfs");
	START(a, part(self->len, 80), 0, 1);
	START(b, part(self->len, 80), 1, 2);
	START_EMPTY(&caller, SM_PAGE);
	snprintf(path, sizeof(path), "/proc/%d/make-it-fail", caller.pid);
	ASSERT_EQ(0, sm_write(path, "1"));
	ASSERT_EQ(0, sm_write(FAIL "task-filter", "Y"));
	ASSERT_EQ(0, sm_write(FAIL "verbose", "0"));
	ASSERT_EQ(0, sm_write(FAIL "ignore-gfp-wait", "N"));
	ASSERT_EQ(0, sm_write(FAIL "ignore-gfp-highmem", "N"));
	ASSERT_EQ(0, sm_write(FAIL "min-order", "0"));
	ASSERT_EQ(0, sm_write(FAIL "times", "1000000"));
	ASSERT_EQ(0, sm_write(FAIL "probability", "10"));
	for (i = 0; i < 4; i++) {
		ret = sm_peer_migrate(&caller, i % 2 ? b->pid : a->pid,
				      SM_NODE(i % 2), SM_NODE(!(i % 2)));
		EXPECT_TRUE(ret >= 0 || ret == -ENOMEM) {
			TH_LOG("%ld", ret);
		}
	}
	EXPECT_EQ(0, sm_write(FAIL "probability", "0"));
	/* It did fail. */
	EXPECT_GT(1000000, sm_read_long(FAIL "times"));
	EXPECT_EQ(0, sm_write(FAIL "times", "1"));
	EXPECT_EQ(0, sm_write(FAIL "task-filter", "N"));
	EXPECT_INTACT(a, 0, 1, 1);
	EXPECT_INTACT(b, 0, 1, 2);
	EXPECT_TRUE(sm_isolated_settles());
	EXPECT_EQ(0, MOVE(a, 0, 1));
	EXPECT_EQ(0, MOVE(b, 1, 0));
	EXPECT_HOME(a, 1, 1);
	EXPECT_HOME(b, 0, 2);
	STOP(&caller);
	STOP(a);
	STOP(b);
}

/* The value of @key in the first event, -1 without */
static long traced(const char *key)
{
	FILE *f = fopen(TRACE, "r");
	char line[512], *at;
	long val = -1;

	while (f && val < 0 && fgets(line, sizeof(line), f)) {
		at = strstr(line, " swapmig_displace: ");
		at = at ? strstr(at, key) : NULL;
		if (at)
			val = strtol(at + strlen(key), NULL, 10);
	}
	if (f)
		fclose(f);
	return val;
}

TEST_F(limits, counted_and_traced)
{
	struct sm_peer *a = &self->a, *b = &self->b;
	long displaced = sm_vmstat("swapmig_displaced"), moved;
	long missed = sm_vmstat("swapmig_no_victim");
	int fd;

	NEED_DISPLACE(return, 2);
	EXPECT_LE(0, displaced);
	EXPECT_LE(0, missed);
	START(a, part(self->len, 80), 0, 1);
	START(b, part(self->len, 80), 1, 2);
	fd = open(TRACE, O_WRONLY | O_TRUNC);
	if (fd < 0 || sm_write(EVENT, "1"))
		SKIP(return, "needs tracefs");
	close(fd);
	EXPECT_EQ(0, MOVE(a, 0, 1));
	EXPECT_EQ(0, sm_write(EVENT, "0"));
	moved = ON(b, 0);
	displaced = sm_vmstat("swapmig_displaced") - displaced;
	EXPECT_LE(moved, displaced);
	EXPECT_GE(moved + 2 * BESIDES, displaced);
	EXPECT_EQ(missed, sm_vmstat("swapmig_no_victim"));
	EXPECT_EQ(1, traced(" from="));
	EXPECT_EQ(0, traced(" to="));
	STOP(a);
	STOP(b);
}

TEST_F(limits, bad_input)
{
	NEED_DISPLACE(return, 2);
	EXPECT_EQ(-ESRCH, sm_migrate(0x3ffffff, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(-EINVAL, sm_migrate(0, SM_NODE(0), SM_NODE(14)));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(3), SM_NODE(3)));
	EXPECT_EQ(-EINVAL, sm_mbind(NULL, SM_PAGE, MPOL_BIND, 0, MPOL_MF_MOVE));
	EXPECT_EQ(-EFAULT, sm_mbind(NULL, SM_PAGE, MPOL_BIND, SM_NODE(1),
				    MPOL_MF_MOVE));
	EXPECT_EQ(-ENODEV, sm_move_pages(0, self->engines, SM_PAGE, 14,
					 calloc(1, sizeof(int))));
}

TEST_F(limits, engine_lists)
{
	static const char * const good[] = {
		"displace", "direct displace", "displace swapout",
		"direct displace swapout", "swapout displace direct",
	};
	char now[128];
	size_t i;

	NEED_DISPLACE(return, 2);
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, sm_write(SM_ENGINES, "%s", good[i]));
		sm_read(SM_ENGINES, now, sizeof(now));
		EXPECT_STREQ(good[i], now);
	}
	EXPECT_EQ(-EINVAL, sm_write(SM_ENGINES, "displace displace"));
	EXPECT_EQ(-EINVAL, sm_write(SM_ENGINES, "direct displaces"));
	sm_read(SM_ENGINES, now, sizeof(now));
	EXPECT_STREQ(good[i - 1], now);
	ASSERT_LT(0, sm_read("/proc/cmdline", now, sizeof(now)));
	if (getenv("SWAPMIG_BOOT_ENGINES") && !strstr(now, "migration_engines="))
		EXPECT_STREQ("direct displace swapout",
			     getenv("SWAPMIG_BOOT_ENGINES"));
}
