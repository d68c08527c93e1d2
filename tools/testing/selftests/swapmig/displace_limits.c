// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that displacement cannot serve in full: nobody may make way, the caller may
 * not push, or there is less room than was asked for.  They end with an honest count.
 */
#include "swapmig_displace.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ROOM	(48 * SM_MIB)
#define GROUP	SM_V2_ROOT "/swapmig-limits"

/* It counts all that is left of a process on a node, a bit more than its buffer. */
#define EXPECT_COUNTS(...) sm_expect_counts(_metadata, __VA_ARGS__)

static void sm_expect_counts(struct __test_metadata *_metadata, long ret,
			     const struct sm_peer *p, int node)
{
	EXPECT_LE(0, ret);
	EXPECT_LE(ON(p, node), ret);
	EXPECT_GE(ON(p, node) + 256, ret);
}

/* Nobody can make way. */
FIXTURE(nobody)
{
	struct sm_peer bound, a;
};

FIXTURE_SETUP(nobody)
{
	FULL_BEGIN(SM_SWAP_NONE, 2, ROOM);
	START(&self->bound, sm_part(ROOM, 85), 1, 2);
	START(&self->a, sm_part(ROOM, 70), 0, 1);
}

FIXTURE_TEARDOWN(nobody)
{
	FULL_END(&self->bound, &self->a);
	/* Of a test that ended early */
	sm_group_remove(GROUP);
	sm_v2_cpusets(false);
	sm_write(SM_V2_ROOT "/cgroup.subtree_control", "-memory");
}

static long lru_pages(int node)
{
	return (sm_node_kib(node, "Active(anon)") + sm_node_kib(node, "Inactive(anon)") +
		sm_node_kib(node, "Active(file)") + sm_node_kib(node, "Inactive(file)")) *
	       1024 / (long)SM_PAGE;
}

/*
 * What fits is placed; the rest is counted, after few looks at all of the node: one, if
 * there were not some pages of others there that may go.
 */
#define EXPECT_NO_WAY(...) sm_expect_no_way(_metadata, __VA_ARGS__)

enum call {
	MIGRATE_PAGES,
	MOVE_PAGES,
	MBIND,
};

/* It says how many stayed, or that some did. */
static void expect_some_stay(struct __test_metadata *_metadata, struct sm_peer *a,
			     enum call call)
{
	int *status;
	long ret;

	if (call == MBIND) {
		EXPECT_EQ(-EIO, sm_peer(a, SM_ORD_MBIND, SM_NODE(1),
					MPOL_MF_MOVE | MPOL_MF_STRICT));
		return;
	}
	status = calloc(SM_PAGES(a->len), sizeof(*status));
	ASSERT_NE(NULL, status);
	ret = call == MOVE_PAGES ? sm_peer_move_pages(a, 1, status) : MOVE(a, 0, 1);
	free(status);
	EXPECT_LT(0, ret);
	EXPECT_COUNTS(ret, a, 0);
}

static void sm_expect_no_way(struct __test_metadata *_metadata, struct sm_peer *a,
			     struct sm_peer *bound, enum call call)
{
	long scanned = COUNTER("scanned"), no_victim = COUNTER("no_victim"), lru;
	long no_room = COUNTER("stayed/no_room");
	struct quiet q;

	quiet_begin(&q);
	expect_some_stay(_metadata, a, call);
	EXPECT_QUIET(&q);
	EXPECT_ABOVE_LOW(1);
	EXPECT_INTACT(a, SM_NODE(0) | SM_NODE(1), 1);
	EXPECT_HOME(bound, 1, 2);
	lru = lru_pages(1);
	EXPECT_GE(4 * lru, COUNTER("scanned") - scanned);
	/* Once, however often it was tried */
	no_victim = COUNTER("no_victim") - no_victim;
	EXPECT_LE(ON(a, 0), no_victim);
	EXPECT_GE(ON(a, 0) + 256, no_victim);
	no_room = COUNTER("stayed/no_room") - no_room;
	EXPECT_LE(ON(a, 0), no_room);
	EXPECT_GE(ON(a, 0) + 256, no_room);
}

TEST_F(nobody, bound_target)
{
	ASSERT_EQ(0, sm_peer(&self->bound, SM_ORD_MBIND, SM_NODE(1), 0));
	EXPECT_NO_WAY(&self->a, &self->bound, MIGRATE_PAGES);
}

