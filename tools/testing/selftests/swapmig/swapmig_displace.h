/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of the engine "displace" share: processes on full nodes, and
 * what making room must leave alone.
 */
#ifndef SWAPMIG_DISPLACE_H
#define SWAPMIG_DISPLACE_H

#include "swapmig_harness.h"

#include <assert.h>

#define COUNTER(name)	sm_read_long("/sys/kernel/mm/swapmig/" name)

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
	/* Compaction may have some of it in hand */
	ASSERT_TRUE(SM_WAIT(sm_on(p->pid, buf, len, node) == SM_PAGES(len))) {
		TH_LOG("%s", sm_where(p->pid, buf, len));
	}
}

#define ON(...)		sm_peer_on(__VA_ARGS__)
#define MOVE(...)	sm_peer_move(__VA_ARGS__)

static inline long sm_peer_on(const struct sm_peer *p, int node)
{
	return sm_on(p->pid, p->buf, p->len, node);
}

static inline long sm_peer_on_any(const struct sm_peer *p, unsigned long nodes)
{
	long there = 0;
	int i;

	for (i = 0; i < SM_NODES; i++)
		there += nodes & SM_NODE(i) ? ON(p, i) : 0;
	return there;
}

static inline long sm_peer_move(const struct sm_peer *p, int from, int to)
{
	return sm_migrate(p->pid, SM_NODE(from), SM_NODE(to));
}

/* One call moves all of it. */
#define EXPECT_ALL_MOVE(...) sm_expect_all_move(_metadata, __LINE__, __VA_ARGS__)

static inline void sm_expect_all_move(struct __test_metadata *_metadata, int line,
				      const struct sm_peer *p, int from, int to)
{
	long writeback = COUNTER("stayed/writeback");
	long no_room = COUNTER("stayed/no_room");
	long raced = COUNTER("stayed/raced");
	long left = MOVE(p, from, to);

	EXPECT_EQ(0, left) {
		TH_LOG("line %d: no room %ld, raced %ld, writeback %ld; %s", line,
		       COUNTER("stayed/no_room") - no_room,
		       COUNTER("stayed/raced") - raced,
		       COUNTER("stayed/writeback") - writeback,
		       sm_where(p->pid, p->buf, p->len));
	}
}

/* All of it is on these nodes, as it was filled. */
#define EXPECT_INTACT(...) sm_expect_intact(_metadata, __LINE__, __VA_ARGS__)

static inline void sm_expect_intact(struct __test_metadata *_metadata, int line,
				    struct sm_peer *p, unsigned long nodes,
				    __u64 seed)
{
	/* Compaction may have some of it in hand */
	EXPECT_TRUE(SM_WAIT(sm_peer_on_any(p, nodes) == SM_PAGES(p->len))) {
		TH_LOG("line %d: %s", line, sm_where(p->pid, p->buf, p->len));
	}
	EXPECT_EQ(0, sm_peer(p, SM_ORD_CHECK, 0, seed)) {
		TH_LOG("line %d", line);
	}
}

#define EXPECT_HOME(p, node, seed) EXPECT_INTACT(p, SM_NODE(node), seed)

/*
 * Nothing went to swap or came from there, kswapd slept, nobody was killed, and no node
 * is short.
 */
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
	int nid;
	size_t i;

	/* Who wakes is not at work at once */
	usleep(100000);
	for (i = 0; i < ARRAY_SIZE(quiet_names); i++) {
		EXPECT_EQ(q->old[i], sm_vmstat(quiet_names[i])) {
			TH_LOG("line %d: %s", line, quiet_names[i]);
		}
	}
	for (nid = 0; nid < SM_NODES; nid++) {
		EXPECT_LE(0, sm_zone_room(nid, "low")) {
			TH_LOG("line %d: node %d", line, nid);
		}
	}
}

#define EXPECT_ABOVE_LOW(node) EXPECT_LE(0, sm_zone_room(node, "low"))

/* Nodes with @room, and swap that displacement has to leave alone; processes there end. */
#define FULL_BEGIN(...)	sm_full_setup(_metadata, __VA_ARGS__)
#define FULL_END(...)	sm_full_teardown(_metadata, (struct sm_peer *[]) { __VA_ARGS__, NULL })

