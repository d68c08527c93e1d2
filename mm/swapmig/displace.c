// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: engine "displace".
 *
 * The node that pages are to go to is full.  Its coldest folios move to the node
 * that the pages come from, a few at a time, and make room for a few of the pages,
 * which make room for the next of its folios: one hole rotates through the two
 * nodes.  No allocation here reclaims or wakes kswapd.
 */

#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>

#include "../internal.h"
#include "internal.h"

#include <trace/events/swapmig.h>

/* Attempts that place nothing, though there was something to try, before it is no use */
#define DISPLACE_TRIES		4

/* Pages that may make way for each that is to move */
#define DISPLACE_BUDGET		3L

/* Looks at all of a node because others got on; and one more for so many placed pages */
#define DISPLACE_RESCANS	8
#define DISPLACE_RESCANS_EACH	2048

/* Placed pages before it may be worth it again to empty the hands of all CPUs */
#define DISPLACE_DRAIN_EACH	32

/* ------------------------------------------------------------------------- */
/* Victims                                                                    */
/* ------------------------------------------------------------------------- */

/* Clean page cache that nobody maps.  Returns the number of pages freed. */
static unsigned long displace_drop(struct list_head *folios, int nid)
{
	unsigned long pages = swapmig_count_pages(folios);
	struct folio *folio, *next;
	unsigned int noreclaim;
	LIST_HEAD(keep);

	if (list_empty(folios))
		return 0;
	swapmig_settle(folios);
	list_for_each_entry_safe(folio, next, folios, lru) {
		folio_clear_active(folio);
		/* Nor must reclaim see it if it was locked into memory meanwhile */
		if (folio_mapped(folio) || folio_test_unevictable(folio) ||
		    !folio_evictable(folio))
			list_move_tail(&folio->lru, &keep);
	}
	noreclaim = memalloc_noreclaim_save();
	evict_isolated_folios(folios, NODE_DATA(nid));
	memalloc_noreclaim_restore(noreclaim);
	list_splice_tail_init(&keep, folios);
	pages -= swapmig_count_pages(folios);
	swapmig_putback(folios);
	return pages;
}

/* Returns the number of pages moved */
static unsigned long displace_move(struct list_head *folios, int to, long room,
				   int reason)
{
	struct swapmig_way way = { .nid = to, .room = room };
	unsigned int moved = 0;

	if (list_empty(folios))
		return 0;
	migrate_pages(folios, swapmig_alloc_victim, swapmig_free_victim,
		      (unsigned long)&way, MIGRATE_ASYNC, reason, &moved);
	swapmig_settle(folios);
	swapmig_putback(folios);
	return moved;
}

/* Where the search on one node for another stands; the oldest is forgotten */
static struct swapmig_scan *displace_scan(struct swapmig_goal *goal, int nid, int to)
{
	struct swapmig_push *push = &goal->push;
	struct swapmig_scan *scan;
	unsigned int i;

	for (i = 0; i < SWAPMIG_SCANS; i++) {
		scan = &push->scans[i];
		if (scan->running && scan->nid == nid && scan->to == to)
			return scan;
	}
	scan = &push->scans[push->nr_scans++ % SWAPMIG_SCANS];
	if (scan->running)
		swapmig_victims_stop(scan);
	swapmig_victims_start(scan, goal, nid, to);
	if (!node_test_and_set(nid, push->met))
		push->lacked += max(-swapmig_node_room(nid, SWAPMIG_SLACK), 0L);
	return scan;
}

/* Nobody on @nid can make way to @to: the bit that says so */
static unsigned int displace_dry(int nid, int to)
{
	return nid % SWAPMIG_DRY_NODES * SWAPMIG_DRY_NODES + to % SWAPMIG_DRY_NODES;
}

/* What folios ask for, in base pages */
struct displace_need {
	unsigned long pages;
	unsigned long small;	/* such as need no block */
	unsigned long large;	/* the largest of them, on one node */
	unsigned long more;	/* that compaction wants, to make that of what is free */
	int from;		/* of their nodes the one with most room */
	bool again;		/* what room there was did not do */
};

/*
 * Is there a hole that has to rotate first?  One that is too small for a batch does if
 * there is no room for others, but a huge page wants more, which may be dropped.  If it
 * did not do it has to become larger.
 */
