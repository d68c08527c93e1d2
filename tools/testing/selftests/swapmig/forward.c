// SPDX-License-Identifier: GPL-2.0
/*
 * Forwarding: a page that was sent through swap comes back on the node that it
 * was sent to, whoever brings it in; policy and a later request win.
 */
#include "swapmig_harness.h"

#include <sys/uio.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define ZSWAP "/sys/module/zswap/parameters/enabled"
#define CLUSTER "/proc/sys/vm/page-cluster"

FIXTURE(forward)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(forward)
{
	self->len = sm_size(2 * SM_MIB);
	self->pages = SM_PAGES(self->len);
	self->buf = sm_map(self->len);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
}

FIXTURE_TEARDOWN(forward)
{
	munmap(self->buf, self->len);
	EXPECT_EQ(0, sm_swap_off());
}

#define EVICT(from, to, seed) do {					\
	int __from = (from);						\
									\
	sm_fill_on(self->buf, self->len, seed, __from);			\
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(__from), SM_NODE(to)));	\
	ASSERT_EQ(self->pages, sm_swapped(0, self->buf, self->len)) {	\
		TH_LOG("%s", sm_where(0, self->buf, self->len));	\
	}								\
} while (0)

#define EXPECT_BACK_ON(node, seed) do {					\
	EXPECT_EQ(0, sm_bad(self->buf, self->len, seed));		\
	EXPECT_EQ(self->pages, sm_on(0, self->buf, self->len, node)) {	\
		TH_LOG("%s", sm_where(0, self->buf, self->len));	\
	}								\
} while (0)

TEST_F(forward, whatever_cpu_touches)
{
	int cpunode;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 2);
	for (cpunode = 0; cpunode < sm_nodes(); cpunode++) {
		EVICT(0, 1, 10 + cpunode);
		sm_run_on_node(cpunode);
		EXPECT_BACK_ON(1, 10 + cpunode);
		sm_run_on_node(-1);
		/* Start from fresh memory. */
		madvise(self->buf, self->len, MADV_DONTNEED);
	}
}

TEST_F(forward, to_every_node)
{
	int to;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 2);
	for (to = 1; to < sm_nodes(); to++) {
		EVICT(0, to, 20 + to);
		sm_run_on_node(0);
		EXPECT_BACK_ON(to, 20 + to);
		madvise(self->buf, self->len, MADV_DONTNEED);
	}
}

TEST_F(forward, write_touch)
{
	long i;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 2);
	EVICT(0, 1, 30);
	sm_run_on_node(0);
	for (i = self->pages - 1; i >= 0; i--)
		*(__u64 *)(self->buf + i * SM_PAGE) = sm_word(i, 0, 30);
	EXPECT_BACK_ON(1, 30);
}

TEST_F(forward, in_any_order)
{
	long i, at;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 2);
	EVICT(0, 1, 31);
	sm_run_on_node(0);
	for (i = 0, at = 0; i < self->pages; i++) {
		at = (at + 167) % self->pages;
		sm_touch(self->buf + at * SM_PAGE, SM_PAGE);
	}
	EXPECT_BACK_ON(1, 31);
}

/* Another process reaches into this one's memory. */
TEST_F(forward, remote_access)
{
	char *copy = malloc(self->len);
	struct iovec local = { .iov_base = copy, .iov_len = self->len };
	struct iovec remote = { .iov_base = self->buf, .iov_len = self->len };
	struct sm_peer peer;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 32));
	EXPECT_EQ(0, sm_migrate(peer.pid, SM_NODE(0), SM_NODE(1)));
	sm_run_on_node(3);
	EXPECT_EQ((ssize_t)self->len,
		  process_vm_readv(peer.pid, &local, 1, &remote, 1, 0));
	EXPECT_EQ(0, sm_bad(copy, self->len, 32));
	EXPECT_EQ(self->pages, sm_on(peer.pid, self->buf, self->len, 1)) {
		TH_LOG("%s", sm_where(peer.pid, self->buf, self->len));
	}
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 32));
	EXPECT_EQ(0, sm_peer_stop(&peer));
	free(copy);
}

/*
 * Two processes whose swap slots lie side by side, sent to different nodes:
 * read-ahead for the one must not bring in the other's pages on its own node.
 */
