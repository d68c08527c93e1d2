// SPDX-License-Identifier: GPL-2.0
/*
 * Cpusets: changing their nodes moves the members' pages, each to the node in
 * the same relative position (version 1 with memory_migrate, version 2
 * always); the cpuset wins over a tag; and the errnos of migrate_pages(2) that
 * need one.
 */
#include "swapmig_harness.h"

#include <sys/mount.h>
#include <sys/stat.h>

#define V1_DIR	"/tmp/swapmig.cpuset"
#define V2_ROOT	"/sys/fs/cgroup"

FIXTURE(cpuset)
{
	char *buf;
	size_t len;
	long pages;
	bool usable;
	bool mounted;
	char dir[64];
	char other[64];
	struct sm_peer peer;
};

FIXTURE_VARIANT(cpuset)
{
	bool v2;
};

FIXTURE_VARIANT_ADD(cpuset, v1)
{
	.v2 = false,
};

FIXTURE_VARIANT_ADD(cpuset, v2)
{
	.v2 = true,
};

/* The controller changes hierarchies a while after the last group is gone. */
static bool try_long(int (*fn)(void))
{
	double end = sm_now() + 5;

	do {
		if (!fn())
			return true;
		sm_nap();
	} while (sm_now() < end);
	return false;
}

static int mount_v1(void)
{
	return mount("none", V1_DIR, "cgroup", 0, "cpuset");
}

/*
 * The kernel lets go of a hierarchy of version 1 when it is unmounted without
 * groups in it, and a removed group is really gone only a little later.
 */
static bool release_v1(void)
{
	double end = sm_now() + 10, soon;
	char list[256];

	do {
		if (umount(V1_DIR))
			return false;
		soon = sm_now() + 0.5;
		do {
			if (sm_read(V2_ROOT "/cgroup.controllers", list,
				    sizeof(list)) < 0 || strstr(list, "cpuset"))
				return true;
			sm_nap();
		} while (sm_now() < soon);
	} while (sm_now() < end && !mount_v1());
	return false;
}

static int enable_v2(void)
{
	if (access(V2_ROOT "/cgroup.subtree_control", W_OK))
		mount("none", V2_ROOT, "cgroup2", 0, NULL);
	return sm_write(V2_ROOT "/cgroup.subtree_control", "+cpuset");
}

static int disable_v2(void)
{
	return sm_write(V2_ROOT "/cgroup.subtree_control", "-cpuset");
}

static int set(const char *dir, const char *file, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return sm_write(path, "%s", value);
}

static int join(const char *dir, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	return set(dir, "cgroup.procs", text);
}

static bool make_group(bool v2, const char *dir, const char *mems)
{
	char cpus[16];

	snprintf(cpus, sizeof(cpus), "0-%d", sm_nodes() - 1);
	if (mkdir(dir, 0755) || set(dir, "cpuset.cpus", cpus) ||
	    set(dir, "cpuset.mems", mems))
		return false;
	return v2 || !set(dir, "cpuset.memory_migrate", "1");
}

static bool remove_group(const char *dir)
{
	double end = sm_now() + 5;

	while (rmdir(dir) && errno != ENOENT) {
		if (sm_now() > end)
			return false;
		sm_nap();
	}
	return true;
}

FIXTURE_SETUP(cpuset)
{
	const char *root = variant->v2 ? V2_ROOT : V1_DIR;

	if (!variant->v2) {
		mkdir(V1_DIR, 0755);
		self->mounted = try_long(mount_v1);
		self->usable = self->mounted;
	} else {
		self->usable = try_long(enable_v2);
	}
	snprintf(self->dir, sizeof(self->dir), "%s/swapmig-a", root);
	snprintf(self->other, sizeof(self->other), "%s/swapmig-b", root);
	if (!self->usable || sm_nodes() < 4) {
		self->usable = false;
		return;
	}
	self->len = sm_size(4 * SM_MIB);
	self->pages = SM_PAGES(self->len);
	self->buf = sm_map(self->len);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	ASSERT_TRUE(make_group(variant->v2, self->dir, "0-1"));
	ASSERT_TRUE(make_group(variant->v2, self->other, "2"));
	ASSERT_EQ(0, sm_peer_start(&self->peer, self->buf, self->len));
	ASSERT_EQ(0, join(self->dir, self->peer.pid));
}

