// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: LRU operations.
 *
 * Folios are isolated by whoever walks the page tables (migrate_folio_add()
 * in mm/mempolicy.c); here is how they are counted and how they go back.
 */

#include <linux/hugetlb.h>
#include <linux/mm_inline.h>

#include "internal.h"

/**
 * swapmig_count_folios - count a list
 * @folios:	isolated folios
 *
 * Return: their number; a large folio counts as one.
 */
unsigned int swapmig_count_folios(struct list_head *folios)
{
	return list_count_nodes(folios);
}

/**
 * swapmig_count_pages - count the base pages of a list
 * @folios:	isolated folios
 *
 * Return: the pages by the counter that they stand in.
 */
struct swapmig_pages swapmig_count_pages(struct list_head *folios)
{
	struct swapmig_pages pages = {};
	struct folio *folio;

	list_for_each_entry(folio, folios, lru) {
		pages.folios++;
		if (folio_test_hugetlb(folio) || __folio_test_movable(folio))
			pages.other += folio_nr_pages(folio);
		else if (folio_is_file_lru(folio))
			pages.file += folio_nr_pages(folio);
		else
			pages.anon += folio_nr_pages(folio);
	}
	return pages;
}

/**
 * swapmig_on_list - has the present batch this folio already?
 * @folio:	a folio that could not be isolated
 * @folios:	the batch, at most vm.migration_batch folios
 *
 * A folio that one process maps at several addresses (KSM) is isolated at the
 * first of them.  At the others it must not be taken for one that will not
 * move.
 *
 * Context: any; the caller owns the list.
 * Return: true if @folio is on @folios.
 */
bool swapmig_on_list(struct folio *folio, struct list_head *folios)
{
	struct folio *queued;

	list_for_each_entry_reverse(queued, folios, lru)
		if (queued == folio)
			return true;
	return false;
}

/**
 * swapmig_free_abandoned - let go of folios that nobody uses any more
 * @folios:	isolated folios
 *
 * Their owner unmapped or truncated them meanwhile: that is no failure.
 *
 * Context: sleeps; no locks held.
 */
void swapmig_free_abandoned(struct list_head *folios)
{
	struct folio *folio, *next;
	LIST_HEAD(abandoned);

	list_for_each_entry_safe(folio, next, folios, lru)
		if (folio_ref_count(folio) == 1 && !folio_test_hugetlb(folio))
			list_move(&folio->lru, &abandoned);
	swapmig_putback_folios(&abandoned);
}

/**
 * swapmig_putback_folios - return isolated folios to where they came from
 * @folios:	isolated folios; empty afterwards
 *
 * Context: sleeps; no locks held.
 */
void swapmig_putback_folios(struct list_head *folios)
{
	struct folio *folio, *next;

	if (IS_ENABLED(CONFIG_MIGRATION)) {
		putback_movable_pages(folios);
		return;
	}
	list_for_each_entry_safe(folio, next, folios, lru) {
		if (folio_test_hugetlb(folio)) {
			folio_putback_active_hugetlb(folio);
			continue;
		}
		list_del(&folio->lru);
		node_stat_mod_folio(folio,
				    NR_ISOLATED_ANON + folio_is_file_lru(folio),
				    -folio_nr_pages(folio));
		folio_putback_lru(folio);
	}
}
