// SPDX-License-Identifier: GPL-2.0
/*
 * Forwarding: a page that was sent through swap comes back on the node that it
 * was sent to, whoever brings it in, and whatever the policies said that were
 * there before. A later request wins over it.
 */
#include "swapmig_harness.h"

FIXTURE(forward)
{
	char *buf;
	size_t len;
	long pages;
};

FIXTURE_SETUP(forward)
{
	SM_SETUP(2 * SM_MIB);
}

FIXTURE_TEARDOWN(forward)
{
	SM_TEARDOWN();
}

#define BIND(node, flags)						\
	sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(node), flags)

TEST_F(forward, whatever_cpu_touches)
{
	int cpunode, to;

	for (cpunode = 0; cpunode < SM_CPU_NODES; cpunode++)
		for (to = 2; to < SM_NODES; to++) {
			EVICT(0, to, 10 + to);
			EXPECT_BACK_ON(to, cpunode, 10 + to);
		}
}

TEST_F(forward, between_nodes_with_a_cpu)
{
	EVICT(0, 1, 20);
	EXPECT_BACK_ON(1, 0, 20);
	EVICT(1, 0, 21);
	EXPECT_BACK_ON(0, 1, 21);
}

TEST_F(forward, written_in_any_order)
{
	long i, at = 0;

	EVICT(0, 1, 30);
	sm_run_on_node(0);
	for (i = 0; i < self->pages; i++) {
		at = (at + 167) % self->pages;
		*(__u64 *)(self->buf + at * SM_PAGE) = sm_word(at, 0, 30);
	}
	EXPECT_BACK_ON(1, 0, 30);
}

