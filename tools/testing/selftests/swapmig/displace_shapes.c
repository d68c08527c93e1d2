// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to full nodes, of other shapes: unequal, fragments, page cache, memory
 * cgroups, and calls that are interrupted.
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

/*
 * What is placed among fragments does not raise the watermarks: who allocates next
 * would wake kswapd. Anybody else may raise them at any time, but hardly twice in five
 * times; what the test itself allocates is on another node.
 */
TEST_F(shapes, no_boost)
{
	int tries, raised = 0;

	START(&self->a, sm_part(ROOM, 95), 0, 1);
	sm_run_on_node(0);
	for (tries = 0; tries < 5; tries++) {
		START(&self->b, SM_PAGE, 0, 2);
		ASSERT_EQ(0, sm_peer(&self->b, SM_ORD_FRAGMENT, 1, 0));
		sm_boost(true);
		EXPECT_ALL_MOVE(&self->a, 0, 1);
		raised += sm_mark(1, "boost") > 0;
		sm_boost(false);
		EXPECT_HOME(&self->a, 1, 1);
		EXPECT_ALL_MOVE(&self->a, 1, 0);
		sm_peer_stop(&self->b);
	}
	EXPECT_GE(1, raised);
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
	/* None of it went there and back */
	displaced = COUNTER("displaced") - displaced;
	EXPECT_LE(ON(&self->b, 0), displaced);
	EXPECT_GE(ON(&self->b, 0) + 256, displaced);
}

/* Where there is room nobody is looked at. */
TEST_F(shapes, room)
{
	long displaced = COUNTER("displaced"), scanned = COUNTER("scanned");
	long by_displace = COUNTER("displace/placed"), direct = COUNTER("direct/placed");

	START(&self->a, sm_part(ROOM, 85), 0, 1);
	START(&self->b, SM_MIB, 1, 2);
	EXPECT_ALL_MOVE(&self->a, 0, 1);
	EXPECT_EQ(displaced, COUNTER("displaced"));
	EXPECT_EQ(scanned, COUNTER("scanned"));
	EXPECT_EQ(by_displace, COUNTER("displace/placed"));
	EXPECT_LE(direct + SM_PAGES(self->a.len), COUNTER("direct/placed"));
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_HOME(&self->b, 1, 2);
}

