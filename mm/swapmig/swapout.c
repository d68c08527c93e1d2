// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: engine "swapout".
 *
 * Evicts a list of isolated folios in passes, with the eviction code of
 * mm/vmscan.c.  The first pass waits for nothing and starts writeout.  Later
 * ones wait for locks and for writeback, because a folio that is still in the
 * swap cache, or in the page cache, has not left its node.
 */

#include <linux/backing-dev.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "internal.h"

/*
 * An application that touches a folio between any two passes wins after so many.
 * A pass over folios that cannot go is cheap, so there is no earlier end.
 */
#define SWAPOUT_PASSES		10

/* ------------------------------------------------------------------------- */
/* What may be evicted                                                        */
/* ------------------------------------------------------------------------- */

static bool swapout_has_slot(struct folio *folio)
{
	struct mem_cgroup *memcg;
	long free;

	if (folio_test_swapcache(folio))
		return true;
	/* A large folio is split when no slot takes it whole, so one will do */
	rcu_read_lock();
	memcg = folio_memcg(folio);
	free = memcg ? mem_cgroup_get_nr_swap_pages(memcg) : get_nr_swap_pages();
	rcu_read_unlock();
	return free > 0;
}

/*
 * Reclaim would find all this out, but only after it unmapped the folio, or
 * split it, for nothing.
 */
static bool swapout_may_evict(struct folio *folio)
{
	if (folio_test_hugetlb(folio) || __folio_test_movable(folio))
		return false;
	/* Its owner freed it meanwhile */
	if (folio_ref_count(folio) == 1)
		return true;
	if (folio_test_unevictable(folio) ||
	    !folio_evictable(folio) || folio_maybe_dma_pinned(folio))
		return false;
	return !folio_test_swapbacked(folio) || swapout_has_slot(folio);
}

/* ------------------------------------------------------------------------- */
/* Between two passes                                                         */
/* ------------------------------------------------------------------------- */

/*
 * Reclaim leaves dirty page cache to the flusher threads.  Start writing the
 * folios from @first on that follow each other in one file; returns the last.
 */
static struct folio *swapout_write_file(struct list_head *folios,
					struct folio *first)
{
	struct address_space *mapping = NULL;
	struct folio *last = first;
	struct inode *inode = NULL;
	loff_t start, end;

	folio_lock(first);
	if (first->mapping && !folio_test_anon(first) &&
	    !folio_test_swapbacked(first) && folio_test_dirty(first) &&
	    mapping_can_writeback(first->mapping)) {
		mapping = first->mapping;
		inode = igrab(mapping->host);
	}
	start = folio_pos(first);
	end = start + folio_size(first);
	folio_unlock(first);
	if (!inode)
		return first;

	/* A folio that is truncated meanwhile only makes the range too long */
	while (!list_is_last(&last->lru, folios)) {
		struct folio *next = list_next_entry(last, lru);

		if (READ_ONCE(next->mapping) != mapping ||
		    folio_pos(next) != end)
			break;
		end += folio_size(next);
		last = next;
	}
	/* An error is the file's: it stays recorded in the mapping for fsync() */
	filemap_fdatawrite_range(mapping, start, end - 1);
	iput(inode);
	return last;
}

static void swapout_start_writeback(struct list_head *folios)
{
	struct folio *folio;

	list_for_each_entry(folio, folios, lru) {
		if (folio_test_swapbacked(folio) || !folio_test_dirty(folio))
			continue;
		folio = swapout_write_file(folios, folio);
	}
}

static void swapout_wait(struct list_head *folios)
{
	struct folio *folio;

	list_for_each_entry(folio, folios, lru) {
		if (fatal_signal_pending(current))
			return;
		folio_wait_writeback(folio);
		folio_wait_locked(folio);
	}
}

/* ------------------------------------------------------------------------- */
/* Passes                                                                     */
/* ------------------------------------------------------------------------- */

/* One pass over folios of one node.  What could not be evicted stays. */
static void swapout_pass(struct list_head *folios, int from, int nid)
{
	struct reclaim_state rs = { .forward = nid + 1 };
	struct folio *folio, *next;
	unsigned int flags;
	LIST_HEAD(later);

	list_for_each_entry_safe(folio, next, folios, lru) {
		folio_clear_active(folio);
		if (folio_ref_count(folio) == 1) {
			/* Freed by its owner: ours is the last reference */
			folio_clear_unevictable(folio);
			list_del(&folio->lru);
			folio_put(folio);
		} else if (folio_test_unevictable(folio) ||
			   swapmig_forward_retag(folio, nid, true)) {
			/* Reclaim wants it evictable; untagged it came back anywhere */
			list_move_tail(&folio->lru, &later);
		}
	}

	flags = memalloc_noreclaim_save();
	current->reclaim_state = &rs;
	reclaim_isolated_folios(folios, NODE_DATA(from));
	current->reclaim_state = NULL;
	memalloc_noreclaim_restore(flags);
	list_splice_tail(&later, folios);
}

static void swapout_node(struct list_head *folios, int from, int nid)
{
	struct swapmig_pages before, after;
	int pass;

	before = swapmig_count_pages(folios);
	for (pass = 0; pass < SWAPOUT_PASSES && !list_empty(folios); pass++) {
		if (pass) {
			swapout_start_writeback(folios);
			swapout_wait(folios);
			if (fatal_signal_pending(current))
				break;
		}
		swapout_pass(folios, from, nid);
		cond_resched();
	}

	/* What was evicted was freed, and nobody else takes it off the count */
	after = swapmig_count_pages(folios);
	mod_node_page_state(NODE_DATA(from), NR_ISOLATED_ANON,
			    after.anon - before.anon);
	mod_node_page_state(NODE_DATA(from), NR_ISOLATED_FILE,
			    after.file - before.file);
	count_vm_events(SWAPMIG_EVICTED, before.anon + before.file -
			after.anon - after.file);
}

/**
 * swapout_pages - evict isolated folios
 * @folios:	isolated folios of any nodes, counted in NR_ISOLATED_*
 * @nid:	node that their swap slots are tagged with, or NUMA_NO_NODE
 *
 * What could not be evicted stays on @folios, isolated and counted, its content
 * intact: hugetlb, mlocked and pinned folios, and those that find no swap space,
 * meet an I/O error, or are touched again in every pass.  The caller puts them
 * back.  What was evicted has left NR_ISOLATED_*.
 *
 * Context: process, not inside of reclaim; no locks held.  Sleeps on I/O.  Ends
 * between two passes when a fatal signal is pending.
 * Return: the number of folios not evicted; a large folio counts as one.
 */
unsigned int swapout_pages(struct list_head *folios, int nid)
{
	LIST_HEAD(kept);
	LIST_HEAD(node_folios);

	if (WARN_ON_ONCE(current->reclaim_state))
		return swapmig_count_folios(folios);

	/* Reclaim takes folios of one node at a time */
	while (!list_empty(folios)) {
		struct folio *folio, *next;
		int from = folio_nid(list_first_entry(folios, struct folio,
						      lru));

		list_for_each_entry_safe(folio, next, folios, lru) {
			if (!swapout_may_evict(folio))
				list_move_tail(&folio->lru, &kept);
			else if (folio_nid(folio) == from)
				list_move_tail(&folio->lru, &node_folios);
		}
		swapout_node(&node_folios, from, nid);
		list_splice_tail_init(&node_folios, &kept);
	}
	list_splice(&kept, folios);
	return swapmig_count_folios(folios);
}
