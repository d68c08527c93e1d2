/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kselftest_harness.h plus what every swapmig test program has: no time limit to
 * speak of (what watches the machine watches for silence), a list of its test
 * names, the usual fixture, and the common judgement of a page's whereabouts.
 */
#ifndef SWAPMIG_HARNESS_H
#define SWAPMIG_HARNESS_H

#include "../kselftest_harness.h"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <signal.h>

#include "swapmig_util.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 3600

/*
 * Read-ahead brings in neighbours by the policy of who touches, as ever; so it has
 * to be off where a page without a tag is to be where its own policy says.
 */
#define SM_CLUSTER "/proc/sys/vm/page-cluster"
#define NO_READAHEAD() ASSERT_EQ(0, sm_write(SM_CLUSTER, "0"))

/* The usual fixture: memory without pages, and swap on the disk */
#define SM_SETUP(size) do {						\
	self->len = (size);						\
	self->pages = SM_PAGES(self->len);				\
	self->buf = sm_map(self->len);					\
	ASSERT_NE(NULL, self->buf);					\
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_DISK, 0));			\
} while (0)

#define SM_TEARDOWN() do {						\
	munmap(self->buf, self->len);					\
	EXPECT_EQ(0, sm_swap_off());					\
	EXPECT_EQ(0, sm_write(SM_CLUSTER, "3"));			\
} while (0)

/*
 * Another area in its place. Reclaim to zram leaves nothing in the swap cache,
 * where a touch would find it, and swap-in goes past that.
 */
#define USE_ZRAM(size) do {						\
	ASSERT_EQ(0, sm_swap_off());					\
	ASSERT_EQ(0, sm_swap_on(SM_SWAP_ZRAM, size));			\
} while (0)

/* All pages of a range are on a node: of this process, of another, of a peer */
#define EXPECT_ON(node, addr, len)					\
	sm_expect_on(_metadata, __LINE__, 0, addr, len, node)
#define EXPECT_PID_ON(pid, node, addr, len)				\
	sm_expect_on(_metadata, __LINE__, pid, addr, len, node)
#define EXPECT_PEER_ON(peer, node)					\
	sm_expect_peer_on(_metadata, __LINE__, &(peer), node)

/* None of them is on a node */
#define EXPECT_OFF(node, addr, len)					\
	sm_expect_off(_metadata, __LINE__, 0, addr, len, node)
#define EXPECT_PEER_OFF(peer, node)					\
	sm_expect_peer_off(_metadata, __LINE__, &(peer), node)

#define EXPECT_SWAPPED(addr, len)					\
	sm_expect_gone(_metadata, __LINE__, addr, len, true)

/* Anonymous memory is where a request to a node, or to some nodes, puts it */
#define EXPECT_SENT(node, addr, len)					\
	sm_expect_sent(_metadata, __LINE__, 0, addr, len, SM_NODE(node))
#define EXPECT_SENT_TO(nodes, addr, len)				\
	sm_expect_sent(_metadata, __LINE__, 0, addr, len, nodes)
#define EXPECT_PID_SENT(pid, node, addr, len)				\
	sm_expect_sent(_metadata, __LINE__, pid, addr, len, SM_NODE(node))
#define EXPECT_PEER_SENT(peer, node)					\
	sm_expect_peer_sent(_metadata, __LINE__, &(peer), node)

static inline void sm_expect_on(struct __test_metadata *_metadata, int line,
				pid_t pid, const void *addr, size_t len,
				int node)
{
	EXPECT_EQ(SM_PAGES(len), sm_on(pid, addr, len, node)) {
		TH_LOG("line %d: %s", line, sm_where(pid, addr, len));
	}
}

static inline void sm_expect_off(struct __test_metadata *_metadata, int line,
				 pid_t pid, const void *addr, size_t len,
				 int node)
{
	EXPECT_EQ(0, sm_on(pid, addr, len, node)) {
		TH_LOG("line %d: %s", line, sm_where(pid, addr, len));
	}
}

static inline void sm_expect_peer_on(struct __test_metadata *_metadata, int line,
				     const struct sm_peer *p, int node)
{
	sm_expect_on(_metadata, line, p->pid, p->buf, p->len, node);
}

static inline void sm_expect_peer_off(struct __test_metadata *_metadata, int line,
				      const struct sm_peer *p, int node)
{
	sm_expect_off(_metadata, line, p->pid, p->buf, p->len, node);
}

/* In no page table; those of a file, of shared memory too, leave no trace there */
static inline void sm_expect_gone(struct __test_metadata *_metadata, int line,
				  const void *addr, size_t len, bool anon)
{
	EXPECT_EQ(SM_PAGES(len), anon ? sm_swapped(0, addr, len) :
		  SM_PAGES(len) - sm_present(0, addr, len)) {
		TH_LOG("line %d: %s", line, sm_where(0, addr, len));
	}
}

/*
 * How many pages of anonymous memory are where a request puts them before anybody
 * touches them: in swap, or on @nodes if the kernel migrates them itself.
 */
static inline long sm_sent(pid_t pid, const void *addr, size_t len,
			   unsigned long nodes)
{
	struct sm_count c;
	long n = 0;
	int i;

	if (sm_count(pid, addr, len, &c))
		return -1;
	if (!sm_direct())
		return c.swapped;
	for (i = 0; i < SM_NODES; i++)
		if (nodes & SM_NODE(i))
			n += c.node[i];
	return n;
}

static inline void sm_expect_sent(struct __test_metadata *_metadata, int line,
				  pid_t pid, const void *addr, size_t len,
				  unsigned long nodes)
{
	EXPECT_EQ(SM_PAGES(len), sm_sent(pid, addr, len, nodes)) {
		TH_LOG("line %d: %s", line, sm_where(pid, addr, len));
	}
}