static inline void sm_full_setup(struct __test_metadata *_metadata, enum sm_swap swap,
				 int nodes, size_t room)
{
	ASSERT_EQ(0, sm_swap_on(swap, 0));
	ASSERT_EQ(0, sm_full_begin(nodes, room));
}

static inline void sm_full_teardown(struct __test_metadata *_metadata,
				    struct sm_peer **peers)
{
	for (; *peers; peers++)
		EXPECT_EQ(0, sm_peer_stop(*peers));
	sm_full_end();
	EXPECT_EQ(0, sm_swap_off());
}

/* Two processes that fill a node each */
#define PAIR_BEGIN(...)	sm_pair_begin(_metadata, __VA_ARGS__)

static inline void sm_pair_begin(struct __test_metadata *_metadata, struct sm_peer *a,
				 struct sm_peer *b, size_t len)
{
	START(a, len, 0, 1);
	START(b, len, 1, 2);
}

/* One that is busy stops, and answers for what it did as well. */
#define REST(p) sm_rest(_metadata, p)

static inline void sm_rest(struct __test_metadata *_metadata, struct sm_peer *p)
{
	ASSERT_EQ(0, sm_peer_tell(p, SM_ORD_PART, 0, p->len));
	EXPECT_EQ(0, sm_peer_answer(p));
	EXPECT_EQ(0, sm_peer_answer(p));
}

/* A pair of which @a is on node @at, 0 or 1, changes places by one call after the other. */
#define EXCHANGE(...) sm_exchange(_metadata, __VA_ARGS__)

static inline void sm_exchange(struct __test_metadata *_metadata, struct sm_peer *a,
			       struct sm_peer *b, int at)
{
	struct quiet q;

	quiet_begin(&q);
	EXPECT_ALL_MOVE(a, at, !at);
	EXPECT_ABOVE_LOW(!at);
	EXPECT_ALL_MOVE(b, !at, at);
	EXPECT_ABOVE_LOW(at);
	EXPECT_QUIET(&q);
	EXPECT_HOME(a, !at, 1);
	EXPECT_HOME(b, at, 2);
}

/* The same by two calls at once: both write all the time, the second one is late */
#define HOT	1
#define LATE	2

#define EXCHANGE_AT_ONCE(...) sm_exchange_at_once(_metadata, __VA_ARGS__)

static inline void sm_exchange_at_once(struct __test_metadata *_metadata,
				       struct sm_peer *a, struct sm_peer *b, int at,
				       int how)
{
	long displaced = COUNTER("displaced");
	struct sm_peer one, two;
	struct quiet q;

	START(&one, SM_PAGE, 2, 1);
	START(&two, SM_PAGE, 2, 1);
	quiet_begin(&q);
	if (how & HOT) {
		ASSERT_EQ(0, sm_peer_tell(a, SM_ORD_BUSY, 0, 0));
		ASSERT_EQ(0, sm_peer_tell(b, SM_ORD_BUSY, 0, 0));
	}
	ASSERT_EQ(0, sm_peer_order_migrate(&one, a->pid, SM_NODE(at), SM_NODE(!at)));
	if (how & LATE)
		EXPECT_TRUE(SM_WAIT(COUNTER("displaced") != displaced));
	ASSERT_EQ(0, sm_peer_order_migrate(&two, b->pid, SM_NODE(!at), SM_NODE(at)));
	EXPECT_EQ(0, sm_peer_answer(&one));
	EXPECT_EQ(0, sm_peer_answer(&two));
	if (how & HOT) {
		REST(a);
		REST(b);
	}
	EXPECT_QUIET(&q);
	EXPECT_HOME(a, !at, 1);
	EXPECT_HOME(b, at, 2);
	EXPECT_ABOVE_LOW(0);
	EXPECT_ABOVE_LOW(1);
	EXPECT_EQ(0, sm_peer_stop(&one));
	EXPECT_EQ(0, sm_peer_stop(&two));
}

#endif /* SWAPMIG_DISPLACE_H */
