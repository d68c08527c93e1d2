// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to full nodes, of other shapes: unequal, huge pages, page cache, memory
 * cgroups, cpusets, many at once, whole nodes, and calls that are interrupted.
 */
#include "swapmig_displace.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ROOM		(48 * SM_MIB)
#define GROUP(name)	SM_V2_ROOT "/swapmig-" name

FIXTURE(shapes)
{
	struct sm_peer a, b;
	struct quiet q;
};

FIXTURE_SETUP(shapes)
{
	FULL_BEGIN(SM_SWAP_DISK, SM_NODES, ROOM);
}

FIXTURE_TEARDOWN(shapes)
{
	FULL_END(&self->a, &self->b);
}

TEST_F(shapes, unequal)
{
	START(&self->a, sm_part(ROOM, 95), 0, 1);
	START(&self->b, sm_part(ROOM, 50), 1, 2);
	EXCHANGE(&self->a, &self->b, 0);
}

/* A policy that only prefers the node: as good as any, but it may go elsewhere. */
TEST_F(shapes, preferred)
{
	const int flags = MPOL_MF_MOVE | MPOL_MF_STRICT;

	START(&self->a, sm_part(ROOM, 85), 0, 1);
	START(&self->b, sm_part(ROOM, 85), 1, 2);
	quiet_begin(&self->q);
	EXPECT_EQ(0, sm_peer(&self->a, SM_ORD_PREFER, SM_NODE(1), flags));
	EXPECT_QUIET(&self->q);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_INTACT(&self->b, SM_NODE(0) | SM_NODE(1), 2);
	/* Who prefers the node as well makes no way, nor does who has to be there */
	EXPECT_EQ(0, sm_peer(&self->b, SM_ORD_PREFER, SM_NODE(1), flags));
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_INTACT(&self->b, ~0UL, 2);
	ASSERT_EQ(0, sm_peer(&self->a, SM_ORD_MBIND, SM_NODE(1), 0));
	EXPECT_EQ(0, sm_peer(&self->b, SM_ORD_PREFER, SM_NODE(1), flags));
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_INTACT(&self->b, ~0UL, 2);
}

/* 32 MiB of free pages of @node in blocks of page tables, 63 of them together */
static bool fragment(int node)
{
	const size_t step = SM_HUGE, len = 8192 * step;
	char *p = sm_map(len);
	size_t off;

	if (!p || madvise(p, len, MADV_NOHUGEPAGE))
		return false;
	sm_run_on_node(node);
	/* Of zeros: that takes no page but the table */
	for (off = 0; off < len; off += step)
		sm_touch(p + off, 1);
	sm_run_on_node(-1);
	/* The others stay until the process ends */
	for (off = 0; off < len; off += 64 * step)
		munmap(p + off, 63 * step);
	return true;
}

/*
 * What is placed among fragments does not raise the watermarks: who allocates next
 * would wake kswapd.
 */
TEST_F(shapes, no_boost)
{
	long before;

	ASSERT_TRUE(fragment(1));
	START(&self->a, sm_part(ROOM, 95), 0, 1);
	sm_boost(true);
	before = sm_mark(1, "boost");
	EXPECT_ALL_MOVE(&self->a, 0, 1);
	EXPECT_EQ(before, sm_mark(1, "boost"));
	EXPECT_HOME(&self->a, 1, 1);
}

/* Counters and trace events tell of it. */
TEST_F(shapes, visible)
{
	long placed = COUNTER("displace/placed"), displaced = COUNTER("displaced");
	char want[64];

	if (access(SM_TRACING "events/swapmig/enable", W_OK))
		SKIP(return, "needs CONFIG_FTRACE");
	START(&self->a, sm_part(ROOM, 85), 0, 1);
	START(&self->b, sm_part(ROOM, 85), 1, 2);
	ASSERT_EQ(0, sm_trace(true));
	EXPECT_ALL_MOVE(&self->a, 0, 1);
	ASSERT_EQ(0, sm_trace(false));
	snprintf(want, sizeof(want), "for=%d from=1 to=0 wanted=", self->a.pid);
	EXPECT_TRUE(sm_traced("swapmig_displace:", want));
	EXPECT_LT(placed, COUNTER("displace/placed"));
	EXPECT_LT(displaced, COUNTER("displaced"));
}