/* Clean page cache need not be moved. */
static void page_cache(struct __test_metadata *_metadata, struct _test_data_shapes *self,
		       int fd)
{
	long dropped = COUNTER("dropped"), displaced = COUNTER("displaced");
	static char buf[SM_MIB];
	size_t off;

	ASSERT_LE(0, fd);
	START(&self->a, sm_part(ROOM, 85), 0, 1);
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

TEST_F(shapes, page_cache_of_a_device)
{
	ASSERT_EQ(0, sm_swap_off());
	page_cache(_metadata, self, open(SM_DISK, O_RDONLY));
}

TEST_F(shapes, page_cache)
{
	static const char buf[SM_MIB] = { 1 };
	int fd = open("/var/tmp", O_TMPFILE | O_RDWR, 0600);
	size_t off;

	ASSERT_EQ(0, sm_swap_off());
	for (off = 0; off < ROOM; off += sizeof(buf))
		ASSERT_EQ((long)sizeof(buf), pwrite(fd, buf, sizeof(buf), off));
	ASSERT_EQ(0, fsync(fd));
	ASSERT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	page_cache(_metadata, self, fd);
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

/* What a pipe holds stays for that reason, not for want of room: that was made. */
TEST_F(shapes, move_pages_held)
{
	struct sm_peer own = { .len = 16 * SM_PAGE };
	long displaced = COUNTER("displaced");
	int pipefd[2], status[16], i;

	/* Nor does kswapd make it, now that the node is full */
	ASSERT_EQ(0, sm_swap_off());
	START(&self->b, (sm_zone_room(1, "low") - 64) * SM_PAGE, 1, 2);
	own.buf = sm_map(own.len);
	ASSERT_NE(NULL, own.buf);
	sm_fill_on(own.buf, own.len, 1, 0);
	ASSERT_EQ(0, sm_vmsplice(own.buf, own.len, pipefd));
	EXPECT_EQ(16, sm_peer_move_pages(&own, 1, status));
	for (i = 0; i < 16; i++)
		EXPECT_EQ(-EBUSY, status[i]);
	EXPECT_LT(displaced, COUNTER("displaced"));
	EXPECT_EQ(0, sm_bad(own.buf, own.len, 1));
	EXPECT_INTACT(&self->b, SM_NODE(0) | SM_NODE(1), 2);
	close(pipefd[0]);
	close(pipefd[1]);
}

/* What two processes map moves only if that is asked for, then to a full node as well. */
TEST_F(shapes, move_pages_of_two)
{
	struct sm_peer own = { .len = sm_part(ROOM, 85) };
	size_t nr = SM_PAGES(own.len), i;
	int *nodes = calloc(nr, sizeof(*nodes)), *status = calloc(nr, sizeof(*status));
	void **pages = calloc(nr, sizeof(*pages));
	long wrong = 0;

	ASSERT_TRUE(nodes && status && pages);
	own.buf = sm_map(own.len);
	ASSERT_NE(NULL, own.buf);
	sm_fill_on(own.buf, own.len, 1, 0);
	START(&self->a, SM_PAGE, 0, 0);
	START(&self->b, own.len, 1, 2);
	for (i = 0; i < nr; i++) {
		pages[i] = own.buf + i * SM_PAGE;
		nodes[i] = 1;
	}
	quiet_begin(&self->q);
	EXPECT_EQ(0, sm_move_pages(0, nr, pages, nodes, status, MPOL_MF_MOVE));
	for (i = 0; i < nr; i++)
		wrong += status[i] != -EACCES;
	EXPECT_EQ(nr, sm_on(0, own.buf, own.len, 0));
	EXPECT_EQ(0, sm_move_pages(0, nr, pages, nodes, status, MPOL_MF_MOVE_ALL));
	for (i = 0; i < nr; i++)
		wrong += status[i] != 1;
	EXPECT_EQ(0, wrong);
	EXPECT_QUIET(&self->q);
	EXPECT_EQ(nr, sm_on(0, own.buf, own.len, 1));
	EXPECT_EQ(nr, sm_on(self->a.pid, own.buf, own.len, 1));
	EXPECT_EQ(0, sm_bad(own.buf, own.len, 1));
	EXPECT_INTACT(&self->b, SM_NODE(0) | SM_NODE(1), 2);
	munmap(own.buf, own.len);
	free(pages);
	free(status);
	free(nodes);
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
	/* It has more than what is protected */
	ASSERT_EQ(0, sm_group_set(GROUP("victim"), "memory.low", "1M"));
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

/* Is a call killed in the middle, with pages on both sides? */
static bool killed_in_middle(struct __test_metadata *_metadata, const struct sm_peer *a)
{
	struct sm_peer caller;
	long displaced;

	START(&caller, SM_PAGE, 2, 0);
	displaced = COUNTER("dropped") + COUNTER("displaced");
	ASSERT_EQ(0, sm_peer_order_migrate(&caller, a->pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_TRUE(SM_WAIT(COUNTER("dropped") + COUNTER("displaced") != displaced));
	kill(caller.pid, SIGKILL);
	waitpid(caller.pid, NULL, 0);
	close(caller.fd);
	return ON(a, 0) > 0;
}

/* All is intact then, nothing is isolated, and another call ends it. */
TEST_F(shapes, interrupted)
{
	bool in_middle = false;
	int attempt;

	PAIR_BEGIN(&self->a, &self->b, sm_part(ROOM, 85));
	for (attempt = 0; attempt < 20 && !in_middle; attempt++) {
		sm_alive("attempt", attempt);
		EXPECT_ALL_MOVE(&self->a, 1, 0);
		EXPECT_ALL_MOVE(&self->b, 0, 1);
		quiet_begin(&self->q);
		in_middle = killed_in_middle(_metadata, &self->a);
		EXPECT_TRUE(sm_isolated_settles());
		EXPECT_INTACT(&self->a, SM_NODE(0) | SM_NODE(1), 1);
		EXPECT_INTACT(&self->b, SM_NODE(0) | SM_NODE(1), 2);
		EXPECT_QUIET(&self->q);
	}
	EXPECT_TRUE(in_middle);
	EXCHANGE(&self->a, &self->b, 0);
}

#define SM_WAKEUP	SM_TRACING "events/vmscan/mm_vmscan_wakeup_kswapd/"

/* Watermarks that fragmentation raises, and CPUs' lists, as they are by default */
TEST_F(shapes, as_booted)
{
	bool traces = !access(SM_WAKEUP "enable", W_OK);
	long swapped;

	PAIR_BEGIN(&self->a, &self->b, sm_part(ROOM, 85));
	sm_trim_pcp(false);
	sm_boost(true);
	/* kswapd may wake for others */
	if (traces) {
		ASSERT_EQ(0, sm_write(SM_WAKEUP "filter", "common_pid==%d", getpid()));
		ASSERT_EQ(0, sm_write(SM_WAKEUP "enable", "1"));
		ASSERT_EQ(0, sm_trace(true));
	}
	swapped = sm_vmstat("pswpout");
	EXPECT_ALL_MOVE(&self->a, 0, 1);
	EXPECT_ALL_MOVE(&self->b, 1, 0);
	if (traces) {
		EXPECT_EQ(0, sm_trace(false));
		EXPECT_EQ(0, sm_write(SM_WAKEUP "enable", "0"));
		EXPECT_EQ(0, sm_write(SM_WAKEUP "filter", "0"));
		EXPECT_TRUE(sm_traced("swapmig_displace:", "from=1 to=0"));
		EXPECT_FALSE(sm_traced("mm_vmscan_wakeup_kswapd:", "nid="));
	}
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

/* The node that the caller runs on is full, the other one is not: it gets what has no room. */
TEST_F(shapes, bound_to_one_with_room)
{
	START(&self->b, ROOM, 1, 2);
	sm_run_on_node(1);
	START(&self->a, sm_part(ROOM, 85), 0, 1);
	sm_run_on_node(-1);
	quiet_begin(&self->q);
	EXPECT_EQ(0, sm_peer(&self->a, SM_ORD_MBIND, SM_NODE(1) | SM_NODE(2),
			     MPOL_MF_MOVE_ALL | MPOL_MF_STRICT));
	EXPECT_QUIET(&self->q);
	EXPECT_INTACT(&self->a, SM_NODE(1) | SM_NODE(2), 1);
	EXPECT_EQ(SM_PAGES(self->b.len), ON(&self->b, 1));
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

/*
 * Without huge pages watermarks are near each other, so all that full nodes have beyond
 * them is less than displacement would like to leave.
 */
FIXTURE(tight)
{
	struct sm_peer a, b, rest[2];
};

/* What processes of the test share, or the kernel needs for them, is elsewhere. */
static long tight_leave(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char line[512];
	long left;

	sm_set_mempolicy(MPOL_PREFERRED, SM_NODE(2));
	while (maps && fgets(line, sizeof(line), maps))
		if (strchr(line, '/') && sscanf(line, "%lx-%lx", &start, &end) == 2)
			madvise((void *)start, end - start, MADV_POPULATE_READ);
	if (maps)
		fclose(maps);
	left = sm_migrate(0, SM_NODE(0) | SM_NODE(1), SM_NODE(2));
	return left < 0 ? left : 0;
}

FIXTURE_SETUP(tight)
{
	long near, full = 0;

	ASSERT_EQ(0, sm_huge_pages(false));
	near = sm_mark(0, "high") - sm_mark(0, "low");
	if (near < 256)
		full = sm_full_begin(SM_NODES, ROOM) ?: tight_leave();
	/* Nothing is torn down after what fails here */
	if (full)
		sm_full_end();
	if (near >= 256 || full)
		sm_huge_pages(true);
	ASSERT_EQ(0, full);
	if (near >= 256)
		SKIP(return, "needs nodes of less than a GiB");
}

FIXTURE_TEARDOWN(tight)
{
	sm_set_mempolicy(MPOL_DEFAULT, 0);
	FULL_END(&self->a, &self->b, &self->rest[0], &self->rest[1]);
	EXPECT_EQ(0, sm_huge_pages(true));
}

/*
 * Of each node that a pair fills @pages are left, before kswapd wakes.  If it did so
 * already there was no swap.
 */
static void tight_begin(struct __test_metadata *_metadata, struct _test_data_tight *self,
			long pages)
{
	struct quiet q;
	long room;
	int i;

	PAIR_BEGIN(&self->a, &self->b, sm_part(ROOM, 95));
	for (i = 0; i < 2; i++)
		START(&self->rest[i], 2 * ROOM, i, 0);
	for (i = 0; i < 2; i++) {
		room = sm_zone_room(i, "low") - pages;
		ASSERT_LT(0, room);
		ASSERT_GT(SM_PAGES(self->rest[i].len), room);
		ASSERT_EQ(0, sm_peer_part(&self->rest[i], 0, room * SM_PAGE));
		ASSERT_EQ(0, sm_peer(&self->rest[i], SM_ORD_FILL, i, 3));
		ASSERT_EQ(0, sm_peer(&self->rest[i], SM_ORD_MBIND, SM_NODE(i), 0));
	}
	quiet_begin(&q);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
}

/*
 * kswapd may be at work for others, so near its watermark, but no request goes by swap.
 * With less than 160 pages, and what CPUs have in hand, none would be left while they fill.
 */
TEST_F(tight, exchange)
{
	long swapped;
	int at;

	tight_begin(_metadata, self, 160);
	swapped = COUNTER("swapout/placed");
	for (at = 0; at < 2; at++) {
		EXPECT_ALL_MOVE(&self->a, at, !at);
		EXPECT_ALL_MOVE(&self->b, !at, at);
		EXPECT_EQ(0, ON(&self->a, at));
		EXPECT_EQ(0, ON(&self->b, !at));
	}
	EXPECT_EQ(swapped, COUNTER("swapout/placed"));
	EXPECT_EQ(0, sm_peer(&self->a, SM_ORD_CHECK, 0, 1));
	EXPECT_EQ(0, sm_peer(&self->b, SM_ORD_CHECK, 0, 2));
}