FIXTURE_TEARDOWN(cpuset)
{
	const char *root = variant->v2 ? V2_ROOT : V1_DIR;

	if (self->peer.pid > 0)
		EXPECT_EQ(0, sm_peer_stop(&self->peer));
	join(root, getpid());
	EXPECT_TRUE(remove_group(self->dir));
	EXPECT_TRUE(remove_group(self->other));
	if (self->mounted) {
		EXPECT_TRUE(release_v1());
		rmdir(V1_DIR);
	} else if (variant->v2) {
		EXPECT_TRUE(try_long(disable_v2));
	}
	EXPECT_EQ(0, sm_swap_off());
}

#define NEED_CPUSET(stmt) do {					\
	if (!self->usable)						\
		SKIP(stmt, "needs cpusets of this version, four nodes"); \
} while (0)

/* Both halves of the peer's memory, each on a node of its own */
#define FILL_HALVES(one, two) do {					\
	size_t __half = self->len / 2;					\
									\
	ASSERT_EQ(0, sm_peer_part(&self->peer, 0, __half));		\
	ASSERT_EQ(0, sm_peer(&self->peer, SM_ORD_FILL, one, 1));	\
	ASSERT_EQ(0, sm_peer_part(&self->peer, __half, __half));	\
	ASSERT_EQ(0, sm_peer(&self->peer, SM_ORD_FILL, two, 2));	\
} while (0)

#define EXPECT_HALVES(one, two) do {					\
	size_t __half = self->len / 2;					\
	pid_t __pid = self->peer.pid;					\
									\
	EXPECT_EQ(0, sm_peer_part(&self->peer, 0, __half));		\
	EXPECT_EQ(0, sm_peer(&self->peer, SM_ORD_CHECK, 0, 1));		\
	EXPECT_EQ(0, sm_peer_part(&self->peer, __half, __half));	\
	EXPECT_EQ(0, sm_peer(&self->peer, SM_ORD_CHECK, 0, 2));		\
	EXPECT_EQ(SM_PAGES(__half),					\
		  sm_on(__pid, self->buf, __half, one)) {		\
		TH_LOG("%s", sm_where(__pid, self->buf, __half));	\
	}								\
	EXPECT_EQ(SM_PAGES(__half),					\
		  sm_on(__pid, self->buf + __half, __half, two)) {	\
		TH_LOG("%s", sm_where(__pid, self->buf + __half, __half)); \
	}								\
} while (0)

TEST_F(cpuset, change_of_mems_keeps_relative_nodes)
{
	pid_t pid = self->peer.pid;
	struct sm_count c;

	NEED_CPUSET(return);
	FILL_HALVES(0, 1);
	ASSERT_EQ(self->pages / 2, sm_on(pid, self->buf, self->len, 1));
	ASSERT_EQ(0, set(self->dir, "cpuset.mems", "2-3"));
	/* The write returns when all is done; nothing is left behind. */
	ASSERT_EQ(0, sm_count(pid, self->buf, self->len, &c));
	EXPECT_EQ(0, c.node[0] + c.node[1]) {
		TH_LOG("%s", sm_where(pid, self->buf, self->len));
	}
	if (!sm_has_engine("direct"))
		EXPECT_EQ(self->pages, c.swapped);
	EXPECT_HALVES(2, 3);
}

/* Twice without a touch in between */
TEST_F(cpuset, change_twice)
{
	NEED_CPUSET(return);
	FILL_HALVES(0, 1);
	ASSERT_EQ(0, set(self->dir, "cpuset.mems", "2-3"));
	ASSERT_EQ(0, set(self->dir, "cpuset.mems", "0-1"));
	EXPECT_HALVES(0, 1);
}

TEST_F(cpuset, joining_moves_too)
{
	NEED_CPUSET(return);
	FILL_HALVES(0, 1);
	ASSERT_EQ(0, join(self->other, self->peer.pid));
	EXPECT_EQ(0, sm_on(self->peer.pid, self->buf, self->len, 0));
	EXPECT_EQ(0, sm_on(self->peer.pid, self->buf, self->len, 1));
	EXPECT_HALVES(2, 2);
	ASSERT_EQ(0, join(self->dir, self->peer.pid));
}