/* Clean page cache need not be moved. */
TEST_F(shapes, page_cache)
{
	long dropped = COUNTER("dropped"), displaced = COUNTER("displaced");
	static char buf[SM_MIB];
	size_t off;
	int fd;

	ASSERT_EQ(0, sm_swap_off());
	START(&self->a, sm_part(ROOM, 85), 0, 1);
	fd = open(SM_DISK, O_RDONLY);
	ASSERT_LE(0, fd);
	sm_set_mempolicy(MPOL_BIND, SM_NODE(1));
	for (off = 0; off < ROOM; off += sizeof(buf))
		ASSERT_EQ((long)sizeof(buf), pread(fd, buf, sizeof(buf), off));
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	quiet_begin(&self->q);
	EXPECT_ALL_MOVE(&self->a, 0, 1);
	EXPECT_QUIET(&self->q);
	EXPECT_ABOVE_LOW(1);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_LT(SM_PAGES(self->a.len) / 2, COUNTER("dropped") - dropped);
	EXPECT_GT(SM_PAGES(self->a.len) / 4, COUNTER("displaced") - displaced);
	close(fd);
}

/* A process with huge pages; the fault itself may reclaim for them */
#define START_HUGE(...) start_huge(_metadata, __VA_ARGS__)

static void start_huge(struct __test_metadata *_metadata, struct sm_peer *p,
		       size_t len, int node, __u64 seed)
{
	char *map = sm_map(len + SM_HUGE);

	ASSERT_NE(NULL, map);
	map = (char *)(((uintptr_t)map + SM_HUGE - 1) & -SM_HUGE);
	ASSERT_EQ(0, madvise(map, len, MADV_HUGEPAGE));
	ASSERT_EQ(0, sm_peer_start(p, map, len));
	ASSERT_EQ(0, sm_peer(p, SM_ORD_FILL, node, seed));
	ASSERT_EQ(SM_PAGES(len), ON(p, node));
}

/* Huge pages of a process, in bytes */
static size_t huge_of(const struct sm_peer *p)
{
	char path[64], line[512];
	size_t kib = 0;
	long val;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", p->pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "AnonHugePages: %ld", &val) == 1)
			kib += val;
	if (f)
		fclose(f);
	return kib * 1024;
}

/* Where there is no room for a huge page it is split, and placed. */
TEST_F(shapes, huge_pages)
{
	ASSERT_EQ(0, sm_swap_off());
	START_HUGE(&self->a, sm_part(ROOM, 70) / SM_HUGE * SM_HUGE, 0, 1);
	START(&self->b, sm_part(ROOM, 90), 1, 2);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	quiet_begin(&self->q);
	EXPECT_ALL_MOVE(&self->a, 0, 1);
	EXPECT_QUIET(&self->q);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_INTACT(&self->b, SM_NODE(0) | SM_NODE(1), 2);
}

/* They change places whole, also several times. */
TEST_F(shapes, huge_exchange)
{
	size_t len = sm_part(ROOM, 80) / SM_HUGE * SM_HUGE;
	int round, at = 0;

	ASSERT_EQ(0, sm_swap_off());
	START_HUGE(&self->a, len, 0, 1);
	START_HUGE(&self->b, len, 1, 2);
	if (huge_of(&self->a) < len || huge_of(&self->b) < len)
		SKIP(return, "needs huge pages on both nodes");
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	quiet_begin(&self->q);
	for (round = 0; round < 4; round++, at = !at) {
		EXPECT_ALL_MOVE(&self->a, at, !at);
		EXPECT_ALL_MOVE(&self->b, !at, at);
	}
	EXPECT_QUIET(&self->q);
	EXPECT_LE(len / 2, huge_of(&self->a));
	EXPECT_LE(len / 2, huge_of(&self->b));
	EXPECT_HOME(&self->a, at, 1);
	EXPECT_HOME(&self->b, !at, 2);
}