static bool displace_rotates(const struct swapmig_goal *goal,
			     const struct displace_need *need, long have, long room)
{
	if (have >= max_t(long, goal->batch, need->large) << need->again)
		return room < goal->batch + SWAPMIG_SLACK;
	return room <= 0 && need->large == 1 && !need->again && swapmig_room(goal, NULL);
}

/*
 * How many pages may make way at once, and the room that there is for them.  The other
 * node may use up its slack, because it gets as many back as soon as this one has room.
 * Beyond that, what needs none may still make way.
 */
static long displace_portion(const struct swapmig_goal *goal, int nid,
			     const struct displace_need *need, long pages, long *room)
{
	const struct swapmig_push *push = &goal->push;
	long have = swapmig_node_room(nid, SWAPMIG_SLACK), batch = goal->batch;
	long budget = DISPLACE_BUDGET * push->asked + push->lacked - push->displaced;

	*room = swapmig_node_room(need->from, 0);
	if (displace_rotates(goal, need, have, *room))
		return 0;
	*room = min(*room, budget);
	/* What there is room for goes first */
	if (*room > 0)
		batch = min(batch, *room);
	return max(min3(pages - have, batch, budget), 0L);
}

/* What is in the way may have changed */
static void displace_forget(struct swapmig_push *push)
{
	unsigned int i;

	for (i = 0; i < SWAPMIG_SCANS; i++)
		if (push->scans[i].running)
			swapmig_victims_stop(&push->scans[i]);
	bitmap_zero(push->dry, SWAPMIG_DRY_NODES * SWAPMIG_DRY_NODES);
	nodes_clear(push->drained);
	nodes_clear(push->news);
	push->leaving = false;
}

/**
 * swapmig_rescan - what is in the way may have changed: look at all of a node again
 * @push:	how a request makes room
 * @nr:		how often it did so for this reason
 * @most:	how often it may, as that is dear; and more if it gets on
 *
 * Return: false if it has done so too often.
 */
bool swapmig_rescan(struct swapmig_push *push, unsigned int *nr, unsigned int most)
{
	if (*nr >= most + push->got / DISPLACE_RESCANS_EACH)
		return false;
	(*nr)++;
	displace_forget(push);
	return true;
}

/* Pages that a request was about to move, or had placed, may go once it has ended */
static bool displace_is_dry(struct swapmig_push *push, int nid, int to)
{
	if (!test_bit(displace_dry(nid, to), push->dry))
		return false;
	if (!node_isset(nid, push->news))
		return true;
	node_clear(nid, push->news);
	push->vain = false;
	return !swapmig_rescan(push, &push->rescans, DISPLACE_RESCANS);
}

/* Makes room for @pages on node @nid.  Returns the number of those that left it. */
static unsigned long displace_node(struct swapmig_goal *goal, int nid,
				   const struct displace_need *need, unsigned long pages)
{
	unsigned long moved = 0, dropped = 0, before;
	struct swapmig_scan *scan;
	int to = need->from;
	long portion, room;

	if (displace_is_dry(&goal->push, nid, to))
		return 0;
	scan = displace_scan(goal, nid, to);
	before = scan->scanned;
	while (!scan->over && !fatal_signal_pending(current) &&
	       (portion = displace_portion(goal, nid, need, pages, &room))) {
		unsigned long m, d, taken;
		LIST_HEAD(move);
		LIST_HEAD(drop);

		taken = swapmig_victims_isolate(scan, portion, room, &move, &drop);
		if (!taken)
			break;
		d = displace_drop(&drop, nid);
		m = displace_move(&move, to, room, goal->reason);
		scan->found += m + d;
		scan->vain += max(taken, m + d) - (m + d);
		goal->push.displaced += m + d;
		moved += m;
		dropped += d;
		cond_resched();
	}
	if (scan->over)
		__set_bit(displace_dry(nid, to), goal->push.dry);
	if (scan->scanned == before)
		return 0;
	swapmig_count_displaced(moved, dropped, scan->scanned - before);
	trace_swapmig_displace(goal->pid, nid, to, pages, scan->scanned - before,
			       moved, dropped);
	return moved + dropped;
}

static bool displace_enough(const struct swapmig_goal *goal,
			    const struct displace_need *need)
{
	unsigned long large;

	return swapmig_room(goal, &large) >= need->pages && large >= need->large;
}

/*
 * Makes room on one node after the other, more of it if the source has much.  Returns
 * what left them.
 */