TEST_F(forward, readahead_of_a_neighbour)
{
	long old = sm_read_long(CLUSTER);
	size_t len = 64 * SM_PAGE, part = 4 * SM_PAGE, off;
	struct sm_peer one, two, *p;
	struct sm_peer parts[2];
	int i;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	ASSERT_EQ(0, sm_write(CLUSTER, "5"));
	ASSERT_EQ(0, sm_peer_start(&one, self->buf, len));
	ASSERT_EQ(0, sm_peer_start(&two, self->buf, len));
	parts[0] = one;
	parts[1] = two;
	for (off = 0; off < len; off += part)
		for (i = 0; i < 2; i++) {
			p = &parts[i];
			ASSERT_EQ(0, sm_peer_part(p, off, part));
			ASSERT_EQ(0, sm_peer(p, SM_ORD_FILL, 0, off + i + 1));
			EXPECT_EQ(0, sm_migrate(p->pid, SM_NODE(0),
						SM_NODE(1 + i)));
		}
	ASSERT_EQ(0, sm_peer_part(&one, 0, len));
	ASSERT_EQ(0, sm_peer_part(&two, 0, len));
	EXPECT_LT(SM_PAGES(len) / 2, sm_swapped(one.pid, self->buf, len));
	/* From a third node: where the touch comes from must not matter. */
	EXPECT_EQ(0, sm_peer(&one, SM_ORD_TOUCH, 3, 0));
	EXPECT_EQ(0, sm_peer(&two, SM_ORD_TOUCH, 0, 0));
	EXPECT_EQ(SM_PAGES(len), sm_on(one.pid, self->buf, len, 1)) {
		TH_LOG("%s", sm_where(one.pid, self->buf, len));
	}
	EXPECT_EQ(SM_PAGES(len), sm_on(two.pid, self->buf, len, 2)) {
		TH_LOG("%s", sm_where(two.pid, self->buf, len));
	}
	for (off = 0; off < len; off += part)
		for (i = 0; i < 2; i++) {
			p = &parts[i];
			ASSERT_EQ(0, sm_peer_part(p, off, part));
			EXPECT_EQ(0, sm_peer(p, SM_ORD_CHECK, 0, off + i + 1));
		}
	EXPECT_EQ(0, sm_peer_stop(&one));
	EXPECT_EQ(0, sm_peer_stop(&two));
	EXPECT_EQ(0, sm_write(CLUSTER, "%ld", old));
}

/* The neighbour was swapped out for another reason: its slots have no tag. */
TEST_F(forward, readahead_of_an_untagged_neighbour)
{
	long old = sm_read_long(CLUSTER);
	size_t half = self->len / 2;
	char *other = self->buf + half;
	size_t off, part = 4 * SM_PAGE;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	ASSERT_EQ(0, sm_write(CLUSTER, "5"));
	half = 32 * SM_PAGE;
	for (off = 0; off < half; off += part) {
		sm_fill_on(self->buf + off, part, off + 1, 0);
		EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
		sm_fill_on(other + off, part, off + 2, 3);
		ASSERT_EQ(0, madvise(other + off, part, MADV_PAGEOUT));
	}
	EXPECT_EQ(SM_PAGES(half), sm_swapped(0, self->buf, half));
	EXPECT_LT(0, sm_swapped(0, other, half));
	sm_run_on_node(2);
	sm_touch(other, half);
	sm_touch(self->buf, half);
	EXPECT_EQ(SM_PAGES(half), sm_on(0, self->buf, half, 1)) {
		TH_LOG("%s", sm_where(0, self->buf, half));
	}
	EXPECT_EQ(0, sm_on(0, other, half, 1)) {
		TH_LOG("%s", sm_where(0, other, half));
	}
	for (off = 0; off < half; off += part) {
		EXPECT_EQ(0, sm_bad(self->buf + off, part, off + 1));
		EXPECT_EQ(0, sm_bad(other + off, part, off + 2));
	}
	EXPECT_EQ(0, sm_write(CLUSTER, "%ld", old));
}

TEST_F(forward, vma_policy_wins)
{
	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	EVICT(0, 1, 40);
	ASSERT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(2), 0));
	sm_run_on_node(3);
	EXPECT_BACK_ON(2, 40);
}

TEST_F(forward, task_policy_wins)
{
	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	EVICT(0, 1, 41);
	ASSERT_EQ(0, sm_set_mempolicy(MPOL_BIND, SM_NODE(3)));
	sm_run_on_node(0);
	EXPECT_BACK_ON(3, 41);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
}

TEST_F(forward, task_policy_preferred_wins)
{
	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	EVICT(0, 1, 42);
	ASSERT_EQ(0, sm_set_mempolicy(MPOL_PREFERRED, SM_NODE(2)));
	sm_run_on_node(0);
	EXPECT_BACK_ON(2, 42);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
}

