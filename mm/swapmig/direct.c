// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: engine "direct", the kernel's own migration.
 *
 * It is only ever asked to migrate without waiting, which is also what it tries
 * first when it may wait.  What it leaves because it is locked, or being written,
 * is waited for here, where the wait has an end.
 */

#include <linux/fs.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "internal.h"

/* Each of them makes up to ten attempts */
#define DIRECT_PASSES	3

/*
 * Dirty pages of a file system that cannot migrate them: they have to be clean.
 * Returns true if there are any.
 */
static bool direct_clean(struct list_head *folios)
{
	struct folio *folio, *next;
	LIST_HEAD(dirty);

	list_for_each_entry_safe(folio, next, folios, lru) {
		struct address_space *mapping;

		if (!folio_test_dirty(folio) || folio_test_swapbacked(folio) ||
		    !folio_trylock(folio))
			continue;
		mapping = folio_mapping(folio);
		if (mapping && !mapping->a_ops->migrate_folio)
			list_move_tail(&folio->lru, &dirty);
		folio_unlock(folio);
	}
	if (list_empty(&dirty))
		return false;
	swapmig_start_writeback(&dirty);
	list_splice_tail(&dirty, folios);
	return true;
}

static int direct_passes(struct list_head *folios, struct swapmig_goal *goal,
			 new_folio_t *alloc, unsigned long private)
{
	int pass, ret = 0;

	for (pass = 0; !list_empty(folios) && pass < DIRECT_PASSES; pass++) {
		if (fatal_signal_pending(current))
			break;
		if (pass) {
			bool cleaned = direct_clean(folios);
			int waited = swapmig_wait(folios, goal);

			/* Once more for a reference that was about to go; then no more */
			if (waited < 0 || (pass > 1 && !waited && !cleaned))
				break;
		}
		ret = migrate_pages(folios, alloc, NULL, private, MIGRATE_ASYNC,
				    goal->reason, NULL);
		if (ret < 0)
			break;
	}
	return min(ret, 0);
}

/* Takes off the list what there is no room for */
static void direct_beyond(struct list_head *folios, struct list_head *beyond,
			  unsigned long room, unsigned long large)
{
	struct folio *folio, *next;

	list_for_each_entry_safe(folio, next, folios, lru) {
		unsigned long pages = folio_nr_pages(folio);

		/* A large one has to find room on one node; of several the same, for all we know */
		if (pages > room || (pages > 1 && pages > large)) {
			list_move_tail(&folio->lru, beyond);
			continue;
		}
		room -= pages;
		if (pages > 1)
			large -= pages;
	}
}

/* No block for one ends an attempt for all: then each large one has its own */
static int direct_each(struct list_head *folios, struct swapmig_goal *goal)
{
	unsigned long private = (unsigned long)goal;
	struct folio *folio, *next;
	LIST_HEAD(large);
	LIST_HEAD(one);
	int ret = direct_passes(folios, goal, swapmig_alloc_quiet, private);

	if (ret != -ENOMEM || list_is_singular(folios))
		return ret;
	list_for_each_entry_safe(folio, next, folios, lru)
		if (folio_test_large(folio))
			list_move_tail(&folio->lru, &large);
	if (list_empty(&large))
		return ret;
	/* The others are parts of one that was split */
	ret = direct_passes(folios, goal, swapmig_alloc_quiet, private);
	while (!list_empty(&large)) {
		list_move(large.next, &one);
		ret = direct_passes(&one, goal, swapmig_alloc_quiet, private) ?: ret;
		list_splice_tail_init(&one, folios);
	}
	return ret;
}

/* No more than there is room for, because nobody will reclaim any */
static int direct_quiet(struct list_head *folios, struct swapmig_goal *goal)
{
	unsigned long large, room;
	LIST_HEAD(beyond);
	int ret;

	if (list_empty(folios))
		return 0;
	/* With plenty of room there is no need to look at each */
	room = swapmig_room(goal, &large);
	if (large >> MAX_PAGE_ORDER < goal->batch)
		direct_beyond(folios, &beyond, room, large);
	ret = direct_each(folios, goal);
	if (!list_empty(&beyond))
		ret = -ENOMEM;
	/* Next time these come first */
	list_splice(&beyond, folios);
	return ret;
}

/**
 * swapmig_direct - engine "direct"
 * @folios:	isolated folios; those that stayed afterwards
 * @goal:	where they are to go; @goal->hurry, no_huge and no_block are updated
 *
 * Context: process; no locks held.  Sleeps.  No pass begins when a fatal signal is
 * pending.
 * Return: 0, or -ENOMEM without room for all of them.  Pages of hugetlbfs have a
 * pool of their own, and are only counted if that has none.
 */
int swapmig_direct(struct list_head *folios, struct swapmig_goal *goal)
{
	unsigned long private = goal->private;
	new_folio_t *alloc = goal->alloc;
	bool quiet = swapmig_quiet(goal);
	struct folio *folio, *next;
	LIST_HEAD(hugetlb);
	LIST_HEAD(pinned);
	LIST_HEAD(large);
	int ret, err;

	list_for_each_entry_safe(folio, next, folios, lru) {
		/* Each attempt would unmap it for nothing */
		if (swapmig_pinned(folio))
			list_move_tail(&folio->lru, &pinned);
		/* No room for one would end it for all */
		else if (folio_test_hugetlb(folio))
			list_move_tail(&folio->lru, &hugetlb);
		/* Small ones do not need a block */
		else if (quiet && folio_test_large(folio))
			list_move_tail(&folio->lru, &large);
	}
	if (quiet) {
		alloc = swapmig_alloc_quiet;
		private = (unsigned long)goal;
		ret = direct_quiet(&large, goal);
		err = direct_quiet(folios, goal);
		goal->no_block = ret && !err;
		ret = err ?: ret;
		list_splice_tail(&large, folios);
	} else {
		ret = direct_passes(folios, goal, alloc, private);
	}
	if (direct_passes(&hugetlb, goal, alloc, private) == -ENOMEM)
		goal->no_huge = true;
	list_splice_tail(&hugetlb, folios);
	list_splice_tail(&pinned, folios);
	return ret;
}