/* The hole is smaller than a huge page: they are split, and change places. */
TEST_F(shapes, huge_small_hole)
{
	size_t len = sm_part(ROOM, 60) / SM_HUGE * SM_HUGE;
	struct sm_peer filler[2];
	int i;

	ASSERT_EQ(0, sm_swap_off());
	START_HUGE(&self->a, len, 0, 1);
	START_HUGE(&self->b, len, 1, 2);
	for (i = 0; i < 2; i++) {
		long room = sm_room(i, "low") - 11 * SM_MIB / 4;

		ASSERT_LT(0, room);
		START(&filler[i], room / SM_PAGE * SM_PAGE, i, 3);
		ASSERT_EQ(0, sm_peer(&filler[i], SM_ORD_MBIND, SM_NODE(i), 0));
	}
	EXCHANGE(&self->a, &self->b, 0);
	for (i = 0; i < 2; i++) {
		EXPECT_HOME(&filler[i], i, 3);
		EXPECT_EQ(0, sm_peer_stop(&filler[i]));
	}
}

TEST_F(shapes, move_pages)
{
	size_t len = sm_part(ROOM, 85);
	int *status = calloc(SM_PAGES(len), sizeof(*status));
	long i, wrong = 0;

	ASSERT_NE(NULL, status);
	START(&self->a, len, 0, 1);
	START(&self->b, len, 1, 2);
	quiet_begin(&self->q);
	EXPECT_EQ(0, sm_peer_move_pages(&self->a, 1, status));
	for (i = 0; i < SM_PAGES(len); i++)
		wrong += status[i] != 1;
	EXPECT_EQ(0, sm_peer_move_pages(&self->b, 0, status));
	for (i = 0; i < SM_PAGES(len); i++)
		wrong += status[i] != 0;
	EXPECT_EQ(0, wrong);
	EXPECT_QUIET(&self->q);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_HOME(&self->b, 0, 2);
	free(status);
}

/* Two calls at the same time, each from a process of its own */
TEST_F(shapes, move_pages_at_once)
{
	size_t len = sm_part(ROOM, 85);
	int *status = calloc(SM_PAGES(len), sizeof(*status));
	int child = -1;
	long i, wrong = 0;
	pid_t pid;

	ASSERT_NE(NULL, status);
	START(&self->a, len, 0, 1);
	START(&self->b, len, 1, 2);
	quiet_begin(&self->q);
	pid = sm_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		long left = sm_peer_move_pages(&self->b, 0, status);

		for (i = 0; i < SM_PAGES(len); i++)
			left += status[i] != 0;
		_exit(left ? 1 : 0);
	}
	EXPECT_EQ(0, sm_peer_move_pages(&self->a, 1, status));
	for (i = 0; i < SM_PAGES(len); i++)
		wrong += status[i] != 1;
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(pid, waitpid(pid, &child, 0));
	EXPECT_EQ(0, child);
	EXPECT_QUIET(&self->q);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_HOME(&self->b, 0, 2);
	free(status);
}

/* For few pages as many make way as the node lacked of its watermark before. */
TEST_F(shapes, few_pages)
{
	int status[2] = { -1, -1 };

	ASSERT_EQ(0, sm_swap_off());
	START(&self->a, 2 * SM_PAGE, 0, 1);
	START(&self->b, (sm_room(1, "low") - (long)SM_MIB / 2) / SM_PAGE * SM_PAGE,
	      1, 2);
	EXPECT_EQ(0, sm_peer_move_pages(&self->a, 1, status));
	EXPECT_EQ(1, status[0]);
	EXPECT_EQ(1, status[1]);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_INTACT(&self->b, SM_NODE(0) | SM_NODE(1), 2);
}