static unsigned long displace_make_room(struct swapmig_goal *goal,
					const struct displace_need *need)
{
	unsigned long left = 0, pages = need->pages;
	int nid;

	if (swapmig_node_room(need->from, SWAPMIG_SLACK) > (long)(pages + 2 * need->more))
		pages += need->more;
	for_each_node_mask(nid, goal->nodes) {
		if (nid == need->from || !node_state(nid, N_MEMORY))
			continue;
		left += displace_node(goal, nid, need, pages);
		if (displace_enough(goal, need))
			break;
	}
	return left;
}

static void displace_drain_nodes(struct swapmig_push *push, const nodemask_t *nodes)
{
	nodes_or(push->drained, push->drained, *nodes);
	swapmig_drain_nodes(nodes);
}

/* Other CPUs may sit on what nodes have free */
static bool displace_drain(struct swapmig_goal *goal, int from)
{
	struct swapmig_push *push = &goal->push;
	nodemask_t nodes = goal->nodes;

	if (push->got - push->drained_at >= DISPLACE_DRAIN_EACH) {
		push->drained_at = push->got;
		nodes_clear(push->drained);
	}
	node_set(from, nodes);
	nodes_andnot(nodes, nodes, push->drained);
	if (nodes_empty(nodes))
		return false;
	displace_drain_nodes(push, &nodes);
	return true;
}

/**
 * swapmig_drain_room - is there room, with what all CPUs have in hand?
 * @goal:	goal of a request
 *
 * Context: process; no locks held.  Sleeps.
 * Return: true if there is.
 */
bool swapmig_drain_room(struct swapmig_goal *goal)
{
	displace_drain_nodes(&goal->push, &goal->nodes);
	return swapmig_room(goal, NULL);
}

/**
 * swapmig_displace_end - leave the nodes of a request as one would find them
 * @goal:	the goal of a request that ends
 *
 * Context: process; no locks held.  Sleeps.
 */
void swapmig_displace_end(struct swapmig_goal *goal)
{
	nodemask_t nodes;

	nodes_or(nodes, goal->were, goal->vacates);
	displace_forget(&goal->push);
	/* What CPUs have at hand is not above the watermark, as others see it */
	if (goal->push.asked)
		swapmig_drain_nodes(&nodes);
}

/* ------------------------------------------------------------------------- */
/* The engine                                                                 */
/* ------------------------------------------------------------------------- */

/* Is there anybody who may make way to a node? */
static bool displace_helps(const struct swapmig_goal *goal, int to)
{
	int nid;

	for_each_node_mask(nid, goal->nodes)
		if (nid != to && !test_bit(displace_dry(nid, to), goal->push.dry))
			return true;
	return false;
}

/* Of two nodes that pages come from, are others to make way to the first? */
static bool displace_prefers(const struct swapmig_goal *goal, int nid, int other)
{
	bool helps = displace_helps(goal, nid);

	if (helps != displace_helps(goal, other))
		return helps;
	return swapmig_node_room(nid, 0) > swapmig_node_room(other, 0);
}

/* Returns the number of pages that need room */
static unsigned long displace_ask(struct list_head *folios,
				  const struct swapmig_goal *goal,
				  struct displace_need *need)
{
	nodemask_t nodes = NODE_MASK_NONE;
	struct folio *folio;
	int nid;

	*need = (struct displace_need) { .from = NUMA_NO_NODE };
	list_for_each_entry(folio, folios, lru) {
		unsigned long pages = folio_nr_pages(folio);

		/* Those have a pool of their own, as long as it has one; these stay */
		if ((folio_test_hugetlb(folio) && !goal->no_huge) ||
		    folio_order(folio) > MAX_PAGE_ORDER || swapmig_pinned(folio))
			continue;
		node_set(folio_nid(folio), nodes);
		need->pages += pages;
		need->small += pages == 1;
		need->large = max(need->large, pages);
	}
	for_each_node_mask(nid, nodes)
		if (need->from == NUMA_NO_NODE || displace_prefers(goal, nid, need->from))
			need->from = nid;
	if (need->large > 1UL << PAGE_ALLOC_COSTLY_ORDER)
		need->more = 2 * need->large;
	return need->pages;
}

