/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of the engine `displace` share: full nodes, processes that
 * fill them, and what a displacement must leave alone.
 */
#ifndef SWAPMIG_DISPLACE_H
#define SWAPMIG_DISPLACE_H

#include "swapmig_harness.h"

#define MIN_FREE "/proc/sys/vm/min_free_kbytes"

static inline const char *displace_lacks(int nodes)
{
	if (!sm_has_engine("displace"))
		return "the engine displace";
	return sm_nodes() < nodes ? "more NUMA nodes" : NULL;
}

#define NEED_DISPLACE(stmt, nodes) do {					\
	const char *__lacks = displace_lacks(nodes);			\
									\
	if (__lacks)							\
		SKIP(stmt, "needs %s", __lacks);			\
} while (0)

/* What is left beside huge pages, which need memory in one piece */
static struct sm_peer full_ballast[SM_MAX_NODES];

static inline void full_trim(int node, size_t room)
{
	struct sm_peer *p = &full_ballast[node];
	size_t len = sm_room(node);
	void *buf;

	if (len < room + SM_MIB / 2)
		return;
	len -= room;
	buf = sm_map(len);
	if (!buf || sm_peer_start(p, buf, len))
		return;
	sm_peer(p, SM_ORD_FILL, node, 1);
	sm_peer(p, SM_ORD_MBIND, SM_NODE(node), 0);
	sm_peer(p, SM_ORD_MLOCK, 0, 0);
}

/*
 * Nodes of which a test may take @room bytes each (0: as much as the smallest
 * has) before kswapd wakes; huge pages and a process take the rest. The smallest
 * node's room.
 */
static inline size_t full_begin(int nodes, size_t room)
{
	size_t min = SIZE_MAX, now;
	int i;

	sm_stride = 64;
	sm_boost(false);
	sync();
	sm_write("/proc/sys/vm/drop_caches", "3");
	if (room)
		sm_trim_pcp(true);
	for (i = 0; i < nodes; i++) {
		now = sm_room(i);
		if (room && now > room)
			sm_hog(i, sm_node_kib(i, "MemFree") * 1024UL - now +
				  room);
		now = sm_room(i);
		min = now < min ? now : min;
	}
	for (i = 0; i < nodes; i++)
		full_trim(i, room && room < min ? room : min);
	for (i = 0; i < nodes; i++) {
		now = sm_room(i);
		min = now < min ? now : min;
	}
	return min;
}

static inline void full_end(int nodes)
{
	int i;

	sm_boost(true);
	sm_trim_pcp(false);
	for (i = 0; i < nodes; i++) {
		if (full_ballast[i].pid)
			sm_peer_stop(&full_ballast[i]);
		full_ballast[i].pid = 0;
		sm_unhog(i);
	}
}

/* @pct percent of @len in whole pieces of 64 KiB */
static inline size_t part(size_t len, int pct)
{
	return len / 100 * pct / 65536 * 65536;
}

static inline long sm_peer_on(struct sm_peer *p, int node)
{
	return sm_on(p->pid, p->buf, p->len, node);
}

static inline const char *sm_peer_where(struct sm_peer *p)
{
	return sm_where(p->pid, p->buf, p->len);
}

static inline long sm_peer_move(struct sm_peer *p, int from, int to)
{
	return sm_migrate(p->pid, SM_NODE(from), SM_NODE(to));
}

#define ON(...) sm_peer_on(__VA_ARGS__)
#define WHERE(...) sm_peer_where(__VA_ARGS__)
#define MOVE(...) sm_peer_move(__VA_ARGS__)
#define STOP(...) EXPECT_EQ(0, sm_peer_stop(__VA_ARGS__))

/* A process with an empty area */
#define START_EMPTY(...) sm_start_empty(_metadata, __VA_ARGS__)

static inline void sm_start_empty(struct __test_metadata *_metadata,
				  struct sm_peer *p, size_t len)
{
	void *buf = sm_map(len);

	ASSERT_NE(NULL, buf);
	ASSERT_EQ(0, sm_peer_start(p, buf, len));
}