TEST_F(nobody, bound_target_by_move_pages)
{
	ASSERT_EQ(0, sm_peer(&self->bound, SM_ORD_MBIND, SM_NODE(1), 0));
	EXPECT_NO_WAY(&self->a, &self->bound, MOVE_PAGES);
}

TEST_F(nobody, bound_target_by_mbind)
{
	ASSERT_EQ(0, sm_peer(&self->bound, SM_ORD_MBIND, SM_NODE(1), 0));
	EXPECT_NO_WAY(&self->a, &self->bound, MBIND);
}

TEST_F(nobody, mlocked_target)
{
	ASSERT_EQ(0, sm_peer(&self->bound, SM_ORD_MLOCK, 0, 0));
	EXPECT_NO_WAY(&self->a, &self->bound, MIGRATE_PAGES);
}

TEST_F(nobody, pinned_target)
{
	ASSERT_LE(0, sm_peer(&self->bound, SM_ORD_PIN, 0, 0));
	EXPECT_NO_WAY(&self->a, &self->bound, MIGRATE_PAGES);
}

/* Few may go, for whom the other node has no room: that is seen once, not once a batch. */
TEST_F(nobody, no_hole)
{
	struct sm_peer few, full[2];
	long scanned, room;
	int i;

	START(&few, 200 * SM_PAGE, 1, 3);
	ASSERT_EQ(0, sm_peer(&self->bound, SM_ORD_MBIND, SM_NODE(1), 0));
	for (i = 0; i < 2; i++) {
		room = sm_zone_room(i, "low") + 64;
		ASSERT_LT(0, room);
		START(&full[i], room * SM_PAGE, i, 4);
		ASSERT_EQ(0, sm_peer(&full[i], SM_ORD_MBIND, SM_NODE(i), 0));
	}
	scanned = COUNTER("scanned");
	EXPECT_LT(0, MOVE(&self->a, 0, 1));
	EXPECT_GE(8 * lru_pages(1), COUNTER("scanned") - scanned);
	EXPECT_INTACT(&self->a, SM_NODE(0) | SM_NODE(1), 1);
	EXPECT_INTACT(&few, SM_NODE(0) | SM_NODE(1), 3);
	EXPECT_HOME(&self->bound, 1, 2);
	for (i = 0; i < 2; i++) {
		EXPECT_HOME(&full[i], i, 4);
		EXPECT_EQ(0, sm_peer_stop(&full[i]));
	}
	EXPECT_EQ(0, sm_peer_stop(&few));
}

/* Others who are busy elsewhere are no reason to wait, or to look again. */
TEST_F(nobody, others_elsewhere)
{
	size_t len = SM_MIB;
	int *status = calloc(SM_PAGES(len), sizeof(*status)), node;
	struct sm_peer other;
	long scanned;
	pid_t pid;

	ASSERT_NE(NULL, status);
	START(&other, len, 2, 3);
	ASSERT_EQ(0, sm_peer(&self->bound, SM_ORD_MBIND, SM_NODE(1), 0));
	pid = sm_fork();
	ASSERT_LE(0, pid);
	for (node = 3; !pid; node = 5 - node)
		if (sm_peer_move_pages(&other, node, status))
			_exit(1);
	EXPECT_TRUE(SM_WAIT(ON(&other, 3)));
	scanned = COUNTER("scanned");
	expect_some_stay(_metadata, &self->a, MIGRATE_PAGES);
	EXPECT_GE(4 * lru_pages(1), COUNTER("scanned") - scanned);
	EXPECT_INTACT(&self->a, SM_NODE(0) | SM_NODE(1), 1);
	EXPECT_HOME(&self->bound, 1, 2);
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(pid, waitpid(pid, &node, 0));
	EXPECT_TRUE(WIFSIGNALED(node));
	EXPECT_INTACT(&other, SM_NODE(2) | SM_NODE(3), 3);
	EXPECT_EQ(0, sm_peer_stop(&other));
	free(status);
}