/* Another process reaches into this one's memory. */
TEST_F(forward, remote_access)
{
	char *copy = sm_map(self->len), path[32];
	struct sm_peer peer;
	int fd;

	ASSERT_EQ(0, sm_peer_start(&peer, self->buf, self->len));
	ASSERT_EQ(0, sm_peer(&peer, SM_ORD_FILL, 0, 32));
	EXPECT_EQ(0, sm_migrate(peer.pid, SM_NODE(0), SM_NODE(1)));
	EXPECT_EQ(self->pages, sm_swapped(peer.pid, self->buf, self->len));
	sm_run_on_node(0);
	snprintf(path, sizeof(path), "/proc/%d/mem", peer.pid);
	fd = open(path, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ((ssize_t)self->len,
		  pread(fd, copy, self->len, (uintptr_t)self->buf));
	close(fd);
	EXPECT_EQ(0, sm_bad(copy, self->len, 32));
	EXPECT_PEER_ON(peer, 1);
	EXPECT_EQ(0, sm_peer(&peer, SM_ORD_CHECK, 0, 32));
	EXPECT_EQ(0, sm_peer_stop(&peer));
	munmap(copy, self->len);
}

/*
 * Two processes whose swap slots lie side by side, four of the one and four of the
 * other, sent to nodes 2 and 3. Read-ahead for one of them brings in pages of the
 * other.
 */
#define PART	(4 * SM_PAGE)
#define STRIPED	(32 * SM_PAGE)

static void striped(struct __test_metadata *_metadata, struct sm_peer *one,
		    struct sm_peer *two, char *buf)
{
	size_t off;

	ASSERT_EQ(0, sm_write(SM_CLUSTER, "5"));
	ASSERT_EQ(0, sm_peer_start(one, buf, STRIPED));
	ASSERT_EQ(0, sm_peer_start(two, buf, STRIPED));
	for (off = 0; off < STRIPED; off += PART) {
		ASSERT_EQ(0, sm_peer_part(one, off, PART));
		ASSERT_EQ(0, sm_peer(one, SM_ORD_FILL, 0, off + 1));
		EXPECT_EQ(0, sm_migrate(one->pid, SM_NODE(0), SM_NODE(2)));
		ASSERT_EQ(0, sm_peer_part(two, off, PART));
		ASSERT_EQ(0, sm_peer(two, SM_ORD_FILL, 0, off + 2));
		EXPECT_EQ(0, sm_migrate(two->pid, SM_NODE(0), SM_NODE(3)));
	}
	EXPECT_EQ(SM_PAGES(STRIPED), sm_swapped(one->pid, buf, STRIPED));
	EXPECT_EQ(SM_PAGES(STRIPED), sm_swapped(two->pid, buf, STRIPED));
	ASSERT_EQ(0, sm_peer_part(one, 0, STRIPED));
	ASSERT_EQ(0, sm_peer_part(two, 0, STRIPED));
}

static void check_striped(struct __test_metadata *_metadata,
			  struct sm_peer *peer, int which)
{
	size_t off;

	for (off = 0; off < STRIPED; off += PART) {
		ASSERT_EQ(0, sm_peer_part(peer, off, PART));
		EXPECT_EQ(0, sm_peer(peer, SM_ORD_CHECK, 0, off + which));
	}
	EXPECT_EQ(0, sm_peer_stop(peer));
}

TEST_F(forward, readahead_of_a_neighbour)
{
	struct sm_peer one, two;

	striped(_metadata, &one, &two, self->buf);
	EXPECT_EQ(0, sm_peer(&one, SM_ORD_TOUCH, 1, 0));
	EXPECT_EQ(0, sm_peer(&two, SM_ORD_TOUCH, 0, 0));
	EXPECT_PEER_ON(one, 2);
	EXPECT_PEER_ON(two, 3);
	check_striped(_metadata, &one, 1);
	check_striped(_metadata, &two, 2);
}

/* The neighbour's slots have no tag: what one's tags say is none of its business. */
TEST_F(forward, readahead_of_an_untagged_neighbour)
{
	struct sm_peer one, two;

	striped(_metadata, &one, &two, self->buf);
	EXPECT_EQ(0, sm_peer(&two, SM_ORD_MBIND, 0, 0));
	EXPECT_EQ(0, sm_peer(&one, SM_ORD_TOUCH, 1, 0));
	EXPECT_EQ(0, sm_peer(&two, SM_ORD_TOUCH, 0, 0));
	EXPECT_PEER_ON(one, 2);
	EXPECT_PEER_OFF(two, 2);
	check_striped(_metadata, &one, 1);
	check_striped(_metadata, &two, 2);
}

/* A server that was started bound to node 0, and is sent to node 1 */
TEST_F(forward, tag_wins_over_task_policy)
{
	EVICT(0, 1, 40);
	ASSERT_EQ(0, sm_set_mempolicy(MPOL_BIND, SM_NODE(0)));
	EXPECT_BACK_ON(1, 0, 40);
	sm_set_mempolicy(MPOL_DEFAULT, 0);
}

TEST_F(forward, tag_wins_over_older_vma_policy)
{
	ASSERT_EQ(0, BIND(0, 0));
	EVICT(0, 1, 41);
	EXPECT_BACK_ON(1, 0, 41);
}

/* Any mbind() over the range ends its tags; then the policy decides. */
TEST_F(forward, mbind_ends_a_tag)
{
	size_t half = self->len / 2;

	NO_READAHEAD();
	EVICT(0, 1, 42);
	ASSERT_EQ(0, sm_mbind(self->buf, half, MPOL_BIND, SM_NODE(2), 0));
	EXPECT_SWAPPED(self->buf, self->len);
	sm_run_on_node(0);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 42));
	EXPECT_ON(2, self->buf, half);
	EXPECT_ON(1, self->buf + half, half);
}

TEST_F(forward, mbind_to_the_default_ends_a_tag)
{
	NO_READAHEAD();
	EVICT(1, 2, 43);
	ASSERT_EQ(0, sm_mbind(self->buf, self->len, MPOL_DEFAULT, 0, 0));
	EXPECT_SWAPPED(self->buf, self->len);
	EXPECT_BACK_ON(0, 0, 43);
}

