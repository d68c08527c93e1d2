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

/* Attempts that place nothing, though something made way, before it is no use */
#define DISPLACE_TRIES		4

/* Pages that may make way for each that is to move */
#define DISPLACE_BUDGET		3L

/*
 * Naps for other requests: in a row while none of them places a page, the same when
 * all of them only wait, and in all, beside one for each page that gets room here.
 */
#define DISPLACE_NAP		max(HZ / 100, 1)
#define DISPLACE_NAPS		(10 * HZ / DISPLACE_NAP)
#define DISPLACE_NAPS_STUCK	10
#define DISPLACE_NAPS_IN_ALL	(30 * HZ / DISPLACE_NAP)

/*
 * Sweeps more over the range because other requests have some of it in hand, or are
 * about to leave room, while none places a page; and in all because somebody else has
 * some of it in hand, such as compaction.
 */
#define DISPLACE_CROWDED	32
#define DISPLACE_HELD		8

/* Pages that get room for each that is to move, until it is plain that others undo it */
#define DISPLACE_UNDONE		2

/* Most naps before such a sweep */
#define DISPLACE_CROWDED_ROOM	64
#define DISPLACE_CROWDED_HAND	8
#define DISPLACE_HELD_NAPS	64

/*
 * Looks at all of a node because others got on, and before another sweep; one more for
 * so many pages that got room.
 */
#define DISPLACE_RESCANS	8
#define DISPLACE_RESWEEPS	32
#define DISPLACE_RESCANS_EACH	2048

/*
 * Pages that requests placed which vacate a node, to see whether these get on; those of
 * one that vacates several count for each.
 */
static atomic_long_t displace_left[MAX_NUMNODES];

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
		push->lacked += max(-swapmig_node_room(nid), 0L);
	return scan;
}

/* Nobody on @nid can make way to @to: the bit that says so */
static unsigned int displace_dry(int nid, int to)
{
	return nid % SWAPMIG_DRY_NODES * SWAPMIG_DRY_NODES + to % SWAPMIG_DRY_NODES;
}

/*
 * How many pages may make way at once, and the room that there is for them.  The
 * other node may use up its slack, because it gets as many back as soon as this one
 * has room; beyond that, what needs none may still make way.
 */
static long displace_portion(const struct swapmig_goal *goal, int nid, int to,
			     long pages, long *room)
{
	const struct swapmig_push *push = &goal->push;
	long have = swapmig_node_room(nid), batch = goal->batch;
	long budget = DISPLACE_BUDGET * push->asked + push->lacked - push->displaced;

	*room = swapmig_node_room(to);
	/* There is a hole: it has to rotate first */
	if (have >= batch && *room < batch)
		return 0;
	*room = min(*room + SWAPMIG_SLACK, budget);
	return max(min3(pages - have, batch, budget), 0L);
}

