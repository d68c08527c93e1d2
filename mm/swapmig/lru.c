// SPDX-License-Identifier: GPL-2.0
/*
 * swapmig: LRU operations.
 *
 * Most folios of a request are isolated by migrate_folio_add() in
 * mm/mempolicy.c, which counts them in NR_ISOLATED_* as swapmig_isolate() does.
 */

#include <linux/hugetlb.h>
#include <linux/mm_inline.h>
#include <linux/vmstat.h>

#include "../internal.h"
#include "internal.h"

static void lru_count(struct folio *folio, long sign)
{
	node_stat_mod_folio(folio, NR_ISOLATED_ANON + folio_is_file_lru(folio),
			    sign * folio_nr_pages(folio));
}

/**
 * swapmig_count_pages - how much is on a list?
 * @folios:	isolated folios
 *
 * Return: their base pages.
 */
unsigned long swapmig_count_pages(const struct list_head *folios)
{
	unsigned long pages = 0;
	struct folio *folio;

	list_for_each_entry(folio, folios, lru)
		pages += folio_nr_pages(folio);
	return pages;
}

/**
 * swapmig_isolate - take a folio off the LRU, and count it
 * @folio:	folio with a reference of the caller's
 * @folios:	list that it is added to, with a reference of its own
 *
 * Context: a page table lock may be held.  Put back by swapmig_place().
 * Return: false if the folio is not on the LRU at the moment.
 */
bool swapmig_isolate(struct folio *folio, struct list_head *folios)
{
	if (!folio_isolate_lru(folio))
		return false;
	list_add_tail(&folio->lru, folios);
	lru_count(folio, 1);
	return true;
}

static void lru_count_all(struct list_head *folios, long sign)
{
	struct folio *folio;

	list_for_each_entry(folio, folios, lru)
		if (!folio_test_hugetlb(folio))
			lru_count(folio, sign);
}

/**
 * swapmig_settle - take isolated folios off NR_ISOLATED_*
 * @folios:	isolated folios, counted
 *
 * Done before anything can change what a folio counts as (a lazily freed one
 * that is written to is no longer file memory).
 */
void swapmig_settle(struct list_head *folios)
{
	lru_count_all(folios, -1);
}

/**
 * swapmig_unsettle - count folios that stay isolated in NR_ISOLATED_* again
 * @folios:	isolated folios, not counted
 */
void swapmig_unsettle(struct list_head *folios)
{
	lru_count_all(folios, 1);
}

/**
 * swapmig_free_abandoned - let go of a folio that only we have
 * @folio:	isolated folio on a list, not counted in NR_ISOLATED_*
 *
 * Its owner freed it meanwhile: that it did not move is no failure.
 *
 * Return: true if it is gone.
 */
bool swapmig_free_abandoned(struct folio *folio)
{
	if (folio_ref_count(folio) != 1 || folio_test_hugetlb(folio))
		return false;
	folio_clear_active(folio);
	folio_clear_unevictable(folio);
	list_del(&folio->lru);
	folio_put(folio);
	return true;
}

/**
 * swapmig_pinned - is a folio pinned for DMA?
 * @folio:	isolated folio
 *
 * A small folio that very many processes map is not taken for one.
 *
 * Return: true if it is, so that it cannot move.
 */
bool swapmig_pinned(struct folio *folio)
{
	if (!folio_maybe_dma_pinned(folio))
		return false;
	return folio_test_large(folio) ||
	       folio_ref_count(folio) - folio_mapcount(folio) >= GUP_PIN_COUNTING_BIAS;
}

/**
 * swapmig_putback - return isolated folios to where they came from
 * @folios:	isolated folios, not counted any more; empty afterwards
 *
 * Context: sleeps; no locks held.
 */
void swapmig_putback(struct list_head *folios)
{
	struct folio *folio, *next;

	list_for_each_entry_safe(folio, next, folios, lru) {
		if (folio_test_hugetlb(folio)) {
			folio_putback_active_hugetlb(folio);
			continue;
		}
		list_del(&folio->lru);
		folio_putback_lru(folio);
	}
}

/**
 * swapmig_unlisted - how many pages are of a sort that is on no LRU list?
 * @vma:	an area, not of hugetlbfs
 * @start:	first address
 * @end:	address after the last one; what is in another page table is not counted
 * @nodes:	only those on these
 *
 * Drivers map such pages.  Any other that cannot be isolated is so because somebody
 * has it in hand: it will be on a list again.
 *
 * Context: mmap_lock held for reading.
 * Return: base pages; all of an area whose pages do not migrate.
 */
long swapmig_unlisted(struct vm_area_struct *vma, unsigned long start,
		      unsigned long end, const nodemask_t *nodes)
{
	unsigned long addr = start;
	spinlock_t *ptl;	/* of the page table that @pmd names */
	pte_t *first, *pte;
	long pages = 0;
	pmd_t *pmd;

	/* Devices and DAX may have a leaf where others have a table */
	if (!vma_migratable(vma))
		return DIV_ROUND_UP(end - start, PAGE_SIZE);
	pmd = mm_find_pmd(vma->vm_mm, start);
	if (!pmd)
		return 0;
	end = pmd_addr_end(start, end);
	first = pte_offset_map_lock(vma->vm_mm, pmd, start, &ptl);
	if (!first)
		return 0;
	for (pte = first; addr < end; addr += PAGE_SIZE, pte++) {
		pte_t entry = ptep_get(pte);
		struct folio *folio = NULL;

		if (pte_present(entry))
			folio = vm_normal_folio(vma, addr, entry);
		/* perf(1) gives its pages a mapping, but never reads them from a file */
		if (folio && !folio_test_lru(folio) && !folio_test_anon(folio) &&
		    !(folio->mapping && folio_test_uptodate(folio)) &&
		    node_isset(folio_nid(folio), *nodes))
			pages++;
	}
	pte_unmap_unlock(first, ptl);
	return pages;
}