/* also those of pages that came back and kept their slots in the swap cache */
TEST_F(forward, mbind_ends_tags_of_pages_that_came_back)
{
	NO_READAHEAD();
	EVICT(0, 1, 44);
	EXPECT_BACK_ON(1, 0, 44);
	ASSERT_EQ(0, BIND(2, 0));
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	EXPECT_SWAPPED(self->buf, self->len);
	EXPECT_EQ(0, sm_bad(self->buf, self->len, 44));
	EXPECT_ON(2, self->buf, self->len);
}

/* A second request finds the pages still in swap. */
TEST_F(forward, second_request_redirects)
{
	EVICT(0, 1, 50);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(1), SM_NODE(2)));
	EXPECT_SWAPPED(self->buf, self->len);
	EXPECT_BACK_ON(2, 0, 50);
}

TEST_F(forward, second_request_of_other_nodes_does_not)
{
	EVICT(0, 1, 51);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(2), SM_NODE(3)));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(3)));
	EXPECT_BACK_ON(1, 0, 51);
}

/* 0,1 -> 2,3 and back: relative positions survive two trips without a touch. */
TEST_F(forward, relative_there_and_back)
{
	size_t half = self->len / 2;

	sm_fill_on(self->buf, half, 52, 0);
	sm_fill_on(self->buf + half, half, 53, 1);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0) | SM_NODE(1),
				SM_NODE(2) | SM_NODE(3)));
	EXPECT_SWAPPED(self->buf, self->len);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(2) | SM_NODE(3),
				SM_NODE(0) | SM_NODE(1)));
	EXPECT_MOVED(self->buf, half, 0, 1, 52, true);
	EXPECT_MOVED(self->buf + half, half, 1, 0, 53, true);
}

/* Reclaim took them before the request came. */
TEST_F(forward, pages_in_swap_before_the_call)
{
	USE_ZRAM(0);
	sm_fill_on(self->buf, self->len, 54, 0);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	EXPECT_LT(self->pages / 2, sm_swapped(0, self->buf, self->len));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_SWAPPED(self->buf, self->len);
	EXPECT_BACK_ON(1, 0, 54);
}

/*
 * Nobody knows where they came from, but not from a node that is vacated: the policy
 * of their area does not name one.
 */
TEST_F(forward, pages_in_swap_of_an_area_bound_elsewhere)
{
	USE_ZRAM(0);
	ASSERT_EQ(0, sm_mbind(self->buf, self->len, MPOL_BIND, SM_NODE(2), 0));
	sm_fill_on(self->buf, self->len, 57, 0);
	EXPECT_ON(2, self->buf, self->len);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	EXPECT_LT(self->pages / 2, sm_swapped(0, self->buf, self->len));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1)));
	EXPECT_BACK_ON(2, 0, 57);
}

/* From which of the nodes they came nobody knows: it goes where the first goes. */
TEST_F(forward, pages_in_swap_before_a_call_for_two_nodes)
{
	USE_ZRAM(0);
	sm_fill_on(self->buf, self->len, 55, 0);
	ASSERT_EQ(0, madvise(self->buf, self->len, MADV_PAGEOUT));
	EXPECT_LT(self->pages / 2, sm_swapped(0, self->buf, self->len));
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0) | SM_NODE(1),
				SM_NODE(2) | SM_NODE(3)));
	EXPECT_SWAPPED(self->buf, self->len);
	EXPECT_BACK_ON(2, 0, 55);
}

TEST_F(forward, shmem)
{
	char *p = sm_map_shared(self->len);

	ASSERT_NE(NULL, p);
	sm_fill_on(p, self->len, 60, 0);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(2)));
	EXPECT_MOVED(p, self->len, 2, 0, 60, false);
	munmap(p, self->len);
}

TEST_F(forward, zram)
{
	USE_ZRAM(0);
	EVICT(0, 1, 62);
	EXPECT_BACK_ON(1, 0, 62);
	/* and again, with the tag changed meanwhile */
	EVICT(0, 1, 63);
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(1), SM_NODE(2)));
	EXPECT_BACK_ON(2, 0, 63);
}