/* Splits one that does not fit.  Its parts are isolated, and counted, as it was. */
static bool displace_split(struct list_head *folios, struct swapmig_goal *goal)
{
	unsigned long large;
	struct folio *folio;
	bool split;

	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) || goal->soft ||
	    !swapmig_room(goal, &large))
		return false;
	list_for_each_entry(folio, folios, lru) {
		if (!folio_test_large(folio) || folio_test_hugetlb(folio) ||
		    folio_nr_pages(folio) <= large || !folio_trylock(folio))
			continue;
		split = !split_folio_to_list(folio, folios);
		folio_unlock(folio);
		if (split)
			return true;
	}
	return false;
}

/* There is nobody to make way.  Returns false if it is no use to wait for that. */
static bool displace_nobody(struct swapmig_goal *goal)
{
	struct swapmig_push *push = &goal->push;
	int nid;

	if (goal->soft || !push->leaving || !swapmig_wait_others(goal))
		return false;
	/* Who got on may have left room; news are worth one wait, if nobody looks any more */
	if ((!swapmig_room(goal, NULL) || nodes_intersects(push->news, goal->nodes)) &&
	    !swapmig_rescan(push, &push->rescans, DISPLACE_RESCANS))
		for_each_node_mask(nid, goal->nodes)
			node_clear(nid, push->news);
	return true;
}

/* Few at a time, as each attempt looks at all of them.  Returns as swapmig_displace(). */
static int displace_batch(struct list_head *folios, struct swapmig_goal *goal)
{
	struct swapmig_push *push = &goal->push;
	struct displace_need need;
	int tries = 0, err;

	displace_ask(folios, goal, &need);
	while (need.pages && tries < DISPLACE_TRIES && !fatal_signal_pending(current)) {
		unsigned long pages = swapmig_count_pages(folios);
		unsigned long asked = need.pages, made = 0;

		need.again = tries;
		if (!displace_enough(goal, &need))
			made = displace_make_room(goal, &need);
		err = swapmig_direct(folios, goal);
		displace_ask(folios, goal, &need);
		/* What was pinned meanwhile needs no room, but has not been placed */
		pages = min(asked, pages - swapmig_count_pages(folios));
		if (pages) {
			swapmig_placed(goal, pages);
			swapmig_got(push, pages);
			tries = 0;
			continue;
		}
		/* There is a hole, but it is smaller than the next one */
		if (displace_split(folios, goal)) {
			displace_ask(folios, goal, &need);
			continue;
		}
		if (displace_enough(goal, &need)) {
			/* It was gone for a moment; or it is no block, and one was busy */
			if (err != -ENOMEM)
				return 0;
			if (++tries < DISPLACE_TRIES && goal->no_block &&
			    swapmig_wait(folios, goal) <= 0)
				tries = DISPLACE_TRIES - 1;
			continue;
		}
		/* More is made, then others are asked */
		if (!tries++ && swapmig_room(goal, NULL))
			continue;
		if (made || displace_drain(goal, need.from))
			continue;
		if (!displace_nobody(goal))
			break;
		tries = 0;
	}
	if (!need.pages || fatal_signal_pending(current))
		return 0;
	push->lacking = true;
	push->lacking_small |= !goal->no_block;
	/* What is smaller than these may find room yet, or what is on other nodes */
	return swapmig_room(goal, NULL) || goal->from == NUMA_NO_NODE ? 0 : -ENOMEM;
}

/**
 * swapmig_displace - engine "displace": make room, then let the kernel migrate
 * @folios:	isolated folios; those that stayed afterwards
 * @goal:	where they are to go; what it knows of the nodes is updated
 *
 * Context: process; no locks held.  Sleeps.  Ends early when a fatal signal is
 * pending.
 * Return: 0; or -ENOMEM, without room for all of them.
 */
int swapmig_displace(struct list_head *folios, struct swapmig_goal *goal)
{
	struct displace_need need;

	swapmig_asks(goal, displace_ask(folios, goal, &need));
	goal->push.lacking = false;
	goal->push.lacking_small = false;
	swapmig_batches(folios, goal, displace_batch);
	if (!goal->push.lacking || !displace_ask(folios, goal, &need))
		return 0;
	goal->no_block = !goal->push.lacking_small;
	/* What is left for another sweep may find room there, but for what is only preferred */
	if (goal->hold <= goal->soft && !fatal_signal_pending(current))
		swapmig_count_no_victim(need.pages - (goal->no_block ? need.small : 0));
	return -ENOMEM;
}