/* Half of the target has to stay: what did not fit says so, and is counted. */
TEST_F(shapes, move_pages_in_part)
{
	size_t len = sm_part(ROOM, 85);
	int *status = calloc(SM_PAGES(len), sizeof(*status));
	long i, full = 0, wrong = 0, ret;

	ASSERT_NE(NULL, status);
	ASSERT_EQ(0, sm_swap_off());
	START(&self->b, len, 1, 2);
	ASSERT_EQ(0, sm_peer_part(&self->b, 0, sm_part(len, 50)));
	ASSERT_EQ(0, sm_peer(&self->b, SM_ORD_MBIND, SM_NODE(1), 0));
	ASSERT_EQ(0, sm_peer_part(&self->b, 0, len));
	START(&self->a, len, 0, 1);
	ret = sm_peer_move_pages(&self->a, 1, status);
	for (i = 0; i < SM_PAGES(len); i++) {
		int node = sm_page(self->a.pid, self->a.buf + i * SM_PAGE);

		full += status[i] == -ENOMEM;
		wrong += status[i] == -ENOMEM ? node != 0 : status[i] != node;
	}
	EXPECT_LT(0, full);
	EXPECT_EQ(full, ret);
	EXPECT_EQ(0, wrong);
	EXPECT_LT(SM_PAGES(len) / 3, ON(&self->a, 1));
	EXPECT_INTACT(&self->a, SM_NODE(0) | SM_NODE(1), 1);
	EXPECT_INTACT(&self->b, SM_NODE(0) | SM_NODE(1), 2);
	free(status);
}

/* Pages change nodes, not owners. */
TEST_F(shapes, charges_stay)
{
	long before;

	ASSERT_EQ(0, sm_write(SM_V2_ROOT "/cgroup.subtree_control", "+memory"));
	ASSERT_EQ(0, mkdir(GROUP("victim"), 0755));
	START(&self->b, sm_part(ROOM, 85), 1, 0);
	ASSERT_EQ(0, sm_group_join(GROUP("victim"), self->b.pid));
	ASSERT_EQ(0, sm_peer(&self->b, SM_ORD_FILL, 1, 2));
	START(&self->a, sm_part(ROOM, 85), 0, 1);
	before = sm_read_long(GROUP("victim") "/memory.current");
	EXPECT_LT((long)self->b.len, before);
	quiet_begin(&self->q);
	EXPECT_ALL_MOVE(&self->a, 0, 1);
	EXPECT_QUIET(&self->q);
	EXPECT_GT((long)SM_MIB,
		  labs(sm_read_long(GROUP("victim") "/memory.current") - before));
	EXPECT_LT(SM_PAGES(self->a.len) / 2, ON(&self->b, 0));
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_INTACT(&self->b, SM_NODE(0) | SM_NODE(1), 2);
	EXPECT_EQ(0, sm_peer_stop(&self->b));
	EXPECT_TRUE(sm_group_remove(GROUP("victim")));
	EXPECT_EQ(0, sm_write(SM_V2_ROOT "/cgroup.subtree_control", "-memory"));
}

/* Two processes in a cpuset each */
#define CPUSETS_BEGIN(...)	cpusets_begin(_metadata, __VA_ARGS__)
#define CPUSETS_END(...)	cpusets_end(_metadata, __VA_ARGS__)

static void cpusets_begin(struct __test_metadata *_metadata, struct sm_peer *a,
			  struct sm_peer *b)
{
	ASSERT_TRUE(sm_v2_cpusets(true));
	ASSERT_EQ(0, sm_group_make(GROUP("a"), "0"));
	ASSERT_EQ(0, sm_group_make(GROUP("b"), "1"));
	START(a, sm_part(ROOM, 85), 0, 0);
	START(b, sm_part(ROOM, 85), 1, 0);
	ASSERT_EQ(0, sm_group_join(GROUP("a"), a->pid));
	ASSERT_EQ(0, sm_group_join(GROUP("b"), b->pid));
	ASSERT_EQ(0, sm_peer(a, SM_ORD_FILL, 0, 1));
	ASSERT_EQ(0, sm_peer(b, SM_ORD_FILL, 1, 2));
}

