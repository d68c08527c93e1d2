// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: engine "swapout", page eviction.
 *
 * Evicts isolated folios in passes, by the eviction code of mm/vmscan.c.  The
 * first pass waits for nothing and starts writeout.  Later ones wait for locks
 * and for writeback, because a folio that is still in the swap cache, or in the
 * page cache, has not left its node.
 */

#include <linux/hugetlb.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "../internal.h"
#include "internal.h"

/*
 * An application that touches a folio between any two passes wins after so many.
 * A pass over folios that cannot go is cheap, so there is no earlier end.
 */
#define SWAPOUT_PASSES	10

/* ------------------------------------------------------------------------- */
/* What may be evicted                                                        */
/* ------------------------------------------------------------------------- */

/**
 * swapout_has_slot - is there room in swap for a folio?
 * @folio:	isolated folio that is backed by swap
 *
 * Return: true if it has a slot, or if its memory cgroup may have another.
 */
bool swapout_has_slot(struct folio *folio)
{
	struct mem_cgroup *memcg;
	long free;

	if (folio_test_swapcache(folio))
		return true;
	rcu_read_lock();
	memcg = folio_memcg(folio);
	free = memcg ? mem_cgroup_get_nr_swap_pages(memcg) : get_nr_swap_pages();
	rcu_read_unlock();
	return free > 0;
}

/*
 * Reclaim would find all this out, but only after it unmapped the folio for
 * nothing; and an unevictable one it must not even see.
 */
static bool swapout_may_evict(struct folio *folio)
{
	if (folio_test_hugetlb(folio) || folio_test_unevictable(folio) ||
	    !folio_evictable(folio) || swapmig_pinned(folio))
		return false;
	return !folio_test_swapbacked(folio) || swapout_has_slot(folio);
}

/* ------------------------------------------------------------------------- */
/* Passes                                                                     */
/* ------------------------------------------------------------------------- */

/* One pass over folios of one node.  What could not be evicted stays. */
static void swapout_pass(struct list_head *folios, int from,
			 const struct swapmig_goal *goal)
{
	int nid = goal->tag ? goal->nid : NUMA_NO_NODE;
	struct folio *folio, *next;
	unsigned int noreclaim;
	struct mempolicy *old;
	LIST_HEAD(later);
	nodemask_t mems;

	list_for_each_entry_safe(folio, next, folios, lru) {
		folio_clear_active(folio);
		if (swapmig_free_abandoned(folio))
			continue;
		if (!swapout_may_evict(folio) || swapmig_tag_folio(folio, nid))
			list_move_tail(&folio->lru, &later);
	}

	/*
	 * Not for longer than this: where memory is allocated with reclaim, that
	 * may need slots for the pages of others.
	 */
	noreclaim = memalloc_noreclaim_save();
	old = swapmig_enter_policy(goal->nid, goal->tag, &mems);
	swapmig_count_evicted(evict_isolated_folios(folios, NODE_DATA(from)));
	swapmig_leave_policy(old, &mems);
	memalloc_noreclaim_restore(noreclaim);
	list_splice_tail(&later, folios);
}

static void swapout_node(struct list_head *folios, int from,
			 struct swapmig_goal *goal)
{
	int pass;

	for (pass = 0; pass < SWAPOUT_PASSES && !list_empty(folios); pass++) {
		if (pass) {
			swapmig_start_writeback(folios);
			if (swapmig_wait(folios, goal) < 0)
				break;
		}
		swapout_pass(folios, from, goal);
		cond_resched();
	}
}

/**
 * swapout_pages - engine "swapout": evict isolated folios
 * @folios:	isolated folios of any nodes; those that stayed afterwards
 * @goal:	where they are to come back; @goal->hurry is updated
 *
 * What stays has its content: hugetlb, mlocked and pinned folios, and those that
 * find no swap space, meet an I/O error, are under writeback to a device that
 * does not answer, or are touched again in every pass.
 *
 * Reclaim may change what a folio counts as in NR_ISOLATED_*, so the list is off
 * that count while it works.
 *
 * Context: process, not inside of reclaim; no locks held.  Sleeps on I/O.  Ends
 * between two passes when a fatal signal is pending.
 * Return: 0.
 */
int swapout_pages(struct list_head *folios, struct swapmig_goal *goal)
{
	struct folio *folio, *next;
	LIST_HEAD(node_folios);
	LIST_HEAD(kept);

	might_sleep();
	swapmig_settle(folios);

	/* Reclaim takes folios of one node at a time */
	while (!list_empty(folios)) {
		int from = folio_nid(list_first_entry(folios, struct folio, lru));

		list_for_each_entry_safe(folio, next, folios, lru)
			if (folio_nid(folio) == from)
				list_move_tail(&folio->lru, &node_folios);
		swapout_node(&node_folios, from, goal);
		list_splice_tail_init(&node_folios, &kept);
	}

	list_for_each_entry_safe(folio, next, &kept, lru)
		swapmig_free_abandoned(folio);
	swapmig_unsettle(&kept);
	list_splice(&kept, folios);
	return 0;
}
