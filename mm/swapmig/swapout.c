// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: page eviction.
 *
 * Evicts isolated folios in passes, by the eviction code of mm/vmscan.c.  The
 * first pass waits for nothing and starts writeout.  Later ones wait for locks
 * and for writeback, because a folio that is still in the swap cache, or in the
 * page cache, has not left its node.
 */

#include <linux/backing-dev.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/writeback.h>

#include "../internal.h"
#include "internal.h"

/*
 * An application that touches a folio between any two passes wins after so many.
 * A pass over folios that cannot go is cheap, so there is no earlier end.
 */
#define SWAPOUT_PASSES	10

/* A device, or a server, from which nothing comes back for so long is given up */
#define SWAPOUT_PATIENCE	(10 * HZ)

/* ------------------------------------------------------------------------- */
/* What may be evicted                                                        */
/* ------------------------------------------------------------------------- */

static bool swapout_has_slot(struct folio *folio)
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
	    !folio_evictable(folio) || folio_maybe_dma_pinned(folio))
		return false;
	return !folio_test_swapbacked(folio) || swapout_has_slot(folio);
}

/* Its owner freed it meanwhile, and ours is the last reference: that is no failure */
static bool swapout_free_abandoned(struct folio *folio)
{
	if (folio_ref_count(folio) != 1 || folio_test_hugetlb(folio))
		return false;
	folio_clear_active(folio);
	folio_clear_unevictable(folio);
	list_del(&folio->lru);
	folio_put(folio);
	return true;
}

/* ------------------------------------------------------------------------- */
/* Between two passes                                                         */
/* ------------------------------------------------------------------------- */

static bool swapout_wants_write(const struct folio *folio)
{
	return !folio_test_swapbacked(folio) && folio_test_dirty(folio) &&
	       !folio_test_writeback(folio);
}

/*
 * Reclaim leaves dirty page cache to the flusher threads.  Start writing the
 * folios from @first on that follow each other in one file; returns the last.
 */
static struct folio *swapout_write_file(struct list_head *folios,
					struct folio *first)
{
	struct writeback_control wbc = {
		/* Starts writing, and waits for nothing that is written already */
		.sync_mode = WB_SYNC_NONE,
		.nr_to_write = LONG_MAX,
	};
	struct address_space *mapping = NULL;
	struct folio *last = first;
	struct inode *inode = NULL;
	loff_t end;

	if (!folio_trylock(first))
		return first;
	if (first->mapping && !folio_test_anon(first) &&
	    swapout_wants_write(first) && mapping_can_writeback(first->mapping)) {
		mapping = first->mapping;
		inode = igrab(mapping->host);
	}
	wbc.range_start = folio_pos(first);
	end = wbc.range_start + folio_size(first);
	folio_unlock(first);
	if (!inode)
		return first;

	/* A folio that is truncated meanwhile only makes the range too long */
	while (!list_is_last(&last->lru, folios)) {
		struct folio *next = list_next_entry(last, lru);

		if (READ_ONCE(next->mapping) != mapping || folio_pos(next) != end)
			break;
		end += folio_size(next);
		last = next;
	}
	/* An error is the file's: it stays recorded in the mapping for fsync() */
	wbc.range_end = end - 1;
	filemap_fdatawrite_wbc(mapping, &wbc);
	iput(inode);
	return last;
}

static void swapout_start_writeback(struct list_head *folios)
{
	struct folio *folio;

	list_for_each_entry(folio, folios, lru)
		if (swapout_wants_write(folio))
			folio = swapout_write_file(folios, folio);
}

/* Waits for what is locked or being written; false: not worth another pass */
static bool swapout_wait(struct list_head *folios, struct swapmig_goal *goal)
{
	unsigned long since = jiffies;
	struct folio *folio;

	list_for_each_entry(folio, folios, lru) {
		while (folio_test_writeback(folio) || folio_test_locked(folio)) {
			if (time_after(jiffies, since + SWAPOUT_PATIENCE))
				goal->hurry = true;
			if (goal->hurry || fatal_signal_pending(current))
				return false;
			schedule_timeout_killable(1);
		}
		/* Only a while in which none of them comes back is too long */
		since = jiffies;
	}
	return true;
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
		if (swapout_free_abandoned(folio))
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
	evict_isolated_folios(folios, NODE_DATA(from));
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
			swapout_start_writeback(folios);
			if (!swapout_wait(folios, goal))
				break;
		}
		swapout_pass(folios, from, goal);
		cond_resched();
	}
}

/**
 * swapout_pages - evict isolated folios, and put back what stays
 * @folios:	isolated folios of any nodes, counted in NR_ISOLATED_*; empty
 *		afterwards
 * @goal:	where they are to come back; @goal->hurry and unseen are updated
 *
 * What stays has its content: hugetlb, mlocked and pinned folios, and those that
 * find no swap space, meet an I/O error, are under writeback to a device that
 * does not answer, or are touched again in every pass.
 *
 * Context: process, not inside of reclaim; no locks held.  Sleeps on I/O.  Ends
 * between two passes when a fatal signal is pending.
 * Return: the number of folios not evicted, without those in @goal->unseen; a
 * large folio counts as one.
 */
unsigned int swapout_pages(struct list_head *folios, struct swapmig_goal *goal)
{
	struct folio *folio, *next;
	LIST_HEAD(node_folios);
	unsigned int left = 0;
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

	list_for_each_entry_safe(folio, next, &kept, lru) {
		if (swapout_free_abandoned(folio))
			continue;
		/* Reclaim unmaps before it knows; by its slot a page is found again */
		if (folio_test_anon(folio) || folio_test_swapcache(folio) ||
		    folio_mapped(folio))
			left++;
		else
			goal->unseen++;
	}
	swapmig_putback(&kept);
	return left;
}