static void cpusets_end(struct __test_metadata *_metadata, struct sm_peer *a,
			struct sm_peer *b)
{
	EXPECT_EQ(0, sm_peer_stop(a));
	EXPECT_EQ(0, sm_peer_stop(b));
	EXPECT_TRUE(sm_group_remove(GROUP("a")));
	EXPECT_TRUE(sm_group_remove(GROUP("b")));
	EXPECT_TRUE(sm_v2_cpusets(false));
}

/* They change their nodes with each other, one after the other. */
TEST_F(shapes, cpusets)
{
	CPUSETS_BEGIN(&self->a, &self->b);
	quiet_begin(&self->q);
	EXPECT_EQ(0, sm_group_set(GROUP("a"), "cpuset.mems", "1"));
	EXPECT_EQ(0, sm_group_set(GROUP("b"), "cpuset.mems", "0"));
	EXPECT_QUIET(&self->q);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_HOME(&self->b, 0, 2);
	CPUSETS_END(&self->a, &self->b);
}

static pid_t set_mems(const char *group, const char *nodes)
{
	pid_t pid = sm_fork();

	if (!pid)
		_exit(sm_group_set(group, "cpuset.mems", nodes) ? 1 : 0);
	return pid;
}

static bool ends_well(pid_t pid)
{
	int status = -1;

	return waitpid(pid, &status, 0) == pid && !status;
}

/* The same by two writers at once; each of them returns to find its pages moved. */
TEST_F(shapes, cpusets_at_once)
{
	pid_t one, two;

	CPUSETS_BEGIN(&self->a, &self->b);
	/* A debt that is a second old would go by way of swap on a slow machine */
	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct displace"));
	quiet_begin(&self->q);
	one = set_mems(GROUP("a"), "1");
	two = set_mems(GROUP("b"), "0");
	EXPECT_TRUE(ends_well(one));
	EXPECT_TRUE(ends_well(two));
	/* What one had to leave is its debt for a moment */
	EXPECT_TRUE(SM_WAIT(ON(&self->a, 1) == SM_PAGES(self->a.len) &&
			    ON(&self->b, 0) == SM_PAGES(self->b.len)));
	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct displace swapout"));
	EXPECT_QUIET(&self->q);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_HOME(&self->b, 0, 2);
	CPUSETS_END(&self->a, &self->b);
}

/* Killed in the middle: all is intact, nothing is isolated, and another call ends it. */
TEST_F(shapes, interrupted)
{
	struct sm_peer caller;
	long displaced;

	START(&self->a, sm_part(ROOM, 85), 0, 1);
	START(&self->b, sm_part(ROOM, 85), 1, 2);
	quiet_begin(&self->q);
	displaced = COUNTER("dropped") + COUNTER("displaced");
	START(&caller, SM_PAGE, 0, 0);
	ASSERT_EQ(0, sm_peer_order_migrate(&caller, self->a.pid, SM_NODE(0),
					   SM_NODE(1)));
	EXPECT_TRUE(SM_WAIT(COUNTER("dropped") + COUNTER("displaced") != displaced));
	kill(caller.pid, SIGKILL);
	waitpid(caller.pid, NULL, 0);
	close(caller.fd);
	EXPECT_TRUE(sm_isolated_settles());
	EXPECT_INTACT(&self->a, SM_NODE(0) | SM_NODE(1), 1);
	EXPECT_INTACT(&self->b, SM_NODE(0) | SM_NODE(1), 2);
	EXPECT_QUIET(&self->q);
	EXCHANGE(&self->a, &self->b, 0);
}

