// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: requests that are in each other's way.
 *
 * What one of them has in hand, or is about to move, makes way for another in a moment.
 * So they wait for each other, as long as any of them gets on.
 */

#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>

#include "../internal.h"
#include "internal.h"

/*
 * Naps for other requests: in a row while none of them places a page, the same when
 * all of them only wait, and in all, beside one for each page that gets room here.
 */
#define OTHERS_NAP		max(HZ / 100, 1)
#define OTHERS_NAPS		(10 * HZ / OTHERS_NAP)
#define OTHERS_NAPS_STUCK	10
#define OTHERS_NAPS_IN_ALL	(30 * HZ / OTHERS_NAP)

/*
 * Sweeps more over the range because other requests have some of it in hand, or are
 * about to leave room, while none places a page; in all because somebody else has some
 * of it in hand, such as compaction; and, while none is placed, because somebody writes
 * what might make way, or has taken the room of those that would.
 */
#define OTHERS_CROWDED		32
#define OTHERS_HELD		8
#define OTHERS_LATER		2

/* Pages that get room for each that is to move, until it is plain that others undo it */
#define OTHERS_UNDONE		2

/* Most naps before such a sweep */
#define OTHERS_CROWDED_ROOM	64
#define OTHERS_CROWDED_HAND	8
#define OTHERS_HELD_NAPS	64

/* Looks at all of a node before another sweep */
#define OTHERS_RESWEEPS		32

/*
 * Pages that requests placed which vacate a node, to see whether these get on; those of
 * one that vacates several count for each.
 */
static atomic_long_t others_left[MAX_NUMNODES];

/* ------------------------------------------------------------------------- */
/* Who gets on?                                                               */
/* ------------------------------------------------------------------------- */

/* Pages that others have placed so far which vacate nodes of a goal */
static long others_placed(const struct swapmig_goal *goal)
{
	long pages = 0;
	int nid;

	for_each_node_mask(nid, goal->nodes)
		pages += atomic_long_read(&others_left[nid]);
	return pages;
}

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
			atomic_long_add(pages, &others_left[nid]);
}

/* ------------------------------------------------------------------------- */
/* Waits                                                                      */
/* ------------------------------------------------------------------------- */

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
	if (goal->push.naps >= OTHERS_NAPS_IN_ALL)
		return false;
	goal->push.naps++;
	schedule_timeout_killable(OTHERS_NAP);
	return !fatal_signal_pending(current) && !swapmig_orphaned(goal->mm);
}

/*
 * Naps before the @nth sweep more: twice as many each time, until @most.  Returns false
 * if that is no use any more.  All CPUs may fill their LRU batches meanwhile.
 */
static bool others_naps(struct swapmig_goal *goal, int nth, int most)
{
	int naps = nth < ilog2(most) ? 1 << nth : most;

	lru_cache_enable();
	while (naps > 0 && swapmig_nap(goal))
		naps--;
	lru_cache_disable();
	return naps <= 0;
}

/**
 * swapmig_got - a request gets on, so it may wait once more; unless others undo it
 * @push:	how it makes room
 * @pages:	pages that were placed into room that was made
 */
void swapmig_got(struct swapmig_push *push, unsigned long pages)
{
	push->got += pages;
	if (push->got > OTHERS_UNDONE * push->asked)
		return;
	push->naps -= min_t(unsigned long, push->naps, pages);
	push->crowded = 0;
	push->later = 0;
	push->vain = false;
}

/**
 * swapmig_wait_others - wait for those whose pages are in the way
 * @goal:	goal of a request that finds no victim
 *
 * They will move them where they belong.
 *
 * Context: process; no locks held, lru_cache_disable() called.  Sleeps.
 * Return: false if none gets on, or if that has not helped this request for long.
 */
bool swapmig_wait_others(struct swapmig_goal *goal)
{
	long placed = others_placed(goal);
	unsigned long room = swapmig_room(goal, NULL);
	int naps, stuck = 0;
	bool on = false;

	if (goal->push.vain || goal->push.naps >= OTHERS_NAPS_IN_ALL)
		return false;
	swapmig_run_waits(goal, true);
	lru_cache_enable();
	for (naps = 0; !on && naps < OTHERS_NAPS && swapmig_nap(goal); naps++) {
		on = others_placed(goal) != placed ||
		     nodes_intersects(goal->push.news, goal->nodes) ||
		     swapmig_room(goal, NULL) > room;
		/* For us, as we for them */
		stuck = swapmig_run_all_wait() ? stuck + 1 : 0;
		if (stuck >= OTHERS_NAPS_STUCK)
			break;
	}
	swapmig_run_waits(goal, false);
	lru_cache_disable();
	/* Nor will it help the next pages, unless they find room otherwise */
	goal->push.vain = !on;
	/* What others left may be in other CPUs' hands */
	return on || swapmig_drain_room(goal);
}

/* The same if somebody has some of it in @hand, or what might make way cannot do so yet */
static bool others_naps_in_hand(struct swapmig_goal *goal, bool hand, int nth, int most)
{
	struct swapmig_push *push = &goal->push;
	bool soon = push->soon && goal->tally.stayed[SWAPMIG_NO_ROOM] &&
		    push->later < OTHERS_LATER;

	if (soon) {
		most = OTHERS_HELD_NAPS;
		nth = most;
	}
	if ((!soon && !hand) || !others_naps(goal, nth, most))
		return false;
	if (soon) {
		push->later++;
		swapmig_rescan(push, &push->resweeps, OTHERS_RESWEEPS);
	}
	return true;
}

/* Another request handles the same folios.  Returns false if it is no use to wait. */
static bool others_crowded(struct swapmig_goal *goal)
{
	const unsigned long *stayed = goal->tally.stayed;
	struct swapmig_push *push = &goal->push;
	int nth = push->crowded++;
	bool again, on;

	if (nth >= OTHERS_CROWDED)
		return false;
	if (stayed[SWAPMIG_NO_ROOM] && !push->vain && swapmig_run_vacated(goal)) {
		if (!others_naps(goal, nth, OTHERS_CROWDED_ROOM))
			return false;
		again = swapmig_rescan(push, &push->resweeps, OTHERS_RESWEEPS);
		/* Room that was no use in the last sweep is none in the next */
		on = !nth || push->placed != push->swept;
		push->swept = push->placed;
		return (swapmig_drain_room(goal) && on) || (again && swapmig_wait_others(goal));
	}
	return others_naps_in_hand(goal, goal->held || stayed[SWAPMIG_WRITEBACK], nth + 1,
				   OTHERS_CROWDED_HAND);
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
	bool hand;

	if (!swapmig_quiet(goal) || goal->soft || goal->hurry)
		return false;
	if (swapmig_run_others(goal))
		return others_crowded(goal);
	hand = goal->held && push->held < OTHERS_HELD;
	push->held += hand;
	return others_naps_in_hand(goal, hand, push->held, OTHERS_HELD_NAPS);
}
