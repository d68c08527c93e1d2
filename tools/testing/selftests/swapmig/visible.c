// SPDX-License-Identifier: GPL-2.0
/*
 * What an administrator sees of a request: the counters of
 * /sys/kernel/mm/swapmig/, tracepoints, and those of the kernel as ever.
 */
#include "swapmig_harness.h"

#define COUNTERS	"/sys/kernel/mm/swapmig/"
#define V2_DIR		SM_V2_ROOT "/swapmig-visible"

FIXTURE(visible)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(visible)
{
	SM_SETUP(2 * SM_MIB);
}

FIXTURE_TEARDOWN(visible)
{
	SM_TEARDOWN();
	sm_huge(0, 0);
}

#define MBIND(node)	sm_mbind(self->buf, self->len, MPOL_BIND,	\
				 SM_NODE(node), MPOL_MF_MOVE | MPOL_MF_STRICT)

/* The counter of the engine that runs */
static const char *engine(const char *what)
{
	static char path[128];

	snprintf(path, sizeof(path), COUNTERS "%s/%s",
		 sm_direct() ? "direct" : "swapout", what);
	return path;
}

TEST_F(visible, placed)
{
	long placed = sm_read_long(engine("placed"));
	long left = sm_read_long(engine("not_placed"));
	long evicted = sm_read_long(COUNTERS "evicted");
	long moved = sm_vmstat("pgmigrate_success");
	long out = sm_vmstat("pswpout");

	sm_fill_on(self->buf, self->len, 1, 0);
	EXPECT_EQ(0, MBIND(1));
	EXPECT_EQ(placed + self->pages, sm_read_long(engine("placed")));
	EXPECT_EQ(left, sm_read_long(engine("not_placed")));
	if (sm_direct()) {
		EXPECT_EQ(evicted, sm_read_long(COUNTERS "evicted"));
		EXPECT_LE(moved + self->pages, sm_vmstat("pgmigrate_success"));
	} else {
		EXPECT_LE(evicted + self->pages, sm_read_long(COUNTERS "evicted"));
		EXPECT_LE(out + self->pages, sm_vmstat("pswpout"));
	}
	EXPECT_MOVED(self->buf, self->len, 1, 0, 1, true);
}

/* Counted when they come back. */
TEST_F(visible, forwarded)
{
	long before = sm_read_long(COUNTERS "forwarded");
	long want = sm_direct() ? 0 : self->pages;
	long now;

	sm_fill_on(self->buf, self->len, 2, 0);
	EXPECT_EQ(0, MBIND(1));
	EXPECT_EQ(before, sm_read_long(COUNTERS "forwarded"));
	EXPECT_BACK_ON(1, 0, 2);
	now = sm_read_long(COUNTERS "forwarded");
	EXPECT_LE(before + want, now);
	EXPECT_TRUE(want || now == before);
}

/* Why not: each page once, however often it was tried. */
TEST_F(visible, why_not)
{
	long pinned = sm_read_long(COUNTERS "stayed/pinned");
	long mlocked = sm_read_long(COUNTERS "stayed/mlocked");
	long left = sm_read_long(engine("not_placed"));
	long stay = sm_direct() ? 0 : 5;
	int fd;

	sm_fill_on(self->buf, self->len, 3, 0);
	ASSERT_EQ(0, mlock(self->buf, 5 * SM_PAGE));
	fd = sm_pin(self->buf + 8 * SM_PAGE, 4 * SM_PAGE);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EIO, MBIND(1));
	EXPECT_EQ(pinned + 4, sm_read_long(COUNTERS "stayed/pinned"));
	EXPECT_EQ(mlocked + stay, sm_read_long(COUNTERS "stayed/mlocked"));
	EXPECT_EQ(left + 4 + stay, sm_read_long(engine("not_placed")));
	close(fd);
}

TEST_F(visible, why_not_hugetlb_by_swap)
{
	long before = sm_read_long(COUNTERS "stayed/hugetlb");
	size_t len = 2 * SM_HUGE;
	char *p;

	if (sm_huge(0, 2) != 2)
		SKIP(return, "needs two huge pages on node 0");
	sm_set_mempolicy(MPOL_BIND, SM_NODE(0));
	p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	sm_fill(p, len, 4);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	EXPECT_EQ(-EIO, sm_mbind(p, len, MPOL_BIND, SM_NODE(1),
				 MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_EQ(before + SM_PAGES(len), sm_read_long(COUNTERS "stayed/hugetlb"));
	EXPECT_EQ(0, sm_bad(p, len, 4));
	munmap(p, len);
}

/* Nor is there room without swap. */
TEST_F(visible, why_not_no_room_by_swap)
{
	long before = sm_read_long(COUNTERS "stayed/no_room");
	long left = sm_read_long(engine("not_placed"));

	ASSERT_EQ(0, sm_swap_off());
	sm_fill_on(self->buf, self->len, 5, 0);
	EXPECT_EQ(-EIO, MBIND(1));
	EXPECT_EQ(before + self->pages, sm_read_long(COUNTERS "stayed/no_room"));
	EXPECT_EQ(left + self->pages, sm_read_long(engine("not_placed")));
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 5));
}