/* A second request finds the pages still in swap. */
TEST_F(forward, second_request_redirects)
{
	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	EVICT(0, 1, 50);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(1), SM_NODE(2)));
	EXPECT_EQ(self->pages, sm_swapped(0, self->buf, self->len));
	sm_run_on_node(3);
	EXPECT_BACK_ON(2, 50);
}

TEST_F(forward, second_request_of_other_nodes_does_not)
{
	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	EVICT(0, 1, 51);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(2), SM_NODE(3)));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(3)));
	sm_run_on_node(2);
	EXPECT_BACK_ON(1, 51);
}

/* 0,1 -> 2,3 and back: relative positions survive two trips without a touch. */
TEST_F(forward, relative_there_and_back)
{
	size_t half = self->len / 2;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	sm_fill_on(self->buf, half, 52, 0);
	sm_fill_on(self->buf + half, half, 53, 1);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0) | SM_NODE(1),
				SM_NODE(2) | SM_NODE(3)));
	EXPECT_EQ(self->pages, sm_swapped(0, self->buf, self->len));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(2) | SM_NODE(3),
				SM_NODE(0) | SM_NODE(1)));
	sm_run_on_node(2);
	EXPECT_EQ(0, sm_bad(self->buf, half, 52));
	EXPECT_EQ(0, sm_bad(self->buf + half, half, 53));
	EXPECT_EQ(SM_PAGES(half), sm_on(0, self->buf, half, 0)) {
		TH_LOG("%s", sm_where(0, self->buf, half));
	}
	EXPECT_EQ(SM_PAGES(half), sm_on(0, self->buf + half, half, 1)) {
		TH_LOG("%s", sm_where(0, self->buf + half, half));
	}
}

TEST_F(forward, shmem)
{
	char *p = sm_map_shared(self->len);

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	ASSERT_NE(NULL, p);
	sm_fill_on(p, self->len, 60, 0);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(0, sm_present(0, p, self->len));
	sm_run_on_node(3);
	EXPECT_EQ(0, sm_bad(p, self->len, 60));
	EXPECT_EQ(self->pages, sm_on(0, p, self->len, 1)) {
		TH_LOG("%s", sm_where(0, p, self->len));
	}
	munmap(p, self->len);
}

TEST_F(forward, zswap)
{
	char old[8];
	long stored = sm_vmstat("zswpout");

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	if (sm_read(ZSWAP, old, sizeof(old)) < 0 || sm_write(ZSWAP, "Y"))
		SKIP(return, "needs CONFIG_ZSWAP");
	ASSERT_EQ(0, sm_swap_off());
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));
	EVICT(0, 1, 61);
	EXPECT_LT(stored, sm_vmstat("zswpout"));
	EXPECT_EQ(0, sm_write(ZSWAP, "%s", old));
	sm_run_on_node(3);
	EXPECT_BACK_ON(1, 61);
}

/* A device that answers at once is read past the swap cache. */
TEST_F(forward, zram)
{
	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	if (access(SM_ZRAM, F_OK))
		SKIP(return, "needs CONFIG_ZRAM");
	ASSERT_EQ(0, sm_swap_off());
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_ZRAM, 0));
	EVICT(0, 1, 62);
	sm_run_on_node(3);
	EXPECT_BACK_ON(1, 62);
	/* and again, with the tag changed meanwhile */
	madvise(self->buf, self->len, MADV_DONTNEED);
	EVICT(0, 1, 63);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(1), SM_NODE(2)));
	sm_run_on_node(0);
	EXPECT_BACK_ON(2, 63);
}

TEST_F(forward, thp)
{
	char *map = sm_map(3 * SM_THP), *p;
	size_t len = 2 * SM_THP;

	NEED_SWAPOUT_ALONE(return);
	NEED_NODES(return, 4);
	p = (char *)(((uintptr_t)map + SM_THP - 1) & ~(SM_THP - 1));
	if (madvise(p, len, MADV_HUGEPAGE) ||
	    access("/sys/kernel/mm/transparent_hugepage", F_OK))
		SKIP(return, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	ASSERT_EQ(0, sm_swap_off());
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_ZRAM, 0));
	sm_fill_on(p, len, 64, 0);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(SM_PAGES(len), sm_swapped(0, p, len));
	sm_run_on_node(3);
	EXPECT_EQ(0, sm_bad(p, len, 64));
	EXPECT_EQ(SM_PAGES(len), sm_on(0, p, len, 1)) {
		TH_LOG("%s", sm_where(0, p, len));
	}
	munmap(map, 3 * SM_THP);
}