/* Four processes, each on a node of its own, go to the next one by four calls. */
TEST_F(shapes, rotation)
{
	struct sm_peer p[SM_NODES], caller[SM_NODES];
	long no_room = COUNTER("stayed/no_room"), raced = COUNTER("stayed/raced");
	long displaced, asked = 0;
	int i;

	for (i = 0; i < SM_NODES; i++) {
		START(&p[i], sm_part(ROOM, 82), i, i + 1);
		START(&caller[i], SM_PAGE, 0, 0);
		asked += SM_PAGES(p[i].len);
	}
	quiet_begin(&self->q);
	displaced = COUNTER("displaced");
	for (i = 0; i < SM_NODES; i++) {
		EXPECT_EQ(0, sm_peer_order_migrate(&caller[i], p[i].pid, SM_NODE(i),
						   SM_NODE((i + 1) % SM_NODES)));
	}
	for (i = 0; i < SM_NODES; i++) {
		long left = sm_peer_answer(&caller[i]);

		/* All four have some pages of libraries in hand, to and fro */
		EXPECT_LE(0, left);
		EXPECT_GE(8, left) {
			TH_LOG("from node %d: %s; no room %ld, raced %ld", i,
			       sm_where(p[i].pid, p[i].buf, p[i].len),
			       COUNTER("stayed/no_room") - no_room,
			       COUNTER("stayed/raced") - raced);
		}
	}
	EXPECT_QUIET(&self->q);
	EXPECT_GE(3 * asked, COUNTER("displaced") - displaced);
	for (i = 0; i < SM_NODES; i++) {
		EXPECT_HOME(&p[i], (i + 1) % SM_NODES, i + 1);
		EXPECT_ABOVE_LOW(i);
		EXPECT_EQ(0, sm_peer_stop(&p[i]));
		EXPECT_EQ(0, sm_peer_stop(&caller[i]));
	}
}

/* Watermarks that fragmentation raises, and CPUs' lists, as they are by default */
TEST_F(shapes, as_booted)
{
	long swapped;

	PAIR_BEGIN(&self->a, &self->b, sm_part(ROOM, 85));
	sm_trim_pcp(false);
	sm_boost(true);
	/* kswapd may wake for others */
	swapped = sm_vmstat("pswpout");
	EXPECT_ALL_MOVE(&self->a, 0, 1);
	EXPECT_ALL_MOVE(&self->b, 1, 0);
	EXPECT_EQ(swapped, sm_vmstat("pswpout"));
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_HOME(&self->b, 0, 2);
}

/* A policy of two nodes, both full: room is made on one of them, or both. */
TEST_F(shapes, bound_to_two)
{
	struct sm_peer c;

	START(&self->a, sm_part(ROOM, 85), 0, 1);
	START(&self->b, sm_part(ROOM, 85), 1, 2);
	START(&c, sm_part(ROOM, 85), 2, 3);
	quiet_begin(&self->q);
	EXPECT_EQ(0, sm_peer(&self->a, SM_ORD_MBIND, SM_NODE(1) | SM_NODE(2),
			     MPOL_MF_MOVE_ALL | MPOL_MF_STRICT));
	EXPECT_QUIET(&self->q);
	EXPECT_INTACT(&self->a, SM_NODE(1) | SM_NODE(2), 1);
	EXPECT_INTACT(&self->b, SM_NODE(0) | SM_NODE(1), 2);
	EXPECT_INTACT(&c, SM_NODE(0) | SM_NODE(2), 3);
	EXPECT_ABOVE_LOW(1);
	EXPECT_ABOVE_LOW(2);
	EXPECT_EQ(0, sm_peer_stop(&c));
}

/* Tasks bound to a node that was exchanged go on faulting: nobody is killed. */
TEST_F(shapes, no_oom_kill_afterwards)
{
	struct sm_peer more;
	int i;

	PAIR_BEGIN(&self->a, &self->b, sm_part(ROOM, 97));
	EXCHANGE(&self->a, &self->b, 0);
	ASSERT_EQ(0, sm_swap_off());
	quiet_begin(&self->q);
	START(&more, SM_MIB, 1, 0);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, sm_peer(&more, SM_ORD_FILL, i % 2, 5 + i));
		EXPECT_EQ(0, sm_peer(&more, SM_ORD_CHECK, 0, 5 + i));
		ASSERT_EQ(0, sm_peer(&more, SM_ORD_FREE, 0, 0));
	}
	EXPECT_QUIET(&self->q);
	EXPECT_EQ(0, sm_peer_stop(&more));
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
	EXCHANGE_AT_ONCE(&self->a, &self->b, 1, false);
	EXCHANGE_AT_ONCE(&self->a, &self->b, 0, true);
}