/* Makes room for @pages on node @nid.  Returns the number of those that left it. */
static unsigned long displace_node(struct swapmig_goal *goal, int nid, int to,
				   unsigned long pages)
{
	unsigned long moved = 0, dropped = 0, before;
	struct swapmig_scan *scan;
	long portion, room;

	if (test_bit(displace_dry(nid, to), goal->push.dry))
		return 0;
	scan = displace_scan(goal, nid, to);
	before = scan->scanned;
	while (!scan->over && !fatal_signal_pending(current) &&
	       (portion = displace_portion(goal, nid, to, pages, &room))) {
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
	goal->push.leaving |= scan->leaving;
	if (scan->scanned == before)
		return 0;
	swapmig_count_displaced(moved, dropped, scan->scanned - before);
	trace_swapmig_displace(goal->pid, nid, to, pages, scan->scanned - before,
			       moved, dropped);
	return moved + dropped;
}

/* What folios ask for, in base pages */
struct displace_need {
	unsigned long pages;
	unsigned long large;	/* the largest of them, on one node */
	unsigned long more;	/* that compaction wants, to make that of what is free */
	int from;		/* of their nodes the one with most room */
};

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

	if (swapmig_node_room(need->from) > (long)(pages + 2 * need->more))
		pages += need->more;
	for_each_node_mask(nid, goal->nodes) {
		if (nid == need->from || !node_state(nid, N_MEMORY))
			continue;
		left += displace_node(goal, nid, need->from, pages);
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

/*
 * Other CPUs may sit on what nodes have free.  Once is enough for so many pages that
 * are placed.
 */
static bool displace_drain(struct swapmig_goal *goal, int from)
{
	struct swapmig_push *push = &goal->push;
	nodemask_t nodes = goal->nodes;

	if (push->got - push->drained_at >= SWAPMIG_SLACK) {
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

/* Is there room, with what all CPUs have in hand? */
static bool displace_drain_room(struct swapmig_goal *goal)
{
	displace_drain_nodes(&goal->push, &goal->nodes);
	return swapmig_room(goal, NULL);
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
	push->leaving = false;
}

/* The same; but a look at all of a node is dear.  Returns whether one is due. */
static bool displace_rescan(struct swapmig_push *push, unsigned int *nr, unsigned int most)
{
	if (*nr >= most + push->got / DISPLACE_RESCANS_EACH)
		return false;
	(*nr)++;
	displace_forget(push);
	return true;
}

/**
 * swapmig_displace_end - leave the nodes of a request as one would find them
 * @goal:	the goal of a request that ends
 *
 * Context: process; no locks held.  Sleeps.
 */
void swapmig_displace_end(struct swapmig_goal *goal)
{
	displace_forget(&goal->push);
	/* What CPUs have at hand is not above the watermark, as others see it */
	if (goal->push.asked)
		swapmig_drain_nodes(&goal->were);
}

/* ------------------------------------------------------------------------- */
/* The engine                                                                 */
/* ------------------------------------------------------------------------- */

/**
 * swapmig_placed - a request gets on
 * @goal:	its goal
 * @pages:	pages that were placed
 */
void swapmig_placed(struct swapmig_goal *goal, unsigned long pages)
{
	int nid;

	goal->push.placed += pages;
	if (goal->quiet)
		for_each_node_mask(nid, goal->vacates)
			atomic_long_add(pages, &displace_left[nid]);
}

/* Pages that other requests have placed so far which vacate the nodes of this one */
static unsigned long displace_others(const struct swapmig_goal *goal)
{
	unsigned long pages = 0;
	int nid;

	for_each_node_mask(nid, goal->nodes)
		pages += atomic_long_read(&displace_left[nid]);
	return pages;
}

/**
 * swapmig_nap - let other requests get on for a moment
 * @goal:	goal of the one that naps
 *
 * Context: process; no locks held.  Sleeps.
 * Return: false if a fatal signal is pending, if the address space has no owner any
 * more, or if it has not helped for long.
 */
bool swapmig_nap(struct swapmig_goal *goal)
{
	if (goal->push.naps >= DISPLACE_NAPS_IN_ALL)
		return false;
	goal->push.naps++;
	schedule_timeout_killable(DISPLACE_NAP);
	return !fatal_signal_pending(current) && !swapmig_orphaned(goal->mm);
}

/*
 * Naps before the @nth sweep more: twice as many each time, until @most.  Returns false
 * if that is no use any more.  All CPUs may fill their LRU batches meanwhile.
 */
static bool displace_naps(struct swapmig_goal *goal, int nth, int most)
{
	int naps = nth < ilog2(most) ? 1 << nth : most;

	lru_cache_enable();
	while (naps > 0 && swapmig_nap(goal))
		naps--;
	lru_cache_disable();
	return naps <= 0;
}

/* It gets on, so it may wait once more; unless others undo what it does */
static void displace_got(struct swapmig_push *push, unsigned long pages)
{
	push->got += pages;
	if (push->got > DISPLACE_UNDONE * push->asked)
		return;
	push->naps -= min_t(unsigned long, push->naps, pages);
	push->crowded = 0;
	push->vain = false;
}

/*
 * The pages that are in the way are those of another request, which will move them
 * where they belong.  Returns false if none gets on, or if that has not helped this
 * request for long.
 */
static bool displace_wait(struct swapmig_goal *goal)
{
	unsigned long left = displace_others(goal);
	int naps, stuck = 0;
	bool on = false;

	if (goal->push.vain || goal->push.naps >= DISPLACE_NAPS_IN_ALL)
		return false;
	swapmig_run_waits(goal, true);
	lru_cache_enable();
	for (naps = 0; !on && naps < DISPLACE_NAPS && swapmig_nap(goal); naps++) {
		on = displace_others(goal) != left;
		/* For us, as we for them */
		stuck = swapmig_run_all_wait() ? stuck + 1 : 0;
		if (stuck >= DISPLACE_NAPS_STUCK)
			break;
	}
	swapmig_run_waits(goal, false);
	lru_cache_disable();
	/* Nor will it help the next pages, unless they find room otherwise */
	goal->push.vain = !on;
	/* What others left may be in other CPUs' hands */
	return on || displace_drain_room(goal);
}

/* Another request handles the same folios.  Returns false if it is no use to wait. */
static bool displace_crowded(struct swapmig_goal *goal)
{
	const unsigned long *stayed = goal->tally.stayed;
	struct swapmig_push *push = &goal->push;
	int nth = push->crowded++;
	bool again, on;

	if (nth >= DISPLACE_CROWDED)
		return false;
	if (stayed[SWAPMIG_NO_ROOM] && !push->vain && swapmig_run_vacated(goal)) {
		if (!displace_naps(goal, nth, DISPLACE_CROWDED_ROOM))
			return false;
		again = displace_rescan(push, &push->resweeps, DISPLACE_RESWEEPS);
		/* Room that was no use in the last sweep is none in the next */
		on = !nth || push->placed != push->swept;
		push->swept = push->placed;
		return (displace_drain_room(goal) && on) || (again && displace_wait(goal));
	}
	return (goal->held || stayed[SWAPMIG_WRITEBACK]) &&
	       displace_naps(goal, nth + 1, DISPLACE_CROWDED_HAND);
}

/**
 * swapmig_crowded - let others get on who handle the same folios
 * @goal:	goal of a request that could not place all of its folios in this sweep
 *
 * What another request has in hand, or compaction, cannot be isolated for a moment,
 * and what made no way for it may make it afterwards.
 *
 * Context: process; no locks held.  Sleeps.
 * Return: true if it is worth to sweep once more.
 */
bool swapmig_crowded(struct swapmig_goal *goal)
{
	struct swapmig_push *push = &goal->push;

	if (!swapmig_quiet(goal) || goal->soft || goal->hurry)
		return false;
	if (swapmig_run_others(goal))
		return displace_crowded(goal);
	if (!goal->held || push->held++ >= DISPLACE_HELD)
		return false;
	return displace_naps(goal, push->held, DISPLACE_HELD_NAPS);
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
		need->large = max(need->large, pages);
	}
	for_each_node_mask(nid, nodes)
		if (need->from == NUMA_NO_NODE ||
		    swapmig_node_room(nid) > swapmig_node_room(need->from))
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
	if (goal->soft || !goal->push.leaving || !displace_wait(goal))
		return false;
	/* Who got on may have left room */
	if (!swapmig_room(goal, NULL))
		displace_rescan(&goal->push, &goal->push.rescans, DISPLACE_RESCANS);
	return true;
}

/* Few at a time, as each attempt looks at all of them.  Returns as swapmig_displace(). */
static int displace_batch(struct list_head *folios, struct swapmig_goal *goal)
{
	struct displace_need need;
	int tries = 0;

	displace_ask(folios, goal, &need);
	while (need.pages && tries < DISPLACE_TRIES && !fatal_signal_pending(current)) {
		unsigned long pages = swapmig_count_pages(folios);
		unsigned long asked = need.pages, made = 0;

		if (!displace_enough(goal, &need))
			made = displace_make_room(goal, &need);
		swapmig_direct(folios, goal);
		displace_ask(folios, goal, &need);
		/* What was pinned meanwhile needs no room, but has not been placed */
		pages = min(asked, pages - swapmig_count_pages(folios));
		if (pages) {
			swapmig_placed(goal, pages);
			displace_got(&goal->push, pages);
			tries = 0;
			continue;
		}
		/* There is a hole, but it is smaller than the next one */
		if (displace_split(folios, goal))
			continue;
		/* It was not for want of room */
		if (displace_enough(goal, &need))
			return 0;
		tries++;
		if (made || displace_drain(goal, need.from))
			continue;
		if (!displace_nobody(goal))
			break;
		tries = 0;
	}
	if (!need.pages)
		return 0;
	goal->push.lacking = true;
	/* What is smaller than these may find room yet */
	return swapmig_room(goal, NULL) ? 0 : -ENOMEM;
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
	swapmig_batches(folios, goal, displace_batch);
	if (!goal->push.lacking || !displace_ask(folios, goal, &need))
		return 0;
	/* What is left for another sweep may find room there, but for what is only preferred */
	if ((!goal->hold || goal->soft) && !fatal_signal_pending(current))
		swapmig_count_no_victim(need.pages);
	return -ENOMEM;
}