/* One that has filled it on @node; its policy is the default. */
#define START(...) sm_start(_metadata, __VA_ARGS__)

static inline void sm_start(struct __test_metadata *_metadata,
			    struct sm_peer *p, size_t len, int node, __u64 seed)
{
	sm_start_empty(_metadata, p, len);
	ASSERT_EQ(0, sm_peer(p, SM_ORD_FILL, node, seed));
	ASSERT_EQ(SM_PAGES(len), ON(p, node)) {
		TH_LOG("%s", WHERE(p));
	}
}

/* Nothing is anywhere but on these two nodes, and all is as it was filled. */
#define EXPECT_INTACT(...)						\
	sm_expect_intact(_metadata, __LINE__, __VA_ARGS__)

static inline void sm_expect_intact(struct __test_metadata *_metadata, int line,
				    struct sm_peer *p, int one, int two,
				    __u64 seed)
{
	long there = ON(p, one) + (one == two ? 0 : ON(p, two));

	EXPECT_EQ(SM_PAGES(p->len), there) {
		TH_LOG("line %d: %s", line, WHERE(p));
	}
	EXPECT_EQ(0, sm_peer(p, SM_ORD_CHECK, 0, seed)) {
		TH_LOG("line %d", line);
	}
}

/* All of it is on @node, and as it was filled. */
#define EXPECT_HOME(peer, ...)						\
	sm_expect_home(_metadata, __LINE__, peer, __VA_ARGS__)

static inline void sm_expect_home(struct __test_metadata *_metadata, int line,
				  struct sm_peer *p, int node, __u64 seed)
{
	sm_expect_intact(_metadata, line, p, node, node, seed);
}

static const char * const quiet_names[] = {
	"pswpin", "pswpout", "pageoutrun", "pgscan_kswapd", "pgsteal_kswapd",
	"oom_kill",
};

struct quiet {
	long old[ARRAY_SIZE(quiet_names)];
	long evicted;
};

/*
 * Also waits until kswapd has nothing to do after the nodes were filled. It
 * naps for 100 ms between two looks.
 */
static inline void quiet_begin(struct quiet *q)
{
	long runs = -1, now;
	int still = 0;
	size_t i;

	while (still < 4) {
		now = sm_vmstat("pageoutrun");
		still = now == runs ? still + 1 : 0;
		runs = now;
		usleep(100000);
	}
	for (i = 0; i < ARRAY_SIZE(quiet_names); i++)
		q->old[i] = sm_vmstat(quiet_names[i]);
	q->evicted = sm_vmstat("swapmig_evicted");
}

#define EXPECT_QUIET(q) sm_expect_quiet(_metadata, __LINE__, q)

static inline void sm_expect_quiet(struct __test_metadata *_metadata, int line,
				   const struct quiet *q)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(quiet_names); i++) {
		EXPECT_EQ(q->old[i], sm_vmstat(quiet_names[i])) {
			TH_LOG("line %d: %s, %ld evicted", line,
			       quiet_names[i],
			       sm_vmstat("swapmig_evicted") - q->evicted);
		}
	}
}

#define EXPECT_ABOVE_LOW(node) sm_expect_above_low(_metadata, __LINE__, node)

static inline void sm_expect_above_low(struct __test_metadata *_metadata,
				       int line, int node)
{
	long low = sm_zone_pages(node, "low") * (long)(SM_PAGE / 1024);

	EXPECT_LE(low, sm_node_kib(node, "MemFree")) {
		TH_LOG("line %d: node %d", line, node);
	}
}

/* For messages */
static inline const char *full_where(void)
{
	static char buf[256];
	int i, n = 0;

	for (i = 0; i < sm_nodes(); i++)
		n += snprintf(buf + n, sizeof(buf) - n,
			      "N%d free %ld low %ld file %ld; ", i,
			      sm_node_kib(i, "MemFree"),
			      sm_zone_pages(i, "low") * (long)(SM_PAGE / 1024),
			      sm_node_kib(i, "FilePages"));
	return buf;
}

#endif /* SWAPMIG_DISPLACE_H */