/* ------------------------------------------------------------------------- */
/* Tracepoints                                                                */
/* ------------------------------------------------------------------------- */

/* Did a request of this kind, for the pages of @pid, begin and end? */
static bool traced_both(pid_t pid, const char *kind)
{
	char want[256];

	snprintf(want, sizeof(want), "pid=%d %s", pid, kind);
	return sm_traced("swapmig_request_start:", want) &&
	       sm_traced("swapmig_request_end:", want);
}

/* Without it nobody knows whose pages they are, only who asked. */
static bool memory_has_owners(void)
{
	char list[256];

	return sm_read(SM_V2_ROOT "/cgroup.controllers", list,
		       sizeof(list)) > 0 && strstr(list, "memory");
}

TEST_F(visible, tracepoints)
{
	const char *list = sm_direct() ? "direct" : "swapout";
	char want[256];
	int fd;

	if (access(SM_TRACING "events/swapmig/enable", W_OK))
		SKIP(return, "needs CONFIG_FTRACE");
	sm_fill_on(self->buf, self->len, 6, 0);
	fd = sm_pin(self->buf, 3 * SM_PAGE);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, sm_trace(true));
	EXPECT_EQ(-EIO, MBIND(1));
	EXPECT_LE(3, sm_migrate(0, SM_NODE(0), SM_NODE(2)));
	ASSERT_EQ(0, sm_trace(false));

	snprintf(want, sizeof(want), "pid=%d from=-1 to=1 reason=mempolicy_mbind engines=\"%s\"",
		 getpid(), list);
	EXPECT_TRUE(sm_traced("swapmig_request_start:", want));
	snprintf(want, sizeof(want),
		 "to=1 reason=mempolicy_mbind engines=\"%s\" asked=%ld placed=%ld failed=3",
		 list, self->pages, self->pages - 3);
	EXPECT_TRUE(sm_traced("swapmig_request_end:", want));
	EXPECT_TRUE(traced_both(getpid(), "from=0 to=2 reason=syscall_or_cpuset"));
	close(fd);
}

/* Whose pages they are, not who asks */
TEST_F(visible, tracepoints_of_another)
{
	struct sm_peer peer;

	if (access(SM_TRACING "events/swapmig/enable", W_OK))
		SKIP(return, "needs CONFIG_FTRACE");
	if (!memory_has_owners())
		SKIP(return, "needs CONFIG_MEMCG");
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 7));
	ASSERT_EQ(0, sm_trace(true));
	EXPECT_LE(0, sm_migrate(peer.pid, SM_NODE(0), SM_NODE(2)));
	ASSERT_EQ(0, sm_trace(false));
	EXPECT_TRUE(traced_both(peer.pid, "from=0 to=2 reason=syscall_or_cpuset"));
	EXPECT_FALSE(traced_both(getpid(), ""));
	EXPECT_EQ(0, sm_peer_stop(&peer));
}

/* A changed cpuset is a request for each of its processes, and a worker's to do. */
TEST_F(visible, tracepoints_of_a_cpuset)
{
	struct sm_peer peer;

	if (access(SM_TRACING "events/swapmig/enable", W_OK))
		SKIP(return, "needs CONFIG_FTRACE");
	if (!memory_has_owners())
		SKIP(return, "needs CONFIG_MEMCG");
	ASSERT_TRUE(sm_v2_cpusets(true));
	ASSERT_EQ(0, sm_group_make(V2_DIR, "0"));
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_group_join(V2_DIR, peer.pid));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 8));
	ASSERT_EQ(0, sm_trace(true));
	EXPECT_EQ(0, sm_group_set(V2_DIR, "cpuset.mems", "2"));
	ASSERT_EQ(0, sm_trace(false));
	EXPECT_TRUE(traced_both(peer.pid, "from=0 to=2 reason=syscall_or_cpuset"));
	EXPECT_EQ(0, sm_peer_stop(&peer));
	EXPECT_TRUE(sm_group_remove(V2_DIR));
	EXPECT_TRUE(sm_v2_cpusets(false));
}

/* One request, wherever its pages go */
TEST_F(visible, tracepoints_of_move_pages)
{
	void *pages[8];
	int nodes[8], status[8], i;

	if (access(SM_TRACING "events/swapmig/enable", W_OK))
		SKIP(return, "needs CONFIG_FTRACE");
	sm_fill_on(self->buf, self->len, 9, 0);
	for (i = 0; i < 8; i++) {
		pages[i] = self->buf + i * SM_PAGE;
		nodes[i] = 1 + i % 2;
	}
	ASSERT_EQ(0, sm_trace(true));
	i = sm_move_pages(0, 8, pages, nodes, status, MPOL_MF_MOVE);
	ASSERT_EQ(0, sm_trace(false));
	if (i == -SM_NO_SYSCALL)
		SKIP(return, "needs CONFIG_MIGRATION");
	EXPECT_EQ(0, i);
	EXPECT_TRUE(traced_both(getpid(), "from=-1 to=-1 reason=syscall_or_cpuset"));
	EXPECT_TRUE(sm_traced("swapmig_request_end:", "asked=8 placed=8 failed=0 ret=0"));
}