/* Without an engine after it the list never swaps; with one, no more than has to. */
TEST_F(nobody, by_way_of_swap)
{
	long left, swapped;

	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	ASSERT_EQ(0, sm_peer(&self->bound, SM_ORD_MBIND, SM_NODE(1), 0));
	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct displace"));
	EXPECT_NO_WAY(&self->a, &self->bound, MIGRATE_PAGES);
	left = ON(&self->a, 0);
	ASSERT_EQ(0, sm_write(SM_ENGINES, "direct displace swapout"));
	swapped = sm_vmstat("pswpout");
	EXPECT_EQ(0, MOVE(&self->a, 0, 1));
	swapped = sm_vmstat("pswpout") - swapped;
	EXPECT_LT(0, swapped);
	EXPECT_GE(left + 256, swapped);
	EXPECT_EQ(0, ON(&self->a, 0));
	EXPECT_HOME(&self->bound, 1, 2);
	/* There is room for it again: it goes where it was sent */
	EXPECT_EQ(0, sm_peer(&self->bound, SM_ORD_FREE, 0, 0));
	EXPECT_EQ(0, sm_peer(&self->a, SM_ORD_TOUCH, 0, 0));
	EXPECT_HOME(&self->a, 1, 1);
}

/* More than the node can hold: that is filled; others are no worse off. */
TEST_F(nobody, too_large)
{
	struct sm_peer large;
	struct quiet q;
	long ret;

	START(&large, sm_part(ROOM, 130), 2, 3);
	quiet_begin(&q);
	ret = MOVE(&large, 2, 1);
	EXPECT_LT(0, ret);
	EXPECT_COUNTS(ret, &large, 2);
	EXPECT_QUIET(&q);
	EXPECT_ABOVE_LOW(1);
	EXPECT_LT(SM_PAGES(sm_part(ROOM, 90)), ON(&large, 1));
	EXPECT_GE(ON(&large, 1) + 512, ON(&self->bound, 2));
	EXPECT_INTACT(&large, SM_NODE(1) | SM_NODE(2), 3);
	EXPECT_INTACT(&self->bound, SM_NODE(1) | SM_NODE(2), 2);
	EXPECT_HOME(&self->a, 0, 1);
	EXPECT_EQ(0, sm_peer_stop(&large));
}