TEST_F(cpuset, without_memory_migrate_pages_stay)
{
	NEED_CPUSET(return);
	if (variant->v2)
		SKIP(return, "version 2 always migrates");
	ASSERT_EQ(0, set(self->dir, "cpuset.memory_migrate", "0"));
	FILL_HALVES(0, 1);
	ASSERT_EQ(0, set(self->dir, "cpuset.mems", "2-3"));
	EXPECT_EQ(self->pages / 2,
		  sm_on(self->peer.pid, self->buf, self->len, 0));
	EXPECT_EQ(self->pages / 2,
		  sm_on(self->peer.pid, self->buf, self->len, 1));
	EXPECT_HALVES(0, 1);
}

/* Sent to node 1, but the cpuset allows only node 2 when it is touched. */
TEST_F(cpuset, wins_over_tag)
{
	pid_t pid = self->peer.pid;

	NEED_CPUSET(return);
	NEED_SWAPOUT_ALONE(return);
	FILL_HALVES(0, 0);
	EXPECT_EQ(0, sm_migrate(pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(self->pages, sm_swapped(pid, self->buf, self->len));
	if (!variant->v2)
		ASSERT_EQ(0, set(self->other, "cpuset.memory_migrate", "0"));
	ASSERT_EQ(0, join(self->other, pid));
	EXPECT_HALVES(2, 2);
	ASSERT_EQ(0, join(self->dir, pid));
}

/* Without CAP_SYS_NICE the target's cpuset bounds the nodes. */
TEST_F(cpuset, eperm_outside_of_the_targets)
{
	struct sm_peer caller;
	pid_t pid = self->peer.pid;

	NEED_CPUSET(return);
	FILL_HALVES(0, 1);
	ASSERT_EQ(0, sm_peer_start(&caller, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&caller, SM_ORD_DROP_NICE, 0, 0));
	EXPECT_EQ(-EPERM, sm_peer_migrate(&caller, pid, SM_NODE(0),
					  SM_NODE(3)));
	EXPECT_EQ(-EPERM, sm_peer_migrate(&caller, pid, SM_NODE(0),
					  SM_NODE(1) | SM_NODE(3)));
	EXPECT_LE(0, sm_peer_migrate(&caller, pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_on(pid, self->buf, self->len, 0));
	EXPECT_EQ(0, sm_peer_stop(&caller));
	/* With it, they need not be inside; the pages' owner says where. */
	EXPECT_LE(0, sm_migrate(pid, SM_NODE(1), SM_NODE(3)));
	EXPECT_EQ(0, sm_peer_part(&self->peer, 0, self->len / 2));
	EXPECT_EQ(0, sm_peer(&self->peer, SM_ORD_CHECK, 0, 1));
}

/* The caller's cpuset bounds them as well, whatever its capabilities. */
TEST_F(cpuset, einval_outside_of_the_callers)
{
	struct sm_peer caller, target;

	NEED_CPUSET(return);
	ASSERT_EQ(0, sm_peer_start(&target, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&target, SM_ORD_FILL, 0, 3));
	ASSERT_EQ(0, sm_peer_start(&caller, self->buf, self->len));
	ASSERT_EQ(0, join(self->other, caller.pid));
	EXPECT_EQ(-EINVAL, sm_peer_migrate(&caller, target.pid, SM_NODE(0),
					   SM_NODE(1)));
	EXPECT_EQ(self->pages, sm_on(target.pid, self->buf, self->len, 0));
	/* Of 1,2 only 2 is left. */
	EXPECT_EQ(0, sm_peer_migrate(&caller, target.pid, SM_NODE(0),
				     SM_NODE(1) | SM_NODE(2)));
	EXPECT_EQ(0, sm_peer(&target, SM_ORD_CHECK, 0, 3));
	EXPECT_EQ(self->pages, sm_on(target.pid, self->buf, self->len, 2)) {
		TH_LOG("%s", sm_where(target.pid, self->buf, self->len));
	}
	EXPECT_EQ(0, sm_peer_stop(&caller));
	EXPECT_EQ(0, sm_peer_stop(&target));
}

/* mbind() outside of one's cpuset */
TEST_F(cpuset, mbind_einval)
{
	struct sm_peer *peer = &self->peer;

	NEED_CPUSET(return);
	FILL_HALVES(0, 1);
	EXPECT_EQ(-EINVAL, sm_peer(peer, SM_ORD_MBIND, SM_NODE(3),
				   MPOL_MF_MOVE));
	EXPECT_HALVES(0, 1);
}
