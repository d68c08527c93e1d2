/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of the engine "displace" share: nodes that processes can fill, and
 * what making room must leave alone.
 */
#ifndef SWAPMIG_DISPLACE_H
#define SWAPMIG_DISPLACE_H

#include "swapmig_harness.h"

#include <assert.h>

#define BOOST		"/proc/sys/vm/watermark_boost_factor"
#define COUNTER(name)	sm_read_long("/sys/kernel/mm/swapmig/" name)

/*
 * Bytes of @node that are free beyond its watermarks named @mark; without the boost
 * that earlier fragmentation may have given these, until kswapd takes it back.
 */
static inline long full_room(int node, const char *mark)
{
	long pages = 0, val, nid = -1;
	char line[128], key[32];
	FILE *f = fopen("/proc/zoneinfo", "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %ld,", &nid) == 1)
			continue;
		if (nid != node || sscanf(line, " %31s %ld", key, &val) != 2)
			continue;
		if (!strcmp(key, mark))
			pages += val;
		else if (!strcmp(key, "boost"))
			pages -= val;
	}
	if (f)
		fclose(f);
	return sm_node_kib(node, "MemFree") * 1024 - pages * (long)SM_PAGE;
}

/*
 * Leaves @room bytes of each of the first @nodes nodes for what a test does, before
 * kswapd wakes; pages of hugetlbfs take the rest. Returns 0, or -errno.
 */
static inline long full_begin(int nodes, size_t room)
{
	long ret = 0;
	int i;

	sm_write(BOOST, "0");
	sync();
	sm_write("/proc/sys/vm/drop_caches", "3");
	sm_trim_pcp(true);
	for (i = 0; i < nodes && ret >= 0; i++)
		ret = sm_hog(i, sm_node_kib(i, "MemFree") * 1024 -
				full_room(i, "high") + room);
	return ret < 0 ? ret : 0;
}

static inline void full_end(void)
{
	int i;

	for (i = 0; i < SM_NODES; i++)
		sm_huge(i, 0);
	sm_trim_pcp(false);
	sm_write(BOOST, "15000");
}

/* @percent of @len, in whole pages */
static inline size_t part(size_t len, int percent)
{
	return len / 100 * percent / SM_PAGE * SM_PAGE;
}

/* A process with @len bytes of memory, and, with a seed, filled on @node */
#define START(...) sm_start(_metadata, __VA_ARGS__)

static inline void sm_start(struct __test_metadata *_metadata, struct sm_peer *p,
			    size_t len, int node, __u64 seed)
{
	void *buf = sm_map(len);

	ASSERT_NE(NULL, buf);
	ASSERT_EQ(0, sm_peer_start(p, buf, len));
	if (!seed)
		return;
	ASSERT_EQ(0, sm_peer(p, SM_ORD_FILL, node, seed));
	ASSERT_EQ(SM_PAGES(len), sm_on(p->pid, buf, len, node)) {
		TH_LOG("%s", sm_where(p->pid, buf, len));
	}
}

#define ON(...)		sm_peer_on(__VA_ARGS__)
#define MOVE(...)	sm_peer_move(__VA_ARGS__)

static inline long sm_peer_on(const struct sm_peer *p, int node)
{
	return sm_on(p->pid, p->buf, p->len, node);
}

static inline long sm_peer_move(const struct sm_peer *p, int from, int to)
{
	return sm_migrate(p->pid, SM_NODE(from), SM_NODE(to));
}

/* All of it is on these nodes, as it was filled. */
#define EXPECT_INTACT(...) sm_expect_intact(_metadata, __LINE__, __VA_ARGS__)

static inline void sm_expect_intact(struct __test_metadata *_metadata, int line,
				    struct sm_peer *p, unsigned long nodes,
				    __u64 seed)
{
	long there = 0;
	int i;

	for (i = 0; i < SM_NODES; i++)
		there += nodes & SM_NODE(i) ? ON(p, i) : 0;
	EXPECT_EQ(SM_PAGES(p->len), there) {
		TH_LOG("line %d: %s", line, sm_where(p->pid, p->buf, p->len));
	}
	EXPECT_EQ(0, sm_peer(p, SM_ORD_CHECK, 0, seed)) {
		TH_LOG("line %d", line);
	}
}

#define EXPECT_HOME(p, node, seed) EXPECT_INTACT(p, SM_NODE(node), seed)

/* Nothing went to swap or came from there, kswapd slept, and nobody was killed. */
static const char * const quiet_names[] = {
	"pswpin", "pswpout", "pageoutrun", "pgsteal_direct", "oom_kill",
};

struct quiet {
	long old[8];
};

/* kswapd may still be at work because of how the nodes were filled. */
static inline void quiet_begin(struct quiet *q)
{
	long runs = -1, now = sm_vmstat("pageoutrun");
	size_t i;

	while (now != runs) {
		runs = now;
		usleep(300000);
		now = sm_vmstat("pageoutrun");
	}
	static_assert(ARRAY_SIZE(quiet_names) <= ARRAY_SIZE(q->old));
	for (i = 0; i < ARRAY_SIZE(quiet_names); i++)
		q->old[i] = sm_vmstat(quiet_names[i]);
}

#define EXPECT_QUIET(q) sm_expect_quiet(_metadata, __LINE__, q)

static inline void sm_expect_quiet(struct __test_metadata *_metadata, int line,
				   const struct quiet *q)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(quiet_names); i++) {
		EXPECT_EQ(q->old[i], sm_vmstat(quiet_names[i])) {
			TH_LOG("line %d: %s", line, quiet_names[i]);
		}
	}
}

#define EXPECT_ABOVE_LOW(node) EXPECT_LE(0, full_room(node, "low"))

#endif /* SWAPMIG_DISPLACE_H */