static inline void sm_expect_peer_sent(struct __test_metadata *_metadata, int line,
				       const struct sm_peer *p, int node)
{
	sm_expect_sent(_metadata, line, p->pid, p->buf, p->len, SM_NODE(node));
}

/*
 * After a request all pages are gone from the page tables; or they are on @to
 * already, if the kernel migrates them itself. Then touch them on a CPU of
 * @cpunode: they must be on @to with their contents.
 */
#define EXPECT_MOVED(...) sm_expect_moved(_metadata, __LINE__, __VA_ARGS__)

static inline void sm_expect_moved(struct __test_metadata *_metadata, int line,
				   const void *addr, size_t len, int to,
				   int cpunode, __u64 seed, bool anon)
{
	if (sm_direct())
		sm_expect_on(_metadata, line, 0, addr, len, to);
	else
		sm_expect_gone(_metadata, line, addr, len, anon);
	sm_run_on_node(cpunode);
	EXPECT_EQ(0, sm_bad(addr, len, seed)) {
		TH_LOG("line %d", line);
	}
	sm_expect_on(_metadata, line, 0, addr, len, to);
}

/* Memory on node 0 goes to 1 and on to 2, by each of the calls. */
#define EXPECT_MOVES(...) sm_expect_moves(_metadata, __LINE__, __VA_ARGS__)

static inline void sm_expect_moves(struct __test_metadata *_metadata, int line,
				   void *addr, size_t len, __u64 seed, bool anon)
{
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(0), SM_NODE(1))) {
		TH_LOG("line %d", line);
	}
	sm_expect_moved(_metadata, line, addr, len, 1, 0, seed, anon);
	EXPECT_EQ(0, sm_mbind(addr, len, MPOL_BIND, SM_NODE(2),
			      MPOL_MF_MOVE_ALL | MPOL_MF_STRICT)) {
		TH_LOG("line %d", line);
	}
	sm_expect_moved(_metadata, line, addr, len, 2, 1, seed, anon);
}

/* It stays on node 0, and each of the calls says so: so many folios. */
#define EXPECT_STAYS(...) sm_expect_stays(_metadata, __LINE__, __VA_ARGS__)

static inline void sm_expect_stays(struct __test_metadata *_metadata, int line,
				   void *addr, size_t len, __u64 seed, long left)
{
	EXPECT_EQ(left, sm_migrate(0, SM_NODE(0), SM_NODE(1))) {
		TH_LOG("line %d", line);
	}
	sm_expect_on(_metadata, line, 0, addr, len, 0);
	EXPECT_EQ(-EIO, sm_mbind(addr, len, MPOL_BIND, SM_NODE(1),
				 MPOL_MF_MOVE_ALL | MPOL_MF_STRICT)) {
		TH_LOG("line %d", line);
	}
	sm_expect_on(_metadata, line, 0, addr, len, 0);
	EXPECT_EQ(0, sm_bad(addr, len, seed)) {
		TH_LOG("line %d", line);
	}
	EXPECT_EQ(0, sm_mbind(addr, len, MPOL_DEFAULT, 0, 0));
}

/* What cannot go by way of swap moves all the same if the kernel migrates it. */
#define EXPECT_MOVES_DIRECTLY(...)					\
	sm_expect_moves_directly(_metadata, __LINE__, __VA_ARGS__)

static inline void sm_expect_moves_directly(struct __test_metadata *_metadata,
					    int line, void *addr, size_t len,
					    __u64 seed, long left)
{
	if (sm_direct())
		sm_expect_moves(_metadata, line, addr, len, seed, true);
	else
		sm_expect_stays(_metadata, line, addr, len, seed, left);
}

/*
 * Fresh pages with a pattern on @from are sent to @to, and are in swap then: for
 * tests that are about swap.
 */
#define EVICT(from, to, seed) do {					\
	int __from = (from);						\
									\
	madvise(self->buf, self->len, MADV_DONTNEED);			\
	sm_fill_on(self->buf, self->len, seed, __from);			\
	EXPECT_EQ(0, sm_migrate(0, SM_NODE(__from), SM_NODE(to)));	\
	EXPECT_SWAPPED(self->buf, self->len);				\
} while (0)

/* Touched on a CPU of @cpunode they are intact, and where they belong. */
#define EXPECT_BACK_ON(node, cpunode, seed) do {			\
	sm_run_on_node(cpunode);					\
	EXPECT_EQ(0, sm_bad(self->buf, self->len, seed));		\
	EXPECT_ON(node, self->buf, self->len);				\
} while (0)

static inline void sm_list_names(void)
{
	struct __fixture_metadata *f;
	struct __fixture_variant_metadata *v;
	struct __test_metadata *t;
	struct __fixture_variant_metadata none = { .name = "" };

	for (f = __fixture_list; f; f = f->next)
		for (v = f->variant ?: &none; v; v = v->next)
			for (t = f->tests; t; t = t->next)
				printf("%s%s%s.%s\n", f->name,
				       v->name[0] ? "." : "", v->name, t->name);
}

/* Every program that includes this is a test program. */
int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--names")) {
		sm_list_names();
		return 0;
	}
	if (sm_nodes() < SM_NODES) {
		printf("TAP version 13\n1..0 # SKIP needs %d NUMA nodes\n",
		       SM_NODES);
		return KSFT_SKIP;
	}
	return test_harness_run(argc, argv);
}

#endif /* SWAPMIG_HARNESS_H */
