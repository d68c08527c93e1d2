// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to full nodes of other shapes than two processes that change places:
 * within one process, over several nodes, from within a cpuset, huge pages that
 * fit in part.
 */
#include <sys/syscall.h>

#include "swapmig_displace.h"

FIXTURE(shapes)
{
	size_t len;
};

FIXTURE_SETUP(shapes)
{
	if (displace_lacks(4))
		return;
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	self->len = full_begin(4, 48 * SM_MIB);
	ASSERT_LT(16 * SM_MIB, self->len);
}

FIXTURE_TEARDOWN(shapes)
{
	full_end(4);
	EXPECT_EQ(0, sm_swap_off());
}

/* A range is bound to a node that is full of the process's own other pages. */
TEST_F(shapes, mbind_among_own_pages)
{
	size_t len = part(self->len, 80), bound = part(self->len, 50);
	char *buf = sm_map(len + bound), *other = buf + bound;
	struct quiet q;

	NEED_DISPLACE(return, 4);
	ASSERT_NE(NULL, buf);
	sm_fill_on(other, len, 2, 1);
	sm_fill_on(buf, bound, 1, 0);
	ASSERT_EQ(SM_PAGES(len), sm_on(0, other, len, 1));
	quiet_begin(&q);
	EXPECT_EQ(0, sm_mbind(buf, bound, MPOL_BIND, SM_NODE(1),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_EQ(SM_PAGES(bound), sm_on(0, buf, bound, 1)) {
		TH_LOG("%s", sm_where(0, buf, bound));
	}
	EXPECT_EQ(SM_PAGES(len), sm_on(0, other, len, 0) +
				 sm_on(0, other, len, 1));
	EXPECT_QUIET(&q);
	EXPECT_EQ(0, sm_bad(buf, bound, 1));
	EXPECT_EQ(0, sm_bad(other, len, 2));
	munmap(buf, len + bound);
}

/* One call makes two halves of a process change places. */
TEST_F(shapes, move_pages_exchanges_halves)
{
	size_t len = part(self->len, 80);
	long n = 2 * SM_PAGES(len), i, lies = 0, left = 0, ret;
	char *buf = sm_map(2 * len);
	int *nodes, *status, calls = 0;
	struct quiet q;
	void **pages;

	NEED_DISPLACE(return, 4);
	pages = calloc(n, sizeof(*pages));
	nodes = calloc(n, sizeof(*nodes));
	status = calloc(n, sizeof(*status));
	ASSERT_NE(NULL, buf);
	ASSERT_TRUE(pages && nodes && status);
	for (i = 0; i < n; i++) {
		pages[i] = buf + i * SM_PAGE;
		nodes[i] = i < n / 2;
	}
	sm_fill_on(buf, len, 1, 0);
	sm_fill_on(buf + len, len, 2, 1);
	quiet_begin(&q);
	/* The call looks at a page once, so busy ones take another call. */
	do {
		ret = syscall(__NR_move_pages, 0, n, pages, nodes, status, 0);
		for (i = left = lies = 0; i < n; i++) {
			left += status[i] == -EBUSY;
			lies += status[i] != -EBUSY && status[i] != nodes[i];
		}
	} while (!ret && left && ++calls < 4);
	EXPECT_EQ(0, ret);
	EXPECT_EQ(0, left);
	EXPECT_EQ(0, lies);
	EXPECT_EQ(n / 2, sm_on(0, buf, len, 1)) {
		TH_LOG("%s", sm_where(0, buf, len));
	}
	EXPECT_EQ(n / 2, sm_on(0, buf + len, len, 0)) {
		TH_LOG("%s", sm_where(0, buf + len, len));
	}
	EXPECT_QUIET(&q);
	EXPECT_EQ(0, sm_bad(buf, len, 1) + sm_bad(buf + len, len, 2));
	munmap(buf, 2 * len);
	free(pages);
	free(nodes);
	free(status);
}

/* Each page of an interleaved range has one node only, and one of two is full. */
TEST_F(shapes, interleave_over_a_full_node)
{
	size_t len = part(self->len, 60);
	char *buf = sm_map(len);
	struct sm_peer b;
	struct quiet q;

	NEED_DISPLACE(return, 4);
	ASSERT_NE(NULL, buf);
	START(&b, part(self->len, 90), 1, 2);
	sm_fill_on(buf, len, 1, 0);
	quiet_begin(&q);
	EXPECT_EQ(0, sm_mbind(buf, len, MPOL_INTERLEAVE,
			      SM_NODE(1) | SM_NODE(2),
			      MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_EQ(SM_PAGES(len) / 2, sm_on(0, buf, len, 1)) {
		TH_LOG("%s", sm_where(0, buf, len));
	}
	EXPECT_EQ(SM_PAGES(len) / 2, sm_on(0, buf, len, 2));
	EXPECT_INTACT(&b, 0, 1, 2);
	EXPECT_QUIET(&q);
	EXPECT_EQ(0, sm_bad(buf, len, 1));
	munmap(buf, len);
	STOP(&b);
}

/* The victims' cpuset counts, not that of the caller. */
TEST_F(shapes, caller_in_a_cpuset)
{
	size_t len = part(self->len, 80);
	struct sm_peer a, b, caller;
	struct quiet q;

	NEED_DISPLACE(return, 4);
	ASSERT_TRUE(sm_cgroup_on("cpuset"));
	ASSERT_EQ(0, sm_cgroup_make("c"));
	ASSERT_EQ(0, sm_cgroup_set("c", "cpuset.mems", "1"));
	START_EMPTY(&caller, SM_PAGE);
	EXPECT_EQ(0, sm_cgroup_join("c", caller.pid));
	START(&a, len, 0, 1);
	START(&b, len, 1, 2);
	quiet_begin(&q);
	ASSERT_EQ(0, sm_peer_tell(&caller, SM_ORD_MIGRATE, SM_NODE(0),
				  SM_NODE(1), a.pid));
	EXPECT_EQ(0, sm_peer_answer(&caller));
	EXPECT_HOME(&a, 1, 1);
	EXPECT_INTACT(&b, 0, 1, 2);
	EXPECT_QUIET(&q);
	STOP(&caller);
	STOP(&a);
	STOP(&b);
	EXPECT_TRUE(sm_cgroup_remove("c"));
	EXPECT_TRUE(sm_cgroup_off("cpuset"));
}

/* Who may not push others may not have a cpuset's worker do it. */
TEST_F(shapes, cpuset_of_who_may_not_push)
{
	size_t len = part(self->len, 80);
	struct sm_peer a, b;
	int status;
	pid_t pid;

	NEED_DISPLACE(return, 4);
	ASSERT_TRUE(sm_cgroup_on("cpuset") && sm_cgroup_on("memory"));
	ASSERT_EQ(0, sm_cgroup_make("a"));
	ASSERT_EQ(0, sm_cgroup_set("a", "cpuset.mems", "0"));
	START(&b, len, 1, 2);
	START_EMPTY(&a, len);
	EXPECT_EQ(0, sm_cgroup_join("a", a.pid));
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_FILL, 0, 1));
	pid = sm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (sm_drop_cap_sys_nice())
			_exit(1);
		_exit(sm_cgroup_set("a", "cpuset.mems", "1") ? 2 : 0);
	}
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_HOME(&b, 1, 2);
	/* There was no room for all, and what there was has been used. */
	EXPECT_LT(ON(&a, 1), SM_PAGES(len));
	EXPECT_LT(0, ON(&a, 1));
	EXPECT_EQ(0, sm_peer(&a, SM_ORD_CHECK, 0, 1));
	STOP(&a);
	STOP(&b);
	EXPECT_TRUE(sm_cgroup_remove("a"));
	EXPECT_TRUE(sm_cgroup_off("memory"));
	EXPECT_TRUE(sm_cgroup_off("cpuset"));
}

/* Room for one huge page and a half, and nobody who could make more. */
TEST_F(shapes, thp_that_fits_in_part)
{
	size_t len = 4 * SM_THP, room = SM_THP + SM_THP / 2;
	struct sm_peer a, b;
	char *map;
	long on;

	NEED_DISPLACE(return, 4);
	ASSERT_EQ(0, sm_swap_off());
	map = sm_map(len + SM_THP);
	ASSERT_NE(NULL, map);
	map = (char *)(((uintptr_t)map + SM_THP - 1) & ~(SM_THP - 1));
	if (madvise(map, len, MADV_HUGEPAGE))
		SKIP(return, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	ASSERT_EQ(0, sm_peer_start(&a, map, len));
	ASSERT_EQ(0, sm_peer(&a, SM_ORD_FILL, 0, 1));
	if (sm_smaps_kib(a.pid, map, "AnonHugePages:") * 1024 != (long)len)
		SKIP(return, "huge pages were not to be had");
	/* The kernel leaves 1 MiB above the watermark, full_begin() 4 */
	START(&b, self->len + 3 * SM_MIB - room, 1, 2);
	ASSERT_EQ(0, sm_peer(&b, SM_ORD_MBIND, SM_NODE(1), 0));
	EXPECT_LT(0, MOVE(&a, 0, 1));
	on = ON(&a, 1);
	EXPECT_LE(SM_PAGES(SM_THP), on);
	EXPECT_NE(0, on % SM_PAGES(SM_THP));
	EXPECT_ABOVE_LOW(1);
	EXPECT_INTACT(&a, 0, 1, 1);
	EXPECT_HOME(&b, 1, 2);
	STOP(&a);
	STOP(&b);
}