/* Without CAP_SYS_NICE others' pages stay; one's own need not. */
TEST_F(nobody, unprivileged)
{
	struct sm_peer own;
	struct quiet q;
	long ret;

	START(&own, SM_MIB, 0, 3);
	ASSERT_EQ(0, sm_peer(&self->a, SM_ORD_DROP_ROOT, 0, 0));
	ASSERT_EQ(0, sm_peer(&own, SM_ORD_DROP_ROOT, 0, 0));
	quiet_begin(&q);
	ret = sm_peer_migrate(&own, self->a.pid, SM_NODE(0), SM_NODE(1));
	EXPECT_LT(0, ret);
	EXPECT_COUNTS(ret, &self->a, 0);
	EXPECT_QUIET(&q);
	EXPECT_HOME(&self->bound, 1, 2);
	EXPECT_INTACT(&self->a, SM_NODE(0) | SM_NODE(1), 1);

	/* It is the same by the other calls, of its own pages */
	EXPECT_EQ(-EIO, sm_peer(&self->a, SM_ORD_MBIND, SM_NODE(1),
				MPOL_MF_MOVE | MPOL_MF_STRICT));
	EXPECT_EQ(0, sm_peer(&self->a, SM_ORD_MBIND, 0, 0));
	EXPECT_QUIET(&q);
	EXPECT_HOME(&self->bound, 1, 2);
	EXPECT_INTACT(&self->a, SM_NODE(0) | SM_NODE(1), 1);

	ASSERT_EQ(0, sm_peer(&self->bound, SM_ORD_DROP_ROOT, 0, 0));
	EXPECT_EQ(0, sm_peer_migrate(&own, self->a.pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_QUIET(&q);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_INTACT(&self->bound, SM_NODE(0) | SM_NODE(1), 2);
	EXPECT_EQ(0, sm_peer_stop(&own));
}

/* Nor do those of another user make way, or of a root elsewhere for one without it. */
static void expect_no_push(struct __test_metadata *_metadata, struct sm_peer *own,
			   struct sm_peer *a, struct sm_peer *bound)
{
	struct quiet q;
	long ret;

	quiet_begin(&q);
	ret = sm_peer_migrate(own, a->pid, SM_NODE(0), SM_NODE(1));
	EXPECT_LT(0, ret);
	EXPECT_COUNTS(ret, a, 0);
	EXPECT_QUIET(&q);
	EXPECT_HOME(bound, 1, 2);
	EXPECT_INTACT(a, SM_NODE(0) | SM_NODE(1), 1);
}

/* All are charged to one group. */
static void expect_two_users(struct __test_metadata *_metadata,
			     struct _test_data_nobody *self, enum sm_order order, int uid)
{
	struct sm_peer own;

	ASSERT_EQ(0, sm_write(SM_V2_ROOT "/cgroup.subtree_control", "+memory"));
	ASSERT_EQ(0, mkdir(GROUP, 0755));
	ASSERT_EQ(0, sm_peer(&self->bound, SM_ORD_FREE, 0, 0));
	ASSERT_EQ(0, sm_group_join(GROUP, self->bound.pid));
	ASSERT_EQ(0, sm_peer(&self->bound, SM_ORD_FILL, 1, 2));
	START(&own, SM_MIB, 0, 3);
	ASSERT_EQ(0, sm_group_join(GROUP, own.pid));
	ASSERT_EQ(0, sm_peer(&self->bound, order, 0, uid));
	ASSERT_EQ(0, sm_peer(&self->a, SM_ORD_DROP_ROOT, 0, 0));
	ASSERT_EQ(0, sm_peer(&own, SM_ORD_DROP_ROOT, 0, 0));
	expect_no_push(_metadata, &own, &self->a, &self->bound);
	EXPECT_EQ(0, sm_peer_stop(&own));
	EXPECT_EQ(0, sm_peer_stop(&self->bound));
}

TEST_F(nobody, two_users)
{
	expect_two_users(_metadata, self, SM_ORD_DROP_ROOT, SM_USER + 1);
}

/* A set-user-ID program is not its user's to push. */
TEST_F(nobody, set_user_id)
{
	expect_two_users(_metadata, self, SM_ORD_REAL_UID, SM_USER);
}

TEST_F(nobody, root_without_capability)
{
	struct sm_peer own;

	ASSERT_EQ(0, sm_write(SM_V2_ROOT "/cgroup.subtree_control", "+memory"));
	ASSERT_EQ(0, mkdir(GROUP, 0755));
	START(&own, SM_MIB, 0, 3);
	ASSERT_EQ(0, sm_group_join(GROUP, own.pid));
	ASSERT_EQ(0, sm_peer(&own, SM_ORD_DROP_NICE, 0, 0));
	expect_no_push(_metadata, &own, &self->a, &self->bound);
	EXPECT_EQ(0, sm_peer_stop(&own));
}

/* In a memory cgroup without CAP_SYS_NICE: those of the group may be pushed. */
TEST_F(nobody, unprivileged_in_a_group)
{
	struct sm_peer own, mate;
	struct quiet q;
	long ret;

	ASSERT_EQ(0, sm_write(SM_V2_ROOT "/cgroup.subtree_control", "+memory"));
	ASSERT_EQ(0, mkdir(GROUP, 0755));
	/* Half of what is on node 1 is another group's */
	ASSERT_EQ(0, sm_peer_part(&self->bound, sm_part(ROOM, 45), sm_part(ROOM, 40)));
	EXPECT_EQ(0, sm_peer(&self->bound, SM_ORD_FREE, 0, 0));
	ASSERT_EQ(0, sm_peer_part(&self->bound, 0, sm_part(ROOM, 45)));
	self->bound.len = sm_part(ROOM, 45);
	START(&mate, sm_part(ROOM, 40), 1, 0);
	START(&own, SM_MIB, 0, 3);
	ASSERT_EQ(0, sm_group_join(GROUP, mate.pid));
	ASSERT_EQ(0, sm_group_join(GROUP, own.pid));
	ASSERT_EQ(0, sm_peer(&mate, SM_ORD_FILL, 1, 4));
	ASSERT_EQ(0, sm_peer(&self->a, SM_ORD_DROP_ROOT, 0, 0));
	ASSERT_EQ(0, sm_peer(&self->bound, SM_ORD_DROP_ROOT, 0, 0));
	ASSERT_EQ(0, sm_peer(&mate, SM_ORD_DROP_ROOT, 0, 0));
	ASSERT_EQ(0, sm_peer(&own, SM_ORD_DROP_ROOT, 0, 0));
	quiet_begin(&q);
	ret = sm_peer_migrate(&own, self->a.pid, SM_NODE(0), SM_NODE(1));
	EXPECT_COUNTS(ret, &self->a, 0);
	EXPECT_QUIET(&q);
	EXPECT_LT(SM_PAGES(mate.len) / 2, ON(&mate, 0));
	EXPECT_INTACT(&mate, SM_NODE(0) | SM_NODE(1), 4);
	EXPECT_HOME(&self->bound, 1, 2);
	EXPECT_INTACT(&self->a, SM_NODE(0) | SM_NODE(1), 1);
	EXPECT_EQ(0, sm_peer_stop(&mate));
	EXPECT_EQ(0, sm_peer_stop(&own));
	EXPECT_TRUE(sm_group_remove(GROUP));
	EXPECT_EQ(0, sm_write(SM_V2_ROOT "/cgroup.subtree_control", "-memory"));
}

static int mems_by_a_user(const char *mems)
{
	pid_t pid = sm_fork();
	int status;

	if (!pid)
		_exit(sm_drop_root(SM_USER) || sm_group_set(GROUP, "cpuset.mems", mems));
	return pid < 0 || waitpid(pid, &status, 0) != pid ? -1 : status;
}

/* A cpuset that was delegated: whose pages may go is for its writer's rights to say. */
TEST_F(nobody, unprivileged_cpuset)
{
	struct quiet q;

	ASSERT_TRUE(sm_v2_cpusets(true));
	ASSERT_EQ(0, sm_group_make(GROUP, "0"));
	ASSERT_EQ(0, chown(GROUP "/cpuset.mems", SM_USER, SM_USER));
	ASSERT_EQ(0, sm_group_join(GROUP, self->a.pid));
	quiet_begin(&q);
	EXPECT_EQ(0, mems_by_a_user("1"));
	EXPECT_LT(0, ON(&self->a, 0));
	EXPECT_QUIET(&q);
	EXPECT_HOME(&self->bound, 1, 2);
	EXPECT_INTACT(&self->a, SM_NODE(0) | SM_NODE(1), 1);

	EXPECT_EQ(0, mems_by_a_user("0"));
	EXPECT_HOME(&self->a, 0, 1);
	ASSERT_EQ(0, sm_peer(&self->bound, SM_ORD_DROP_ROOT, 0, 0));
	EXPECT_EQ(0, mems_by_a_user("1"));
	EXPECT_QUIET(&q);
	EXPECT_HOME(&self->a, 1, 1);
	EXPECT_INTACT(&self->bound, SM_NODE(0) | SM_NODE(1), 2);
	EXPECT_EQ(0, sm_peer_stop(&self->a));
	EXPECT_TRUE(sm_group_remove(GROUP));
	sm_v2_cpusets(false);
}

/* Faults for memory of a node that it is bound to, and frees it, until it is killed */
static pid_t start_faults(int node, long *rounds)
{
	pid_t pid = sm_fork();
	size_t len = SM_MIB;
	char *p;

	if (pid)
		return pid;
	p = sm_map(len);
	while (p && !sm_set_mempolicy(MPOL_BIND, SM_NODE(node))) {
		sm_fill(p, len, 4);
		if (sm_bad(p, len, 4) || madvise(p, len, MADV_DONTNEED))
			break;
		__atomic_add_fetch(rounds, 1, __ATOMIC_RELAXED);
	}
	_exit(1);
}

/* Tasks bound to the full target go on faulting: nobody is killed, also not later. */
TEST_F(nobody, no_oom_kill)
{
	long killed = sm_vmstat("oom_kill"), *rounds = sm_map_shared(SM_PAGE);
	struct sm_peer more;
	int i, status = 0;
	pid_t pid;

	ASSERT_EQ(0, sm_peer(&self->bound, SM_ORD_MBIND, SM_NODE(1), 0));
	START(&more, SM_MIB, 1, 0);
	ASSERT_NE(NULL, rounds);
	pid = start_faults(1, rounds);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(SM_WAIT(__atomic_load_n(rounds, __ATOMIC_RELAXED) > 0));
	EXPECT_LT(0, MOVE(&self->a, 0, 1));
	*rounds = 0;
	EXPECT_TRUE(SM_WAIT(__atomic_load_n(rounds, __ATOMIC_RELAXED) > 2));
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	/* It had not ended before */
	EXPECT_TRUE(WIFSIGNALED(status));
	munmap(rounds, SM_PAGE);
	/* Filling is done by a task that is bound to the node */
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, sm_peer(&more, SM_ORD_FILL, 1, 5 + i));
		EXPECT_EQ(0, sm_peer(&more, SM_ORD_CHECK, 0, 5 + i));
		ASSERT_EQ(0, sm_peer(&more, SM_ORD_FREE, 0, 0));
	}
	EXPECT_EQ(killed, sm_vmstat("oom_kill"));
	EXPECT_EQ(0, sm_peer_stop(&more));
	EXPECT_INTACT(&self->a, SM_NODE(0) | SM_NODE(1), 1);
	EXPECT_HOME(&self->bound, 1, 2);
}
